"""The embedded engine: polls the log in the project's own database and carries every topic through its handler.

It needs no broker. It decides nothing itself: handlers judge, effects write, consumers keep what is done exactly once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final, Literal

import structlog
from sqlalchemy import Connection, select

from infra.clock import Clock
from infra.database import Database, upsert
from infra.errors import ChengxinError
from infra.search import SearchIndex
from infra.settings import Settings
from infra.telemetry import LAG
from streams import indexing
from streams import log as record_log
from streams.consumer import GROUP, Consumer, Done, Work
from streams.deadletters import DeadLetterLimitExceeded
from streams.events import Utterance, key_of
from streams.indexing import Indexer
from streams.known_listings import KnownListing
from streams.outgoing import outbox_to_log
from streams.pipeline import Handlers
from streams.room import RoomState, key_of_listing, listings_near
from streams.side_indexing import SideIndexing
from streams.state import StateStore
from streams.tables import engine_status

log = structlog.get_logger()

ENGINE: Final = "embedded"
POLL_SECONDS: Final = 0.2
HEARTBEAT: Final = timedelta(seconds=10)
STALE: Final = timedelta(seconds=60)
PRUNE_EVERY: Final = timedelta(hours=1)
RETRY_SECONDS: Final = (1, 2, 5, 10, 30)
BATCHES_PER_INDEXING: Final = 10
INDEX_RETRY: Final = timedelta(seconds=30)

State = Literal["running", "retrying", "stopped"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What was done: outbox events relayed, records and events read, bad ones, new flags, records and documents indexed."""

    relayed: int = 0
    records: int = 0
    events: int = 0
    bad: int = 0
    flags: int = 0
    indexed: int = 0

    def __add__(self, other: Progress) -> Progress:
        return Progress(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) for f in fields(self))


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How the engine stood at ``at``; ``reason`` tells in Chinese why it is not running. ``lag``: records still to read."""

    state: State
    reason: str
    bad_share: float
    at: datetime
    lag: dict[str, int]

    def healthy(self, now: datetime) -> bool:
        """Whether it runs and gave a sign of life within the last minute."""
        return self.state == "running" and now - self.at <= STALE


class EmbeddedRunner:
    """Drives all topics in one thread. Several runners on one database do no harm; one of them wins each batch.

    Topics are served in a fixed order, the next one only when the one before has nothing to read: decisions first, because
    officers wait for them; listings before transcripts, so that words are held against what is known to be listed.
    """

    def __init__(
        self,
        database: Database,
        handlers: Handlers,
        search: SearchIndex | None,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._consumers = [
            Consumer(work, database=database, clock=clock, settings=settings) for work in _works(handlers)
        ]
        self._indexer = Indexer(database, search, clock) if search is not None else None
        self._remote = search is not None and search.remote
        self._batches = 0
        self._told: tuple[State, str] | None = None
        self._told_at: datetime | None = None
        self._pruned_at: datetime | None = None
        self._bad_share: dict[str, float] = {}
        self._index_trouble = ""
        self._index_again_at: datetime | None = None

    def run_once(self) -> Progress:
        """Relay the outbox, process one batch, and from time to time index; an empty ``Progress`` means nothing to do.

        Raises:
            DeadLetterLimitExceeded: the engine must stop; nothing of the batch was written.
        """
        progress = self._work()
        return progress + self._index(progress) if self._index_is_due(progress) else progress

    def run_until_idle(self, progress: Callable[[Progress], None] | None = None) -> Progress:
        """Work until nothing is left; ``progress`` is told what has been done so far after each step."""
        total = Progress()
        while step := self.run_once():
            total += step
            if progress is not None:
                progress(total)
        return total

    def run_forever(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. Errors are told, waited out and tried again; any process can read them with ``status``.

        Raises:
            DeadLetterLimitExceeded: the engine must stop; nothing of the batch was written.
        """
        with self._indexing_aside() as aside:
            self._run(stop, aside)
        self._tell_if_possible("stopped", "已正常停止")

    def _run(self, stop: threading.Event, aside: SideIndexing | None) -> None:
        failures = 0
        while not stop.is_set():
            try:
                progress = self._work()
                busy = bool(progress + (self._index_if_possible(progress) if aside is None else Progress()))
                self._prune()
                self._tell("running", self._index_trouble if aside is None else aside.trouble)
                failures = 0
            except DeadLetterLimitExceeded as error:
                log.critical("engine stopped", error=str(error))
                self._tell_if_possible("stopped", str(error))
                raise
            except Exception as error:
                log.exception("engine step failed, trying again")
                self._tell_if_possible("retrying", _reason(error))
                stop.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
                continue
            if not busy:
                stop.wait(POLL_SECONDS)

    @contextmanager
    def _indexing_aside(self) -> Iterator[SideIndexing | None]:
        if self._indexer is None or not self._remote:
            yield None
            return
        aside = SideIndexing(self._indexer, limit=self._settings.batch_size * BATCHES_PER_INDEXING)
        aside.start()
        try:
            yield aside
        finally:
            aside.stop()

    def _work(self) -> Progress:
        relayed = outbox_to_log(self._database, now=self._clock.now())
        done = self._one_batch()
        self._batches += 1
        return Progress(relayed, done.records, done.events, done.bad, done.flags)

    def _index_is_due(self, progress: Progress) -> bool:
        return not progress.records or self._batches % BATCHES_PER_INDEXING == 0

    def _index(self, progress: Progress) -> Progress:
        if self._indexer is None:
            return Progress()
        # Flags come first: while there are records to handle, the index gets one batch in ten and catches up later.
        batches = 1 if progress.records else BATCHES_PER_INDEXING
        step = self._indexer.step(self._settings.batch_size * batches)
        return Progress(indexed=step.records + step.documents)

    def _index_if_possible(self, progress: Progress) -> Progress:
        """Index when it is due. A failing index holds up nothing else: it is told, and tried again later."""
        now = self._clock.now()
        if not self._index_is_due(progress) or (self._index_again_at is not None and now < self._index_again_at):
            return Progress()
        try:
            indexed = self._index(progress)
        except Exception as error:
            log.exception("indexing failed, trying again later")
            self._index_trouble = f"搜索索引暂时没有更新：{_reason(error)}"
            self._index_again_at = now + INDEX_RETRY
            return Progress()
        self._index_trouble, self._index_again_at = "", None
        return indexed

    def _one_batch(self) -> Done:
        for consumer in self._consumers:
            done = consumer.process()
            if done.records:
                self._bad_share[consumer.topic] = done.bad_share
                return done
        return Done()

    def _prune(self) -> None:
        now = self._clock.now()
        if self._pruned_at is not None and now - self._pruned_at < PRUNE_EVERY:
            return
        before = now - timedelta(days=self._settings.log_retention_days)
        with self._database.write() as connection:
            record_log.prune(connection, before=before, groups=self._groups)
        self._pruned_at = now

    def _groups(self, topic: str) -> list[str]:
        return [GROUP, indexing.GROUP] if topic == indexing.TOPIC and self._indexer is not None else [GROUP]

    def _tell(self, state: State, reason: str) -> None:
        now = self._clock.now()
        if self._told == (state, reason) and self._told_at is not None and now - self._told_at < HEARTBEAT:
            return
        share = max(self._bad_share.values(), default=0.0)
        row = {"engine": ENGINE, "state": state, "reason": reason, "bad_share": share, "at": now}
        with self._database.write() as connection:
            upsert(connection, engine_status, [row])
            for group in (GROUP, indexing.GROUP):
                for topic, records in record_log.lag(connection, group).items():
                    if group in self._groups(topic):
                        LAG.labels(topic, group).set(records)
        self._told, self._told_at = (state, reason), now

    def _tell_if_possible(self, state: State, reason: str) -> None:
        try:
            self._tell(state, reason)
        except Exception:  # the database may be what is failing; the log has the first error already
            log.exception("could not write the engine's status")


def status(connection: Connection) -> EngineStatus | None:
    """How the embedded engine stands, for ``/readyz`` and the metrics; None when it never ran on this database."""
    row = connection.execute(select(engine_status).where(engine_status.c.engine == ENGINE)).one_or_none()
    if row is None:
        return None
    return EngineStatus(row.state, row.reason, row.bad_share, row.at, record_log.lag(connection, GROUP))


def _works(handlers: Handlers) -> list[Work]:
    rooms: StateStore[RoomState] = StateStore("room", RoomState)
    listings: StateStore[KnownListing] = StateStore("listing", KnownListing)
    on_show: StateStore[KnownListing] = StateStore("listing", KnownListing)

    def load_rooms(connection: Connection, events: Sequence[Utterance]) -> None:
        rooms.prefetch(connection, [key_of(said) for said in events])
        on_show.forget()  # the listings' own consumer, here or in another process, may have changed them
        on_show.prefetch(connection, listings_near(events, rooms))

    return [
        Work("decisions", handlers.decisions),
        Work(
            "listings",
            lambda batch: handlers.listings(batch, listings),
            store=listings,
            key_of=key_of_listing,
            load=lambda connection, events: listings.prefetch(connection, [key_of_listing(e) for e in events]),
        ),
        Work("complaints", handlers.complaints),
        Work(
            "transcripts",
            lambda batch: handlers.transcripts(batch, rooms, on_show),
            store=rooms,
            load=load_rooms,
        ),
    ]


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ChengxinError) else f"{type(error).__name__}：{error}"
