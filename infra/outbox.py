"""The transactional outbox: events written in the same transaction as the act they tell of, published afterwards.

Rooms call ``append``; the streams room relays due rows to the log or to Kafka. An event held back by ``due`` can still be
withdrawn (an officer's undo); once published it can only be corrected by a later event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Index, LargeBinary, String, Table, delete, select

from infra.database import RowNumber, UtcDateTime, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("event_id", String(64), nullable=False, unique=True),
    Column("topic", String(64), nullable=False),
    Column("key", String(200), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("due", UtcDateTime, nullable=False),
    Index("ix_outbox_due", "due"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One event waiting to be published; ``value`` is its JSON encoding."""

    id: int
    event_id: str
    topic: str
    key: str
    value: bytes


def append(connection: Connection, *, event_id: str, topic: str, key: str, event: Any, due: datetime) -> None:
    """Queue one event (anything msgspec can encode) for publication at or after ``due``."""
    row = {"event_id": event_id, "topic": topic, "key": key, "value": msgspec.json.encode(event), "due": due}
    connection.execute(outbox.insert(), row)


def withdraw(connection: Connection, *, event_id: str) -> bool:
    """Take back an event that is not yet published. False: it was already on its way."""
    return connection.execute(delete(outbox).where(outbox.c.event_id == event_id)).rowcount == 1


def take_due(connection: Connection, *, now: datetime, limit: int = 500) -> list[OutboxEntry]:
    """Remove and return the events that are due, oldest first; the caller publishes them in the same transaction.

    Several processes may do this at once: what another one holds is left out, and so is everything behind it with the same
    key, so that the events of a subject stay in order.
    """
    due = select(outbox.c.id, outbox.c.key).where(outbox.c.due <= now).order_by(outbox.c.id).limit(limit)
    seen = connection.execute(due).all()
    mine = select(outbox).where(outbox.c.id.in_([row.id for row in seen])).order_by(outbox.c.id)
    held = {row.id: row for row in connection.execute(mine.with_for_update(skip_locked=True))}
    entries, blocked = [], set()
    for identifier, key in seen:
        row = held.get(identifier)
        if row is None:
            blocked.add(key)
        elif key not in blocked:
            entries.append(OutboxEntry(row.id, row.event_id, row.topic, row.key, row.value))
    if entries:
        connection.execute(delete(outbox).where(outbox.c.id.in_([entry.id for entry in entries])))
    return entries
