"""From the outbox to the log: what officers and the public did becomes records, in the order in which it was done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from infra import outbox
from infra.database import Database
from streams import log


def outbox_to_log(database: Database, *, now: datetime) -> int:
    """Move the events that are due to the end of their topics, in one transaction; returns how many."""
    with database.read() as connection:
        if connection.execute(select(outbox.outbox.c.id).where(outbox.outbox.c.due <= now).limit(1)).first() is None:
            return 0
    with database.write() as connection:
        entries = outbox.take_due(connection, now=now)
        for entry in entries:
            log.append(connection, entry.topic, entry.key, entry.value, now)
    return len(entries)
