"""``POST /events/{topic}``: events from a platform's gateway, a JSON array or one JSON object a line."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.auth.accounts import Actor
from api.bodies import announced, bodies
from api.context import services, writing
from api.guard import require
from api.idempotency import once, remembered
from infra import audit
from infra.errors import FieldError, InvalidInput
from infra.telemetry import EVENTS_ACCEPTED, EVENTS_REJECTED
from streams import events as wire

router = APIRouter(tags=["事件"])
log = structlog.get_logger()
OUTSIDE_TOPICS = ("transcripts", "listings", "complaints")


@router.post("/events/{topic}", status_code=202, summary="提交事件（JSON 数组或 NDJSON）")
async def accept(topic: str, request: Request, actor: Annotated[Actor, Depends(require("gateway"))]) -> Response:
    """Take in events; the good ones are stored before the answer is given, each bad one is named with its errors.

    Decisions are made here by officers and never accepted from outside. 429 and 503 say with `Retry-After` when to send
    the same events again; nothing of an answered 202 is ever lost.
    """
    if topic not in OUTSIDE_TOPICS:
        raise wire.UnknownTopic(topic)
    services(request).publisher.admit()
    with bodies(request).room(announced(request)):
        body = await request.body()
        return await run_in_threadpool(_accept, request, actor, topic, body)


def _accept(request: Request, actor: Actor, topic: str, body: bytes) -> Response:
    if (answer := remembered(request, actor=actor.id, body=body)) is not None:
        return answer
    decoded = wire.decode_record(topic, _as_array(body))
    clock, publisher = services(request).clock, services(request).publisher
    good = [event for _, event in decoded.events]
    rejected = [{"index": bad.index, "errors": [e.as_dict() for e in bad.errors]} for bad in decoded.bad]
    publisher.deliver(topic, good)

    def act(connection: Connection) -> dict[str, Any]:
        publisher.record(connection, topic, good, at=clock.now())
        detail = {"topic": topic, "accepted": len(good), "rejected": len(rejected)}
        audit.record(
            connection, actor=actor.id, action="events.accept", target=f"topic:{topic}", detail=detail, at=clock.now()
        )
        return {"accepted": len(good), "rejected": rejected}

    with writing(request) as connection:
        response = once(request, connection, actor=actor.id, body=body, act=lambda: act(connection), status=202)
    EVENTS_ACCEPTED.labels(topic).inc(len(good))
    EVENTS_REJECTED.labels(topic).inc(len(rejected))
    _tell(topic, actor, decoded)
    return response


def _tell(topic: str, actor: Actor, decoded: wire.Decoded) -> None:
    ids = [event.id for _, event in decoded.events]
    log.info(
        "events accepted",
        topic=topic,
        actor=actor.id,
        accepted=len(ids),
        rejected=len(decoded.bad),
        first_event=ids[0] if ids else None,
        last_event=ids[-1] if ids else None,
    )


def _as_array(body: bytes) -> bytes:
    """NDJSON becomes an array, without decoding a line twice; an array or a single object stays as it is."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput.one("body", f"第 {error.start} 字节", "不是合法的 UTF-8") from None
    stripped = text.strip()
    if not stripped:
        raise InvalidInput.one("body", "（空）", "没有事件，请提交 JSON 数组或每行一个 JSON 对象")
    if stripped.startswith("["):
        _check_json(stripped)
        return stripped.encode()
    lines = [line for line in stripped.split("\n") if line.strip()]
    if len(lines) == 1 or not all(line.lstrip().startswith("{") for line in lines):
        _check_json(stripped)
        return stripped.encode()
    return ("[" + ",".join(_line(line) for line in lines) + "]").encode()


def _line(line: str) -> str:
    """A broken line must not break its neighbours: it travels on as a JSON string, which no event type accepts."""
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError):
        return msgspec.json.encode(line).decode()
    return line


def _check_json(text: str) -> None:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidInput(FieldError.of("body", text[:80], f"不是合法的 JSON：{error}")) from None
