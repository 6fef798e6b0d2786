"""JSON for answers, files and columns: UTF-8, and still valid when a text holds what UTF-8 cannot (a lone surrogate)."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def json_bytes(value: Any) -> bytes:
    """``value`` (anything msgspec can encode) as JSON; characters that UTF-8 cannot hold are written as JSON escapes."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value)).encode()


def json_text(value: Any) -> str:
    """``json_bytes`` as text, as the databases' JSON columns take it. Other than ``json.dumps`` it writes NaN as null."""
    return json_bytes(value).decode()
