"""The work inside the web process: one thread that runs the embedded engine, or with Kafka the relay, until the process ends."""

from __future__ import annotations

import threading
from typing import Protocol

import structlog

from api.context import Services
from infra import broker
from infra.errors import ChengxinError, ConfigurationError
from streams.embedded import EmbeddedRunner
from streams.kafka.cluster import require_topics
from streams.kafka.connection import Connection
from streams.kafka.relay import Relay
from streams.pipeline import Handlers, standard_tools

log = structlog.get_logger()


class EngineStopped(ChengxinError):
    """The engine has stopped; the message says why and what to do."""

    title = "事件处理已停止"


def make_runner(services: Services) -> EmbeddedRunner:
    """The embedded engine of a process, on its own services.

    Raises:
        ConfigurationError: the brand register has a wrong row; or another engine is configured, and working on the
            embedded log beside it would split the events.
    """
    url = services.settings.broker_url
    if broker.is_kafka(url):
        raise ConfigurationError(f"CHENGXIN_BROKER_URL={url}：这里只用内置引擎，请设为 {broker.EMBEDDED} 或去掉此变量")
    tools = standard_tools(services.detector, brands=services.settings.brands_file)
    handlers = Handlers(services.detector, tools)
    return EmbeddedRunner(services.database, handlers, services.search, services.clock, services.settings)


def make_relay(services: Services) -> Relay:
    """The relay of a process: with Kafka, workers handle the events, and the web process sends what its database holds."""
    return Relay(services.database, services.sender.send, services.clock, services.settings)


def make_work(services: Services) -> Work:
    """What the web process does beside answering.

    Raises:
        ConfigurationError: a setting stands in the way; with Kafka also: it cannot be used, or topics are missing.
    """
    if not broker.is_kafka(services.settings.broker_url):
        return make_runner(services)
    require_topics(Connection.from_settings(services.settings))
    return make_relay(services)


class Work(Protocol):
    """Something that goes on until it is told to stop."""

    def run_forever(self, stop: threading.Event) -> None: ...


class Engine:
    """Starts and stops the work's thread and remembers why it stopped."""

    def __init__(self, services: Services) -> None:
        self._work = make_work(services)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after its current batch and wait for it."""
        self._stop.set()
        self._thread.join(timeout=30)

    @property
    def trouble(self) -> str:
        """What the relay waits for, in Chinese; empty when all is well. The process can do everything else meanwhile."""
        return self._work.trouble if isinstance(self._work, Relay) else ""

    def check(self) -> None:
        """Raise ``EngineStopped`` when the thread is not running."""
        if self._error is not None:
            raise EngineStopped(str(self._error))
        if not self._thread.is_alive():
            raise EngineStopped("处理线程没有运行，请重新启动服务")

    def _run(self) -> None:
        try:
            self._work.run_forever(self._stop)
        except Exception as error:
            self._error = error
            log.error("engine stopped", error=str(error), exc_info=error)
