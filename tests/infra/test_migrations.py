"""Migrations make exactly the tables that the code declares, on both databases, and refuse a database from the future."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, text

import api.tables  # noqa: F401  declares every table
from casework import flags
from infra import migrate
from infra.database import Database, UtcDateTime, WholeText, insert_many, metadata
from infra.errors import ConfigurationError
from infra.settings import Settings
from tests.conftest import NOON
from tests.factories import SPOKEN_AT, new_flag


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def empty(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Database]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        url = settings.model_copy(update={"database_url": ""}).database
    else:
        url = request.getfixturevalue("postgres_url")
    database = Database(url)
    yield database
    database.close()


def test_a_migrated_database_has_the_declared_schema_and_nothing_else(empty: Database) -> None:
    assert migrate.upgrade(empty)
    assert not migrate.upgrade(empty)
    assert migrate.pending(empty) == []
    with empty.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert _indexes(empty) == {
            (table.name, index.name) for table in metadata.tables.values() for index in table.indexes
        }


def _indexes(database: Database) -> set[tuple[str, str | None]]:
    look = inspect(database.engine)
    return {
        (table, index["name"])
        for table in look.get_table_names()
        for index in look.get_indexes(table)
        if not index["unique"] or "duplicates_constraint" not in index
        if not (index["name"] or "").startswith("uq_")
    }


def test_an_empty_database_lacks_every_migration(empty: Database) -> None:
    assert migrate.pending(empty)[:2] == ["0001", "0002"]


def test_numbers_of_queues_are_never_given_twice(settings: Settings) -> None:
    database = Database(settings.model_copy(update={"database_url": ""}).database)
    migrate.upgrade(database)
    with database.read() as connection:
        made = {row.name: row.sql for row in connection.execute(text("SELECT name, sql FROM sqlite_master"))}
    assert "AUTOINCREMENT" in made["search_queue"]
    assert "AUTOINCREMENT" in made["outbox"]
    database.close()


def test_a_database_from_the_future_stops_the_start(empty: Database) -> None:
    migrate.upgrade(empty)
    with empty.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="9999"):
        migrate.upgrade(empty)


def test_several_processes_that_start_at_once_migrate_once(empty: Database) -> None:
    results: list[object] = []

    def start() -> None:
        own = Database(empty.url)
        try:
            results.append(migrate.upgrade(own))
        except Exception as error:
            results.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=str) == [False, False, False, True]


OLD_CONTEXT = Table(
    "flag_context",
    MetaData(),
    Column("flag", String(32), primary_key=True),
    Column("event_id", String(200), primary_key=True),
    Column("start", UtcDateTime, nullable=False),
    Column("end", UtcDateTime),
    Column("speaker", String(16), nullable=False),
    Column("text", WholeText, nullable=False),
)


def _back_to_0005(connection: Connection) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    connection.execute(text("DROP TABLE flag_contexts"))
    OLD_CONTEXT.create(connection)


def _back_to_0003(connection: Connection) -> None:
    """As far as the steps behind it cannot be done twice."""
    _back_to_0005(connection)
    connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    connection.execute(text("ALTER TABLE log_records DROP COLUMN request_id"))


def test_what_was_said_around_flags_is_taken_over(empty: Database) -> None:
    migrate.upgrade(empty)
    flag, other = new_flag(event_id="u-1"), new_flag(event_id="u-2")
    at = SPOKEN_AT.replace(microsecond=250_000)
    with empty.write() as connection:
        _back_to_0005(connection)
        flags.raise_flags(connection, [flag, other], at=NOON)
        said = {"start": at, "end": at + timedelta(seconds=2), "speaker": "guest", "text": '他说"\0\\"'}
        rows = [{"flag": flag.id, "event_id": f"u-{n}", **said} for n in (2, 1)]
        later = {"flag": other.id, "event_id": "u-3", **said, "start": SPOKEN_AT, "end": None}
        insert_many(connection, OLD_CONTEXT, [*rows, later])
    assert migrate.upgrade(empty)
    with empty.read() as connection:
        context = flags.get(connection, id=flag.id).context
        (third,) = flags.get(connection, id=other.id).context
    assert [(x.event_id, x.start, x.end) for x in context] == [(f"u-{n}", at, said["end"]) for n in (1, 2)]
    assert {(x.speaker, x.text) for x in context} == {("guest", said["text"])}
    assert (third.start, third.end) == (SPOKEN_AT, None)


@pytest.mark.services
def test_a_migration_waits_for_a_table_in_use_and_then_goes_on(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_MS", 100)
    monkeypatch.setattr(migrate.time, "sleep", lambda _seconds: None)
    database = Database(postgres_url)
    migrate.upgrade(database)
    with database.write() as connection:
        _back_to_0003(connection)
        connection.execute(text("DROP INDEX ix_flags_all"))
    with database.write() as connection:
        connection.execute(text("LOCK TABLE flags IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(ConfigurationError, match="pg_stat_activity"):
            migrate.upgrade(database)
    assert migrate.pending(database)[0] == "0004"
    assert migrate.upgrade(database)
    assert migrate.pending(database) == []
    database.close()


@pytest.mark.services
def test_an_index_that_was_broken_off_is_built_again(postgres_url: str) -> None:
    database = Database(postgres_url)
    migrate.upgrade(database)
    with database.write() as connection:
        _back_to_0003(connection)
        connection.execute(text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_flags_all'::regclass"))
    assert migrate.upgrade(database)
    with database.read() as connection:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_flags_all'::regclass"
        assert connection.execute(text(valid)).scalar_one()
    database.close()
