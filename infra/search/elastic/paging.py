"""Cursors. The first page is one plain request; only who turns the page gets a point in time (PIT), which then holds still.

So the many searches that are never paged keep nothing open on the server.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from infra.errors import InvalidInput
from infra.search import MAX_REACH


@dataclass(frozen=True, slots=True)
class AfterFirst:
    """Go on after the hit with this id and kind, which was the last of ``offset``: no point in time is open yet."""

    kind: str
    id: str
    offset: int


@dataclass(frozen=True, slots=True)
class AfterSorted:
    """Go on after these sort values inside a point in time."""

    pit: str
    after: list[Any]


Cursor = AfterFirst | AfterSorted


def write(cursor: Cursor) -> str:
    """The cursor as text fit for an address."""
    parts = [cursor.kind, cursor.id, cursor.offset] if isinstance(cursor, AfterFirst) else [cursor.pit, cursor.after]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def read(text: str | None) -> Cursor | None:
    """What ``write`` wrote; None at the beginning.

    Raises:
        InvalidInput: nothing of ours.
    """
    if text is None:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise made_up(text) from None
    match parts:
        case [str(kind), str(identifier), int(offset)] if 0 < offset <= MAX_REACH:
            return AfterFirst(kind, identifier, offset)
        case [str(pit), [_, *_] as after] if all(isinstance(value, int | float) for value in after):
            return AfterSorted(pit, after)
    raise made_up(text)


def made_up(cursor: str) -> InvalidInput:
    """The error for a cursor that is not ours."""
    return InvalidInput.one("cursor", cursor, "不是本系统给出的翻页标记，请从第一页重新开始")
