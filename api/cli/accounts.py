"""``chengxin user`` and ``chengxin apikey``: who may log in and which programs may call."""

from __future__ import annotations

import os
import secrets
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.database import Database

ROLE_HELP = "角色：officer 监管人员、committee 评定委员、platform 平台、gateway 数据网关、admin 管理员"
Role = Annotated[str, typer.Option("--role", help=ROLE_HELP)]
Platform = Annotated[str | None, typer.Option("--platform", help="平台编号，platform 角色必填")]


def register(app: typer.Typer) -> None:
    """Add both command groups."""
    user, apikey = typer.Typer(no_args_is_help=True), typer.Typer(no_args_is_help=True)
    user.command("add")(add_user)
    apikey.command("add")(add_key)
    apikey.command("revoke")(revoke_key)
    app.add_typer(user, name="user", help="登录账号：`chengxin user add 账号 --role officer`")
    app.add_typer(apikey, name="apikey", help="接口密钥：`chengxin apikey add 名称 --role gateway`")


def add_user(name: Annotated[str, typer.Argument(help="账号")], role: Role, platform: Platform = None) -> None:
    """新建登录账号。口令从终端输入，或取自环境变量 NEW_PASSWORD；都没有时随机生成，只在最后一行显示这一次。

    例：`chengxin user add wang.min --role officer`
    """
    from api.auth.accounts import add_account
    from infra.clock import SystemClock

    password, made_up = _password()
    with _database().write() as connection:
        add_account(connection, name=name, role=role, password=password, at=SystemClock().now(), platform=platform)
    typer.echo(f"已新建账号 {name}（{role}）" + ("，口令如下，请立即保存：" if made_up else ""), err=made_up)
    if made_up:
        typer.echo(password)


def _password() -> tuple[str, bool]:
    """The password for a new account, and whether it was made up here."""
    given = os.environ.get("NEW_PASSWORD")
    if given:
        return given, False
    if sys.stdin.isatty():
        return typer.prompt("口令（至少 10 位）", hide_input=True, confirmation_prompt=True), False
    return secrets.token_urlsafe(12), True


def add_key(name: Annotated[str, typer.Argument(help="名称")], role: Role, platform: Platform = None) -> None:
    """新建接口密钥；密钥只在最后一行显示这一次。

    例：`chengxin apikey add yunjian-gateway --role gateway`
    """
    from api.auth.accounts import add_key as make_key
    from infra.clock import SystemClock

    with _database().write() as connection:
        key = make_key(connection, name=name, role=role, at=SystemClock().now(), platform=platform)
    typer.echo(f"已新建密钥 {name}（{role}），请立即保存，之后无法再次查看：", err=True)
    typer.echo(key)


def revoke_key(identifier: Annotated[str, typer.Argument(help="密钥编号（密钥中第一段）")]) -> None:
    """停用接口密钥。

    例：`chengxin apikey revoke 3f2a9c1b0d4e`
    """
    from api.auth.accounts import revoke_key as revoke
    from infra.clock import SystemClock
    from infra.errors import NotFound

    with _database().write() as connection:
        if not revoke(connection, id=identifier, at=SystemClock().now()):
            raise NotFound("密钥", identifier)
    typer.echo(f"已停用密钥 {identifier}")


def _database() -> Database:
    from infra import migrate
    from infra.database import Database
    from infra.settings import load_settings

    database = Database(load_settings().database)
    migrate.upgrade(database)
    return database
