"""``Idempotency-Key``: the same request sent twice is answered twice and done once.

The answer is stored in the transaction of the act itself, encrypted, because it may hold a tracking code.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request
from sqlalchemy import Connection, delete, select
from starlette.responses import Response

from api.auth.tables import remembered_answers
from api.context import services
from infra import secrets
from infra.encoding import json_bytes
from infra.errors import Conflict, InvalidInput

HEADER: Final = "Idempotency-Key"
MAX_KEY: Final = 200
KEEP: Final = timedelta(hours=24)
NONCE_BYTES: Final = 12


def once(
    request: Request, connection: Connection, *, actor: str, body: Any, act: Callable[[], Any], status: int = 200
) -> Response:
    """Run ``act`` and answer with its result as JSON, or repeat the answer given to the same key before.

    Raises:
        InvalidInput: the key is too long. Conflict: the key was used for another request.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return json_response(act(), status)
    if not 1 <= len(key) <= MAX_KEY:
        raise InvalidInput.one(HEADER, key, f"应为 1 到 {MAX_KEY} 个字符")
    digest = hashlib.sha256(json_bytes([request.method, request.url.path, body])).hexdigest()
    now = services(request).clock.now()
    connection.execute(delete(remembered_answers).where(remembered_answers.c.at < now - KEEP))
    cipher = AESGCM(secrets.derive(services(request).settings, "remembered-answers"))
    mine = (remembered_answers.c.actor == actor) & (remembered_answers.c.key == key)
    found = connection.execute(select(remembered_answers).where(mine)).one_or_none()
    if found is not None:
        if found.request_hash != digest:
            raise Conflict(f"{HEADER} {key} 已用于另一个请求，请换一个新的值")
        content = cipher.decrypt(found.sealed[:NONCE_BYTES], found.sealed[NONCE_BYTES:], key.encode())
        return Response(content, found.status, media_type="application/json")
    response = json_response(act(), status)
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + cipher.encrypt(nonce, bytes(response.body), key.encode())
    row = {"actor": actor, "key": key, "request_hash": digest, "status": status, "sealed": sealed, "at": now}
    connection.execute(remembered_answers.insert(), row)
    return response


def json_response(value: Any, status: int = 200) -> Response:
    """Any msgspec-encodable value (structs, dataclasses, dates, decimals) as a JSON answer."""
    return Response(json_bytes(value), status, media_type="application/json")
