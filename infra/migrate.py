"""Brings a database to the schema this code needs. Migrations are plain steps under ``infra/migrations/versions``.

On PostgreSQL other processes may be at work meanwhile: one at a time migrates, no step waits long for a lock, and a step that
did not get its lock is tried again. How to write such steps: docs/database.md; ``infra.migrations.rules`` holds them to it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from infra.database import Database
from infra.errors import ConfigurationError

FOLDER: Final = Path(__file__).parent / "migrations"
LOCK_TIMEOUT_MS: Final = 3_000
LOCK_TRIES: Final = 20
TURN_SECONDS: Final = 600
LOCK_NOT_AVAILABLE: Final = "55P03"
NOT_ALLOWED: Final = "42501"

log = structlog.get_logger()


def upgrade(database: Database) -> bool:
    """Run the missing migrations; True when there were any.

    Raises:
        ConfigurationError: the server cannot be used; the database was made by a newer version of the code; its lock could
            not be had.
    """
    database.require_usable()
    if not database.is_server:
        with database.write() as connection:
            return _upgrade(connection)
    with database.read() as connection:
        if _is_current(connection):
            return False
    with database.alone("数据库升级", wait=TURN_SECONDS), database.engine.connect() as connection:
        # Building an index may take hours; only waiting for locks is cut short, since everybody else waits behind us.
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text(f"SET lock_timeout = {LOCK_TIMEOUT_MS}"))
        connection.commit()
        try:
            return _upgrade_patiently(connection)
        finally:
            connection.rollback()
            connection.invalidate()  # with its time-outs, it must not go back to the pool


def pending(database: Database) -> list[str]:
    """The migrations that this database still lacks, oldest first.

    Raises:
        ConfigurationError: the database was made by a newer version of the code.
    """
    with database.read() as connection:
        current = _known_revision(connection)
    script = ScriptDirectory.from_config(_config())
    return [step.revision for step in reversed(list(script.iterate_revisions("head", current or "base")))]


def _upgrade_patiently(connection: Connection) -> bool:
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            return _upgrade(connection)
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state == NOT_ALLOWED:
                raise ConfigurationError(
                    f"CHENGXIN_DATABASE_URL：用户没有建表改表的权限（{' '.join(str(error.orig).split())}），"
                    "请让它成为库的所有者，或由管理员执行 GRANT CREATE, USAGE ON SCHEMA public"
                ) from None
            if state != LOCK_NOT_AVAILABLE:
                raise
            log.warning("a table is in use, migrating again soon", attempt=attempt)
            connection.rollback()
            time.sleep(1)
    raise ConfigurationError(
        f"数据库升级 {LOCK_TRIES} 次都等不到表锁：请在 pg_stat_activity 中找出并结束长时间运行的事务后重试（已完成的步骤不会重做）"
    )


def _upgrade(connection: Connection) -> bool:
    if _is_current(connection):
        return False
    if connection.dialect.name == "postgresql":
        connection.rollback()  # Alembic begins and ends the steps' transactions itself
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True


def _is_current(connection: Connection) -> bool:
    return _known_revision(connection) == ScriptDirectory.from_config(_config()).get_current_head()


def _known_revision(connection: Connection) -> str | None:
    current = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is not None and current not in known:
        raise ConfigurationError(
            f"数据库结构版本 {current} 比本程序新，请升级程序，或用 CHENGXIN_DATABASE_URL 指向另一个数据库"
        )
    return current


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    return config
