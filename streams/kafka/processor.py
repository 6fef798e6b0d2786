"""Carries batches of Kafka records through a handler into the database. Plain blocking code: one thread, no Faust, no event loop.

A batch's effects, dead letters and places are stored in one transaction. Only after that may its offsets be committed; a batch
that comes again, here or on another worker, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import structlog
from sqlalchemy import Connection

from infra.clock import Clock
from infra.database import Database
from infra.settings import Settings
from infra.telemetry import BATCH_EVENTS, stage
from streams import batches, deadletters
from streams.batches import INFRASTRUCTURE, Batch, Done, Work, Write, next_batch
from streams.deadletters import DeadLetterLimitExceeded, NewDeadLetter
from streams.kafka import partitions
from streams.kafka.memory import TableMemory
from streams.kafka.partitions import Claimant, Overtaken, Place
from streams.log import Record

log = structlog.get_logger()

Way = Callable[[Work, Batch, Clock], Write]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a processor stands on. ``owner`` names this run of this worker; ``bury`` puts dead letters on their topic."""

    database: Database
    clock: Clock
    settings: Settings
    owner: str
    bury: Callable[[Sequence[NewDeadLetter]], None] = lambda _letters: None


@dataclass(frozen=True, slots=True)
class Gap:
    """Records between ``expected`` and ``found`` have not come: they are lost on the broker, or on the way to us."""

    partition: int
    expected: int
    found: int


class Processor:
    """One topic's work on the partitions this worker has."""

    def __init__(self, work: Work, ground: Ground, memory: TableMemory[Any] | None = None) -> None:
        self.topic = work.topic
        self.memory = memory
        self.bad_share: dict[int, float] = {}
        self._work = work
        self._ground = ground
        self._me = Claimant(ground.owner, -1)
        self._claimed: set[int] = set()
        self._seen: dict[int, int] = {}
        self._stored: dict[int, int] = {}

    def start_over(self, generation: int) -> None:
        """Partitions were shared out anew: what is in memory may be somebody else's by now."""
        self._me = Claimant(self._ground.owner, generation)
        for kept in (self._claimed, self._seen, self._stored):
            kept.clear()
        if self.memory is not None:
            self.memory.forget()

    def process(self, records: Sequence[Record]) -> Done:
        """Take these records, in order; several transactions when they hold more events than one batch should.

        Records of partitions that belong to another worker, and those behind a gap, are passed over: ``is_stored`` tells
        which were taken, ``gaps`` what is missing.

        Raises:
            DeadLetterLimitExceeded: too many bad events; nothing of the batch that went over was written.
        """
        # Asked again for each: a partition may be lost on the way.
        mine = (one for one in self._in_order(self._claim(records)) if one.partition in self._claimed)
        total = Done()
        while (batch := next_batch(self.topic, mine, size=self._ground.settings.batch_size)).parts:
            total = _sum(total, self._store(batch))
        return total

    def is_stored(self, record: Record) -> bool:
        """Whether the record's effects are known to be stored."""
        return record.offset < self._stored.get(record.partition, 0)

    def gaps(self, records: Sequence[Record]) -> list[Gap]:
        """What keeps these records from being taken, of each partition the first place where something is missing."""
        result: dict[int, Gap] = {}
        for record in records:
            expected = self._expected(record)
            if record.partition in self._claimed and record.offset > expected and record.partition not in result:
                result[record.partition] = Gap(record.partition, expected, record.offset)
        return list(result.values())

    def allow(self, gap: Gap) -> None:
        """The broker has no records there: go on behind the gap."""
        self._seen[gap.partition] = gap.found

    def owned(self) -> set[int]:
        """The partitions that are, by the database, still this run's."""
        with self._ground.database.read() as connection:
            found = partitions.places(connection, self.topic, self._claimed)
        return {p for p, place in found.items() if Claimant(place.owner, place.generation) == self._me}

    def _claim(self, records: Sequence[Record]) -> list[Record]:
        new = {record.partition for record in records} - self._claimed
        if new:
            with self._ground.database.write() as connection:
                mine = partitions.claim(connection, self.topic, new, self._me, now=self._ground.clock.now())
            self._claimed |= mine.keys()
            self._stored |= {partition: place.next for partition, place in mine.items()}
            if lost := new - mine.keys():
                log.warning("partitions were given to another worker", topic=self.topic, lost=sorted(lost))
        return [record for record in records if record.partition in self._claimed]

    def _in_order(self, records: Sequence[Record]) -> list[Record]:
        """The records up to the first gap of each partition.

        Faust was seen to deliver, and to commit, past records that it had dropped in a rebalance.
        """
        taken = []
        for record in records:
            expected = self._expected(record)
            if record.offset <= expected:
                taken.append(record)
                self._seen[record.partition] = max(self._seen.get(record.partition, 0), record.offset + 1)
        return taken

    def _expected(self, record: Record) -> int:
        """The next offset of the record's partition; at first any that is not behind what is stored will do."""
        return self._seen.get(record.partition, self._stored.get(record.partition, 0))

    def _store(self, batch: Batch) -> Done:
        while batch.parts:
            try:
                return self._either_way(batch)
            except Overtaken as overtaken:
                lost = overtaken.partitions
                log.warning("partitions belong to another worker now", topic=self.topic, lost=sorted(lost))
                self._claimed -= lost
                batch = _again(batch, without=lost)
        return Done()

    def _either_way(self, batch: Batch) -> Done:
        try:
            return self._one_batch(batch, batches.in_one_go)
        except (DeadLetterLimitExceeded, Overtaken, *INFRASTRUCTURE):
            raise
        except Exception as error:
            log.warning("batch failed, going through it event by event", topic=self.topic, error=repr(error))
        return self._one_batch(_again(batch), batches.one_by_one)

    def _one_batch(self, batch: Batch, way: Way) -> Done:
        keys: list[str] = []
        if self.memory is not None:
            keys = self._leave_out_what_is_known(batch, self.memory)
        with self._ground.database.read() as connection:
            self._work.load(connection, batch.events)
        if self.memory is not None:
            self.memory.begin(dict.fromkeys(keys))
        try:
            with batches.at_work(batch):
                write = way(self._work, batch, self._ground.clock)
                with stage(self.topic, "store"), self._ground.database.write() as connection:
                    codes, new = self._write(connection, batch, write)
        except BaseException:
            if self.memory is not None:
                self.memory.undo()
            raise
        for record, _ in batch.parts:
            self._stored[record.partition] = max(self._stored[record.partition], record.offset + 1)
        if self.memory is not None:
            self.memory.saved()
            self.memory.mark({key: place[0] for key, place in zip(keys, batch.places, strict=True)})
        batches.measure(self.topic, new, len(batch.bad), codes)
        BATCH_EVENTS.labels(self.topic).observe(batch.size)
        share = max(self.bad_share.values(), default=0.0)
        return Done(batch.records, new, len(batch.bad), len(codes), share)

    def _leave_out_what_is_known(self, batch: Batch, memory: TableMemory[Any]) -> list[str]:
        """Events that are part of what is remembered already: they came again because an offset was not committed in time.

        Gives the keys of the others, in order.
        """
        keys = list(map(self._work.key_of, batch.events))
        unknown: list[bool] = []
        before: tuple[str, Record] | None = None
        for key, (record, _, _) in zip(keys, batch.places, strict=True):
            if before is None or key != before[0] or record is not before[1]:
                before, known = (key, record), memory.covers(key, record)
                if known and not self.is_stored(record):
                    # The database was put back to an earlier day: the table remembers what has no effects any more.
                    memory.drop(key)
                    known = False
            unknown.append(not known)
        if all(unknown):
            return keys
        batch.events, batch.places = list(compress(batch.events, unknown)), list(compress(batch.places, unknown))
        return list(compress(keys, unknown))

    def _write(self, connection: Connection, batch: Batch, write: Write) -> tuple[list[str], int]:
        """The codes of new flags, and how many events had no effects stored before."""
        partitions.hold_no_longer_than(connection, self._ground.settings.worker_session_seconds)
        following = {record.partition: record.offset + 1 for record, _ in batch.parts}
        before = partitions.require(connection, self.topic, following, self._me)
        codes = write(connection)
        if self._work.store is not None:
            self._work.store.save(connection)
        new = self._judge(connection, batch, before)
        advanced = {p: max(offset, before[p].next) for p, offset in following.items()}
        partitions.advance(connection, self.topic, self._me, advanced, now=self._ground.clock.now())
        return codes, new

    def _judge(self, connection: Connection, batch: Batch, before: dict[int, Place]) -> int:
        """Bury the bad events that are new, and stop when there are too many among the last ones of a partition."""
        batch.bad = [(at, letter) for at, letter in batch.bad if letter.offset >= before[letter.partition].next]
        batch.bad.sort(key=lambda entry: entry[0])
        new = _new_by_partition(batch, before)
        for partition, (count, bad) in new.items():
            self.bad_share[partition] = deadletters.judge(
                connection,
                self.topic,
                count=count,
                bad=bad,
                size=self._ground.settings.dead_letter_window,
                limit=self._ground.settings.dead_letter_limit,
                partition=partition,
            )
        letters = [letter for _, letter in batch.bad]
        deadletters.bury(connection, letters, at=self._ground.clock.now())
        if letters:
            self._ground.bury(letters)
        return sum(count for count, _ in new.values())


def _again(batch: Batch, *, without: frozenset[int] = frozenset()) -> Batch:
    """The batch as it was before anything was tried on it."""
    fresh = Batch(batch.topic)
    for record, _ in batch.parts:
        if record.partition not in without:
            fresh.add(record)
    return fresh


def _new_by_partition(batch: Batch, before: dict[int, Place]) -> dict[int, tuple[int, list[tuple[int, str]]]]:
    """The events of each partition whose effects were not stored before: how many, and the bad ones (place, reason)."""
    counts: dict[int, int] = {}
    shifts: dict[tuple[int, int], int] = {}
    ends = [begin for _, begin in batch.parts[1:]] + [batch.size]
    for (record, begin), end in zip(batch.parts, ends, strict=True):
        if record.offset >= before[record.partition].next:
            count = counts.get(record.partition, 0)
            shifts[record.partition, record.offset] = count - begin
            counts[record.partition] = count + end - begin
    bad: dict[int, list[tuple[int, str]]] = {}
    for place, letter in batch.bad:
        shift = shifts[letter.partition, letter.offset]
        bad.setdefault(letter.partition, []).append((place + shift, letter.errors[0].message))
    return {partition: (count, bad.get(partition, [])) for partition, count in counts.items()}


def _sum(one: Done, other: Done) -> Done:
    return Done(
        one.records + other.records,
        one.events + other.events,
        one.bad + other.bad,
        one.flags + other.flags,
        other.bad_share,
    )
