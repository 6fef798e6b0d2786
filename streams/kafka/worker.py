"""The Faust worker: agents take records of all topics in batches and hand them to the processors, one thread beside the loop.

A record's offset is committed only after its effects are stored and what was remembered of it is on its way to the changelog.
Faust's ``take`` cannot be used for that: it acknowledges a batch although the code that took it has failed.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from infra.clock import Clock
from infra.database import Database
from infra.errors import ChengxinError
from infra.settings import Settings
from infra.telemetry import PARTITIONS, REBALANCE_SECONDS, REBALANCES
from streams.batches import INFRASTRUCTURE, Done
from streams.events import TOPICS
from streams.kafka import partitions
from streams.kafka.app import GROUP, RECORDS_AHEAD, add_table, add_topic, make_app
from streams.kafka.changelogs import prepare
from streams.kafka.connection import Connection
from streams.kafka.headers import request_id
from streams.kafka.peek import first_offset
from streams.kafka.processor import Ground, Processor
from streams.kafka.seeking import mend_seeking
from streams.kafka.standing import Standing, WorkerStopped
from streams.kafka.works import TABLES, assemble
from streams.log import Record
from streams.pipeline import Handlers

log = structlog.get_logger()

WITHIN: Final = 0.02
"""Seconds an agent waits for more records before it hands over what it has."""
FLUSH_SECONDS: Final = 1.0
LAST_FLUSH_SECONDS: Final = 30.0
RETRY_SECONDS: Final = (1, 2, 5, 10, 30)
LISTINGS_FIRST_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.05


class Worker:
    """One run of a worker: ``run`` blocks until it is told to stop or cannot go on."""

    def __init__(
        self,
        handlers: Handlers,
        *,
        connection: Connection,
        database: Database,
        clock: Clock,
        settings: Settings,
        bury: Callable[..., None] = lambda _letters: None,
    ) -> None:
        self.standing = Standing()
        self.run_name = f"{socket.gethostname()}-{secrets.token_hex(6)}"
        self._handlers = handlers
        self._connection = connection
        self._settings = settings
        self._database = database
        self._group = connection.topic(GROUP)
        self._ground = Ground(database, clock, settings, self.run_name, bury)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="worker")
        self._error: BaseException | None = None
        self._asked = threading.Event()
        self._counts: dict[str, int] = {}
        self._generation = -1
        self._acks: list[tuple[int, Any, Any]] = []
        self._rebalancing_since: float | None = None
        self._listings_caught_up = -1

    def stop(self) -> None:
        """Ask the worker to end after what it is working on. Any thread and a signal handler may call it."""
        self._asked.set()

    def prepare(self) -> dict[str, int]:
        """Look at the topics, and make the changelogs that are missing; ``run`` does it where nobody has before.

        Raises:
            ConfigurationError: Kafka cannot be used, a topic is missing, or two that belong together have different
                numbers of partitions.
        """
        self._counts = prepare(self._connection, group=self._group)
        return self._counts

    def run(self) -> Done:
        """Work until ``stop`` is called.

        Raises:
            ConfigurationError: a topic is missing.
            DeadLetterLimitExceeded: too many bad events; nothing of that batch was written.
            WorkerStopped: Faust gave up, or a batch failed in a way that no waiting mends.
        """
        counts = self._counts or self.prepare()
        try:
            asyncio.run(self._main(counts))
        finally:
            self._executor.shutdown()
            self.standing.be("stopped", str(self._error or "已正常停止"))
        if self._error is not None:
            raise self._error
        return self.standing.done

    # ---- the loop

    async def _main(self, counts: dict[str, int]) -> None:
        self._app = app = make_app(
            self._connection,
            group=self._group,
            run=self.run_name,
            data_dir=str(self._settings.data_dir / "faust"),
            session_seconds=self._settings.worker_session_seconds,
        )
        self._tables = {topic: add_table(app, name, partitions=counts[topic]) for topic, name in TABLES.items()}
        read = {topic: _reader(table) for topic, table in self._tables.items()}
        self._processors = {
            assembled.work.topic: Processor(assembled.work, self._ground, assembled.memory)
            for assembled in assemble(self._handlers, read)
        }
        for topic, processor in self._processors.items():
            app.agent(add_topic(app, self._connection.topic(topic)), name=f"{self._group}-{topic}")(
                self._agent(processor)
            )
        self._plain = {self._connection.topic(topic): topic for topic in TOPICS}
        mend_seeking(app.consumer, self._plain, lambda topic: self._in_thread(self._stored, topic))
        app.on_partitions_revoked.connect(self._revoked, weak=False)
        app.on_rebalance_complete.connect(self._shared_out, weak=False)
        starting = asyncio.ensure_future(app.start())
        ending = asyncio.Event()
        flushing = asyncio.ensure_future(self._flush_until(ending))
        try:
            while not self._asked.is_set() and self._error is None:
                self.standing.beat = time.monotonic()
                recovery = app.tables.recovery
                self.standing.reads_tables(recovery.active_remaining_total() if recovery.in_recovery else None)
                if app.crashed or (app.should_stop and starting.done()):
                    self._fail(WorkerStopped(f"Faust 已停止：{app.crash_reason!r}"))
                await asyncio.sleep(POLL_SECONDS)
        finally:
            ending.set()
            # Never cancelled half-way: what is on its way to the changelogs must arrive before its offsets are committed.
            with suppress(Exception):
                await asyncio.wait_for(flushing, LAST_FLUSH_SECONDS)
            with suppress(asyncio.CancelledError, Exception):
                await app.stop()
            starting.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await starting

    def _agent(self, processor: Processor) -> Any:
        async def agent(stream: Any) -> None:
            under_way: asyncio.Future[None] | None = None
            # While one batch is worked on the next is collected, and no more than that.
            async for events in stream.noack_take(RECORDS_AHEAD, within=WITHIN):
                if under_way is not None:
                    await under_way
                under_way = asyncio.ensure_future(self._handle(processor, stream, events))

        return agent

    async def _handle(self, processor: Processor, stream: Any, events: list[Any]) -> None:
        if self._error is not None:
            return
        generation = self._app.consumer_generation_id
        # Fetched before partitions were shared out anew: they come again, here or elsewhere.
        events = [event for event in events if event.message.generation_id == generation]
        if not events:
            return
        pairs = [(event, _record(processor.topic, event.message)) for event in events]
        try:
            if processor.topic == "transcripts" and self._listings_caught_up != generation:
                await self._let_listings_go_first(generation)
            while await self._patiently(processor, generation, [record for _, record in pairs]):
                self._acks += [(generation, stream, event) for event, record in pairs if processor.is_stored(record)]
                pairs = [(event, record) for event, record in pairs if not processor.is_stored(record)]
                if not await self._mend(processor, [record for _, record in pairs]):
                    break
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._fail(error)

    async def _patiently(self, processor: Processor, generation: int, records: list[Record]) -> bool:
        """Process the records, waiting for a database that is away; False when they belong to somebody else by now."""
        failures = 0
        while records and generation == self._app.consumer_generation_id and self._error is None:
            try:
                done: Done = await self._in_thread(self._process, processor, generation, records)
            except INFRASTRUCTURE as error:
                log.exception("batch failed, trying again", topic=processor.topic)
                self.standing.be("retrying", f"{type(error).__name__}：{error}")
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
                continue
            if self.standing.state == "retrying":
                self.standing.be("running")
            self.standing.done = _plus(self.standing.done, done)
            self.standing.bad_share = done.bad_share
            return True
        return False

    def _process(self, processor: Processor, generation: int, records: list[Record]) -> Done:
        if generation != self._generation:
            self._generation = generation
            for each in self._processors.values():
                each.start_over(generation)
        return processor.process(records)

    async def _mend(self, processor: Processor, records: list[Record]) -> bool:
        """Find out about records that did not come; whether some of these can be processed now."""
        from faust.types import TP  # noqa: PLC0415

        allowed = False
        for gap in await self._in_thread(processor.gaps, records):
            facts = {"topic": processor.topic, **asdict(gap)}
            name = self._connection.topic(processor.topic)
            there = await first_offset(self._connection, name, gap.partition, gap.expected)
            if there is None or there >= gap.found:
                log.warning("the broker has no records there any more, going on behind them", **facts)
                await self._in_thread(processor.allow, gap)
                allowed = True
            else:
                log.warning("records were passed over, reading them again", **facts)
                await self._app.consumer.seek(TP(name, gap.partition), gap.expected)
        return allowed

    async def _let_listings_go_first(self, generation: int) -> None:
        """Words are held against what is known to be listed: wait, within reason, until listings are stored up to now.

        A database or broker that is away is waited for and does not count: an agent must never end by it.
        """
        from aiokafka.errors import KafkaError  # noqa: PLC0415

        deadline = time.monotonic() + LISTINGS_FIRST_SECONDS
        wanted: dict[int, int] | None = None
        while generation == self._app.consumer_generation_id and self._error is None:
            try:
                wanted = await self._ends("listings") if wanted is None else wanted
                stored = await self._in_thread(self._stored, "listings")
            except (*INFRASTRUCTURE, KafkaError) as error:
                log.warning("could not see how far listings are, trying again", error=repr(error))
                self.standing.be("retrying", f"{type(error).__name__}：{error}")
                await asyncio.sleep(RETRY_SECONDS[0])
                deadline = time.monotonic() + LISTINGS_FIRST_SECONDS
                continue
            if all(stored.get(partition, 0) >= end for partition, end in wanted.items()):
                break
            if time.monotonic() > deadline:
                log.warning("listings are far behind, going on with transcripts", seconds=LISTINGS_FIRST_SECONDS)
                break
            await asyncio.sleep(POLL_SECONDS)
        self._listings_caught_up = generation

    def _stored(self, topic: str) -> dict[int, int]:
        with self._database.read() as connection:
            return partitions.stored(connection, topic)

    async def _ends(self, topic: str) -> dict[int, int]:
        """The end of every partition of a topic that is not empty."""
        from faust.types import TP  # noqa: PLC0415

        consumer, name = self._app.consumer, self._connection.topic(topic)
        count = consumer.topic_partitions(name) or 0
        all_of_it = [TP(name, number) for number in range(count)]
        if not all_of_it:
            return {}
        ends, begins = await consumer.highwaters(*all_of_it), await consumer.earliest_offsets(*all_of_it)
        return {tp.partition: ends[tp] for tp in all_of_it if ends[tp] > begins[tp]}

    # ---- flushing

    async def _flush_until(self, ending: asyncio.Event) -> None:
        """Flush from time to time, and a last time at the end."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), FLUSH_SECONDS)
            try:
                await self._flush()
            except INFRASTRUCTURE:
                log.exception("flush failed, trying again")
            except Exception as error:
                self._fail(error)
            if ending.is_set():
                return

    async def _flush(self) -> None:
        """Write what changed to the tables, acknowledge what is stored, and commit."""
        generation = self._app.consumer_generation_id
        acks, self._acks = self._acks, []
        if not acks:
            return
        try:
            written = await self._in_thread(self._take_unwritten)
        except INFRASTRUCTURE:
            self._acks = acks + self._acks
            raise
        if generation != self._app.consumer_generation_id or self._app.rebalancing:
            return  # all of it comes again
        sending = []
        for topic, values in written.items():
            table = self._tables[topic]
            for key, (partition, value) in values.items():
                raw = key.encode()
                table.data[raw] = value
                # Lets the store forget the keys of partitions that go elsewhere.
                table.data._key_partition[raw] = partition
                sending.append(table.send_changelog(partition, raw, value))
        # Faust's own flush returns while the message it has just taken from its buffer is not yet sent.
        await asyncio.gather(*sending)
        if generation != self._app.consumer_generation_id or self._app.rebalancing:
            return
        for made, stream, event in acks:
            if made == generation:
                await stream.ack(event)
        await self._app.consumer.commit()

    def _take_unwritten(self) -> dict[str, dict[str, tuple[int, bytes]]]:
        remembering = {t: (p, p.memory) for t, p in self._processors.items() if p.memory is not None}
        # Asked of the database first: what a worker that was paused still holds must not go over what its successor wrote.
        mine = {topic: processor.owned() for topic, (processor, _) in remembering.items()}
        return {
            topic: {key: entry for key, entry in memory.take_unwritten().items() if entry[0] in mine[topic]}
            for topic, (_, memory) in remembering.items()
        }

    # ---- rebalances and the end

    async def _revoked(self, *_sender: Any, **_facts: Any) -> None:
        REBALANCES.inc()
        self._rebalancing_since = self._rebalancing_since or time.monotonic()
        self.standing.be("rebalancing", "正在重新分配分区")

    async def _shared_out(self, *_sender: Any, **_facts: Any) -> None:
        if self._rebalancing_since is not None:
            REBALANCE_SECONDS.observe(time.monotonic() - self._rebalancing_since)
        self._rebalancing_since = None
        assigned: dict[str, set[int]] = {topic: set() for topic in TOPICS}
        for tp in self._app.consumer.assignment():
            if tp.topic in self._plain:
                assigned[self._plain[tp.topic]].add(tp.partition)
        for topic, numbers in assigned.items():
            PARTITIONS.labels(topic).set(len(numbers))
        self.standing.assigned = assigned
        self.standing.be("running")
        log.info("partitions assigned", **{topic: sorted(numbers) for topic, numbers in assigned.items()})

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            log.critical("worker stops", error=str(error), exc_info=None if isinstance(error, ChengxinError) else error)
            self._error = error

    async def _in_thread(self, act: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, act, *arguments)


def _reader(table: Any) -> Callable[[str], bytes | None]:
    def read(key: str) -> bytes | None:
        value: bytes | None = table.data.get(key.encode())
        return value

    return read


def _record(topic: str, message: Any) -> Record:
    key = (message.key or b"").decode("utf-8", "replace")
    at = datetime.fromtimestamp(message.timestamp, UTC)
    request = request_id(message.headers.items() if isinstance(message.headers, dict) else message.headers)
    return Record(topic, message.offset, key, message.value or b"", at, message.partition, keyed=True, request=request)


def _plus(one: Done, other: Done) -> Done:
    return Done(
        one.records + other.records, one.events + other.events, one.bad + other.bad, one.flags + other.flags,
        other.bad_share,
    )  # fmt: skip
