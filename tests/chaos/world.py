"""A whole installation on servers of its own: API, workers, Kafka, PostgreSQL, Elasticsearch, every part of which can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.request import urlopen

from elasticsearch import Elasticsearch
from sqlalchemy import func, select

from api.auth.accounts import add_key
from infra import migrate, outbox
from infra.clock import SystemClock
from infra.database import Database
from infra.errors import ChengxinError
from infra.local.elasticsearch import LocalElasticsearch
from infra.local.kafka import LocalKafka
from infra.local.postgresql import LocalPostgres
from infra.local.server import LocalServer, free_port
from infra.search.queue import search_queue
from infra.settings import Settings
from streams import log
from streams.consumer import GROUP as RELAY_GROUP
from streams.events import TOPICS
from streams.kafka import cluster, partitions, topics
from streams.kafka.connection import Connection
from streams.kafka.indexing import SEARCH_GROUP
from tests.chaos import nodes
from tests.chaos.nodes import Setting
from tests.conftest import NOON
from tests.services import fresh_database
from tests.streams.kafka.conftest import small

Result = TypeVar("Result")

ROOT: Final = Path(__file__).parents[2]
READY_SECONDS: Final = 120.0
DONE_SECONDS: Final = 300.0
STOP_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Servers:
    """The three servers, running."""

    kafka: LocalKafka
    elasticsearch: LocalElasticsearch
    postgres: LocalPostgres

    def all(self) -> list[LocalServer]:
        return [self.kafka, self.elasticsearch, self.postgres]

    def ensure(self) -> None:
        """Start again what an earlier test left dead."""
        for server in self.all():
            if server.running:
                server.resume()
            server.start()
        for server in self.all():
            server.wait_ready(READY_SECONDS)


@dataclass(slots=True)
class Node:
    """A process of ours: ``worker`` or ``serve``. It is always started with the same port and the same data folder."""

    role: str
    port: int
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", nodes.__name__, self.role, str(self.port)]
        with (self.folder / f"{self.role}-{self.port}.log").open("ab") as told:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=told, stderr=told)

    def wait_ready(self, path: str = "/healthz", *, seconds: float = READY_SECONDS) -> None:
        """Until its door answers; one that ends by itself meanwhile is started again, as a supervisor does."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.supervise()
            with suppress(OSError), urlopen(self.address + path, timeout=2) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"{self.role} on {self.port} did not come up: {self.told()}")

    def supervise(self) -> bool:
        """Start the process again when it has ended; whether that was needed."""
        if self.process is not None and self.process.poll() is None:
            return False
        self.start()
        return True

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """End it in good order; the exit status, 0 also where the web server ends with the signal it was sent."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return (
                0
                if self.process.wait(timeout=STOP_SECONDS) == -signal.SIGTERM and self.role == "serve"
                else self.process.returncode
            )
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.role} did not end when asked to: {self.told()}") from None

    def told(self) -> str:
        return (self.folder / f"{self.role}-{self.port}.log").read_text(errors="replace")[-2000:]


class World:
    """An installation on fresh topics, indices and a fresh database."""

    def __init__(self, folder: Path, servers: Servers, name: str, **settings: object) -> None:
        self.folder, self.servers, self.name = folder, servers, name
        self._fresh = fresh_database(servers.postgres.url)
        self.settings = Settings(
            data_dir=folder,
            database_url=self._fresh.__enter__(),
            broker_url=servers.kafka.url,
            broker_prefix=f"{name}-",
            search_url=servers.elasticsearch.url,
            search_prefix=name,
            batch_size=50,
            worker_session_seconds=6,
            worker_stall_seconds=30,
            log_format="json",
            undo_seconds=0,
            **settings,
        )
        self.connection = Connection.from_settings(self.settings)
        self.database = Database(self.settings.database)
        self.nodes: list[Node] = []
        self.restarted = 0
        self.epoch = time.time()
        folder.mkdir(parents=True, exist_ok=True)
        self.jump(0)
        migrate.upgrade(self.database)
        with cluster.administration(self.connection) as admin:
            cluster.apply(admin, self.connection, small(topics.load()), replication=1, grow=False)
        with self.database.write() as connection:
            self.key = add_key(connection, name="gateway", role="gateway", at=SystemClock().now())

    def node(self, role: str, **environment: str) -> Node:
        """A new process, started."""
        values = {
            f"CHENGXIN_{name.upper()}": str(getattr(self.settings, name))
            for name in sorted(self.settings.model_fields_set)
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHENGXIN_", "TEST_"))}
        node = Node(role, free_port(), self.folder, kept | values | environment)
        node.start()
        self.nodes.append(node)
        return node

    def jump(self, seconds: float) -> None:
        """Let the clock of all processes jump to ``seconds`` beside where it would have been."""
        nodes.set_clock(self.folder, Setting(self.epoch, seconds))

    def supervise(self) -> None:
        """Start again what has ended by itself, as systemd or Kubernetes do."""
        self.restarted += sum(node.supervise() for node in self.nodes)

    def decide(self, events: Sequence[dict[str, object]]) -> None:
        """Leave decisions in the outbox, as officers' acts do; the database may be away for a while."""
        for event in events:
            self.patiently(lambda event=event: self._append(event))

    def _append(self, event: dict[str, object]) -> None:
        with self.database.write() as connection:
            same = select(outbox.outbox.c.id).where(outbox.outbox.c.event_id == event["id"])
            if connection.execute(same).first() is None:
                outbox.append(
                    connection,
                    event_id=str(event["id"]),
                    topic="decisions",
                    key=str(event["subject"]),
                    event=event,
                    due=NOON,
                )

    def stored(self) -> int:
        """How many records' effects are stored, of all topics."""
        with self.database.read() as connection:
            return sum(sum(partitions.stored(connection, topic).values()) for topic in TOPICS)

    def wait_for_progress(self, records: int, *, seconds: float = 30.0) -> None:
        """Until so many more records are stored, or the time is over: the next blow comes at any rate."""
        until, begun = time.monotonic() + seconds, None
        while time.monotonic() < until:
            self.supervise()
            with suppress(Exception):
                now = self.stored()
                begun = now if begun is None else begun
                if now >= begun + records:
                    return
            time.sleep(0.02)

    def pending(self) -> dict[str, int]:
        """What has still to be done, by whom; only entries that are not zero."""
        from kafka import TopicPartition
        from kafka.admin import OffsetSpec

        plain = {self.connection.topic(topic): topic for topic in TOPICS}
        with cluster.administration(self.connection) as admin:
            places = [
                TopicPartition(topic["name"], part["partition_index"])
                for topic in admin.describe_topics(list(plain))
                for part in topic["partitions"]
            ]
            ends = {
                tp: at.offset
                for tp, at in admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST)).items()
            }
            group = self.connection.topic(SEARCH_GROUP)
            committed = {tp: at.offset for tp, at in admin.list_group_offsets(group).get(group, {}).items()}
        with self.database.read() as connection:
            stored = {topic: partitions.stored(connection, topic) for topic in TOPICS}
            counts = {
                "outbox": connection.execute(select(func.count()).select_from(outbox.outbox)).scalar_one(),
                "search queue": connection.execute(select(func.count()).select_from(search_queue)).scalar_one(),
                "relay": sum(log.lag(connection, RELAY_GROUP).values()),
            }
        counts["records"] = sum(end - stored[plain[tp.topic]].get(tp.partition, 0) for tp, end in ends.items())
        heard = self.connection.topic("transcripts")
        counts["search"] = sum(end - committed.get(tp, 0) for tp, end in ends.items() if tp.topic == heard)
        return {name: count for name, count in counts.items() if count}

    def catch_up(self, *, seconds: float = DONE_SECONDS) -> tuple[int, float]:
        """Supervise until nothing is left to do; how many records waited at first, and for how many seconds."""
        begun, first, left = time.monotonic(), None, {"unknown": 1}
        while time.monotonic() < begun + seconds:
            self.supervise()
            with suppress(ChengxinError, OSError):
                left = self.patiently(self.pending)
                first = left.get("records", 0) if first is None else first
                if not left:
                    return first, time.monotonic() - begun
            time.sleep(0.3)
        told = "\n".join(f"{node.role} {node.port}: {node.told()}" for node in self.nodes)
        raise AssertionError(f"not done after {seconds:.0f} s, left: {left}\n{told}")

    def patiently(self, act: Callable[[], Result], *, seconds: float = 60.0) -> Result:
        """Do something that needs a server which may just be coming back."""
        until = time.monotonic() + seconds
        while True:
            try:
                return act()
            except Exception:
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)

    def search_client(self) -> Elasticsearch:
        return Elasticsearch(self.settings.search_url, request_timeout=30)

    def close(self) -> None:
        for node in self.nodes:
            node.kill()
        self.servers.ensure()
        self.database.close()
        self._fresh.__exit__()
        with self.search_client() as client:
            names = list(client.indices.get(index=f"{self.name}-*", filter_path="*.settings.index.uuid"))
            if names:
                client.indices.delete(index=names)
        with cluster.administration(self.connection) as admin:
            admin.delete_topics([name for name in admin.list_topics() if name.startswith(self.connection.prefix)])
