"""The durable log inside the project's database: records by topic and offset, and how far each group has read.

It knows nothing of what records mean. All calls run in the caller's transaction; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from infra import correlation
from infra.database import insert_ignore, insert_many, is_writing, lock, try_lock, upsert
from infra.errors import InvalidInput
from streams.events import MAX_RECORD, event_type
from streams.tables import log_offsets, log_records, log_topics

BEGINNING = 0
# A record may be a mebibyte. From the server the pieces grow, since each one costs a way there and back.
PIECES = {"sqlite": {"yield_per": 8}, "postgresql": {"stream_results": True, "max_row_buffer": 64}}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the log; ``value`` holds one JSON event or an array of them, ``at`` is when it was received.

    The embedded log has one partition, number 0. ``keyed``: the key has decided the partition, so that it must be right.
    ``request``: the id of the request that brought it, where the record tells.
    """

    topic: str
    offset: int
    key: str
    value: bytes
    at: datetime
    partition: int = 0
    keyed: bool = False
    request: str | None = None


def append(connection: Connection, topic: str, key: str, value: bytes, at: datetime) -> int:
    """Append one record and return its offset. See ``append_many``."""
    return append_many(connection, topic, [(key, value)], at)


def append_many(connection: Connection, topic: str, records: Sequence[tuple[str, bytes]], at: datetime) -> int:
    """Append ``(key, value)`` records in order; returns the offset of the last one (offsets begin at 1, without gaps).

    Raises:
        UnknownTopic: no such topic. InvalidInput: a value is larger than ``MAX_RECORD`` bytes.
    """
    event_type(topic)
    for key, value in records:
        if len(value) > MAX_RECORD:
            raise InvalidInput.one("record", key, f"记录 {len(value)} 字节，超过 {MAX_RECORD} 字节，请分成多条")
    last = _reserve(connection, topic, len(records))
    first, request = last - len(records) + 1, correlation.current()
    rows = [
        {"topic": topic, "offset": first + i, "key": key, "value": value, "at": at, "request_id": request}
        for i, (key, value) in enumerate(records)
    ]
    insert_many(connection, log_records, rows)
    return last


def _reserve(connection: Connection, topic: str, count: int) -> int:
    # The counter row is the writers' lock: offsets become visible in order, so a reader can never skip one. It also
    # outlives retention, which may delete every record of a topic.
    advance = update(log_topics).where(log_topics.c.topic == topic).values(last=log_topics.c.last + count)
    last = connection.execute(advance.returning(log_topics.c.last)).scalar()
    if last is None:
        insert_ignore(connection, log_topics, [{"topic": topic, "last": BEGINNING}])
        last = connection.execute(advance.returning(log_topics.c.last)).scalar_one()
    return int(last)


def read(connection: Connection, topic: str, after_offset: int, limit: int | None = None) -> Iterator[Record]:
    """The records after an offset, in order; fetched piece by piece, so that the reader may stop when it has enough."""
    query = (
        select(log_records)
        .where(log_records.c.topic == topic, log_records.c.offset > after_offset)
        .order_by(log_records.c.offset)
        .limit(limit)
        .execution_options(**PIECES[connection.dialect.name])
    )
    with connection.execute(query) as rows:
        for row in rows:
            yield Record(row.topic, row.offset, row.key, row.value, row.at, request=row.request_id)


def last_offset(connection: Connection, topic: str) -> int:
    """The offset of the newest record; 0 when there never was one."""
    return connection.execute(select(log_topics.c.last).where(log_topics.c.topic == topic)).scalar() or BEGINNING


def committed(connection: Connection, group: str, topic: str) -> int:
    """The last offset a group has finished with; 0 at the beginning.

    In a write transaction it stays what it is until the end: who wants to move it on, or to find out whether somebody has,
    waits.
    """
    if is_writing(connection):
        lock(connection, f"offset/{group}/{topic}")
    return _committed(connection, group, topic)


def _committed(connection: Connection, group: str, topic: str) -> int:
    query = select(log_offsets.c.offset).where(log_offsets.c.group == group, log_offsets.c.topic == topic)
    return connection.execute(query).scalar() or BEGINNING


def commit(connection: Connection, group: str, topic: str, offset: int) -> None:
    """Note that a group has finished with everything up to ``offset``."""
    upsert(connection, log_offsets, [{"group": group, "topic": topic, "offset": offset}])


def lag(connection: Connection, group: str) -> dict[str, int]:
    """How many records of each topic a group has still to read."""
    query = select(log_topics.c.topic, log_topics.c.last)
    return {row.topic: row.last - _committed(connection, group, row.topic) for row in connection.execute(query).all()}


def prune(connection: Connection, *, before: datetime, groups: Callable[[str], Sequence[str]]) -> int:
    """Delete records received before a moment that every group of the topic has read; returns how many.

    One process at a time; another one that comes meanwhile leaves it to the first.
    """
    if not try_lock(connection, "retention"):
        return 0
    deleted = 0
    for topic in connection.execute(select(log_topics.c.topic)).scalars().all():
        done = min(_committed(connection, group, topic) for group in groups(topic))
        old = delete(log_records).where(
            log_records.c.topic == topic, log_records.c.offset <= done, log_records.c.at < before
        )
        deleted += connection.execute(old).rowcount
    return deleted


def count(connection: Connection, topic: str) -> int:
    """How many records of a topic are stored."""
    return connection.execute(select(func.count()).where(log_records.c.topic == topic)).scalar_one()
