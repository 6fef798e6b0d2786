"""Brings a database to the schema this code needs. Migrations are plain steps under ``infra/migrations/versions``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from infra.database import Database
from infra.errors import ConfigurationError

FOLDER: Final = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> bool:
    """Run the missing migrations in one transaction; True when there were any.

    Raises:
        ConfigurationError: the database was made by a newer version of the code.
    """
    script = ScriptDirectory.from_config(_config())
    with database.write() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == script.get_current_head():
            return False
        known = {revision.revision for revision in script.walk_revisions()}
        if current is not None and current not in known:
            raise ConfigurationError(
                f"数据库结构版本 {current} 比本程序新，请升级程序，或用 CHENGXIN_DATABASE_URL 指向另一个数据库"
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    return config
