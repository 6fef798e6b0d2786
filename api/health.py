"""Liveness, readiness and metrics, for the machines that look after this one."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from starlette.responses import Response

from api.context import reading, services
from api.engine import Engine
from api.idempotency import json_response
from infra.redaction import clean
from infra.telemetry import REGISTRY

router = APIRouter(include_in_schema=False)

CAN_WAIT: Final = frozenset({"search"})


@router.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


@router.get("/readyz")
def ready(request: Request) -> Response:
    """The process can work: database, search, detector and the embedded engine, each with its own line.

    Without search it is ``degraded`` and still ready: events and decisions go on, and the index catches up later.
    ``detector`` tells what it checks with. A newer lexicon that cannot be loaded is told there and does not make the process
    unready: it works on with the old one, and taking it away would help nobody. The same goes for ``broker``: while Kafka is
    away the pages work, events are refused with 503, and decisions wait in the database.
    """
    checks: dict[str, Any] = {
        "database": lambda: _database(request),
        "search": services(request).search.ping,
        "detector": lambda: services(request).detector.versions,
        "engine": lambda: _engine(request),
    }
    result = {name: _outcome(check) for name, check in checks.items()}
    failing = {name for name, line in result.items() if line != "ok"}
    good = failing <= CAN_WAIT
    status = ("degraded" if failing else "ok") if good else "unavailable"
    answer: dict[str, Any] = {"status": status, "checks": result}
    if trouble := _broker_trouble(request):
        answer["broker"] = trouble
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
        return clean(f"{type(error).__name__}: {error}")  # anybody may ask
    return "ok"


def _detector(request: Request) -> dict[str, Any]:
    live = services(request).detector
    return {"versions": live.versions, "since": live.since, "reload": live.trouble or "ok"}


def _broker_trouble(request: Request) -> str:
    engine: Engine | None = request.app.state.engine
    return engine.trouble if engine is not None else ""


def _database(request: Request) -> None:
    with reading(request) as connection:
        connection.execute(text("SELECT 1"))


def _engine(request: Request) -> None:
    engine: Engine | None = request.app.state.engine
    if engine is not None:
        engine.check()
