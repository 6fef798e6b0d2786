"""``chengxin reindex``: builds the search index anew from the log and the database."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reindex")(reindex)


def reindex() -> None:
    """清空并重建搜索索引（请先停止 chengxin serve）。

    例：`chengxin reindex`
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from api.context import Services
    from infra import migrate
    from infra.clock import SystemClock
    from infra.settings import load_settings
    from streams.indexing import Indexer, start_over

    services = Services(load_settings(), SystemClock())
    migrate.upgrade(services.database)
    services.search.clear()
    services.search.commit()
    with services.database.write() as connection:
        start_over(connection)
    indexer = Indexer(services.database, services.search, services.clock)
    heard = changed = 0
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as progress:
        task = progress.add_task("重建索引")
        while step := indexer.step(services.settings.batch_size):
            heard += step.utterances
            changed += step.documents
            progress.update(task, description=f"重建索引：话语 {heard}，其他文档 {changed}")
    services.close()
    typer.echo(f"索引已重建：话语 {heard} 条，线索、主体与商品 {changed} 项")
