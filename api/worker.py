"""Puts a worker process together: the Faust worker with its watchdog, the feeder of the search index, and the health door."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

from sqlalchemy import text

from api.context import Services
from infra.errors import ChengxinError
from infra.garbage import settle
from streams.indexing import bring_up
from streams.kafka.app import GROUP
from streams.kafka.cluster import require_topics
from streams.kafka.connection import Connection
from streams.kafka.deadletters import DeadLetterTopics
from streams.kafka.health import Check, HealthServer
from streams.kafka.indexing import SearchFeeder
from streams.kafka.watchdog import Watchdog
from streams.kafka.worker import Worker
from streams.pipeline import Handlers, standard_tools

BEAT_SECONDS: Final = 60.0


class NotWorking(ChengxinError):
    """The worker does not work at present; the message says why."""

    title = "处理进程没有在工作"


class WorkerProcess:
    """Everything a worker process runs, started and stopped together.

    ``events``: handle events. ``search``: feed the search index, which takes far more time per utterance; under load it
    is better left to a process of its own.

    Raises:
        ConfigurationError: the broker, a topic, the brand register, the search server or the port cannot be used.
    """

    def __init__(self, services: Services, *, events: bool = True, search: bool = True) -> None:
        settings = services.settings
        self._services = services
        self._connection = Connection.from_settings(settings)
        self._asked = threading.Event()
        require_topics(self._connection)
        self.worker = self._make_worker() if events else None
        self._watchdog = self._make_watchdog(self.worker) if self.worker else None
        self.feeder = self._make_feeder() if search else None
        ready: dict[str, Check] = {"database": self._database}
        if self.worker is not None:
            ready |= {"worker": self._works, "detector": lambda: services.detector.versions}
        self.health = HealthServer(
            settings.worker_host,
            settings.worker_port,
            alive={"loop": self._beats},
            ready=ready,
            facts=self._facts,
        )

    def run(self) -> None:
        """Work until ``stop``, then take everything down in order. Raises what ``Worker.run`` raises."""
        self.health.start()
        if self.feeder is not None:
            self.feeder.start()
        try:
            if self.worker is None:
                self._asked.wait()
            else:
                self._work(self.worker)
        finally:
            if self.feeder is not None:
                self.feeder.stop()
            self.health.stop()
            self._services.close()

    def stop(self, *_signal: Any) -> None:
        """Ask everything to end; fit for a signal handler."""
        self._asked.set()
        if self.worker is not None:
            self.worker.stop()

    def _work(self, worker: Worker) -> None:
        self._services.watcher.start()
        settle()
        if self._watchdog is not None:
            self._watchdog.start()
        try:
            worker.run()
        finally:
            self._services.watcher.stop()
            if self._watchdog is not None:
                self._watchdog.stop()

    def _make_worker(self) -> Worker:
        services = self._services
        tools = standard_tools(services.detector, brands=services.settings.brands_file)
        worker = Worker(
            Handlers(services.detector, tools),
            connection=self._connection,
            database=services.database,
            clock=services.clock,
            settings=services.settings,
            bury=DeadLetterTopics(services.sender.send, services.clock).bury,
        )
        worker.prepare()
        return worker

    def _make_watchdog(self, worker: Worker) -> Watchdog:
        return Watchdog(
            worker.standing,
            connection=self._connection,
            group=self._connection.topic(GROUP),
            seconds=self._services.settings.worker_stall_seconds,
        )

    def _make_feeder(self) -> SearchFeeder:
        services = self._services
        bring_up(services.database, services.search)
        return SearchFeeder(
            connection=self._connection, database=services.database, search=services.search, clock=services.clock
        )

    def _beats(self) -> None:
        age = time.monotonic() - self.worker.standing.beat if self.worker else 0
        if age > BEAT_SECONDS:
            raise NotWorking(f"事件循环已 {age:.0f} 秒没有动静")

    def _works(self) -> None:
        standing = self.worker.standing if self.worker else None
        if standing is not None and standing.state != "running":
            raise NotWorking(f"{standing.state} {standing.reason}".strip())

    def _database(self) -> None:
        with self._services.database.read() as connection:
            connection.execute(text("SELECT 1"))

    def _facts(self) -> dict[str, Any]:
        """Search is told here and not among the checks: a search server that is away keeps nobody from working."""
        facts: dict[str, Any] = {"search": self.feeder.facts()} if self.feeder else {}
        if self.worker is not None:
            standing, live = self.worker.standing, self._services.detector
            facts["worker"] = {
                "name": self.worker.run_name,
                "state": standing.state,
                "partitions": {topic: sorted(numbers) for topic, numbers in standing.assigned.items()},
                "events": standing.done.events,
                "bad_share": standing.bad_share,
            }
            facts["detector"] = {"versions": live.versions, "since": live.since, "reload": live.trouble or "ok"}
        return facts
