"""A log with an engine on it, as the contract tests need it: put records in, let it work, look at what came of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Column, Table, select

import api.tables  # noqa: F401  declares every room's tables
from casework.tables import flag_contexts
from infra.clock import FixedClock
from infra.database import Database, metadata
from infra.search import SearchIndex
from infra.settings import Settings
from streams import deadletters, log
from streams.deadletters import DeadLetter
from streams.embedded import EmbeddedRunner, Progress
from streams.events import Event
from streams.pipeline import Handlers
from streams.publish import publish
from streams.tables import handler_state
from tests.conftest import NOON
from tests.services import database_for
from tests.streams.context import lines_around_flags
from tests.streams.fakes import fake_handlers


class EmbeddedWorld:
    """The embedded engine on a fresh database, with light classifiers and a clock that stands still."""

    first_offset = 1
    engine_tables: tuple[str, ...] = ("log_topics", "log_records", "log_offsets", "handler_state")

    def __init__(self, folder: Path, *, search: SearchIndex | None = None, **changes: Any) -> None:
        self.settings = Settings(data_dir=folder, database_url=database_for(folder), **changes)
        self.database = Database(self.settings.database)
        self.search = search
        self.clock = FixedClock(NOON)
        metadata.create_all(self.database.engine)

    def put(self, topic: str, *events: Event) -> None:
        """Publish events as the doors do."""
        with self.database.write() as connection:
            publish(connection, topic, events, at=self.clock.now())

    def put_raw(self, topic: str, raw: bytes, *, at: datetime = NOON) -> int:
        """Put a record on the log that nobody has checked."""
        with self.database.write() as connection:
            return log.append(connection, topic, "yunjian/r1", raw, at)

    def engine(self, handlers: Handlers | None = None, **changes: Any) -> EmbeddedRunner:
        """A new engine, as after a restart."""
        settings = self.settings.model_copy(update=changes)
        return EmbeddedRunner(self.database, handlers or fake_handlers(), self.search, self.clock, settings)

    def run(self, handlers: Handlers | None = None, **changes: Any) -> Progress:
        """Restart the engine and let it work until nothing is left."""
        return self.engine(handlers, **changes).run_until_idle()

    def rows(self, table: Table) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(table)).all())

    def context(self) -> list[str]:
        """The ids of all utterances kept around flags."""
        return [line[0] for row in self.rows(flag_contexts) for line in row.lines]

    def letters(self) -> list[DeadLetter]:
        """The dead letters that wait."""
        with self.database.read() as connection:
            return deadletters.list_(connection, limit=10_000)

    def content(self) -> dict[str, list[str]]:
        """Every row of every table; from PostgreSQL without row numbers, which it never gives back once taken."""
        with self.database.read() as connection:
            rows = {
                table.name: sorted(map(repr, connection.execute(select(*self._facts(table))).all()))
                for table in metadata.sorted_tables
            }
            return rows | {"flag_contexts": lines_around_flags(connection)}

    def _facts(self, table: Table) -> list[Column[Any]]:
        return [c for c in table.columns if not (self.database.is_server and c.autoincrement is True)]

    def effects(self) -> dict[str, list[str]]:
        """Every row of every table but those in which an engine keeps count of what it has done."""
        return {name: rows for name, rows in self.content().items() if name not in self.engine_tables}

    def remembered_rooms(self) -> list[str]:
        """The rooms the handlers remember something of."""
        return [row.key for row in self.rows(handler_state) if row.scope == "room"]

    def close(self) -> None:
        self.database.close()


def array(*events: Event | bytes) -> bytes:
    """A record of good events and of raw bytes that are not."""
    return b"[" + b",".join(e if isinstance(e, bytes) else msgspec.json.encode(e) for e in events) + b"]"
