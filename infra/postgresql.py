"""What is particular to PostgreSQL: how to connect, what a refusal means, and when an error is only a bad moment.

Errors of a start name ``CHENGXIN_DATABASE_URL``, what was found and what to do, and never the password.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from infra.encoding import json_text
from infra.errors import ConfigurationError

MINIMUM: Final = 14
ESCAPE, NUL = "\ue000", "\ue001"
SETTING: Final = "CHENGXIN_DATABASE_URL"

# A machine that has gone, or a network that is cut, is noticed within half a minute, also while waiting for an answer.
CONNECTION: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "chengxin",
}
# No statement of a request or a batch takes this long; one that does is stuck, and holds others up.
TIMEOUTS: Final = {
    "statement_timeout": "60s",
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "5min",
    "timezone": "UTC",
}
POOL: Final = {"pool_size": 10, "max_overflow": 20, "pool_timeout": 10, "pool_recycle": 1800, "pool_pre_ping": True}

# Classes of SQLSTATE that a later try may well get past: connection lost, resources, operator intervention (shut-down,
# time-out), serialisation and dead-lock, read-only after a fail-over, lock not available.
PASSING: Final = ("08", "53", "57", "40", "25006", "55P03")


def make_engine(url: str) -> Engine:
    """An engine with time-outs on everything; it connects later.

    Raises:
        ConfigurationError: the URL cannot be read.
    """
    try:
        given = make_url(url).query
        options = " ".join(f"-c {name}={value}" for name, value in TIMEOUTS.items())
        own = {name: value for name, value in CONNECTION.items() if name not in given}
        if "options" not in given:
            own["options"] = options
        engine = create_engine(url, connect_args=own, json_serializer=json_text, **POOL)
    except (ArgumentError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{SETTING}：地址无法识别（{error}），应形如 postgresql+psycopg://用户:密码@主机:5432/库名"
        ) from None
    event.listen(engine, "connect", _prepare)
    return engine


def require_usable(engine: Engine) -> None:
    """Connect once and look at the server.

    Raises:
        ConfigurationError: unreachable, refused, too old, read-only or not in UTF-8; says what was found and what to do.
    """
    try:
        with engine.connect() as connection:
            version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
            recovering = connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar()
    except OperationalError as error:
        raise ConfigurationError(explain(engine.url, error)) from None
    if version // 10_000 < MINIMUM:
        raise ConfigurationError(
            f"{SETTING}：服务器 {place(engine.url)} 是 PostgreSQL {version // 10_000}，需要 {MINIMUM} 或更新，请升级服务器"
        )
    if encoding != "UTF8":
        raise ConfigurationError(
            f"{SETTING}：库 {place(engine.url)} 的编码是 {encoding}，须为 UTF8："
            "请用 CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0 另建"
        )
    if recovering:
        raise ConfigurationError(f"{SETTING}：服务器 {place(engine.url)} 是只读备库，请改为主库的地址")


def explain(url: str | URL, error: DBAPIError) -> str:
    """Why the server cannot be used, in one line for the person who set the URL."""
    original = error.orig
    message = " ".join(str(original).split())
    what = f"{SETTING}：数据库 {place(url)} "
    for words, cause, remedy in _CAUSES:
        if any(word in message for word in words):
            return f"{what}{cause}（{_short(message)}）。{remedy}"
    return f"{what}不可用（{_short(message)}）。请检查服务器是否在运行、地址与端口是否正确"


def is_passing(error: Exception) -> bool:
    """Whether a later try may succeed without anybody mending the program: the server was away, busy or in conflict."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    original = error.orig
    state: Any = getattr(original, "sqlstate", None)
    if state is not None:
        return str(state).startswith(PASSING)
    return isinstance(original, psycopg.OperationalError | psycopg.InterfaceError)


def place(url: str | URL) -> str:
    """``user@host:port/database``, without the password."""
    parts = make_url(url)
    return f"{parts.username or ''}@{parts.host or '本机'}:{parts.port or 5432}/{parts.database or ''}"


class _Words(StrDumperUnknown):
    """A string parameter. One with a NUL, which PostgreSQL takes nowhere, equals nothing stored; it is no server error."""

    def dump(self, obj: str) -> Any:
        return super().dump(storable(obj))


def storable(text: str) -> str:
    """The text without NUL, which the server takes nowhere."""
    return text.replace("\0", ESCAPE + NUL) if "\0" in text else text


def _prepare(connection: psycopg.Connection[Any], _record: Any) -> None:
    connection.adapters.register_dumper(str, _Words)


def _short(message: str) -> str:
    return message if len(message) <= 200 else message[:200] + "…"


_CAUSES: Final = (
    (
        ("password authentication failed", "no password supplied"),
        "拒绝登录：用户名或密码不对",
        "请核对地址中的用户名与密码",
    ),
    (("no pg_hba.conf entry",), "不许从本机登录", "请在服务器的 pg_hba.conf 中放行本机与该用户"),
    (("role",), "没有这个用户", "请先建立用户，或改用已有的用户"),
    (("database",), "没有这个库", "请先由管理员执行 CREATE DATABASE，或改用已有的库"),
    (("too many clients", "remaining connection slots"), "连接数已满", "请减少进程数或调高服务器的 max_connections"),
    (("starting up", "shutting down"), "正在启动或关闭", "请稍后再试"),
    (("Connection refused",), "连不上：该端口没有服务", "请启动 PostgreSQL，或核对主机与端口"),
    (("could not translate host name", "Name or service not known", "resolve host"), "找不到主机", "请核对主机名"),
    (("timeout",), "连接超时", "请检查网络与防火墙，核对主机与端口"),
    (("SSL", "certificate"), "无法建立加密连接", "请核对地址中的 sslmode 与证书参数"),
)
