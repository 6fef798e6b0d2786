"""``Idempotency-Key``: the same request sent twice is answered twice and done once.

The answer is stored in the transaction of the act itself, encrypted, because it may hold a tracking code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from fastapi import Request
from sqlalchemy import Connection, delete, select, update
from starlette.responses import Response

from api.auth.tables import remembered_answers
from api.context import services
from infra.database import lock
from infra.encoding import json_bytes
from infra.errors import Conflict, InvalidInput
from infra.sealing import Sealer, Unreadable
from infra.settings import Settings

HEADER: Final = "Idempotency-Key"
MAX_KEY: Final = 200
KEEP: Final = timedelta(hours=24)
PURPOSE: Final = "remembered-answers"


def remembered(request: Request, *, actor: str, body: Any) -> Response | None:
    """The answer given to the same key before; for acts that begin outside the transaction.

    Raises:
        InvalidInput: the key is too long. Conflict: the key was used for another request.
    """
    if HEADER not in request.headers:
        return None
    with services(request).database.read() as connection:
        return _found(request, connection, _key(request), actor, body)


def once(
    request: Request, connection: Connection, *, actor: str, body: Any, act: Callable[[], Any], status: int = 200
) -> Response:
    """Run ``act`` and answer with its result as JSON, or repeat the answer given to the same key before.

    Raises:
        InvalidInput: the key is too long. Conflict: the key was used for another request.
    """
    if HEADER not in request.headers:
        return json_response(act(), status)
    key, now = _key(request), services(request).clock.now()
    # The same request sent twice at once: the second waits for the first's answer.
    lock(connection, f"once/{actor}/{key}")
    connection.execute(delete(remembered_answers).where(remembered_answers.c.at < now - KEEP))
    if (found := _found(request, connection, key, actor, body)) is not None:
        return found
    response = json_response(act(), status)
    _, sealed = _sealer(request).seal(bytes(response.body), key.encode())
    row = {
        "actor": actor,
        "key": key,
        "request_hash": _digest(request, body),
        "status": status,
        "sealed": sealed,
        "at": now,
    }
    connection.execute(remembered_answers.insert(), row)
    return response


def reseal(connection: Connection, settings: Settings) -> int:
    """Seal all remembered answers with the current key; those no key opens are forgotten. Returns how many are left.

    They live for a day, so there are few; all are done in the caller's transaction.
    """
    sealer, left = Sealer(settings, PURPOSE), 0
    for row in connection.execute(select(remembered_answers)).all():
        this = (remembered_answers.c.actor == row.actor) & (remembered_answers.c.key == row.key)
        try:
            _, sealed = sealer.seal(sealer.open(row.sealed, row.key.encode()), row.key.encode())
        except Unreadable:
            connection.execute(delete(remembered_answers).where(this))
            continue
        connection.execute(update(remembered_answers).where(this).values(sealed=sealed))
        left += 1
    return left


def _key(request: Request) -> str:
    key = request.headers[HEADER]
    if not 1 <= len(key) <= MAX_KEY:
        raise InvalidInput.one(HEADER, key, f"应为 1 到 {MAX_KEY} 个字符")
    return key


def _found(request: Request, connection: Connection, key: str, actor: str, body: Any) -> Response | None:
    mine = (remembered_answers.c.actor == actor) & (remembered_answers.c.key == key)
    young = remembered_answers.c.at >= services(request).clock.now() - KEEP
    found = connection.execute(select(remembered_answers).where(mine, young)).one_or_none()
    if found is None:
        return None
    if found.request_hash != _digest(request, body):
        raise Conflict(f"{HEADER} {key} 已用于另一个请求，请换一个新的值")
    content = _sealer(request).open(found.sealed, key.encode())
    return Response(content, found.status, media_type="application/json")


def _digest(request: Request, body: Any) -> str:
    return hashlib.sha256(json_bytes([request.method, request.url.path, body])).hexdigest()


def _sealer(request: Request) -> Sealer:
    return Sealer(services(request).settings, PURPOSE)


def json_response(value: Any, status: int = 200) -> Response:
    """Any msgspec-encodable value (structs, dataclasses, dates, decimals) as a JSON answer."""
    return Response(json_bytes(value), status, media_type="application/json")
