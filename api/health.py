"""Liveness, readiness and metrics, for the machines that look after this one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from starlette.responses import Response

from api.context import reading, services
from api.engine import Engine
from api.idempotency import json_response
from infra.telemetry import REGISTRY

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


@router.get("/readyz")
def ready(request: Request) -> Response:
    """The process can work: database, search, detector and the embedded engine, each with its own line.

    ``detector`` tells what it checks with. A newer lexicon that cannot be loaded is told there and does not make the process
    unready: it works on with the old one, and taking it away would help nobody.
    """
    checks: dict[str, Any] = {
        "database": lambda: _database(request),
        "search": services(request).search.ping,
        "detector": lambda: services(request).detector.versions,
        "engine": lambda: _engine(request),
    }
    result = {name: _outcome(check) for name, check in checks.items()}
    good = all(line == "ok" for line in result.values())
    answer = {"status": "ok" if good else "unavailable", "checks": result}
    if result["detector"] == "ok":
        answer["detector"] = _detector(request)
    return json_response(answer, 200 if good else 503)


@router.get("/metrics")
def metrics() -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


def _outcome(check: Any) -> str:
    try:
        check()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "ok"


def _detector(request: Request) -> dict[str, Any]:
    live = services(request).detector
    return {"versions": live.versions, "since": live.since, "reload": live.trouble or "ok"}


def _database(request: Request) -> None:
    with reading(request) as connection:
        connection.execute(text("SELECT 1"))


def _engine(request: Request) -> None:
    engine: Engine | None = request.app.state.engine
    if engine is not None:
        engine.check()
