"""Puts checked events on the embedded log, many to a record. It checks nothing again and waits for nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from streams import log
from streams.events import Event, encode, key_of

EVENTS_PER_RECORD: Final = 200
BYTES_PER_RECORD: Final = 1024 * 1024


def publish(connection: Connection, topic: str, events: Iterable[Event], *, at: datetime) -> int:
    """Append events to a topic, grouped by key into records of at most 200; the order within a key is kept.

    Returns the number of events. Raises ``UnknownTopic``.
    """
    by_key: dict[str, list[bytes]] = {}
    total = 0
    for event in events:
        by_key.setdefault(key_of(event), []).append(encode(event))
        total += 1
    records = [(key, value) for key, encoded in by_key.items() for value in _records(encoded)]
    log.append_many(connection, topic, records, at)
    return total


def _records(encoded: list[bytes]) -> Iterator[bytes]:
    """Arrays of encoded events, none longer than the limits, except that one event is never cut."""
    batch: list[bytes] = []
    size = 0
    for event in encoded:
        if batch and (len(batch) == EVENTS_PER_RECORD or size + len(event) > BYTES_PER_RECORD):
            yield b"[" + b",".join(batch) + b"]"
            batch, size = [], 0
        batch.append(event)
        size += len(event)
    if batch:
        yield b"[" + b",".join(batch) + b"]"
