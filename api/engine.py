"""The embedded engine inside the web process: one thread that polls the log until the process ends."""

from __future__ import annotations

import threading

import structlog

from api.context import Services
from infra.errors import ChengxinError, ConfigurationError
from streams.embedded import EmbeddedRunner
from streams.pipeline import Handlers, standard_tools

log = structlog.get_logger()


class EngineStopped(ChengxinError):
    """The engine has stopped; the message says why and what to do."""

    title = "事件处理已停止"


def make_runner(services: Services) -> EmbeddedRunner:
    """The runner of a process, on its own services.

    Raises:
        ConfigurationError: the brand register has a wrong row; or another engine is configured, and working on the
            embedded log beside it would split the events.
    """
    broker = services.settings.broker_url
    if not broker.startswith("embedded://"):
        raise ConfigurationError(f"CHENGXIN_BROKER_URL={broker}：当前版本只提供内置引擎，请设为 embedded://")
    tools = standard_tools(services.detector, brands=services.settings.brands_file)
    handlers = Handlers(services.detector, tools)
    return EmbeddedRunner(services.database, handlers, services.search, services.clock, services.settings)


class Engine:
    """Starts and stops the runner's thread and remembers why it stopped."""

    def __init__(self, services: Services) -> None:
        self._runner = make_runner(services)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="embedded-engine", daemon=True)
        self._error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after its current batch and wait for it."""
        self._stop.set()
        self._thread.join(timeout=30)

    def check(self) -> None:
        """Raise ``EngineStopped`` when the thread is not running."""
        if self._error is not None:
            raise EngineStopped(str(self._error))
        if not self._thread.is_alive():
            raise EngineStopped("处理线程没有运行，请重新启动服务")

    def _run(self) -> None:
        try:
            self._runner.run_forever(self._stop)
        except Exception as error:
            self._error = error
            log.error("embedded engine stopped", error=str(error), exc_info=error)
