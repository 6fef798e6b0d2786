"""Accounts and API keys: making them and proving them. A password is hashed with argon2id, a key (random) with SHA-256."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Connection, select, update

from api.auth.tables import accounts, api_keys
from infra import audit
from infra.errors import Conflict, InvalidInput

ROLES: Final = ("officer", "committee", "platform", "gateway", "admin")
ROLE_NAMES: Final = {
    "officer": "监管人员",
    "committee": "评定委员",
    "platform": "平台联络员",
    "gateway": "数据网关",
    "admin": "系统管理员",
}
NAME: Final = re.compile(r"^[\w.-]{2,60}$")
MIN_PASSWORD: Final = 10
KEY_PREFIX: Final = "cx"

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: an account (with the CSRF token of its session) or an API key."""

    name: str
    role: str
    platform: str | None
    csrf: str | None = None

    @property
    def id(self) -> str:
        return f"{'account' if self.csrf else 'key'}:{self.name}"


def add_account(
    connection: Connection, *, name: str, role: str, password: str, at: datetime, platform: str | None = None
) -> None:
    """Create an account; raises ``InvalidInput`` or, when the name is taken, ``Conflict``."""
    _check(name, role, platform)
    if len(password) < MIN_PASSWORD:
        raise InvalidInput.one("password", "（不显示）", f"至少 {MIN_PASSWORD} 位")
    if connection.execute(select(accounts.c.name).where(accounts.c.name == name)).scalar():
        raise Conflict(f"账号 {name} 已经存在")
    row = {"name": name, "role": role, "platform": platform, "password_hash": _hasher.hash(password), "created_at": at}
    connection.execute(accounts.insert(), row)
    audit.record(connection, actor="cli", action="account.add", target=f"account:{name}", detail={"role": role}, at=at)


def verify_password(connection: Connection, *, name: str, password: str) -> bool:
    """Whether name and password belong together. Takes the same time for names that do not exist."""
    row = connection.execute(
        select(accounts.c.password_hash).where(accounts.c.name == name, accounts.c.disabled_at.is_(None))
    ).one_or_none()
    try:
        return _hasher.verify(row.password_hash if row else _unusable_hash(), password) and row is not None
    except (Argon2Error, InvalidHashError):
        return False


def get_account(connection: Connection, *, name: str, csrf: str) -> Actor | None:
    """The account as an actor, or None when it is gone or disabled."""
    query = select(accounts).where(accounts.c.name == name, accounts.c.disabled_at.is_(None))
    row = connection.execute(query).one_or_none()
    return Actor(row.name, row.role, row.platform, csrf) if row else None


def add_key(connection: Connection, *, name: str, role: str, at: datetime, platform: str | None = None) -> str:
    """Create an API key and return it; it cannot be shown again."""
    _check(name, role, platform)
    identifier, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = {"id": identifier, "name": name, "role": role, "platform": platform, "created_at": at}
    connection.execute(api_keys.insert(), {**row, "secret_hash": _digest(secret)})
    detail = {"role": role, "platform": platform}
    audit.record(connection, actor="cli", action="apikey.add", target=f"key:{name}/{identifier}", detail=detail, at=at)
    return f"{KEY_PREFIX}_{identifier}_{secret}"


def verify_key(connection: Connection, *, key: str) -> Actor | None:
    """The actor behind a key, or None."""
    prefix, _, rest = key.partition("_")
    identifier, _, secret = rest.partition("_")
    if prefix != KEY_PREFIX or not secret:
        return None
    query = select(api_keys).where(api_keys.c.id == identifier, api_keys.c.revoked_at.is_(None))
    row = connection.execute(query).one_or_none()
    if row is None or not hmac.compare_digest(row.secret_hash, _digest(secret)):
        return None
    return Actor(row.name, row.role, row.platform)


def revoke_key(connection: Connection, *, id: str, at: datetime) -> bool:
    """Make a key useless from now on. False: no such live key."""
    live = (api_keys.c.id == id) & api_keys.c.revoked_at.is_(None)
    done = connection.execute(update(api_keys).where(live).values(revoked_at=at)).rowcount == 1
    if done:
        audit.record(connection, actor="cli", action="apikey.revoke", target=f"key:{id}", detail={}, at=at)
    return done


def _check(name: str, role: str, platform: str | None) -> None:
    if not NAME.match(name):
        raise InvalidInput.one("name", name, "2 到 60 个字母、数字、汉字、点、横线或下划线")
    if role not in ROLES:
        raise InvalidInput.one("role", role, f"应为 {'、'.join(ROLES)} 之一")
    if role == "platform" and not platform:
        raise InvalidInput.one("platform", platform, "平台角色须写明平台编号（--platform）")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@cache
def _unusable_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))
