"""Login sessions: a random cookie whose hash is in the database, with a CSRF token of its own."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from api.auth.accounts import Actor, get_account
from api.auth.tables import sessions

COOKIE = "chengxin_session"


@dataclass(frozen=True, slots=True)
class NewSession:
    """The secret parts of a session that has just begun; ``token`` goes into the cookie."""

    token: str
    csrf: str
    expires_at: datetime


def begin(connection: Connection, *, account: str, at: datetime, lasting: timedelta) -> NewSession:
    """Start a session and drop all that have expired."""
    connection.execute(delete(sessions).where(sessions.c.expires_at < at))
    new = NewSession(secrets.token_urlsafe(32), secrets.token_urlsafe(32), at + lasting)
    row = {"token_hash": _digest(new.token), "account": account, "csrf": new.csrf, "created_at": at}
    connection.execute(sessions.insert(), {**row, "expires_at": new.expires_at})
    return new


def actor(connection: Connection, *, token: str, at: datetime) -> Actor | None:
    """Who holds this cookie, or None when it is unknown or has expired."""
    query = select(sessions.c.account, sessions.c.csrf)
    alive = query.where(sessions.c.token_hash == _digest(token), sessions.c.expires_at > at)
    row = connection.execute(alive).one_or_none()
    return get_account(connection, name=row.account, csrf=row.csrf) if row else None


def end(connection: Connection, *, token: str) -> None:
    """Log out."""
    connection.execute(delete(sessions).where(sessions.c.token_hash == _digest(token)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
