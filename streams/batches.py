"""A batch of one topic on its way through a handler to its effects: the part both engines share.

It knows neither where records come from nor how far a reader has come; it commits nothing.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from infra import tracing
from infra.clock import Clock
from infra.errors import ChengxinError, FieldError, Unavailable
from infra.telemetry import BATCH_SECONDS, DEAD_LETTERS, EVENTS_HANDLED, FLAGS_RAISED, stage
from streams import effects
from streams.deadletters import NewDeadLetter
from streams.events import Event, decode_record, encode, key_of
from streams.log import Record
from streams.outputs import Output

BYTES_PER_BATCH: Final = 16 * 1024 * 1024
# InternalError: the server has become read-only. None of these is the event's fault.
INFRASTRUCTURE: Final = (OperationalError, InterfaceError, InternalError, PoolTimeout, MemoryError, Unavailable)

Write = Callable[[Connection], list[str]]
"""Carries out a batch's effects in the caller's transaction and gives the codes of the new flags."""


class Memory(Protocol):
    """What a handler remembers, as far as a batch has to do with it."""

    def snapshot(self, keys: Iterable[str]) -> Mapping[str, bytes | None]: ...

    def restore(self, snapshot: Mapping[str, bytes | None]) -> None: ...

    def save(self, connection: Connection) -> None: ...

    def saved(self) -> None: ...

    def forget(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Work:
    """One topic's handler, and what it remembers.

    ``store`` holds the state the handler writes, under the keys ``key_of`` gives; ``load`` reads into memory whatever the
    handler will look at for these events. A handler without memory has ``store`` None.
    """

    topic: str
    handle: Callable[[Sequence[Any]], list[Output]]
    store: Memory | None = None
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
class Batch:
    """Records read together: good events with their places, bad ones as dead letters with their place in the batch.

    ``parts`` gives each record and the place of its first event.
    """

    topic: str
    events: list[Event] = field(default_factory=list)
    places: list[tuple[Record, int, int]] = field(default_factory=list)
    bad: list[tuple[int, NewDeadLetter]] = field(default_factory=list)
    parts: list[tuple[Record, int]] = field(default_factory=list)
    size: int = 0
    _requests: dict[str, str] | None = field(default=None, init=False, repr=False)

    @property
    def records(self) -> int:
        """How many records have been added."""
        return len(self.parts)

    def add(self, record: Record) -> None:
        """Decode one record."""
        # Judged by the time it was received: what was good then stays good, whenever it is processed.
        key = record.key if record.keyed else None
        decoded = decode_record(self.topic, record.value, now=record.at, key=key)
        base = self.size
        self.events += [event for _, event in decoded.events]
        self.places += [(record, index, base + index) for index, _ in decoded.events]
        for bad in decoded.bad:
            self.bad.append((base + bad.index, _letter(record, bad.index, bad.raw, bad.errors)))
        self.parts.append((record, base))
        self.size += len(decoded.events) + len(decoded.bad)

    def request_of(self, event_id: str) -> str | None:
        """The request that brought an event of this batch; looked up only for the few that come to something.

        What follows ``#`` in the id names a version of the event.
        """
        if self._requests is None:
            self._requests = {}
            for event, (record, _, _) in zip(self.events, self.places, strict=True):
                if record.request:
                    self._requests.setdefault(event.id, record.request)  # an event that comes again has no effect
        return self._requests.get(event_id) or self._requests.get(event_id.partition("#")[0])


def next_batch(topic: str, records: Iterator[Record], *, size: int) -> Batch:
    """Decode records until the batch holds ``size`` events or more, or ``BYTES_PER_BATCH``; an empty one at the end."""
    batch, read = Batch(topic), 0
    with stage(topic, "decode"):
        for record in records:
            batch.add(record)
            read += len(record.value)
            if batch.size >= size or read >= BYTES_PER_BATCH:
                break
    return batch


@contextmanager
def at_work(batch: Batch) -> Iterator[None]:
    """Around the handling and storing of a batch: time and trace it."""
    span = tracing.span(f"batch {batch.topic}", topic=batch.topic, records=batch.records, events=batch.size)
    with BATCH_SECONDS.labels(batch.topic).time(), span:
        yield


def in_one_go(work: Work, batch: Batch, clock: Clock) -> Write:
    """Handle the whole batch now; the effects follow when the result is called. Any error is the whole batch's."""
    with stage(work.topic, "handle"):
        outputs = work.handle(batch.events) if batch.events else []
    return lambda connection: effects.apply(connection, outputs, at=clock.now(), request_of=batch.request_of)


def one_by_one(work: Work, batch: Batch, clock: Clock) -> Write:
    """Go through the batch event by event, inside the transaction; what fails alone joins the batch's dead letters."""

    def write(connection: Connection) -> list[str]:
        return [
            code for number in range(len(batch.events)) for code in _try_one(work, batch, number, connection, clock)
        ]

    return write


def measure(topic: str, events: int, bad: int, codes: list[str]) -> None:
    """Count what was stored."""
    EVENTS_HANDLED.labels(topic).inc(events)
    DEAD_LETTERS.labels(topic).inc(bad)
    for code in codes:
        FLAGS_RAISED.labels(code).inc()


def _try_one(work: Work, batch: Batch, number: int, connection: Connection, clock: Clock) -> list[str]:
    event, (record, index, position) = batch.events[number], batch.places[number]
    store, keys = work.store, [work.key_of(event)]
    before = store.snapshot(keys) if store is not None else {}
    try:
        with connection.begin_nested():
            return effects.apply(connection, work.handle([event]), at=clock.now(), request_of=batch.request_of)
    except INFRASTRUCTURE:
        raise
    except Exception as error:
        if store is not None:
            store.restore(before)
        batch.bad.append((position, _letter(record, index, encode(event), _reasons(event, error))))
        return []


def _letter(record: Record, index: int, raw: bytes, errors: tuple[FieldError, ...]) -> NewDeadLetter:
    place = (record.topic, record.offset, index)
    return NewDeadLetter(*place, record.key, raw, errors, record.partition, record.request)


def _reasons(event: Event, error: Exception) -> tuple[FieldError, ...]:
    if isinstance(error, ChengxinError):
        return (FieldError.of("event", event.id, str(error)),)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return (FieldError.of("event", event.id, f"处理时出错：{type(error).__name__}：{error}（{where}）"),)
