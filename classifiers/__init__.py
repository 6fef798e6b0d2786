"""What was said: normalise, match, segment, model, exempt, explain. Pure: no I/O but its model and lexicon files."""
