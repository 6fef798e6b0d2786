"""The database: reachable, of a version that serves, migrated to this code, with a clock like ours, sealed with our key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, inspect, text

from api.doctor.finding import Finding, error, guarded, ok, warning
from infra import migrate, secrets, vault
from infra.clock import Clock
from infra.database import Database
from infra.settings import Settings

OLDEST_SQLITE: Final = (3, 35)
SKEW_WARN: Final = 2.0
SKEW_STOP: Final = 60.0
FIRST_VERSION_KEY: Final = "1"


@guarded(
    "database", "检查 CHENGXIN_DATABASE_URL：主机、端口、库名、用户和口令（口令可用 PGPASSWORD 或 ~/.pgpass 给出）"
)
def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """All that can be asked of a database without changing it."""
    path = sqlite_file(settings)
    if path is not None and not path.exists():
        yield ok("database", f"{path} 还没有，首次启动时建立")
        return
    if path is not None:
        _whole(path)
    database = Database(settings.database)
    try:
        database.require_usable()
        with database.read() as connection:
            yield _version(connection)
            yield from _skew(connection, clock)
            yield from _keys(connection, settings)
        yield from _migrations(database)
    finally:
        database.close()


def sqlite_file(settings: Settings) -> Path | None:
    """The file of an embedded database; None when it is PostgreSQL."""
    if not settings.database.startswith("sqlite"):
        return None
    return Path(settings.database.removeprefix("sqlite:///").partition("?")[0])


def _whole(path: Path) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _version(connection: Connection) -> Finding:
    if connection.dialect.name == "sqlite":
        version = sqlite3.sqlite_version_info
        found = f"SQLite {sqlite3.sqlite_version}"
        return (
            ok("database", found)
            if version >= OLDEST_SQLITE
            else error("database", found, "请升级 Python 或 SQLite 至 3.35 以上")
        )
    number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    where = urlsplit(str(connection.engine.url)).hostname or "本机"
    return ok("database", f"PostgreSQL {number // 10_000}.{number % 10_000}（{where}）")


@guarded("migrations", "升级程序到与数据库相同或更新的版本，见 docs/runbooks/upgrade.md")
def _migrations(database: Database) -> Iterator[Finding]:
    missing = migrate.pending(database)
    if not missing:
        yield ok("migrations", "数据库结构与程序一致")
    elif not inspect(database.engine).has_table("alembic_version"):
        yield warning("migrations", "空库，还没有建表", "首次启动时自动建立，或运行 chengxin migrate")
    else:
        do = "先备份，再运行 chengxin migrate"
        yield error("migrations", f"数据库结构缺 {'、'.join(missing)}", do)


def _skew(connection: Connection, clock: Clock) -> Iterator[Finding]:
    if connection.dialect.name == "sqlite":
        return  # it has no clock but ours
    before = clock.now()
    theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = clock.now()
    off = (theirs.astimezone(UTC) - (before + (after - before) / 2)).total_seconds()
    yield skew("clock", "数据库", off)


def skew(check: str, whose: str, seconds: float) -> Finding:
    """How far another clock is ahead of ours."""
    found = f"{whose}的时钟比本机{'快' if seconds > 0 else '慢'} {abs(seconds):.1f} 秒"
    do = "在两边启用时间同步（chrony 或 systemd-timesyncd）；时限、公示和会话都按时钟计算"
    if abs(seconds) >= SKEW_STOP:
        return error(check, found, do)
    return warning(check, found, do) if abs(seconds) >= SKEW_WARN else ok(check, found)


def _keys(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Whether the vault's records can be opened with the keys at hand."""
    if not inspect(connection).has_table("vault_records"):
        return
    used = vault.keys_in_use(connection)
    if not used:
        yield ok("vault", "保险库为空")
        return
    known = {key.id for key in secrets.key_ring(settings)} if settings.secret_key_path.exists() else set()
    lost = {key_id: count for key_id, count in used.items() if key_id not in known | {FIRST_VERSION_KEY}}
    if lost or not known:
        count = sum((lost or used).values())
        yield error(
            "vault",
            f"{count} 条记录由别的密钥封存（{'、'.join(lost or used)}），现有 {'、'.join(sorted(known)) or '无'}",
            "把原来的密钥文件放回 CHENGXIN_SECRET_KEY_FILE，见 docs/runbooks/key-rotation.md",
        )
    else:
        yield ok("vault", f"{sum(used.values())} 条记录，密钥相符")
