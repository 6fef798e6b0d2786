"""``chengxin reindex``: builds the search index anew from the log (or topic) and the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.context import Services
    from infra.search import Kind, Rebuilds
    from streams.reindexing import UtteranceReader

NAMES = {"transcript": "话语", "flag": "线索", "subject": "主体", "listing": "商品"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reindex")(reindex)


def reindex(
    kind: Annotated[
        list[str] | None, typer.Option(help="只重建这一种，可重复：transcript、flag、subject、listing")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="不接着上次没建完的，从头再建")] = False,
) -> None:
    """重建搜索索引。

    Elasticsearch：在旁边建新索引，检索与收录照常，建完一步切换；中途停下，再执行一次就接着建。
    内置搜索：先停止 chengxin serve，清空后重建；中途停下，启动 serve 会接着补齐。

    例：`chengxin reindex`、`chengxin reindex --kind flag --fresh`
    """
    from api.context import Services
    from infra import migrate
    from infra.clock import SystemClock
    from infra.search import Rebuilds
    from infra.settings import load_settings

    kinds = _kinds(kind or [])
    services = Services(load_settings(), SystemClock())
    try:
        migrate.upgrade(services.database)
        with services.database.alone("重建索引"):
            if isinstance(services.search, Rebuilds):
                _beside(services, services.search, kinds, fresh=fresh)
            else:
                _in_place(services)
    finally:
        services.close()


def _kinds(wanted: Sequence[str]) -> list[Kind]:
    from infra.errors import InvalidInput
    from infra.search import KINDS

    for name in wanted:
        if name not in KINDS:
            raise InvalidInput.one("--kind", name, f"应为 {'、'.join(KINDS)} 之一")
    return [kind for kind in KINDS if not wanted or kind in wanted]


def _beside(services: Services, search: Rebuilds, kinds: Sequence[Kind], *, fresh: bool) -> None:
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from streams import reindexing

    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()) as bars:
        tasks: dict[Kind, TaskID] = {}

        def tell(progress: reindexing.Progress) -> None:
            if progress.kind not in tasks:
                tasks[progress.kind] = bars.add_task(NAMES[progress.kind], total=progress.of)
            of = "" if progress.of is None else f"/{progress.of}"
            description = f"{NAMES[progress.kind]}：{progress.documents}{of}"
            bars.update(tasks[progress.kind], description=description, completed=progress.documents, total=progress.of)

        reader = _reader(services)
        done = reindexing.rebuild(
            search, services.database, services.clock, read_utterances=reader, kinds=kinds, fresh=fresh, tell=tell
        )
    typer.echo("索引已重建并切换：" + "，".join(f"{NAMES[kind]} {count} 条" for kind, count in done.items()))


def _reader(services: Services) -> UtteranceReader:
    """Where the utterances are: the topic when the program works on Kafka, otherwise the log in the database."""
    if services.settings.broker_url.startswith("embedded://"):
        from streams.reindexing import read_log

        return read_log(services.database)
    from streams.kafka.connection import Connection
    from streams.kafka.replay import read_topic

    connection = Connection.from_settings(services.settings)
    connection.check()
    return read_topic(connection)


def _in_place(services: Services) -> None:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from streams.indexing import Indexer, start_over

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
    typer.echo(f"索引已重建：话语 {heard} 条，线索、主体与商品 {changed} 项")
