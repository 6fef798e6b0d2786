"""Doors: the JSON API, the pages and the command line. It translates; the rooms below decide."""
