"""A real Kafka with a worker on it, for the contract tests: same acts and same looks as the embedded world."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec

from streams.batches import Done
from streams.events import TOPICS, Event, encode, key_of
from streams.kafka import partitions
from streams.kafka.app import GROUP
from streams.kafka.changelogs import changelog
from streams.kafka.connection import Connection
from streams.kafka.topics import dead_letters_of
from streams.kafka.worker import Worker
from streams.pipeline import Handlers
from streams.publish import EVENTS_PER_RECORD
from tests.conftest import NOON
from tests.streams.fakes import fake_handlers
from tests.streams.world import EmbeddedWorld

PARTITIONS = 2
PATIENCE_SECONDS = 60


class KafkaWorld(EmbeddedWorld):
    """A worker on a fresh SQLite file and topics of its own."""

    first_offset = 0

    def __init__(
        self, folder: Path, *, broker_url: str, name: str, partitions: int = PARTITIONS, **changes: Any
    ) -> None:
        super().__init__(folder, broker_url=broker_url, broker_prefix=f"{name}-", worker_session_seconds=10, **changes)
        self.connection = Connection.from_settings(self.settings)
        self._admin = KafkaAdminClient(**self.connection.options())
        self._producer = KafkaProducer(**self.connection.options())
        counts = {**dict.fromkeys(TOPICS, partitions), **{dead_letters_of(topic): 1 for topic in TOPICS}}
        wanted = {self.topic(t): {"num_partitions": count, "replication_factor": 1} for t, count in counts.items()}
        self._admin.create_topics(wanted, wait_for_metadata=True)
        self._places = [(topic, number) for topic in TOPICS for number in range(partitions)]

    def topic(self, topic: str) -> str:
        return self.connection.topic(topic)

    def put(self, topic: str, *events: Event) -> None:
        by_key: dict[str, list[bytes]] = {}
        for event in events:
            by_key.setdefault(key_of(event), []).append(encode(event))
        for key, encoded in by_key.items():
            for begin in range(0, len(encoded), EVENTS_PER_RECORD):
                self.send(topic, key, b"[" + b",".join(encoded[begin : begin + EVENTS_PER_RECORD]) + b"]", NOON)

    def put_raw(self, topic: str, raw: bytes, *, at: datetime = NOON) -> int:
        return self.send(topic, "yunjian/r1", raw, at)

    def send(self, topic: str, key: str, value: bytes, at: datetime = NOON) -> int:
        stamp = int(at.timestamp() * 1000)
        sent = self._producer.send(self.topic(topic), key=key.encode(), value=value, timestamp_ms=stamp)
        offset: int = sent.get(timeout=30).offset
        return offset

    def worker(self, handlers: Handlers | None = None, **changes: Any) -> Worker:
        """A new worker, as after a restart."""
        return Worker(
            handlers or fake_handlers(),
            connection=self.connection,
            database=self.database,
            clock=self.clock,
            settings=self.settings.model_copy(update=changes),
        )

    def run(self, handlers: Handlers | None = None, **changes: Any) -> Done:  # type: ignore[override]
        """Start a worker and let it work until nothing is left."""
        worker = self.worker(handlers, **changes)
        watching = threading.Thread(target=self._stop_when_idle, args=(worker,))
        watching.start()
        try:
            return worker.run()
        finally:
            worker.stop()
            watching.join()

    def lag(self) -> int:
        """Records whose effects are not stored yet."""
        specs = {TopicPartition(self.topic(topic), number): OffsetSpec.LATEST for topic, number in self._places}
        ends = self._admin.list_partition_offsets(specs)
        with self.database.read() as connection:
            stored = {topic: partitions.stored(connection, topic) for topic in TOPICS}
        return sum(
            ends[TopicPartition(self.topic(topic), number)].offset - stored[topic].get(number, 0)
            for topic, number in self._places
        )

    def committed(self) -> dict[tuple[str, int], int]:
        """The offsets the workers' group has committed, by topic and partition."""
        offsets = self._admin.list_group_offsets(self.topic(GROUP))[self.topic(GROUP)]
        return {(tp.topic.removeprefix(self.topic("")), tp.partition): at.offset for tp, at in offsets.items()}

    def remembered_rooms(self) -> list[str]:
        keys = {key for key, value in asyncio.run(self._read(changelog(self.topic(GROUP), "rooms"))) if value}
        return sorted(key.decode() for key in keys)

    async def _read(self, topic: str) -> list[tuple[bytes, bytes]]:
        """Every record of a topic, as (key, value)."""
        async with AIOKafkaConsumer(topic, **self.connection.options(), auto_offset_reset="earliest") as consumer:
            places = consumer.assignment()
            ends, found = await consumer.end_offsets(places), []
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [(record.key, record.value) for record in records]
            return found

    def _stop_when_idle(self, worker: Worker) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and worker.standing.state != "stopped":
            if worker.standing.state == "running" and self.lag() == 0:
                break
            time.sleep(0.05)
        worker.stop()

    def close(self) -> None:
        self._producer.close()
        self._admin.close()
        super().close()
