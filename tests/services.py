"""Fixtures of tests that need real servers, whose addresses ``make services-test`` puts into the environment.

A test marked ``services`` is skipped when no server is there; one that asks for a server which is not there is skipped too.
"""

from __future__ import annotations

import atexit
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

BROKER = "TEST_BROKER_URL"
SEARCH = "TEST_SEARCH_URL"
DATABASE = "TEST_DATABASE_URL"
CHAOS = "CHAOS"
HOW = "没有真实服务；请运行 make services-test"
HOW_CHAOS = "自己起服务、反复杀进程，时间较长；请运行 make chaos，或 CHAOS=quick pytest tests/chaos"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs servers when there are none. Chaos tests bring their own and run where they are asked for."""
    servers = any(os.environ.get(name) for name in (BROKER, SEARCH, DATABASE))
    for item in items:
        if item.get_closest_marker("chaos"):
            if not os.environ.get(CHAOS):
                item.add_marker(pytest.mark.skip(reason=HOW_CHAOS))
        elif item.get_closest_marker("services") and not servers:
            item.add_marker(pytest.mark.skip(reason=HOW))


def _given(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        pytest.skip(f"{HOW}（缺少 {name}）")
    return value


@pytest.fixture
def unique_name() -> str:
    """A name no other test uses: for topics, consumer groups and index prefixes on a shared server."""
    return f"t{secrets.token_hex(5)}"


@pytest.fixture
def kafka_url() -> str:
    """A running Kafka, ``kafka://host:port``. Shared by all tests: name topics and groups with ``unique_name``."""
    return _given(BROKER)


@pytest.fixture
def elasticsearch_url() -> str:
    """A running Elasticsearch, ``http://host:port``. Shared by all tests: name indexes with ``unique_name``."""
    return _given(SEARCH)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A fresh, empty PostgreSQL database, dropped after the test; a URL for ``CHENGXIN_DATABASE_URL``."""
    with fresh_database(_given(DATABASE)) as url:
        yield url


@pytest.fixture
def server_dir() -> Iterator[Path]:
    """A folder for a server that the test starts itself: pytest's own folders are closed to the user servers run as."""
    with tempfile.TemporaryDirectory(prefix="chengxin-server-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


class fresh_database:  # noqa: N801  reads as a verb: with fresh_database(server) as url
    """A new database on the server, dropped at the end together with connections that were left open."""

    def __init__(self, server: str, *, template: str = "template0") -> None:
        self._server = make_url(server)
        self.name = f"test_{secrets.token_hex(8)}"
        self._template = template

    def __enter__(self) -> str:
        self._execute(f'CREATE DATABASE "{self.name}" TEMPLATE "{self._template}"')
        return self._server.set(database=self.name).render_as_string(hide_password=False)

    def __exit__(self, *_raised: object) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


_made: dict[Path, fresh_database] = {}
_template: fresh_database | None = None
URL_FILE = "test-database-url"


def database_for(folder: Path) -> str:
    """What ``Settings.database_url`` should be for a test that keeps its data in ``folder``.

    Without a PostgreSQL server: nothing, which means SQLite in the folder. With one: a migrated database of its own, the same
    for every process that asks for the folder; it is dropped after the test.
    """
    server = os.environ.get(DATABASE)
    if not server:
        return ""
    note = folder / URL_FILE
    if not note.is_file():
        made = fresh_database(server, template=_migrated(server))
        _made[folder] = made
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(made.__enter__())
    return note.read_text()


def _migrated(server: str) -> str:
    """A database with all tables that others are copied from, made once in a test run."""
    global _template  # noqa: PLW0603
    if _template is None:
        from infra import migrate
        from infra.database import Database

        _template = fresh_database(server)
        database = Database(_template.__enter__())
        migrate.upgrade(database)
        database.close()
        atexit.register(_template.__exit__)
    return _template.name


@pytest.fixture(autouse=True)
def _drop_databases() -> Iterator[None]:
    yield
    while _made:
        _made.popitem()[1].__exit__()
