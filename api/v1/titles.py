"""Titles and certificates. No season has been held yet, so there is nothing to list and no certificate to find."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.idempotency import json_response
from infra.errors import NotFound

router = APIRouter(tags=["称号"])


@router.get("/titles", summary="已授予的称号")
def titles() -> Response:
    """The titles in force."""
    return json_response({"items": [], "next": None})


@router.get("/certificates/{number}", summary="核验证书")
def certificate(number: str) -> Response:
    """One certificate by its number."""
    raise NotFound("证书", number)
