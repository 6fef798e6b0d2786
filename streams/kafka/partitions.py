"""What the database knows of each partition: whose it is at present, and how far its effects are stored.

The row is written in the transaction of the effects. A worker that lost a partition without having noticed (it was paused,
or cut off) finds another owner there and writes nothing; Kafka alone would only tell it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select

from infra.database import lock, upsert
from streams.tables import handler_state

SCOPE: Final = "kafka-partition"
FORGOTTEN: Final = timedelta(minutes=10)

_DECODER: Final = msgspec.msgpack.Decoder


class Place(Struct, frozen=True):
    """One partition: whose it is, since which generation of the group, and the offset of the next record without stored effects.

    ``at``: when the owner last wrote.
    """

    owner: str
    generation: int
    next: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Claimant:
    """A run of a worker, in a generation of the group. Generations only grow as long as the group lives."""

    owner: str
    generation: int


class Overtaken(Exception):
    """Other workers own these partitions now. A signal between two modules, never seen outside."""

    def __init__(self, partitions: frozenset[int]) -> None:
        super().__init__(f"partitions {sorted(partitions)} belong to another worker now")
        self.partitions = partitions


def places(connection: Connection, topic: str, partitions: Iterable[int], *, hold: bool = False) -> dict[int, Place]:
    """The rows of some partitions, as far as there are any; ``hold``: nobody changes them until the transaction ends."""
    keys = {f"{topic}/{partition}": partition for partition in partitions}
    query = select(handler_state.c.key, handler_state.c.value)
    query = query.where(handler_state.c.scope == SCOPE, handler_state.c.key.in_(list(keys)))
    if hold:
        # In order of the key, so that two workers never wait for each other's rows crosswise.
        query = query.order_by(handler_state.c.key).with_for_update()
    decode = _DECODER(Place).decode
    return {keys[key]: decode(value) for key, value in connection.execute(query)}


def claim(
    connection: Connection, topic: str, partitions: Iterable[int], by: Claimant, *, now: datetime
) -> dict[int, Place]:
    """Take these partitions over; gives those that are the claimant's now, from where they were left.

    One that a later generation gave to somebody else is left alone: the claimant only has not noticed yet. A claim that has
    not been used for ``FORGOTTEN`` counts for nothing, because a group that was deleted counts its generations anew.
    """
    wanted = sorted(set(partitions))
    lock(connection, f"{SCOPE}/{topic}")  # a row that is not there yet cannot be held
    before = places(connection, topic, wanted, hold=True)
    mine = {}
    for partition in wanted:
        place = before.get(partition)
        if place is None or place.generation <= by.generation or now - place.at > FORGOTTEN:
            mine[partition] = Place(by.owner, by.generation, place.next if place else 0, now)
    _write(connection, topic, mine)
    return mine


def require(connection: Connection, topic: str, partitions: Iterable[int], by: Claimant) -> dict[int, Place]:
    """The rows of partitions that are the claimant's.

    Raises:
        Overtaken: some of them have another owner, or were claimed for another generation.
    """
    wanted = set(partitions)
    found = places(connection, topic, wanted, hold=True)
    lost = frozenset(p for p in wanted if p not in found or (found[p].owner, found[p].generation) != astuple(by))
    if lost:
        raise Overtaken(lost)
    return found


def advance(connection: Connection, topic: str, by: Claimant, following: Mapping[int, int], *, now: datetime) -> None:
    """Note that everything before these offsets is stored."""
    rows = {partition: Place(by.owner, by.generation, offset, now) for partition, offset in following.items()}
    _write(connection, topic, rows)


def hold_no_longer_than(connection: Connection, seconds: float) -> None:
    """Should this process freeze in the middle of the transaction, the server ends it then, and its successor need not wait.

    SQLite knows no such thing: its one write lock is free again only when the process wakes or dies.
    """
    if connection.dialect.name == "postgresql":
        limit = f"{seconds * 1000:.0f}"
        connection.execute(select(func.set_config("idle_in_transaction_session_timeout", limit, True)))


def stored(connection: Connection, topic: str) -> dict[int, int]:
    """The next offset of every partition of a topic that any worker has worked on."""
    query = select(handler_state.c.key, handler_state.c.value)
    query = query.where(handler_state.c.scope == SCOPE, handler_state.c.key.like(f"{topic}/%"))
    decode = _DECODER(Place).decode
    return {int(key.rpartition("/")[2]): decode(value).next for key, value in connection.execute(query)}


def _write(connection: Connection, topic: str, rows: Mapping[int, Place]) -> None:
    encode = msgspec.msgpack.encode
    upsert(
        connection,
        handler_state,
        [{"scope": SCOPE, "key": f"{topic}/{p}", "value": encode(place)} for p, place in rows.items()],
    )
