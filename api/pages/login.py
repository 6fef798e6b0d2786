"""Logging in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from api.auth import accounts, sessions
from api.auth.accounts import Actor
from api.context import reading, services, writing
from api.guard import check_csrf_form, check_same_origin, client, current_actor, limits
from api.templating import page
from infra import audit

router = APIRouter()
Visitor = Annotated[Actor | None, Depends(current_actor)]
Field = Annotated[str, Form(max_length=200)]
HOMES = {"officer": "/console"}


@router.get("/login")
def form(request: Request, actor: Visitor, to: str = "") -> Response:
    """The login form; somebody who is logged in goes straight on."""
    if actor is not None:
        return RedirectResponse(_target(to, actor.role), 303)
    return page(request, "login.html", actor=None, to=to, name="", error=None)


@router.post("/login")
def login(
    request: Request, name: Field = "", password: Field = "", to: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Check name and password. The answer never says which of them was wrong."""
    check_same_origin(request)
    limit = limits(request)
    limit.check(limit.login, client(request))
    limit.check(limit.login_account, name)
    with reading(request) as connection:
        good = accounts.verify_password(connection, name=name, password=password)
    now = services(request).clock.now()
    if not good:
        with writing(request) as connection:
            detail = {"address": client(request)}
            audit.record(
                connection, actor="public", action="login.refused", target=f"account:{name[:60]}", detail=detail, at=now
            )
        return page(request, "login.html", actor=None, to=to, name=name, error="账号或口令不正确", status=401)
    lasting = timedelta(hours=services(request).settings.session_hours)
    with writing(request) as connection:
        session = sessions.begin(connection, account=name, at=now, lasting=lasting)
        actor = accounts.get_account(connection, name=name, csrf=session.csrf)
        audit.record(connection, actor=f"account:{name}", action="login", target=f"account:{name}", detail={}, at=now)
    response = RedirectResponse(_target(to, actor.role if actor else ""), 303)
    response.set_cookie(
        sessions.COOKIE,
        session.token,
        max_age=int(lasting.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=services(request).settings.public_url.startswith("https://"),
    )
    return response


@router.post("/logout")
def logout(request: Request, actor: Visitor, csrf: Field = "") -> Response:
    """End the session."""
    if actor is not None:
        check_csrf_form(actor.csrf or "", csrf)
        now = services(request).clock.now()
        with writing(request) as connection:
            sessions.end(connection, token=request.cookies.get(sessions.COOKIE, ""))
            audit.record(connection, actor=actor.id, action="logout", target=f"account:{actor.name}", detail={}, at=now)
    response = RedirectResponse("/", 303)
    response.delete_cookie(sessions.COOKIE)
    return response


def _target(to: str, role: str) -> str:
    """Where to go after logging in: a path of our own, never another site."""
    parts = urlsplit(to)
    own = to.startswith("/") and not to.startswith("//") and not parts.netloc and "\\" not in to
    return to if own else HOMES.get(role, "/")
