"""``POST /check``: texts in, findings out; nothing is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.auth.accounts import Actor
from api.context import services
from api.guard import require
from api.idempotency import json_response
from api.v1.schemas import CheckRequest
from classifiers.context import split_context
from classifiers.finding import Item
from infra.clock import BEIJING

router = APIRouter(tags=["检测"])


@router.post("/check", summary="检测若干文本", response_description="与输入顺序一致的检测结果")
def check(request: Request, body: CheckRequest, _actor: Annotated[Actor, Depends(require())]) -> Response:
    """Check up to 1,000 texts; each result has the form of a ``chengxin check --json`` line."""
    items = []
    for number, given in enumerate(body.items):
        before, after = split_context(given.context, field=f"items.{number}.context")
        day = given.at.astimezone(BEIJING).date() if isinstance(given.at, datetime) else given.at
        items.append(
            Item(text=given.text, kind=given.kind, category=given.category, at=day, before=before, after=after)
        )
    return json_response({"results": services(request).detector.check(items)})
