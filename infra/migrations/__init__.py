"""The steps that make and change the schema, and the rules they keep."""
