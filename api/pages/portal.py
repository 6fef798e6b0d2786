"""The public portal: find a host or company, see its level, score and why; titles; certificates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.auth.accounts import Actor
from api.context import reading, services
from api.guard import current_actor
from api.templating import page
from casework import subjects
from casework.subjects import Subject
from infra.clock import end_of_day, today
from infra.errors import NotFound
from rating import ledger
from rating.score import Score, compute
from rating.score import score as compute_score
from rating.standard import standard_on

router = APIRouter()
Visitor = Annotated[Actor | None, Depends(current_actor)]

PAGE_SIZE: Final = 20
HISTORY_DAYS: Final = 90
RATED_KINDS: Final = ("host", "operator", "seller", "room")


@router.get("/")
def home(request: Request, actor: Visitor) -> Response:
    """Search box, how it works, how to complain."""
    standard = standard_on(today(services(request).clock))
    return page(request, "home.html", actor=actor, standard=standard)


@router.get("/subjects")
def find(
    request: Request,
    actor: Visitor,
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Search results with level and score."""
    with reading(request) as connection:
        found = subjects.find(connection, q=q.strip(), kinds=RATED_KINDS, limit=PAGE_SIZE, after=after)
        rows = [(subject, _score(request, connection, subject.id)) for subject in found.items]
        platforms = _platforms(connection, found.items)
    return page(request, "subjects.html", actor=actor, q=q, rows=rows, platforms=platforms, next=found.next)


@router.get("/subjects/{subject_id:path}")
def subject(request: Request, subject_id: str, actor: Visitor, on: date | None = None) -> Response:
    """One subject: level, score, every reason, what would restore it, how it went."""
    clock = services(request).clock
    with reading(request) as connection:
        found = subjects.get(connection, id=subject_id)
        result = compute_score(connection, subject=subject_id, clock=clock, on=on)
        related = [(other, _score(request, connection, other.id)) for other in _rated(connection, found)]
        history = _history(connection, subject_id, today(clock))
        platforms = _platforms(connection, [found])
    codes = services(request).lexicon.codes
    code_names = {item.code: codes[item.code].name for item in result.items if item.code in codes}
    return page(
        request,
        "subject.html",
        actor=actor,
        subject=found,
        score=result,
        platforms=platforms,
        related=related,
        history=history,
        code_names=code_names,
        on=on,
        today=today(clock),
    )


@router.get("/titles")
def titles(request: Request, actor: Visitor) -> Response:
    """Titles in force; until the first season is held, a kind word about what they will be."""
    return page(request, "titles.html", actor=actor, titles=[])


@router.get("/certificates/{number}")
def certificate(number: str) -> Response:
    """One certificate."""
    raise NotFound("证书", number)


def _score(request: Request, connection: Connection, identifier: str) -> Score:
    return compute_score(connection, subject=identifier, clock=services(request).clock)


def _rated(connection: Connection, found: Subject) -> list[Subject]:
    return [other for other in subjects.related(connection, id=found.id) if other.kind in RATED_KINDS]


def _platforms(connection: Connection, shown: Iterable[Subject]) -> dict[str, str]:
    """The names of the platforms that the shown subjects are on, by platform."""
    ids = {f"platform:{subject.platform}" for subject in shown}
    return {known.removeprefix("platform:"): name for known, name in subjects.names(connection, ids=ids).items()}


def _history(connection: Connection, identifier: str, last: date) -> list[dict[str, Any]]:
    """The score at the end of each of the last days, as it was shown then."""
    entries = ledger.entries(connection, subject=identifier, at=end_of_day(last))
    days = [last - timedelta(days=back) for back in range(HISTORY_DAYS - 1, -1, -1)]
    return [{"day": day.isoformat(), "score": compute(identifier, entries, at=end_of_day(day)).score} for day in days]
