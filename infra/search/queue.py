"""Which documents the index still has to take over. Written in the transaction of the change, worked off afterwards.

A slow or missing search server therefore never stops a decision; the queue catches up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, String, Table, UniqueConstraint, delete, select

from infra.database import metadata
from infra.search import Kind

search_queue = Table(
    "search_queue",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("id", String(400), nullable=False),
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
    """The document has changed and must be indexed again.

    An entry that waits already is replaced by one with a new number: the indexer may have read the old one, together with
    the document as it was before this change, and is about to forget it.
    """
    connection.execute(delete(search_queue).where(search_queue.c.kind == kind, search_queue.c.id == id))
    connection.execute(search_queue.insert(), {"kind": kind, "id": id})


def waiting(connection: Connection, *, limit: int = 500) -> list[Waiting]:
    """The documents that wait longest."""
    query = select(search_queue).order_by(search_queue.c.number).limit(limit)
    return [Waiting(row.number, row.kind, row.id) for row in connection.execute(query)]


def done(connection: Connection, entries: Sequence[Waiting]) -> None:
    """Forget these entries, after the index has committed them."""
    connection.execute(delete(search_queue).where(search_queue.c.number.in_([entry.number for entry in entries])))
