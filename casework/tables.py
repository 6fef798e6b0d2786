"""The tables of casework. Columns only; queries live beside the functions that need them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    String,
    Table,
    UniqueConstraint,
)

from infra.database import RowNumber, UtcDateTime, WholeText, metadata

subjects = Table(
    "subjects",
    metadata,
    Column("id", String(400), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("platform", String(200), nullable=False),
    Column("name", String(200), nullable=False, index=True),
    Column("first_seen", UtcDateTime, nullable=False),
)

subject_links = Table(
    "subject_links",
    metadata,
    Column("subject", String(400), primary_key=True),
    Column("other", String(400), primary_key=True),
    Column("first_seen", UtcDateTime, nullable=False),
)

listings = Table(
    "listings",
    metadata,
    Column("platform", String(200), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("seller", String(400), nullable=False),
    Column("room", String(400)),
    Column("at", UtcDateTime, nullable=False),
    Column("facts", JSON, nullable=False),
)

flags = Table(
    "flags",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("event_id", String(200), nullable=False),
    Column("code", String(24), nullable=False),
    Column("source", String(16), nullable=False),
    Column("subject", String(400), nullable=False, index=True),
    Column("platform", String(200), nullable=False),
    Column("room", String(400), index=True),
    Column("session", String(200)),
    Column("host", String(400)),
    Column("operator", String(400), index=True),
    Column("seller", String(400)),
    Column("listing", String(200)),
    Column("category", String(40)),
    Column("severity", String(2), nullable=False),
    Column("machine_status", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("text", WholeText, nullable=False),
    Column("finding", JSON, nullable=False),
    Column("others", JSON, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("correction", JSON),
    Column("spoken_at", UtcDateTime, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    UniqueConstraint("source", "platform", "event_id", "code", name="uq_flags_event_code"),
)
Index("ix_flags_worklist", flags.c.status, flags.c.severity.desc(), flags.c.spoken_at, flags.c.id)
Index("ix_flags_all", flags.c.severity.desc(), flags.c.spoken_at, flags.c.id)

# What was said around a flag, some lines to a row: as many as came together. Most of what is stored is this.
flag_contexts = Table(
    "flag_contexts",
    metadata,
    Column("flag", String(32), ForeignKey("flags.id"), primary_key=True),
    Column("digest", BigInteger, primary_key=True, autoincrement=False),
    Column("lines", JSON, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("flag", String(32), index=True),
    Column("complaint", String(200), index=True),
    Column("subject", String(400), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("code", String(24)),
    Column("severity", String(2)),
    Column("note", WholeText, nullable=False),
    Column("officer", String(120), nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("corrects", String(32)),
    Column("withdrawn_at", UtcDateTime),
)

complaints = Table(
    "complaints",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("tracking_hash", String(64), unique=True),
    Column("vault_ref", String(32)),
    Column("kind", String(16), nullable=False),
    Column("platform", String(200), nullable=False),
    Column("room", String(200)),
    Column("subject", String(400)),
    Column("order_ref", String(200)),
    Column("occurred_at", UtcDateTime),
    Column("text", WholeText, nullable=False),
    Column("request", WholeText),
    Column("status", String(20), nullable=False),
    Column("triage", JSON),
    Column("received_at", UtcDateTime, nullable=False),
    Index("ix_complaints_worklist", "status", "received_at", "id"),
    Index("ix_complaints_all", "received_at", "id"),
)

complaint_timeline = Table(
    "complaint_timeline",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("complaint", String(200), ForeignKey("complaints.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("status", String(20), nullable=False),
    Column("public_text", WholeText, nullable=False),
)

complaint_bands = Table(
    "complaint_bands",
    metadata,
    Column("complaint", String(200), ForeignKey("complaints.id"), primary_key=True),
    Column("band", BigInteger, primary_key=True, autoincrement=False),
    Index("ix_complaint_bands_band", "band"),
)
