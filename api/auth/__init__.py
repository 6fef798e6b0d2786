"""Who may do what: accounts, sessions, API keys, roles. Passwords and keys are stored as hashes only."""
