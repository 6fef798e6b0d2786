"""Fixtures shared by all rooms: a fresh database, a clock that stands still, settings inside a temporary folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from infra.clock import BEIJING, FixedClock
from infra.database import Database, metadata
from infra.settings import Settings
from tests.services import (  # noqa: F401  fixtures of tests that need real servers
    _drop_databases,
    database_for,
    elasticsearch_url,
    kafka_url,
    postgres_url,
    pytest_collection_modifyitems,
    server_dir,
    unique_name,
)

hypothesis_settings.register_profile("chengxin", deadline=None, print_blob=True)
hypothesis_settings.load_profile("chengxin")

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=BEIJING)


@pytest.fixture(autouse=True)
def _no_settings_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CHENGXIN_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock() -> FixedClock:
    """Noon of the sample day in Beijing."""
    return FixedClock(NOON)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, with all data inside the test's own folder, or in a PostgreSQL database of its own."""
    return Settings(data_dir=tmp_path / "data", database_url=database_for(tmp_path / "data"))


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """An empty database with all tables: SQLite, or PostgreSQL when ``TEST_DATABASE_URL`` names a server."""
    import api.tables  # noqa: F401  every room's tables are declared once this is imported

    database = Database(settings.database)
    metadata.create_all(database.engine)
    yield database
    database.close()
