"""Feeds the search index: utterances straight from the log, everything else from the queue of changed documents.

The index is derived. What it lacks after a crash is indexed again from where the last commit left off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from casework import flags, subjects, tables
from casework import listings as listing_cases
from infra.clock import Clock
from infra.database import Database, lock, upsert
from infra.errors import NotFound
from infra.search import Document, Kind, SearchIndex
from infra.search import queue as search_queue
from infra.search.queue import Waiting
from rating import score as rating_score
from streams import log
from streams.events import Listing, Utterance, decode_record
from streams.tables import handler_state

GROUP: Final = "search"
TOPIC: Final = "transcripts"
BYTES_PER_STEP: Final = 32 * 1024 * 1024
VERSION_SCOPE: Final = "search-version"


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
            any_waiting = bool(search_queue.waiting(connection, limit=1))
        entries, version = self._hold(limit) if any_waiting else ([], 0)
        if not records and not entries:
            return Indexed()
        try:
            self._index(heard, entries, version)
        except Exception:
            with self._database.write() as connection:
                search_queue.give_back(connection, entries)
            raise
        with self._database.write() as connection:
            # Not when somebody has had everything indexed again meanwhile.
            if records and log.committed(connection, GROUP, TOPIC) == start:
                log.commit(connection, GROUP, TOPIC, end)
            search_queue.done(connection, entries)
        return Indexed(records, len(heard), len(entries))

    def _index(self, heard: list[Document], entries: list[Waiting], version: int) -> None:
        with self._database.read() as connection:
            looked_up = [(entry, document(connection, entry, self._clock)) for entry in entries]
        found = [_as_of(version, one) for _, one in looked_up if one is not None]
        self._search.upsert([*heard, *found])
        for entry in (entry for entry, one in looked_up if one is None):
            self._search.delete(entry.kind, [entry.id], version=version)
        self._search.commit()

    def _hold(self, limit: int) -> tuple[list[Waiting], int]:
        """What to index now, and as of which version: later ones are newer, whatever the machines' clocks say."""
        now = self._clock.now()
        with self._database.write() as connection:
            version = _next_version(connection, version_at(now))
            return search_queue.hold(connection, now=now, limit=limit), version

    def _heard(self, connection: Connection, start: int, limit: int) -> tuple[int, int, list[Document]]:
        end, records, size = start, 0, 0
        documents: list[Document] = []
        for record in log.read(connection, TOPIC, start):
            decoded = decode_record(TOPIC, record.value, now=record.at, key=record.key)
            documents += [utterance_document(event) for _, event in decoded.events if isinstance(event, Utterance)]
            end, records, size = record.offset, records + 1, size + len(record.value)
            if len(documents) >= limit or size >= BYTES_PER_STEP:
                break
        return end, records, documents


def bring_up(database: Database, search: SearchIndex) -> None:
    """Make the index ready for work; when it turns out to be new or empty, have everything in the database indexed.

    Utterances of a Kafka topic are not in the database: ``chengxin reindex`` fetches those.

    Raises:
        ConfigurationError: the server or the index is not what the settings say.
    """
    if search.prepare():
        with database.write() as connection:
            start_over(connection)


def start_over(connection: Connection) -> None:
    """Have everything indexed again: the log from its beginning, and every flag, subject and listing through the queue."""
    lock(connection, "reindex")
    log.commit(connection, GROUP, TOPIC, log.BEGINNING)
    search_queue.enqueue_many(connection, _everything(connection))


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


def utterance_document(said: Utterance) -> Document:
    """An utterance as it is found: officers only."""
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
        version=version_at(now),
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
        version=version_at(clock.now()),
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


def _as_of(version: int, found: Document) -> Document:
    """A listing keeps the version its platform gave it: an older one may come later."""
    return found if found.kind == "listing" else replace(found, version=version)


def _next_version(connection: Connection, wanted: int) -> int:
    """The clock's version, or one more than the last where a clock was set back; else nothing new would be taken for a while."""
    lock(connection, VERSION_SCOPE)
    where = (handler_state.c.scope == VERSION_SCOPE) & (handler_state.c.key == "last")
    last = connection.execute(select(handler_state.c.value).where(where)).scalar()
    version = max(wanted, int(last) + 1) if last else wanted
    upsert(connection, handler_state, [{"scope": VERSION_SCOPE, "key": "last", "value": b"%d" % version}])
    return version


def version_at(now: datetime) -> int:
    """The version of a thing loaded at this moment: what is loaded later is newer."""
    return int(now.timestamp() * 1000)
