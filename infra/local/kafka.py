"""One Apache Kafka node (KRaft, broker and controller in one process) on the loopback address."""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from infra.local import needs, software
from infra.local.kafka_probe import require_coordinator
from infra.local.process import ServerFailed, as_plain_user
from infra.local.server import LOOPBACK, LocalServer, free_port

# Topics are made on purpose (topics as data), never by a typing error; internal topics are small, as for one machine.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=4
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


class LocalKafka(LocalServer):
    """Kafka 4.1 from its published jars. ``heap``: what the JVM's ``-Xmx`` takes."""

    name: ClassVar[str] = "Kafka"

    def __init__(
        self, directory: Path, port: int | None = None, *, heap: str = "384m", software_folder: Path | None = None
    ) -> None:
        super().__init__(directory, port)
        self.heap = heap
        self._software = software_folder

    @property
    def url(self) -> str:
        return f"kafka://{self.address}"

    @property
    def address(self) -> str:
        """``host:port``, as client libraries take it."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        data = self.directory / "data"
        properties = self.directory / "server.properties"
        text = PROPERTIES.format(host=LOOPBACK, port=self.port, controller=self._controller_port(), data=data)
        properties.write_text(text)
        if (data / "meta.properties").is_file():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").lstrip("-")
        command = [*self._java("128m"), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
        done = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(),
            **as_plain_user(self.directory),
        )
        if done.returncode != 0:
            raise ServerFailed(f"Kafka 未能格式化数据目录 {data}：{(done.stderr or done.stdout).strip()[-400:]}")

    def command(self) -> Sequence[str | Path]:
        return [*self._java(self.heap), "kafka.Kafka", str(self.directory / "server.properties")]

    def check(self) -> None:
        """The group coordinator answers: an open port alone lets a consumer group fail."""
        require_coordinator(LOOPBACK, self.port)

    def _java(self, heap: str) -> list[str]:
        jars = software.kafka_jars(self._software)
        return [
            str(needs.java()),
            f"-Xmx{heap}",
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
            "-cp",
            f"{jars}{os.sep}*",
        ]

    def _controller_port(self) -> int:
        """The quorum remembers the controller's address, so it stays the same for the life of the data."""
        remembered = self.directory / "controller-port"
        if not remembered.is_file():
            remembered.write_text(str(free_port()))
        return int(remembered.read_text())
