"""``chengxin score``: the score of one subject on a day, with every reason."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from rating.score import Score


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("score")(score)


def score(
    subject: Annotated[str, typer.Argument(help="主体编号，如 host:yunjian:1001")],
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="哪一天（北京时间），默认现在")] = None,
    json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """查询主体的诚信规范经营得分、等级和每一项依据。

    例：`chengxin score host:yunjian:1001 --on 2026-11-20`
    """
    import msgspec
    from rich.console import Console

    from casework import subjects
    from infra.clock import SystemClock
    from infra.database import Database
    from infra.settings import load_settings
    from rating.score import score as compute_score

    database = Database(load_settings().database)
    with database.read() as connection:
        found = subjects.get(connection, id=subject)
        result = compute_score(connection, subject=subject, clock=SystemClock(), on=on.date() if on else None)
    if json:
        typer.echo(msgspec.json.encode(result).decode())
        return
    console = Console()
    console.print(f"[bold]{found.name}[/]（{subject}）  {result.on}")
    console.print(
        f"[bold]{result.score}[/] 分 · {result.level} 级 {result.band} · {result.standard_name} {result.standard}"
    )
    console.print(_dimension_table(result))
    console.print(_item_table(result) if result.items else "没有影响得分的记录。")


def _dimension_table(result: Score) -> Table:
    from rich.table import Table

    table = Table(title="各维度")
    for column in ("维度", "得分", "满分"):
        table.add_column(column)
    for dimension in result.dimensions:
        table.add_row(dimension.name, f"{dimension.points:g}", str(dimension.full))
    return table


def _item_table(result: Score) -> Table:
    from rich.table import Table

    table = Table(title="依据")
    for column in ("分值", "类别", "原因", "计分至", "如何恢复"):
        table.add_column(column)
    for item in result.items:
        table.add_row(f"{item.points:+g}", item.code or "", item.reason, str(item.until or ""), item.restore)
    return table
