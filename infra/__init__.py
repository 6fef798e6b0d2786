"""The ground every room stands on: settings, database, search, clock, outbox, audit log, vault, telemetry.

It knows nothing about livestreams, law or scores.
"""
