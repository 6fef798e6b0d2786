"""One PostgreSQL server on the loopback address with a cluster of its own; the machine's own clusters are left alone."""

from __future__ import annotations

import secrets
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import psycopg

from infra.local import needs
from infra.local.process import ServerFailed, as_plain_user, give_to_plain_user
from infra.local.server import LOOPBACK, LocalServer

ROLE = "chengxin"


class LocalPostgres(LocalServer):
    """PostgreSQL from the distribution's package. ``durable=False`` skips fsync: quicker tests, still safe against kills."""

    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": disconnects clients, writes a checkpoint

    def __init__(
        self, directory: Path, port: int | None = None, *, durable: bool = True, memory: str = "128MB"
    ) -> None:
        super().__init__(directory, port)
        self.durable = durable
        self.memory = memory

    @property
    def url(self) -> str:
        """With the password; known once the server has been started for the first time."""
        return f"postgresql+psycopg://{ROLE}:{self._password()}@{LOOPBACK}:{self.port}/{ROLE}"

    def prepare(self) -> None:
        data = self.directory / "data"
        password = self.directory / "password"
        if not password.is_file():
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(18))
        if (data / "PG_VERSION").is_file():
            return
        give_to_plain_user(self.directory)
        options: list[str | Path] = [
            "-D",
            data,
            "-U",
            ROLE,
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-A",
            "scram-sha-256",
            "--pwfile",
            password,
        ]
        if not self.durable:
            options.append("--no-sync")
        done = subprocess.run(  # noqa: S603
            [needs.postgres_programs() / "initdb", *options],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(),
            **as_plain_user(self.directory),
        )
        if done.returncode != 0:
            raise ServerFailed(f"PostgreSQL 未能建立数据目录 {data}：{done.stderr.strip()[-400:]}")
        self._create_database(data)

    def command(self) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "shared_buffers": self.memory,
            "max_connections": "100",
            "timezone": "UTC",
        }
        if not self.durable:
            # Not synchronous_commit: without it a kill takes along what was committed in the last moments.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [needs.postgres_programs() / "postgres", "-D", self.directory / "data", *options]

    def check(self) -> None:
        """Logging in works and a query is answered."""
        with psycopg.connect(
            host=LOOPBACK, port=self.port, user=ROLE, password=self._password(), dbname=ROLE, connect_timeout=3
        ) as connection:
            connection.execute("SELECT 1")

    def _create_database(self, data: Path) -> None:
        """The role's own database, made before the server first listens."""
        done = subprocess.run(  # noqa: S603
            [needs.postgres_programs() / "postgres", "--single", "-D", data, "postgres"],
            input=f"CREATE DATABASE {ROLE}\n",
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(),
            **as_plain_user(self.directory),
        )
        if done.returncode != 0 or "ERROR" in done.stderr:
            raise ServerFailed(f"PostgreSQL 未能建立数据库 {ROLE}：{done.stderr.strip()[-400:]}")

    def _password(self) -> str:
        password = self.directory / "password"
        if not password.is_file():
            raise ServerFailed(f"PostgreSQL 还没有启动过：{self.directory} 里没有 password 文件")
        return password.read_text().strip()
