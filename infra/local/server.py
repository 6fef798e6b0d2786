"""What the three local servers have in common: a folder, a port, a pid file, a log, and a life of start, pause, kill, stop."""

from __future__ import annotations

import os
import signal
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import msgspec

from infra.local.process import ServerFailed, ServerProcess, give_to_plain_user, tail

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class LocalServer(ABC):
    """One server with its data in ``directory`` on ``port`` of the loopback address.

    ``start`` prepares the folder on first use and returns at once; ``wait_ready`` blocks until it really serves. The data
    outlive ``stop`` and ``kill``; another ``start`` goes on with them. Usable as a context manager (ready inside).
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    log_name: ClassVar[str] = "server.log"

    def __init__(self, directory: Path, port: int | None = None) -> None:
        self.directory = directory.absolute()
        self._process = ServerProcess.attach(self.pid_file)
        self.port = port or (self._process.identity.port if self._process else self._last_port())

    @property
    @abstractmethod
    def url(self) -> str:
        """What the matching ``CHENGXIN_`` setting takes."""

    @property
    def pid_file(self) -> Path:
        return self.directory / "server.pid"

    @property
    def log(self) -> Path:
        return self.directory / "logs" / self.log_name

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.alive

    def start(self) -> None:
        """Start the server; nothing happens when it runs already.

        Raises:
            ConfigurationError: a program is missing or the folder cannot be used.
        """
        if self.running:
            return
        give_to_plain_user(self.directory)
        (self.directory / "logs").mkdir(exist_ok=True)
        self.prepare()
        give_to_plain_user(self.directory)
        self._process = ServerProcess.start(
            self.command(), folder=self.directory, log=self.log, port=self.port, environment=self.environment()
        )
        self.pid_file.write_bytes(msgspec.json.encode(self._process.identity))
        (self.directory / "port").write_text(str(self.port))

    def wait_ready(self, timeout: float = 90.0) -> None:
        """Block until the server answers as a client needs it to.

        Raises:
            ServerFailed: it ended, or was not ready after ``timeout`` seconds.
        """
        until = time.monotonic() + timeout
        problem = "没有应答"
        while time.monotonic() < until:
            if not self.running:
                raise ServerFailed(f"{self.name} 已退出；日志 {self.log}：{tail(self.log)}")
            try:
                self.check()
            except Exception as error:  # every client library has errors of its own; all mean: not yet
                problem = str(error).strip().replace("\n", " ")[:200] or type(error).__name__
                time.sleep(0.2)
            else:
                return
        raise ServerFailed(f"{self.name} 在 {timeout:g} 秒内没有就绪（{problem}）；日志 {self.log}：{tail(self.log)}")

    def stop(self, patience: float = 30.0) -> None:
        """End the server in good order; by force after ``patience`` seconds."""
        if self._process is not None:
            self._process.terminate(self.stop_signal, patience=patience)
        self._forget()

    def kill(self) -> None:
        """End the server at once and without warning, children included (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
        self._forget()

    def pause(self) -> None:
        """Stop the server in its tracks, connections stay open (SIGSTOP)."""
        self._require().signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._require().signal_all(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_raised: object) -> None:
        self.stop()

    @abstractmethod
    def prepare(self) -> None:
        """Write configuration and create what must exist before the first start."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """The command that runs the server in the foreground."""

    @abstractmethod
    def check(self) -> None:
        """Ask the server for real work; raises when it is not ready. Never blocks for more than a few seconds."""

    def environment(self) -> dict[str, str]:
        """The server's environment: a short one, so that nothing of the caller's leaks into it."""
        kept = ("PATH", "LANG", "LC_ALL", "TZ")
        return {name: os.environ[name] for name in kept if name in os.environ} | {"HOME": str(self.directory)}

    def _require(self) -> ServerProcess:
        if self._process is None or not self._process.alive:
            raise ServerFailed(f"{self.name} 没有在运行")
        return self._process

    def _forget(self) -> None:
        self._process = None
        self.pid_file.unlink(missing_ok=True)

    def _last_port(self) -> int:
        """The port of the last run, so that addresses stay valid; another one when it has been taken."""
        try:
            port = int((self.directory / "port").read_text())
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((LOOPBACK, port))
        except (OSError, ValueError):
            return free_port()
        return port
