"""The ledger's table: one row per decision and subject, never changed and never deleted."""

from __future__ import annotations

from sqlalchemy import Column, Date, Float, Index, String, Table, Text, UniqueConstraint

from infra.database import RowNumber, UtcDateTime, metadata

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("subject", String(400), nullable=False),
    Column("decision", String(64), nullable=False),
    Column("corrects", String(64)),
    Column("outcome", String(20), nullable=False),
    Column("code", String(24)),
    Column("severity", String(2)),
    Column("dimension", String(40), nullable=False),
    Column("points", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("occasion", String(500), nullable=False),
    Column("standard", String(40), nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("posted_at", UtcDateTime, nullable=False),
    Column("until", Date),
    UniqueConstraint("decision", "subject", name="uq_ledger_entries_decision_subject"),
    Index("ix_ledger_entries_subject_posted", "subject", "posted_at"),
)
