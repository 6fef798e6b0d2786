"""Takes batches of one topic from the log through a handler into the database, exactly once in effect.

Effects, remembered state, dead letters and the offset are written in one transaction; a process killed anywhere finds
either all of a batch or nothing of it. The detector runs before that transaction, so that it holds no lock meanwhile.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from infra.clock import Clock
from infra.database import Database
from infra.errors import ChengxinError, FieldError
from infra.settings import Settings
from infra.telemetry import BATCH_SECONDS, DEAD_LETTERS, EVENTS_HANDLED, FLAGS_RAISED
from streams import deadletters, effects
from streams import log as record_log
from streams.deadletters import DeadLetterLimitExceeded, NewDeadLetter
from streams.events import Event, decode_record, encode, key_of
from streams.log import Record
from streams.outputs import Output
from streams.state import StateStore

log = structlog.get_logger()

GROUP: Final = "pipeline"
BYTES_PER_BATCH: Final = 16 * 1024 * 1024
INFRASTRUCTURE: Final = (OperationalError, InterfaceError, MemoryError)


@dataclass(frozen=True, slots=True)
class Work:
    """One topic's handler, and what it remembers.

    ``store`` holds the state the handler writes, under the keys ``key_of`` gives; ``load`` reads into memory whatever the
    handler will look at for these events. A handler without memory has ``store`` None.
    """

    topic: str
    handle: Callable[[Sequence[Any]], list[Output]]
    store: StateStore[Any] | None = None
    key_of: Callable[[Any], str] = key_of
    load: Callable[[Connection, Sequence[Any]], None] = lambda _connection, _events: None


@dataclass(frozen=True, slots=True)
class Done:
    """What one batch came to."""

    records: int = 0
    events: int = 0
    bad: int = 0
    flags: int = 0
    bad_share: float = 0.0


@dataclass(slots=True)
class _Batch:
    """Records read together: good events with their places, bad ones as dead letters with their place in the batch."""

    start: int
    end: int
    events: list[Event] = field(default_factory=list)
    places: list[tuple[Record, int, int]] = field(default_factory=list)
    bad: list[tuple[int, NewDeadLetter]] = field(default_factory=list)
    records: int = 0
    size: int = 0


class _Overtaken(Exception):
    """Another process has committed this batch meanwhile. A signal between two methods, never seen outside."""


class Consumer:
    """Carries one topic's work from batch to batch."""

    def __init__(self, work: Work, *, database: Database, clock: Clock, settings: Settings) -> None:
        self.topic = work.topic
        self._work = work
        self._database = database
        self._clock = clock
        self._settings = settings
        self._position: int | None = None

    def process(self) -> Done:
        """Process one batch; ``Done()`` when there is nothing to read.

        A batch that a handler or an effect cannot take is done again event by event, and what still fails is buried.

        Raises:
            DeadLetterLimitExceeded: too many bad events; nothing of the batch was written.
        """
        try:
            return self._process(self._in_one_go)
        except _Overtaken:
            self._forget()
            return Done()
        except (DeadLetterLimitExceeded, *INFRASTRUCTURE):
            self._forget()
            raise
        except Exception as error:
            log.warning("batch failed, going through it event by event", topic=self.topic, error=repr(error))
            self._forget()
        try:
            return self._process(self._one_by_one)
        except Exception:
            self._forget()
            raise

    def _process(self, way: Callable[[_Batch], Callable[[Connection], list[str]]]) -> Done:
        with self._database.read() as connection:
            batch = self._read(connection)
            if batch.records == 0:
                return Done()
            self._work.load(connection, batch.events)
        with BATCH_SECONDS.labels(self.topic).time():
            write = way(batch)
            with self._database.write() as connection:
                if record_log.committed(connection, GROUP, self.topic) != batch.start:
                    raise _Overtaken
                codes = write(connection)
                share = self._finish(connection, batch)
        if self._work.store is not None:
            self._work.store.saved()
        self._position = batch.end
        self._measure(batch, codes)
        return Done(batch.records, batch.size, len(batch.bad), len(codes), share)

    def _read(self, connection: Connection) -> _Batch:
        start = record_log.committed(connection, GROUP, self.topic)
        if start != self._position:
            self._forget()  # another process has been at work, or this one begins
        batch, read = _Batch(start, start), 0
        for record in record_log.read(connection, self.topic, start):
            self._decode(record, batch)
            read += len(record.value)
            if batch.size >= self._settings.batch_size or read >= BYTES_PER_BATCH:
                break
        return batch

    def _decode(self, record: Record, batch: _Batch) -> None:
        # Judged by the time it was received: what was good then stays good, whenever it is processed.
        decoded = decode_record(self.topic, record.value, now=record.at)
        base = batch.size
        for index, event in decoded.events:
            batch.events.append(event)
            batch.places.append((record, index, base + index))
        for bad in decoded.bad:
            letter = NewDeadLetter(self.topic, record.offset, bad.index, record.key, bad.raw, bad.errors)
            batch.bad.append((base + bad.index, letter))
        batch.size += len(decoded.events) + len(decoded.bad)
        batch.records += 1
        batch.end = record.offset

    def _in_one_go(self, batch: _Batch) -> Callable[[Connection], list[str]]:
        outputs = self._work.handle(batch.events) if batch.events else []
        return lambda connection: effects.apply(connection, outputs, at=self._clock.now())

    def _one_by_one(self, batch: _Batch) -> Callable[[Connection], list[str]]:
        def write(connection: Connection) -> list[str]:
            return [
                code
                for event, place in zip(batch.events, batch.places, strict=True)
                for code in self._try_one(connection, batch, event, place)
            ]

        return write

    def _try_one(
        self, connection: Connection, batch: _Batch, event: Event, place: tuple[Record, int, int]
    ) -> list[str]:
        store, keys = self._work.store, [self._work.key_of(event)]
        before = store.snapshot(keys) if store is not None else {}
        try:
            with connection.begin_nested():
                return effects.apply(connection, self._work.handle([event]), at=self._clock.now())
        except INFRASTRUCTURE:
            raise
        except Exception as error:
            if store is not None:
                store.restore(before)
            record, index, position = place
            letter = NewDeadLetter(self.topic, record.offset, index, record.key, encode(event), _reasons(event, error))
            batch.bad.append((position, letter))
            return []

    def _finish(self, connection: Connection, batch: _Batch) -> float:
        if self._work.store is not None:
            self._work.store.save(connection)
        batch.bad.sort(key=lambda entry: entry[0])
        deadletters.bury(connection, [letter for _, letter in batch.bad], at=self._clock.now())
        share = deadletters.judge(
            connection,
            self.topic,
            count=batch.size,
            bad=[(place, letter.errors[0].message) for place, letter in batch.bad],
            size=self._settings.dead_letter_window,
            limit=self._settings.dead_letter_limit,
        )
        record_log.commit(connection, GROUP, self.topic, batch.end)
        return share

    def _measure(self, batch: _Batch, codes: list[str]) -> None:
        EVENTS_HANDLED.labels(self.topic).inc(batch.size)
        DEAD_LETTERS.labels(self.topic).inc(len(batch.bad))
        for code in codes:
            FLAGS_RAISED.labels(code).inc()

    def _forget(self) -> None:
        self._position = None
        if self._work.store is not None:
            self._work.store.forget()


def _reasons(event: Event, error: Exception) -> tuple[FieldError, ...]:
    if isinstance(error, ChengxinError):
        return (FieldError.of("event", event.id, str(error)),)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return (FieldError.of("event", event.id, f"处理时出错：{type(error).__name__}：{error}（{where}）"),)
