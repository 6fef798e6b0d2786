"""Feeds the search index: utterances straight from the log, everything else from the queue of changed documents.

The index is derived. What it lacks after a crash is indexed again from where the last commit left off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from casework import flags, subjects, tables
from casework import listings as listing_cases
from infra.clock import Clock
from infra.database import Database
from infra.errors import NotFound
from infra.search import Document, Kind, SearchIndex
from infra.search import queue as search_queue
from infra.search.queue import Waiting
from rating import score as rating_score
from streams import log
from streams.events import Listing, Utterance, decode_record

GROUP: Final = "search"
TOPIC: Final = "transcripts"
BYTES_PER_STEP: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Indexed:
    """How many log records and changed documents one step took over."""

    records: int = 0
    utterances: int = 0
    documents: int = 0

    def __bool__(self) -> bool:
        return bool(self.records or self.documents)


class Indexer:
    """Takes the index forward step by step."""

    def __init__(self, database: Database, search: SearchIndex, clock: Clock) -> None:
        self._database = database
        self._search = search
        self._clock = clock

    def step(self, limit: int) -> Indexed:
        """Index up to about ``limit`` utterances and changed documents, commit the index, then note how far it came."""
        with self._database.read() as connection:
            start = log.committed(connection, GROUP, TOPIC)
            end, records, heard = self._heard(connection, start, limit)
            entries = search_queue.waiting(connection, limit=limit)
            changed = [d for entry in entries if (d := document(connection, entry, self._clock)) is not None]
        if not records and not entries:
            return Indexed()
        self._search.upsert(heard)
        self._search.upsert(changed)
        self._search.commit()
        with self._database.write() as connection:
            # Not when somebody has had everything indexed again meanwhile.
            if records and log.committed(connection, GROUP, TOPIC) == start:
                log.commit(connection, GROUP, TOPIC, end)
            search_queue.done(connection, entries)
        return Indexed(records, len(heard), len(entries))

    def _heard(self, connection: Connection, start: int, limit: int) -> tuple[int, int, list[Document]]:
        end, records, size = start, 0, 0
        documents: list[Document] = []
        for record in log.read(connection, TOPIC, start):
            decoded = decode_record(TOPIC, record.value, now=record.at)
            documents += [_utterance(event) for _, event in decoded.events if isinstance(event, Utterance)]
            end, records, size = record.offset, records + 1, size + len(record.value)
            if len(documents) >= limit or size >= BYTES_PER_STEP:
                break
        return end, records, documents


def start_over(connection: Connection) -> None:
    """Have everything indexed again: the log from its beginning, and every flag, subject and listing through the queue."""
    log.commit(connection, GROUP, TOPIC, log.BEGINNING)
    for kind, identifier in _everything(connection):
        search_queue.enqueue(connection, kind=kind, id=identifier)


def document(connection: Connection, entry: Waiting, clock: Clock) -> Document | None:
    """The document as it stands now; None when the thing no longer exists."""
    now = clock.now()
    try:
        match entry.kind:
            case "flag":
                return _flag(connection, entry.id, now)
            case "subject":
                return _subject(connection, entry.id, clock)
            case "listing":
                return _listing(connection, entry.id)
            case _:
                return None
    except NotFound:
        return None


def listing_key(platform: str, id: str) -> str:
    """A listing's id in the search queue."""
    return f"{platform}/{id}"


def _everything(connection: Connection) -> Iterator[tuple[Kind, str]]:
    for (identifier,) in connection.execute(select(tables.flags.c.id)).all():
        yield "flag", identifier
    for (identifier,) in connection.execute(select(tables.subjects.c.id)).all():
        yield "subject", identifier
    for platform, identifier in connection.execute(select(tables.listings.c.platform, tables.listings.c.id)).all():
        yield "listing", listing_key(platform, identifier)


def _utterance(said: Utterance) -> Document:
    return Document(
        kind="transcript",
        id=said.id,
        title=said.room,
        text=said.text,
        public=False,
        at=said.start,
        facets=_given(platform=said.platform, subject=f"host:{said.platform}:{said.host}", category=said.category),
        extra=_given(room=said.room, session=said.session, speaker=said.speaker, listing=said.listing),
    )


def _flag(connection: Connection, identifier: str, now: datetime) -> Document:
    flag = flags.get(connection, id=identifier).flag
    facets = _given(
        platform=flag.platform,
        subject=flag.subject,
        code=flag.code,
        severity=flag.severity,
        status=flag.status,
        category=flag.category,
    )
    return Document(
        kind="flag",
        id=flag.id,
        title=flag.finding.name,
        text=flag.text,
        public=False,
        version=_version(now),
        at=flag.spoken_at,
        facets=facets,
        extra=_given(explanation=flag.finding.explanation, room=flag.room, session=flag.session, listing=flag.listing),
    )


def _subject(connection: Connection, identifier: str, clock: Clock) -> Document:
    subject = subjects.get(connection, id=identifier)
    rated = subject.kind != "platform"
    score = rating_score.score(connection, subject=identifier, clock=clock) if rated else None
    _, _, local = subjects.parse_id(identifier)
    return Document(
        kind="subject",
        id=subject.id,
        title=subject.name,
        text=f"{subject.name} {local or subject.platform}",
        public=True,
        version=_version(clock.now()),
        at=subject.first_seen,
        facets=_given(platform=subject.platform, subject=subject.id, level=score.level if score else None),
        extra=_given(kind=subject.kind, score=str(score.score) if score else None),
    )


def _listing(connection: Connection, key: str) -> Document:
    platform, _, identifier = key.partition("/")
    facts = listing_cases.facts(connection, platform=platform, id=identifier)
    if facts is None:
        raise NotFound("商品", key)
    listing = msgspec.convert(facts, Listing)
    return Document(
        kind="listing",
        id=key,
        title=listing.title,
        text="\n".join(part for part in (listing.title, listing.description) if part),
        public=True,
        version=int(listing.at.timestamp() * 1000),
        at=listing.at,
        facets=_given(platform=platform, subject=f"seller:{platform}:{listing.seller}", category=listing.category),
        extra=_given(price=str(listing.price), brand=listing.brand, room=listing.room, listing=listing.id),
    )


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _version(now: datetime) -> int:
    """A thing loaded later is a newer version of it."""
    return int(now.timestamp() * 1000)
