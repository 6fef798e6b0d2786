"""``chengxin rotate-key``: exchange the root secret without losing what it seals."""

from __future__ import annotations

from typing import Annotated

import typer

EXIT_LEFT = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rotate-key")(rotate_key)


def rotate_key(
    finish: Annotated[bool, typer.Option("--finish", help="收尾：确认旧密钥已无用后删除它")] = False,
    end_sessions: Annotated[
        bool, typer.Option("--end-sessions", help="同时结束所有登录，每个人须重新登录（怀疑泄露时用）")
    ] = False,
) -> None:
    """更换根密钥：生成新密钥，把保险库与待重复的答复逐条换到新密钥下；旧密钥留在 `.previous`，直到收尾。

    可在服务运行时执行；中途被中断，再运行一次即从断处继续。全部进程都已用上新密钥后（同机立即；Kubernetes 等 Secret
    同步完），用 `--finish` 收尾。此前的数据库备份仍需旧密钥，删除前请随备份离线保存。

    例：`chengxin rotate-key`

    例：`chengxin rotate-key --finish`
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from api import rotation
    from api.context import Services
    from infra import migrate
    from infra.clock import SystemClock
    from infra.errors import InvalidInput
    from infra.settings import load_settings

    if finish and end_sessions:
        raise InvalidInput.one("--end-sessions", "--finish", "请在更换时使用，不与 --finish 同用")
    services = Services(load_settings(), SystemClock())
    try:
        migrate.upgrade(services.database)
        if finish:
            done = rotation.finish(services)
            typer.echo(f"补换 {done.resealed} 条；旧密钥已删除，更换完成")
            return
        with Progress(SpinnerColumn(), TextColumn("{task.description}"), transient=True) as bar:
            task = bar.add_task("换到新密钥")
            done = rotation.rotate(
                services,
                end_sessions=end_sessions,
                progress=lambda count: bar.update(task, description=f"换到新密钥：{count} 条"),
            )
    finally:
        services.close()
    typer.echo("已生成新密钥" if done.started else "接着上次未完成的更换")
    typer.echo(f"换到新密钥 {done.resealed} 条" + (f"，结束登录 {done.sessions_ended} 个" if end_sessions else ""))
    if done.unreadable:
        typer.secho(f"有 {len(done.unreadable)} 条无法解密，未动：{'、'.join(done.unreadable)}", err=True, fg="red")
        raise typer.Exit(EXIT_LEFT)
    typer.echo("旧密钥仍保留在 .previous；全部进程用上新密钥后请运行：chengxin rotate-key --finish")
