"""The tables of the embedded log and its engine. Columns only; queries live beside the functions that need them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from infra.database import RowNumber, UtcDateTime, WholeText, metadata

KEY_LENGTH: Final = 420

log_topics = Table(
    "log_topics",
    metadata,
    Column("topic", String(64), primary_key=True),
    Column("last", BigInteger, nullable=False),
)

log_records = Table(
    "log_records",
    metadata,
    Column("topic", String(64), primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("key", String(KEY_LENGTH), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("request_id", String(64)),
    Index("ix_log_records_at", "at"),
)

log_offsets = Table(
    "log_offsets",
    metadata,
    Column("group", String(64), primary_key=True),
    Column("topic", String(64), primary_key=True),
    Column("offset", BigInteger, nullable=False),
)

handler_state = Table(
    "handler_state",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("topic", String(64), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("index", Integer, nullable=False),
    Column("key", String(KEY_LENGTH), nullable=False),
    Column("reason", WholeText, nullable=False),
    Column("errors", JSON, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("replayed_at", UtcDateTime),
    UniqueConstraint("topic", "partition", "offset", "index", name="uq_dead_letters_place"),
)

engine_status = Table(
    "engine_status",
    metadata,
    Column("engine", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reason", WholeText, nullable=False),
    Column("bad_share", Float, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
