"""The audit log: who did what to what, when. Append-only and hash-chained, so that a removed or edited line shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import JSON, Column, Connection, Index, String, Table, select

from infra.database import RowNumber, UtcDateTime, lock, metadata

GENESIS = "0" * 64

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("action", String(80), nullable=False),
    Column("target", String(300), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Index("ix_audit_log_target", "target"),
)


def record(
    connection: Connection, *, actor: str, action: str, target: str, detail: Mapping[str, Any], at: datetime
) -> int:
    """Append one line in the caller's transaction and return its number.

    ``detail`` must hold no personal data: complainants appear by pseudonymous reference only.
    """
    lock(connection, "audit")  # each line holds the digest of the one before
    last = select(audit_log.c.digest).order_by(audit_log.c.id.desc()).limit(1)
    previous = connection.execute(last).scalar() or GENESIS
    line = {"at": at, "actor": actor, "action": action, "target": target, "detail": dict(detail)}
    row = {**line, "previous": previous, "digest": _digest(previous, line)}
    return int(connection.execute(audit_log.insert().returning(audit_log.c.id), row).scalar_one())


def verify(connection: Connection) -> int | None:
    """Check the whole chain; the number of the first broken line, or None when it is whole."""
    previous = GENESIS
    for row in connection.execute(select(audit_log).order_by(audit_log.c.id)):
        line = {"at": row.at, "actor": row.actor, "action": row.action, "target": row.target, "detail": row.detail}
        if row.previous != previous or row.digest != _digest(previous, line):
            return int(row.id)
        previous = row.digest
    return None


def _digest(previous: str, line: Mapping[str, Any]) -> str:
    return hashlib.sha256(previous.encode() + msgspec.json.encode(line, order="deterministic")).hexdigest()
