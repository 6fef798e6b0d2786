"""Migrations make exactly the tables that the code declares, and refuse a database from the future."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

import api.tables  # noqa: F401  declares every table
from infra import migrate
from infra.database import Database, metadata
from infra.errors import ConfigurationError
from infra.settings import Settings


def test_a_migrated_database_has_the_declared_schema_and_nothing_else(settings: Settings) -> None:
    database = Database(settings.database)
    assert migrate.upgrade(database)
    assert not migrate.upgrade(database)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_numbers_of_queues_are_never_given_twice(settings: Settings) -> None:
    database = Database(settings.database)
    migrate.upgrade(database)
    with database.read() as connection:
        made = {row.name: row.sql for row in connection.execute(text("SELECT name, sql FROM sqlite_master"))}
    assert "AUTOINCREMENT" in made["search_queue"]
    assert "AUTOINCREMENT" in made["outbox"]
    database.close()


def test_a_database_from_the_future_stops_the_start(settings: Settings) -> None:
    database = Database(settings.database)
    migrate.upgrade(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="9999"):
        migrate.upgrade(database)
    database.close()
