"""The guard at the door: who is asking, may they, did the request really come from our own pages, and not too often."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.auth import sessions
from api.auth.accounts import Actor, verify_key
from api.context import reading, services
from api.problems import Refused

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "X-CSRF-Token"
VISITOR_COOKIE: Final = "chengxin_visitor"


class RateLimits:
    """Moving-window limits in memory, one instance a process."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self.login = parse("10/minute")
        self.login_account = parse("20/hour")
        self.complaint = parse("20/hour")
        self.lookup = parse("30/minute")

    def check(self, item: RateLimitItem, *who: str) -> None:
        """Count one attempt; raises ``Refused`` (429) with ``Retry-After`` when there were too many."""
        if not self._limiter.hit(item, *who):
            wait = str(item.get_expiry())
            raise Refused(429, f"操作过于频繁，请在 {wait} 秒后重试", {"Retry-After": wait})


def limits(request: Request) -> RateLimits:
    """The limits of this application."""
    found: RateLimits = request.app.state.rate_limits
    return found


def client(request: Request) -> str:
    """The address the request came from. Proxy headers are trusted only as far as uvicorn was told to."""
    return request.client.host if request.client else "unknown"


def current_actor(request: Request) -> Actor | None:
    """The key's or the session's actor, or None for the public. A wrong key is refused, never treated as public."""
    header = request.headers.get("Authorization")
    if header is not None:
        return _key_actor(request, header)
    token = request.cookies.get(sessions.COOKIE)
    if not token:
        return None
    with reading(request) as connection:
        return sessions.actor(connection, token=token, at=services(request).clock.now())


def require(*roles: str) -> Callable[..., Actor]:
    """FastAPI dependency: an actor with one of the roles (any role when none is given), with CSRF checked."""

    def dependency(request: Request, actor: Annotated[Actor | None, Depends(current_actor)]) -> Actor:
        if actor is None:
            raise Refused(401, "请先登录，或在 Authorization 头中提供 Bearer 密钥", {"WWW-Authenticate": "Bearer"})
        if roles and actor.role not in roles:
            raise Refused(403, f"当前角色 {actor.role} 无权进行此操作，需要：{'、'.join(roles)}")
        check_csrf_header(request, actor)
        return actor

    return dependency


def check_csrf_header(request: Request, actor: Actor) -> None:
    """A request that rides on a cookie and changes something must carry the session's token (header, JSON API)."""
    if actor.csrf is None or request.method in SAFE_METHODS or not request.url.path.startswith("/api/"):
        return  # a key proves itself; pages check the form field in ``check_csrf_form``
    if not hmac.compare_digest(request.headers.get(CSRF_HEADER, ""), actor.csrf):
        raise Refused(403, f"缺少或错误的 {CSRF_HEADER}，请刷新页面后重试")


def check_csrf_form(expected: str, given: str) -> None:
    """The same for a form's hidden field."""
    if not expected or not hmac.compare_digest(given, expected):
        raise Refused(403, "页面已过期，请返回刷新后重新提交")


def check_same_origin(request: Request) -> None:
    """Refuse changing requests that a browser sent from another site (public forms have no session to hold a token)."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site is not None and site not in ("same-origin", "none")
    if site is None and origin is not None:
        foreign = urlsplit(origin).netloc != request.headers.get("Host")
    if request.method not in SAFE_METHODS and foreign:
        raise Refused(403, "此请求来自其他网站，已拒绝")


def new_token() -> str:
    """A random token for visitors' forms."""
    return secrets.token_urlsafe(32)


def _key_actor(request: Request, header: str) -> Actor:
    scheme, _, key = header.partition(" ")
    if scheme.lower() == "bearer":
        with reading(request) as connection:
            actor = verify_key(connection, key=key.strip())
        if actor is not None:
            return actor
    raise Refused(401, "密钥无效或已停用", {"WWW-Authenticate": "Bearer"})
