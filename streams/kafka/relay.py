"""Carries what is on the database's log over to Kafka: decisions and complaints from the outbox, replayed dead letters.

Why over the log: an act and its event are stored together, and the log gives events one order. A record counts as carried
over once every in-sync copy has it; a process that dies between that and the mark only repeats it, and effects are idempotent.
The mark is the embedded engine's own, so that a change from one engine to the other loses nothing and doubles nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from infra.clock import Clock
from infra.database import Database
from infra.errors import ChengxinError
from infra.settings import Settings
from infra.telemetry import LAG
from streams import indexing
from streams import log as record_log
from streams.consumer import GROUP
from streams.kafka.headers import of_request
from streams.kafka.producer import Outgoing
from streams.lease import Lease
from streams.log import Record
from streams.outgoing import outbox_to_log

log = structlog.get_logger()

JOB: Final = "kafka-relay"
IN_ORDER: Final = ("decisions", "complaints", "listings", "transcripts")
RECORDS: Final = 500
BYTES: Final = 8 * 1024 * 1024
POLL_SECONDS: Final = 0.2
LEASE_SECONDS: Final = 15.0
"""How long the others wait after the relay at work has died."""
RETRY_SECONDS: Final = (1, 2, 5, 10)
PRUNE_EVERY: Final = timedelta(hours=1)

Send = Callable[[Sequence[Outgoing]], None]


class Relay:
    """One process's relay. Any number may run: a lease lets one of them work, and two at once only repeat records."""

    def __init__(
        self, database: Database, send: Send, clock: Clock, settings: Settings, *, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._database = database
        self._send = send
        self._clock = clock
        self._settings = settings
        self._lease = Lease(database, JOB, seconds=lease_seconds)
        self._pruned_at: datetime | None = None
        self.trouble = ""

    def step(self) -> int:
        """Carry over what waits, some hundred records of each topic at most; returns how many records.

        Raises:
            Unavailable: Kafka is away; nothing is marked that it has not confirmed.
        """
        now = self._clock.now()
        if not self._lease.held(now):
            return 0
        outbox_to_log(self._database, now=now)
        return sum(self._carry(topic) for topic in IN_ORDER)

    def run_until_idle(self) -> int:
        """Carry over everything that waits; returns how many records."""
        total = 0
        while carried := self.step():
            total += carried
        return total

    def run_forever(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. Errors are told in ``trouble``, waited out and tried again."""
        failures = 0
        while not stop.is_set():
            try:
                busy = self.step() > 0
                self._look_after()
                self.trouble, failures = "", 0
            except Exception as error:
                self.trouble = str(error) if isinstance(error, ChengxinError) else f"{type(error).__name__}：{error}"
                log.warning("relay to kafka failed, trying again", error=self.trouble)
                stop.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
                continue
            if not busy:
                stop.wait(POLL_SECONDS)
        self.close()

    def waiting(self) -> int:
        """How many records Kafka has not got yet."""
        with self._database.read() as connection:
            return sum(record_log.lag(connection, GROUP).values())

    def close(self) -> None:
        """Let another process's relay begin at once."""
        try:
            self._lease.give_up()
        except Exception:  # it runs out by itself
            log.exception("could not give up the relay's lease")

    def _carry(self, topic: str) -> int:
        with self._database.read() as connection:
            start = record_log.committed(connection, GROUP, topic)
            records = list(_some(record_log.read(connection, topic, start, RECORDS)))
        if not records:
            return 0
        for wave in _waves(records):
            self._send(
                [Outgoing(topic, record.key.encode(), record.value, of_request(record.request)) for record in wave]
            )
        with self._database.write() as connection:
            # Not when another relay has carried it over meanwhile, and perhaps more.
            if record_log.committed(connection, GROUP, topic) == start:
                record_log.commit(connection, GROUP, topic, records[-1].offset)
        log.info("carried over to kafka", topic=topic, records=len(records), last=records[-1].offset)
        return len(records)

    def _look_after(self) -> None:
        now = self._clock.now()
        if self._pruned_at is not None and now - self._pruned_at < PRUNE_EVERY:
            return
        before = now - timedelta(days=self._settings.log_retention_days)
        with self._database.write() as connection:
            record_log.prune(connection, before=before, groups=_groups)
            for topic, records in record_log.lag(connection, GROUP).items():
                LAG.labels(topic, JOB).set(records)
        self._pruned_at = now


def _groups(topic: str) -> list[str]:
    return [GROUP, indexing.GROUP] if topic == indexing.TOPIC else [GROUP]


def _some(records: Iterator[Record]) -> Iterator[Record]:
    size = 0
    for record in records:
        yield record
        size += len(record.value)
        if size >= BYTES:
            return


def _waves(records: Sequence[Record]) -> Iterator[list[Record]]:
    """The records so that no wave holds a key twice: a later one is sent only when the earlier one is safe.

    Sent together, the first could time out while the second arrives, and a correction would come before what it corrects.
    """
    waiting = list(records)
    while waiting:
        wave: dict[str, Record] = {}
        later = []
        for record in waiting:
            if record.key in wave:
                later.append(record)
            else:
                wave[record.key] = record
        yield list(wave.values())
        waiting = later
