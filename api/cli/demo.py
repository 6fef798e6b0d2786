"""``chengxin demo``: the sample day, finite, with a readable summary."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from sqlalchemy import Connection

    from api.context import Services
    from api.demo import DemoResult
    from casework.flags import Flag

SHOWN_FLAGS = 15


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="样例日已装入时只打印演示账号（make run 使用）")] = False,
) -> None:
    """把样例日从头到尾跑一遍，打印识别结果、线索、处置与得分，然后结束。

    例：`CHENGXIN_DATA_DIR=/tmp/chengxin-demo chengxin demo`
    """
    from rich.console import Console

    from api import demo as sample
    from api.context import Services
    from infra.clock import SystemClock
    from infra.settings import load_settings
    from infra.telemetry import configure_logging

    settings = load_settings()
    configure_logging(settings.log_format)
    services, console = Services(settings, SystemClock()), Console()
    seen_before = (settings.data_dir / sample.PASSWORDS).exists()
    if not (once and seen_before):
        with console.status("") as status:
            result = sample.run(services, say=status.update)
        with services.database.read() as connection:
            _print(console, connection, services, result)
    _print_accounts(console, sample.demo_accounts(services))
    services.close()


def _print(console: Console, connection: Connection, services: Services, result: DemoResult) -> None:
    from casework import flags

    everything = flags.queue(connection, limit=1000).items
    _print_volume(console, connection)
    _print_codes(console, services, Counter((flag.code, flag.status) for flag in everything))
    _print_flags(console, connection, everything[:SHOWN_FLAGS], len(everything))
    _print_scores(console, connection, services)
    console.print(f"样例执法员处置 {result.decided} 条；其余线索留在待办队列。")
    for decision in result.unmatched:
        console.print(f"[yellow]未能对应：{decision.event} {decision.code}（识别模型没有给出这条线索）[/]")


def _print_volume(console: Console, connection: Connection) -> None:
    from sqlalchemy import Table, func, select

    from casework.tables import complaints, flags, listings, subjects
    from streams.deadletters import count as count_dead_letters

    def count(table: Table) -> int:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()

    line = f"主体 {count(subjects)} · 商品 {count(listings)} · 投诉举报 {count(complaints)} · 线索 {count(flags)}"
    console.print(f"[bold]样例日[/]  {line} · 死信 {count_dead_letters(connection)}")


def _print_codes(console: Console, services: Services, found: Counter[tuple[str, str]]) -> None:
    from rich.table import Table

    from api.templating import STATUSES

    statuses = ("open", "confirmed", "dismissed", "corrected", "transferred")
    table = Table("类别", "名称", *(STATUSES[status] for status in statuses), title="线索（按类别）")
    for code in sorted({code for code, _ in found}):
        counts = [str(found[code, status] or "") for status in statuses]
        table.add_row(code, services.lexicon.codes[code].name, *counts)
    console.print(table)


def _print_flags(console: Console, connection: Connection, flags: Sequence[Flag], total: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from api.templating import STATUSES, marked
    from casework import subjects

    table = Table("程度", "类别", "主体", "原话", "状态", title=f"最紧要的线索（共 {total} 条）")
    names = subjects.names(connection, ids={flag.subject for flag in flags})
    for flag in flags:
        words = Text()
        for piece, hit in marked(flag.text, flag.finding.spans):
            words.append(piece, style="bold red" if hit else "")
        table.add_row(flag.severity, flag.code, names.get(flag.subject, flag.subject), words, STATUSES[flag.status])
    console.print(table)


def _print_scores(console: Console, connection: Connection, services: Services) -> None:
    from rich.table import Table

    from api.templating import KINDS
    from casework import subjects
    from rating.score import score

    table = Table("主体", "类型", "编号", "得分", "等级", "计分项", title="诚信规范经营得分")
    found = subjects.find(connection, kinds=("host", "operator", "seller"), limit=100).items
    rows = [(score(connection, subject=s.id, clock=services.clock), s) for s in found]
    for result, subject in sorted(rows, key=lambda row: (row[0].score, row[1].id)):
        level = f"{result.level} {result.band}"
        table.add_row(subject.name, KINDS[subject.kind], subject.id, str(result.score), level, str(len(result.items)))
    console.print(table)


def _print_accounts(console: Console, passwords: dict[str, str]) -> None:
    from rich.table import Table

    from api.auth.accounts import ROLE_NAMES

    table = Table("账号", "口令", "角色", title="演示账号（只存在于这个演示数据库，首次生成后保存在数据目录）")
    for name, password in passwords.items():
        table.add_row(name, password, ROLE_NAMES[name.removeprefix("demo-")])
    console.print(table)
