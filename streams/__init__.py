"""What flows: wire events, pure handlers, the embedded engine, sources, dead letters. It decides nothing about law or scores."""
