"""The relational database behind one small door: a read and a write transaction. It never commits inside a service.

SQLite is the embedded default (WAL, one writer at a time); PostgreSQL is reached through the same SQLAlchemy calls.
Where something may be done by one at a time only, PostgreSQL needs to be told: see ``lock``.
Every room declares its tables on the shared ``metadata``; ``infra.migrations`` creates them.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.types import DateTime, Text, TypeDecorator

from infra import bulk
from infra import postgresql as server
from infra.encoding import json_text
from infra.errors import Conflict

Value = TypeVar("Value")

BUSY_TIMEOUT_MS = 30_000
COPY_FROM_ROWS = 100
KEEP_COUNT = {"preserve_rowcount": True}  # without it, how many rows an INSERT made is not known on PostgreSQL

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


# SQLite counts rows by itself only in a column called INTEGER, which has 64 bits there.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: takes aware datetimes only, stores UTC, gives aware UTC back on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs a time zone: {value!r}")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class WholeText(TypeDecorator[str]):
    """Text as it was spoken or written, whatever it holds.

    PostgreSQL stores no NUL. A NUL is kept there as two characters of the private use area, and so is the first of them
    where it occurs itself; what is read is what was written, so that spans still point to the right place.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name == "sqlite" or not ("\0" in value or server.ESCAPE in value):
            return value
        return value.replace(server.ESCAPE, server.ESCAPE * 2).replace("\0", server.ESCAPE + server.NUL)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name == "sqlite" or server.ESCAPE not in value:
            return value
        return server.ESCAPE.join(
            part.replace(server.ESCAPE + server.NUL, "\0") for part in value.split(server.ESCAPE * 2)
        )


class Database:
    """One engine with two kinds of transactions.

    ``read()`` sees a consistent snapshot; ``write()`` takes SQLite's write lock at once (no upgrade dead-locks) and commits
    at the end of the block, or rolls everything back when the block raises. On PostgreSQL writers run side by side.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _make_engine(url)
        # Connections are closed with their owner, also where a short-lived command simply ends.
        weakref.finalize(self, self.engine.dispose)
        self._reading = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if self.is_server else {}

    @property
    def is_server(self) -> bool:
        """Whether this is PostgreSQL, shared with other processes, rather than a file of our own."""
        return not self.url.startswith("sqlite")

    def require_usable(self) -> None:
        """Raises ConfigurationError when the server cannot be used, with the reason and what to do. Nothing on SQLite."""
        if self.is_server:
            server.require_usable(self.engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(**self._reading) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(chengxin_write=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def alone(self, job: str, *, wait: float = 0.0) -> Iterator[None]:
        """Do a long job in one process only, over many transactions; nothing is locked but the job itself.

        The right ends with the process, however it ends. On SQLite, a file of one installation, everybody is let in.

        Raises:
            Conflict: another process is at it, and still is after ``wait`` seconds.
        """
        if not self.is_server:
            yield
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            key = func.hashtextextended(f"job/{job}", 0)
            until = time.monotonic() + wait
            while not connection.execute(select(func.pg_try_advisory_lock(key))).scalar():
                if time.monotonic() >= until:
                    raise Conflict(f"另一个进程正在做同一件事（{job}），请等它做完再试")
                time.sleep(0.5)
            try:
                yield
            finally:
                with suppress(DBAPIError):  # with the connection, the right is gone too
                    connection.execute(select(func.pg_advisory_unlock(key)))

    def close(self) -> None:
        self.engine.dispose()


def lock(connection: Connection, name: str) -> None:
    """From here to the end of the transaction, only one at a time may do what ``name`` stands for; others wait their turn.

    On SQLite a write transaction is alone already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def try_lock(connection: Connection, name: str) -> bool:
    """``lock``, but False when somebody else has it, instead of waiting."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(func.hashtextextended(name, 0)))).scalar())


def is_writing(connection: Connection) -> bool:
    """Whether the connection came from ``Database.write``."""
    return bool(connection.get_execution_options().get("chengxin_write", False))


def is_passing(error: Exception) -> bool:
    """Whether the database was only away, busy or in conflict, so that the same again may succeed later."""
    if isinstance(error, OperationalError) and isinstance(error.orig, sqlite3.OperationalError):
        return "locked" in str(error.orig) or "busy" in str(error.orig)
    return server.is_passing(error)


def lacks_schema(error: Exception) -> bool:
    """Whether a table or column was not there: the database is empty, or older than this program."""
    if not isinstance(error, DBAPIError):
        return False
    words = str(error.orig)
    return (
        getattr(error.orig, "sqlstate", None) in ("42P01", "42703")
        or "no such table" in words
        or "no such column" in words
    )


def insert_ignore(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows that break no unique key and leave the others out; returns how many were new.

    All rows must have the same columns.
    """
    if not rows:
        return 0
    if _in_arrays(connection, rows):
        statement = bulk.insert_arrays(table, list(rows[0])).on_conflict_do_nothing()
        return connection.execute(statement, bulk.arrays(table, rows), execution_options=KEEP_COUNT).rowcount
    statement = _insert(connection, table).on_conflict_do_nothing()
    return connection.execute(statement, list(rows), execution_options=KEEP_COUNT).rowcount


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], key: Column[Any]) -> list[Any]:
    """``insert_ignore`` that gives back ``key`` of the rows that were new. All rows in one way to the server and back."""
    if not rows:
        return []
    if connection.dialect.name == "postgresql":
        insert = bulk.insert_arrays(table, list(rows[0])).on_conflict_do_nothing().returning(key)
        return list(connection.execute(insert, bulk.arrays(table, rows)).scalars())
    statement = sqlite.insert(table).on_conflict_do_nothing().returning(key)
    return list(connection.execute(statement, list(rows)).scalars())


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert new rows, all with the same columns; quick for many (COPY on PostgreSQL)."""
    if not rows:
        return
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_FROM_ROWS:
        _copy(connection, table, rows)
    else:
        connection.execute(table.insert(), list(rows))


def _copy(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    dialect = connection.dialect
    names = list(rows[0])
    prepare = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    quote = dialect.identifier_preparer.quote
    target = f"{quote(table.name)} ({', '.join(quote(name) for name in names)})"
    with connection.connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:  # type: ignore[attr-defined]
        for row in rows:
            copy.write_row(
                [p(row[n]) if p and row[n] is not None else row[n] for n, p in zip(names, prepare, strict=True)]
            )


def batched(values: Sequence[Value], size: int = 10_000) -> Iterator[Sequence[Value]]:
    """The values in pieces that fit into one ``IN``: the databases limit the parameters of a statement."""
    for begin in range(0, len(values), size):
        yield values[begin : begin + size]


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, no key twice; where the primary key is there already, overwrite its other columns."""
    if not rows:
        return
    insert = _insert(connection, table)
    if _in_arrays(connection, rows):
        insert = bulk.insert_arrays(table, list(rows[0]))
    changed = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
    statement = insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changed)
    connection.execute(statement, bulk.arrays(table, rows) if _in_arrays(connection, rows) else list(rows))


def _in_arrays(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> bool:
    return connection.dialect.name == "postgresql" and len(rows) >= bulk.FROM_ROWS


def _insert(connection: Connection, table: Table) -> Any:
    # ``inline``: without it a single row is inserted with RETURNING and its row count is lost.
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table).inline()


def _make_engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return server.make_engine(url)
    path = url.removeprefix("sqlite:///")
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    connect = {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
    engine = create_engine(url, connect_args=connect, json_serializer=json_text)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own transaction handling starts transactions late and silently; we say BEGIN ourselves below.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing(connection) else "BEGIN")
