"""``GET /search``: one search over everything the asker may see."""

from __future__ import annotations

from typing import Annotated, Final, get_args

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.auth.accounts import Actor
from api.context import services
from api.guard import current_actor
from api.idempotency import json_response
from api.v1.schemas import Moment
from infra import tracing
from infra.errors import InvalidInput
from infra.search import Interval, Kind
from infra.search import Query as SearchQuery

router = APIRouter(tags=["搜索"])

FILTERS: Final = ("platform", "subject", "code", "severity", "status", "category", "level")
VISIBLE: Final[dict[str | None, frozenset[Kind]]] = {
    "officer": frozenset(get_args(Kind)),
    None: frozenset({"subject", "listing"}),
}


@router.get("/search", summary="搜索")
def search(
    request: Request,
    actor: Annotated[Actor | None, Depends(current_actor)],
    q: Annotated[str, Query(max_length=200)] = "",
    kinds: Annotated[list[str] | None, Query(alias="in")] = None,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: str | None = None,
    histogram: Interval | None = None,
) -> Response:
    """Hits with highlights and facets. Officers see everything, everybody else only what is public.

    All words of ``q`` must be found, as written, as a synonym or by sound; ``"…"`` asks for exactly these characters.
    ``histogram`` counts the documents by hour or day. 503 while the search server is away.
    """
    role = actor.role if actor else None
    visible = VISIBLE.get(role, VISIBLE[None])
    filters = {name: request.query_params.getlist(name) for name in FILTERS if name in request.query_params}
    query = SearchQuery(
        text=q.strip(),
        kinds=_kinds(kinds, visible),
        filters=filters,
        since=since,
        until=until,
        public_only=role != "officer",
        limit=limit,
        cursor=cursor,
        facets=("platform", "code", "severity", "status", "category"),
        histogram=histogram,
    )
    with tracing.span("search", kinds=len(query.kinds)):
        page = services(request).search.search(query)
    answer = {"items": page.hits, "next": page.next, "total": page.total, "facets": page.facets}
    return json_response(answer | {"histogram": page.histogram} if histogram else answer)


def _kinds(wanted: list[str] | None, visible: frozenset[Kind]) -> frozenset[Kind]:
    """The kinds asked for (repeated or comma-separated) that the asker may see."""
    names = [name for value in wanted or [] for name in value.split(",") if name]
    unknown = sorted(set(names) - set(get_args(Kind)))
    if unknown:
        raise InvalidInput.one("in", unknown[0], f"应为 {'、'.join(get_args(Kind))} 之一或几个")
    return frozenset(kind for kind in visible if not names or kind in names)
