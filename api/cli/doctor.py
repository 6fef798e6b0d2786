"""``chengxin doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from api.doctor import Finding

UNWELL = 1
MARKS = {"ok": ("正常", "green"), "warning": ("注意", "yellow"), "error": ("错误", "red")}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="每次输出一个 JSON 对象，供程序读取")] = False) -> None:
    """检查配置、数据目录、磁盘、密钥、数据库、消息队列、搜索与模型，逐项说明是否正常、该怎么办；什么都不改。

    退出码：0 没有错误（可能有提醒），1 有错误。输出不含任何口令或密钥。

    例：`chengxin doctor`

    例：`chengxin doctor --json`
    """
    from api.doctor import from_environment
    from api.doctor.finding import worst
    from infra.clock import SystemClock

    findings = from_environment(SystemClock())
    level = worst(findings)
    if as_json:
        from infra.encoding import json_bytes

        checks = [finding.as_dict() for finding in findings]
        typer.echo(json_bytes({"status": level, "checks": checks}).decode())
    else:
        for finding in findings:
            _show(finding)
    if level == "error":
        raise typer.Exit(UNWELL)


def _show(finding: Finding) -> None:
    word, colour = MARKS[finding.level]
    typer.echo(f"{typer.style(word, fg=colour)}  {finding.check}：{finding.found}")
    if finding.do:
        typer.echo(f"      → {finding.do}")
