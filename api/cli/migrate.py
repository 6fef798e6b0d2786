"""``chengxin migrate``: bring the database to this version's schema, once, before the processes of a new version start."""

from __future__ import annotations

from typing import Annotated

import typer

BEHIND = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate")(migrate)


def migrate(check: Annotated[bool, typer.Option("--check", help="只看是否需要，什么都不改")] = False) -> None:
    """把数据库结构升级到本程序的版本；可重复执行，多个进程同时运行也只做一次。升级前请先备份。

    退出码：0 已是最新（或已升级），1 用 --check 时需要升级，2 数据库比程序新或连不上。

    例：`chengxin migrate`
    """
    from api.doctor.database import sqlite_file
    from infra import migrate as migrations
    from infra.database import Database
    from infra.settings import load_settings

    settings = load_settings()
    path = sqlite_file(settings)
    if check and path is not None and not path.exists():
        typer.echo("还没有数据库")
        raise typer.Exit(BEHIND)
    database = Database(settings.database)
    try:
        if not check:
            typer.echo("已升级到最新结构" if migrations.upgrade(database) else "已是最新结构")
            return
        missing = migrations.pending(database)
    finally:
        database.close()
    typer.echo(f"需要升级：{'、'.join(missing)}" if missing else "已是最新结构")
    if missing:
        raise typer.Exit(BEHIND)
