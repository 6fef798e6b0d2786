"""Complaints from the public: file one, look one up by its tracking code."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.context import reading, services, writing
from api.guard import check_same_origin, client, limits
from api.idempotency import json_response, once
from api.v1.schemas import Lookup, NewComplaint
from casework import complaints

router = APIRouter(tags=["投诉举报"])


@router.post("/complaints", status_code=201, summary="提交投诉或举报")
def submit(request: Request, body: NewComplaint) -> Response:
    """File a complaint. The tracking code is shown once; the contact goes into the vault."""
    check_same_origin(request)
    limits(request).check(limits(request).complaint, client(request))
    contact = complaints.Contact(body.contact.name, body.contact.phone)
    facts = body.model_dump(exclude={"contact"})

    with writing(request) as connection:

        def act() -> dict[str, Any]:
            at, vault = services(request).clock.now(), services(request).vault
            return {"tracking_code": complaints.submit(connection, vault=vault, contact=contact, at=at, **facts)}

        return once(request, connection, actor="public", body=body.model_dump(), act=act, status=201)


@router.post("/complaints/lookup", summary="凭查询码查看进度")
def lookup(request: Request, body: Lookup) -> Response:
    """Status and public timeline of one case."""
    limits(request).check(limits(request).lookup, client(request))
    with reading(request) as connection:
        return json_response(complaints.lookup(connection, tracking_code=body.tracking_code))
