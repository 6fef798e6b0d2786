"""Around every request: a size limit, a request id, security headers, timing. It looks at no content."""

from __future__ import annotations

import time
from typing import Final

import msgspec
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra import correlation, tracing
from infra.telemetry import REQUESTS

MAX_BODY: Final = 8 * 1024 * 1024
API_PREFIX: Final = "/api/v1"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}


class TooLarge(Exception):
    """The body went past the limit while it was being read."""


class Envelope:
    """One ASGI middleware for all of it; pure ASGI, so that streaming stays streaming."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = correlation.accept(_header(scope, b"x-request-id"))
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = {**SECURITY_HEADERS, b"x-request-id": request_id.encode()}
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *((k, v) for k, v in extra.items() if k not in present)]
            await send(message)

        parent = {
            "traceparent": _header(scope, b"traceparent") or "",
            "tracestate": _header(scope, b"tracestate") or "",
        }
        try:
            with tracing.span(scope["method"], parent=parent, server=True) as span:
                try:
                    await self._answer(scope, receive, send_with_headers)
                finally:
                    span.rename(f"{scope['method']} {_route(scope)}")
                    span.note(status=status)
        finally:
            REQUESTS.labels(_route(scope), scope["method"], str(status)).observe(time.perf_counter() - started)
            structlog.contextvars.unbind_contextvars("request_id")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if _declared_length(scope) > self._limit:
                await _refuse(send, self._limit)
            else:
                await self._app(scope, _counting(receive, self._limit), send)
        except TooLarge:
            await _refuse(send, self._limit)


def _route(scope: Scope) -> str:
    """The pattern of the route, not the path: labels must stay few. Routers leave the prefix they hang under out of it."""
    pattern: str | None = getattr(scope.get("route"), "path", None)
    if pattern is None:
        return "other"
    return API_PREFIX + pattern if scope["path"].startswith(API_PREFIX) and not pattern.startswith("/api/") else pattern


def _header(scope: Scope, name: bytes) -> str | None:
    value = dict(scope["headers"]).get(name)
    return value.decode("latin-1") if value is not None else None


def _declared_length(scope: Scope) -> int:
    value = _header(scope, b"content-length") or "0"
    return int(value) if value.isdecimal() and value.isascii() else 0


def _counting(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise TooLarge
        return message

    return counted


async def _refuse(send: Send, limit: int) -> None:
    detail = f"请求内容超过 {limit // 1024 // 1024} MiB，请分批提交"
    body = msgspec.json.encode({"type": "about:blank", "title": "内容过大", "status": 413, "detail": detail})
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
