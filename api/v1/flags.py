"""Flags for officers: the queue, one flag, the decision on it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.auth.accounts import Actor
from api.context import reading, services, writing
from api.guard import require
from api.idempotency import json_response, once
from api.v1.schemas import FlagDecision
from casework import flags, review
from casework.flags import Flag, FlagView
from infra.errors import InvalidInput

router = APIRouter(tags=["线索"])
Officer = Annotated[Actor, Depends(require("officer"))]


@router.get("/flags", summary="线索队列")
def list_flags(
    request: Request,
    _actor: Officer,
    status: str | None = None,
    code: str | None = None,
    subject: str | None = None,
    severity: str | None = None,
    platform: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str | None = None,
) -> Response:
    """Flags by urgency: gravest first, then longest waiting."""
    with reading(request) as connection:
        page = flags.queue(
            connection,
            status=status,
            code=code,
            subject=subject,
            severity=severity,
            platform=platform,
            limit=limit,
            after=cursor,
        )
    return json_response({"items": [flag_json(flag) for flag in page.items], "next": page.next})


@router.get("/flags/{flag_id}", summary="一条线索")
def get_flag(request: Request, flag_id: str, _actor: Officer) -> Response:
    """The flag with the utterances around it and the decision that stands."""
    with reading(request) as connection:
        return json_response(view_json(flags.get(connection, id=flag_id)))


@router.post("/flags/{flag_id}/decision", summary="对线索作出决定")
def decide(request: Request, flag_id: str, body: FlagDecision, actor: Officer) -> Response:
    """Decide; the same decision again is answered the same, another one needs ``corrects``."""
    known = services(request).lexicon.codes
    if body.code is not None and body.code not in known:
        raise InvalidInput.one("code", body.code, f"未知的违规类别，可用：{'、'.join(sorted(known))}")

    with writing(request) as connection:

        def act() -> dict[str, Any]:
            now = services(request).clock.now()
            view = review.decide_flag(connection, id=flag_id, officer=actor.name, at=now, **body.model_dump())
            return view_json(view)

        return once(request, connection, actor=actor.id, body=body.model_dump(), act=act)


def flag_json(flag: Flag) -> dict[str, Any]:
    """A flag as the API shows it: all findings in one list, the primary first."""
    hidden = {"finding", "others"}
    shown = {name: getattr(flag, name) for name in Flag.__slots__ if name not in hidden}
    return {**shown, "findings": flag.findings}


def view_json(view: FlagView) -> dict[str, Any]:
    """The same with context and decision."""
    return {**flag_json(view.flag), "utterances": view.context, "decision": view.decision}
