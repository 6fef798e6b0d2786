"""Opaque cursors for lists: the sort key of the last item shown, encoded so that nobody builds one by hand."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

import msgspec

from infra.errors import InvalidInput


def encode_cursor(*parts: str) -> str:
    """A URL-safe string holding the parts."""
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def decode_cursor(cursor: str, length: int, *, moment: int) -> list[str]:
    """The parts again, the one at ``moment`` being a point in time.

    Raises:
        InvalidInput: the cursor was not made by ``encode_cursor``.
    """
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        parts = msgspec.json.decode(raw, type=list[str])
        aware = datetime.fromisoformat(parts[moment]).tzinfo is not None
    except (ValueError, IndexError, RecursionError, msgspec.MsgspecError):
        parts, aware = [], False
    if len(parts) != length or not aware:
        raise InvalidInput.one("cursor", cursor, "不是本系统给出的翻页标记，请从第一页重新开始")
    return parts
