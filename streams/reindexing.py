"""Builds the search index anew beside the one in use and swaps them at the end. Searches and indexing go on meanwhile.

Utterances come from the log or, through the same kind of reader, from a topic; everything else from the database. How far a
build has come is kept in the build itself, so that one that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from sqlalchemy import Column, Table, func, select, tuple_

from casework import tables
from infra.clock import Clock
from infra.database import Database
from infra.search import KINDS, Build, Document, Kind, Rebuilds
from infra.search.queue import Waiting
from streams import log
from streams.events import Utterance, decode_record
from streams.indexing import TOPIC, document, listing_key, utterance_document

BYTES_PER_READ: Final = 16 * 1024 * 1024
ROWS_PER_READ: Final = 500
DOCUMENTS_PER_CHECKPOINT: Final = 20_000

Step = tuple[str, list[Document]]


class UtteranceReader(Protocol):
    """Where utterances are read from again: ``read_log`` here; a topic on Kafka has its own."""

    def __call__(self, after: str) -> Iterator[tuple[str, Sequence[Utterance]]]:
        """Everything behind a position (empty: from the beginning), with the position reached after each part."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many documents of a kind are in the build; ``of``: how many there are about, None when nobody can say."""

    kind: Kind
    documents: int
    of: int | None


def rebuild(
    search: Rebuilds,
    database: Database,
    clock: Clock,
    *,
    read_utterances: UtteranceReader,
    kinds: Sequence[Kind] = KINDS,
    fresh: bool = False,
    tell: Callable[[Progress], None] = lambda _progress: None,
) -> dict[Kind, int]:
    """Build these kinds one after the other; returns how many documents each now has been given.

    ``fresh`` begins anew where an earlier build was left unfinished.
    """
    source = Source(database, clock, read_utterances)
    return {kind: _build(search.build(kind, fresh=fresh), kind, source, tell) for kind in kinds}


def read_log(database: Database) -> UtteranceReader:
    """Reads the durable log; a position is the offset of a record."""

    def read(after: str) -> Iterator[tuple[str, Sequence[Utterance]]]:
        offset = int(after or log.BEGINNING)
        while True:
            records, size = [], 0
            with database.read() as connection:
                for record in log.read(connection, TOPIC, offset):
                    records.append(record)
                    size += len(record.value)
                    if size >= BYTES_PER_READ:
                        break
            if not records:
                return
            for record in records:
                decoded = decode_record(TOPIC, record.value, now=record.at, key=record.key)
                offset = record.offset
                yield str(offset), [event for _, event in decoded.events if isinstance(event, Utterance)]

    return read


class Source:
    """Everything that can be found, from the beginning or from a position on."""

    def __init__(self, database: Database, clock: Clock, read_utterances: UtteranceReader) -> None:
        self._database = database
        self._clock = clock
        self._read_utterances = read_utterances

    def read(self, kind: Kind, after: str) -> Iterator[Step]:
        """Parts of documents, each with the position reached after it."""
        if kind == "transcript":
            return ((at, [utterance_document(e) for e in events]) for at, events in self._read_utterances(after))
        return self._rows(kind, after)

    def count(self, kind: Kind) -> int | None:
        """How many documents of a kind there are; None for utterances, which nobody counts."""
        if kind == "transcript":
            return None
        table, _ = _KEYS[kind]
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    def _rows(self, kind: Kind, after: str) -> Iterator[Step]:
        _, key = _KEYS[kind]
        place = tuple(after.split("/", len(key) - 1)) if after else None
        query = select(*key).order_by(*key).limit(ROWS_PER_READ)
        while True:
            with self._database.read() as connection:
                rows = connection.execute(query if place is None else query.where(tuple_(*key) > tuple_(*place))).all()
                if not rows:
                    return
                ids = [listing_key(row[0], row[1]) if kind == "listing" else row[0] for row in rows]
                found = [document(connection, Waiting(0, kind, identifier), self._clock) for identifier in ids]
            place = tuple(rows[-1])
            yield ids[-1], [one for one in found if one is not None]


_KEYS: Final[dict[Kind, tuple[Table, tuple[Column[str], ...]]]] = {
    "flag": (tables.flags, (tables.flags.c.id,)),
    "subject": (tables.subjects, (tables.subjects.c.id,)),
    "listing": (tables.listings, (tables.listings.c.platform, tables.listings.c.id)),
}


def _build(build: Build, kind: Kind, source: Source, tell: Callable[[Progress], None]) -> int:
    total, position, documents = source.count(kind), build.position, build.documents
    tell(Progress(kind, documents, total))
    steps = source.read(kind, position)
    while part := _part(steps):
        build.upsert(one for _, found in part for one in found)
        position, documents = part[-1][0], documents + sum(len(found) for _, found in part)
        build.checkpoint(position, documents)
        tell(Progress(kind, documents, total))
    build.finish()
    return documents


def _part(steps: Iterator[Step]) -> list[Step]:
    """As many steps as make up one checkpoint."""
    part: list[Step] = []
    size = 0
    for step in islice(steps, DOCUMENTS_PER_CHECKPOINT):
        part.append(step)
        size += len(step[1])
        if size >= DOCUMENTS_PER_CHECKPOINT:
            break
    return part
