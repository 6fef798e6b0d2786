"""Subjects and their scores, open to everybody."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.context import reading, services
from api.idempotency import json_response
from casework import subjects
from rating.score import Score
from rating.score import score as compute_score

router = APIRouter(tags=["主体与评分"])


@router.get("/subjects", summary="查找主播、直播间、商家、机构")
def find(
    request: Request,
    q: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Subjects whose name or id contains ``q``."""
    with reading(request) as connection:
        page = subjects.find(connection, q=q.strip(), limit=limit, after=cursor)
    return json_response({"items": page.items, "next": page.next})


@router.get("/subjects/{subject_id:path}/score", summary="诚信规范经营得分")
def score(request: Request, subject_id: str, on: date | None = None) -> Response:
    """The score now or as it stood at the end of a day (Beijing time), with every reason."""
    with reading(request) as connection:
        subjects.get(connection, id=subject_id)
        result = compute_score(connection, subject=subject_id, clock=services(request).clock, on=on)
    return json_response(score_json(result))


@router.get("/subjects/{subject_id:path}", summary="一个主体")
def get(request: Request, subject_id: str) -> Response:
    """The subject, those related to it and its score now."""
    with reading(request) as connection:
        found = subjects.get(connection, id=subject_id)
        related = subjects.related(connection, id=subject_id)
        now = compute_score(connection, subject=subject_id, clock=services(request).clock)
    return json_response({"subject": found, "related": related, "score": score_json(now)})


def score_json(result: Score) -> dict[str, Any]:
    """A score as the API shows it."""
    return {name: getattr(result, name) for name in Score.__slots__}
