"""``chengxin deadletters``: look at events that could not be used, and send them round again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.clock import Clock
    from infra.database import Database

PAGE = 200
SHOWN_REASON = 120

commands = typer.Typer(
    help="死信：无法处理的事件，连同原因和原始内容保存在这里，可查看、改正上游后重放。\n\n例：`chengxin deadletters list`",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(commands, name="deadletters")


@commands.command("list")
def list_letters(
    topic: Annotated[str | None, typer.Option(metavar="主题", help="只看一个主题，如 transcripts")] = None,
    everything: Annotated[bool, typer.Option("--all", help="也列出已重放的")] = False,
    limit: Annotated[int, typer.Option(metavar="条数", min=1, max=10_000, help="最多列出多少条")] = 50,
) -> None:
    """列出死信：来处、时间和原因。

    例：`chengxin deadletters list --topic transcripts`
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from infra.clock import BEIJING
    from streams import deadletters

    with _database() as database, database.read() as connection:
        letters = deadletters.list_(connection, topic=topic, replayed=None if everything else False, limit=limit)
        waiting = deadletters.waiting(connection)
    table = Table("编号", "主题", "分区", "偏移", "序号", "时间", "原因", "已重放")
    for letter in letters:
        place = (str(letter.id), letter.topic, str(letter.partition), str(letter.offset), str(letter.index))
        at = f"{letter.at.astimezone(BEIJING):%m-%d %H:%M:%S}"
        # Plain text: the reason quotes what came in, which may look like markup.
        table.add_row(*place, at, Text(letter.reason[:SHOWN_REASON]), "是" if letter.replayed_at else "")
    Console().print(table)
    total = "、".join(f"{name} {count} 条" for name, count in waiting.items() if topic in (None, name))
    typer.echo(f"待处理：{total or '无'}")


@commands.command("show")
def show(id: Annotated[int, typer.Argument(metavar="编号", help="死信编号，见 list")]) -> None:
    """显示一条死信的来处、每一处错误和原始内容。

    例：`chengxin deadletters show 12`
    """
    from infra.clock import BEIJING
    from streams import deadletters

    with _database() as database, database.read() as connection:
        letter = deadletters.get(connection, id=id)
    typer.echo(
        f"死信 {letter.id}：主题 {letter.topic}，分区 {letter.partition}，偏移 {letter.offset}，序号 {letter.index}"
    )
    typer.echo(f"键 {letter.key}，收于 {letter.at.astimezone(BEIJING).isoformat(timespec='seconds')}")
    if letter.replayed_at:
        typer.echo(f"已重放：{letter.replayed_at.astimezone(BEIJING).isoformat(timespec='seconds')}")
    for error in letter.errors:
        typer.echo(f"- {error['field']}：{error['message']}（收到：{error['value']}）")
    typer.echo("原始内容：")
    typer.echo(letter.raw.decode("utf-8", "backslashreplace"))


@commands.command("replay")
def replay(
    ids: Annotated[list[int] | None, typer.Argument(metavar="编号…", help="死信编号，可给多个")] = None,
    everything: Annotated[bool, typer.Option("--all", help="重放全部待处理的死信")] = False,
    topic: Annotated[str | None, typer.Option(metavar="主题", help="与 --all 同用：只重放一个主题")] = None,
) -> None:
    """把死信的原始内容重新送入队列（内置日志或 Kafka）；仍然有误的会成为新的死信。键有误的自动改用正确的键。

    例：`chengxin deadletters replay 12 13`

    例：`chengxin deadletters replay --all --topic transcripts`
    """
    from infra.clock import SystemClock
    from infra.errors import InvalidInput
    from streams import deadletters

    if bool(ids) == everything:
        raise InvalidInput.one("编号", "、".join(map(str, ids or [])), "请给出死信编号，或用 --all 重放全部，二者选一")
    clock = SystemClock()
    with _database() as database:
        if ids:
            with database.write() as connection:
                for id in dict.fromkeys(ids):
                    deadletters.replay(connection, id=id, at=clock.now())
            count = len(set(ids))
        else:
            count = _replay_all(database, topic, clock)
    typer.echo(f"已重放 {count} 条")
    if count:
        _carry_over()


def _carry_over() -> None:
    """With Kafka, the letters are on the database's log now; send them on, unless ``chengxin serve`` is at it already."""
    from api.context import Services
    from api.engine import make_relay
    from infra import broker
    from infra.clock import SystemClock
    from infra.errors import Unavailable
    from infra.settings import load_settings
    from infra.telemetry import configure_logging

    settings = load_settings()
    if not broker.is_kafka(settings.broker_url):
        return
    configure_logging(settings.log_format)
    services = Services(settings, SystemClock())
    relay = make_relay(services)
    try:
        relay.run_until_idle()
        waiting = relay.waiting()
    except Unavailable as error:
        typer.echo(f"{error}；已存入数据库，Kafka 恢复后由 chengxin serve 送出，不必再次重放", err=True)
        return
    finally:
        relay.close()
        services.close()
    typer.echo("由正在运行的 chengxin serve 送往 Kafka" if waiting else "已送达 Kafka")


def _replay_all(database: Database, topic: str | None, clock: Clock) -> int:
    """Replay what waits now. What a running engine buries again meanwhile is left, or this would never end."""
    from streams import deadletters

    with database.read() as connection:
        newest = deadletters.newest(connection)
    last = count = 0
    while True:
        with database.write() as connection:
            page = deadletters.list_(connection, topic=topic, limit=PAGE, after=last)
            for letter in (letters := [letter for letter in page if letter.id <= newest]):
                deadletters.replay(connection, id=letter.id, at=clock.now())
        if not letters:
            return count
        last, count = letters[-1].id, count + len(letters)


@contextmanager
def _database() -> Iterator[Database]:
    from infra import migrate
    from infra.database import Database
    from infra.settings import load_settings

    database = Database(load_settings().database)
    try:
        migrate.upgrade(database)
        yield database
    finally:
        database.close()
