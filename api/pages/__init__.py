"""The pages people see. Each works without JavaScript for its main act; scripts only make it quicker."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages import complain, console, login, portal
from api.templating import page

router = APIRouter(include_in_schema=False)
for module in (portal, complain, login, console):
    router.include_router(module.router)


def render_error(request: Request, status: int, title: str, detail: str) -> Response:
    """An error as a page that says what happened and where to go."""
    return page(request, "error.html", actor=None, status=status, title=title, detail=detail, code=status)
