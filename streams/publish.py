"""Packs checked events into records, many to one, and puts them on the embedded log. It checks nothing again."""

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
    some = list(events)
    log.append_many(connection, topic, records_of(some), at)
    return len(some)


def records_of(events: Iterable[Event]) -> list[tuple[str, bytes]]:
    """Events as ``(key, value)`` records: arrays of one key's events, at most 200 and about a mebibyte each, in order."""
    by_key: dict[str, list[bytes]] = {}
    for event in events:
        by_key.setdefault(key_of(event), []).append(encode(event))
    return [(key, value) for key, encoded in by_key.items() for value in _records(encoded)]


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
