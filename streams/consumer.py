"""Takes batches of one topic from the log through a handler into the database, exactly once in effect.

Effects, remembered state, dead letters and the offset are written in one transaction; a process killed anywhere finds
either all of a batch or nothing of it. The detector runs before that transaction, so that it holds no lock meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import Connection

from infra.clock import Clock
from infra.database import Database
from infra.settings import Settings
from infra.telemetry import BATCH_EVENTS, stage
from streams import batches, deadletters
from streams import log as record_log
from streams.batches import INFRASTRUCTURE, Batch, Done, Work, Write, next_batch
from streams.deadletters import DeadLetterLimitExceeded

__all__ = ["GROUP", "Consumer", "Done", "Work"]

log = structlog.get_logger()

GROUP: Final = "pipeline"

Way = Callable[[Work, Batch, Clock], Write]


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
            return self._process(batches.in_one_go)
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
            return self._process(batches.one_by_one)
        except Exception:
            self._forget()
            raise

    def _process(self, way: Way) -> Done:
        with self._database.read() as connection:
            start, end, batch = self._read(connection)
            if batch.records == 0:
                return Done()
            self._work.load(connection, batch.events)
        with batches.at_work(batch):
            write = way(self._work, batch, self._clock)
            with stage(self.topic, "store"), self._database.write() as connection:
                if record_log.committed(connection, GROUP, self.topic) != start:
                    raise _Overtaken
                codes = write(connection)
                share = self._finish(connection, batch, end)
        if self._work.store is not None:
            self._work.store.saved()
        self._position = end
        batches.measure(self.topic, batch.size, len(batch.bad), codes)
        BATCH_EVENTS.labels(self.topic).observe(batch.size)
        return Done(batch.records, batch.size, len(batch.bad), len(codes), share)

    def _read(self, connection: Connection) -> tuple[int, int, Batch]:
        start = record_log.committed(connection, GROUP, self.topic)
        if start != self._position:
            self._forget()  # another process has been at work, or this one begins
        records = record_log.read(connection, self.topic, start)
        batch = next_batch(self.topic, records, size=self._settings.batch_size)
        return start, batch.parts[-1][0].offset if batch.parts else start, batch

    def _finish(self, connection: Connection, batch: Batch, end: int) -> float:
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
        record_log.commit(connection, GROUP, self.topic, end)
        return share

    def _forget(self) -> None:
        self._position = None
        if self._work.store is not None:
            self._work.store.forget()
