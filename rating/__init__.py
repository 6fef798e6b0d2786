"""What it means for a subject: ledger, standard, score. It reads decisions, never machine findings."""
