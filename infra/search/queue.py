"""Which documents the index still has to take over. Written in the transaction of the change, worked off afterwards.

A slow or missing search server therefore never stops a decision; the queue catches up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, Connection, String, Table, UniqueConstraint, bindparam, delete, or_, select, update

from infra import bulk
from infra.database import RowNumber, UtcDateTime, batched, metadata
from infra.search import Kind

# An indexer that died holds its documents no longer than this; one that lives gives them back at once when it fails.
HELD_FOR: Final = timedelta(minutes=2)

search_queue = Table(
    "search_queue",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("id", String(400), nullable=False),
    Column("held_until", UtcDateTime),
    UniqueConstraint("kind", "id", name="uq_search_queue_kind_id"),
    sqlite_autoincrement=True,  # a number is never given twice, which ``done`` relies on
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One document that changed."""

    number: int
    kind: Kind
    id: str


def enqueue(connection: Connection, *, kind: Kind, id: str) -> None:
    """The document has changed and must be indexed again. See ``enqueue_many``."""
    enqueue_many(connection, [(kind, id)])


def enqueue_many(connection: Connection, documents: Iterable[tuple[Kind, str]]) -> None:
    """These documents have changed and must be indexed again.

    An entry that waits already is replaced by one with a new number: the indexer may have read the old one, together with
    the document as it was before this change, and is about to forget it.
    """
    rows = [{"kind": kind, "id": identifier} for kind, identifier in dict.fromkeys(documents)]
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        # Always in the same order, so that of two transactions that touch the same documents one waits, none is refused.
        rows.sort(key=lambda row: (row["kind"], row["id"]))
        insert = bulk.insert_arrays(search_queue, ["kind", "id"])
        fresh = {"number": insert.excluded.number, "held_until": None}
        connection.execute(
            insert.on_conflict_do_update(index_elements=["kind", "id"], set_=fresh), bulk.arrays(search_queue, rows)
        )
        return
    same = (search_queue.c.kind == bindparam("k")) & (search_queue.c.id == bindparam("i"))
    connection.execute(delete(search_queue).where(same), [{"k": row["kind"], "i": row["id"]} for row in rows])
    connection.execute(search_queue.insert(), rows)


def waiting(connection: Connection, *, limit: int = 500) -> list[Waiting]:
    """The documents that wait longest, whoever holds them. Only looks."""
    query = select(search_queue).order_by(search_queue.c.number).limit(limit)
    return [Waiting(row.number, row.kind, row.id) for row in connection.execute(query)]


def hold(connection: Connection, *, now: datetime, limit: int = 500) -> list[Waiting]:
    """The documents that wait longest and that no other indexer holds; from now on this one holds them.

    No transaction stays open meanwhile: somebody who changes such a document never waits for the index. An entry held for
    longer than anybody may was held by a clock that was ahead; it is free as well.
    """
    held = search_queue.c.held_until
    free = or_(held.is_(None), held <= now, held > now + HELD_FOR)
    query = select(search_queue).where(free).order_by(search_queue.c.number).limit(limit)
    entries = [
        Waiting(row.number, row.kind, row.id) for row in connection.execute(query.with_for_update(skip_locked=True))
    ]
    _set_held(connection, entries, now + HELD_FOR)
    return entries


def give_back(connection: Connection, entries: Sequence[Waiting]) -> None:
    """The index could not take these; whoever comes next may try."""
    _set_held(connection, entries, None)


def done(connection: Connection, entries: Sequence[Waiting]) -> None:
    """Forget these entries, after the index has committed them."""
    for some in batched(entries):
        connection.execute(delete(search_queue).where(search_queue.c.number.in_([entry.number for entry in some])))


def _set_held(connection: Connection, entries: Sequence[Waiting], until: datetime | None) -> None:
    for some in batched(entries):
        these = search_queue.c.number.in_([entry.number for entry in some])
        connection.execute(update(search_queue).where(these).values(held_until=until))
