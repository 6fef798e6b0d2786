"""Filing a complaint in four fields, and following it with the tracking code."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from api.auth.accounts import Actor
from api.context import reading, services, writing
from api.guard import check_same_origin, client, current_actor, limits
from api.templating import page
from casework import complaints, subjects
from casework.complaints import Contact
from infra.errors import InvalidInput, NotFound

router = APIRouter()
Visitor = Annotated[Actor | None, Depends(current_actor)]
Field = Annotated[str, Form(max_length=6000)]
MAX_PLATFORMS: Final = 100


@router.get("/complain")
def form(request: Request, actor: Visitor, subject: str = "", kind: str = "complaint") -> Response:
    """The empty form; ``?subject=`` fills in whom it is about."""
    return _form(request, actor, {"kind": kind, "subject": subject}, {})


@router.post("/complain")
def submit(
    *,
    request: Request,
    actor: Visitor,
    text: Field = "",
    name: Field = "",
    phone: Field = "",
    platform: Field = "",
    kind: Field = "complaint",
    subject: Field = "",
    request_text: Field = "",
) -> Response:
    """Take it in and show the tracking code once; wrong fields come back with what was typed."""
    check_same_origin(request)
    limits(request).check(limits(request).complaint, client(request))
    values = {"text": text, "name": name, "phone": phone, "platform": platform, "kind": kind}
    values |= {"subject": subject, "request_text": request_text}
    try:
        with writing(request) as connection:
            code = complaints.submit(
                connection,
                vault=services(request).vault,
                kind=kind,
                platform=platform.strip(),
                text=text.strip(),
                contact=Contact(name, phone),
                subject=subject.strip() or None,
                request=request_text.strip() or None,
                at=services(request).clock.now(),
            )
    except InvalidInput as error:
        return _form(request, actor, values, {e.field: e.message for e in error.errors}, status=422)
    response = page(request, "complained.html", actor=actor, code=code, kind=kind)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/track")
def track_form(request: Request, actor: Visitor) -> Response:
    """Where the tracking code is typed in."""
    return page(request, "track.html", actor=actor, code="", case=None, error=None)


@router.post("/track")
def track(request: Request, actor: Visitor, code: Field = "") -> Response:
    """How the case stands. The code travels in the body, so that it stays out of addresses and logs."""
    check_same_origin(request)
    limits(request).check(limits(request).lookup, client(request))
    case, error = None, None
    try:
        with reading(request) as connection:
            case = complaints.lookup(connection, tracking_code=code)
    except NotFound:
        error = "没有找到这个查询码，请核对后重新输入。"
    response = page(request, "track.html", actor=actor, code=code, case=case, error=error, status=404 if error else 200)
    response.headers["Cache-Control"] = "no-store"
    return response


def _form(
    request: Request, actor: Actor | None, values: dict[str, str], errors: dict[str, str], status: int = 200
) -> Response:
    with reading(request) as connection:
        platforms = subjects.find(connection, kinds=("platform",), limit=MAX_PLATFORMS).items
    empty = dict.fromkeys(("text", "name", "phone", "platform", "kind", "subject", "request_text"), "")
    return page(
        request, "complain.html", actor=actor, status=status, values=empty | values, errors=errors, platforms=platforms
    )
