"""Takes a JSON array of bytes apart without reading its elements, so that one broken element leaves its neighbours whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

_PARTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


def split_array(raw: bytes, *, at_most: int) -> list[bytes]:
    """The first ``at_most`` elements of a JSON array as bytes.

    An array that is cut off or broken still gives the elements before the break.
    """
    try:
        return [bytes(part) for part in _PARTS.decode(raw)[:at_most]]
    except (msgspec.MsgspecError, RecursionError):
        return list(islice(_split_by_brackets(raw), at_most))


def _split_by_brackets(raw: bytes) -> Iterator[bytes]:
    depth, begin, closed = 0, raw.index(b"[") + 1, False
    for token in _TOKEN.finditer(raw):
        mark = token.group()
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
        if (mark == b"," and depth == 1) or (mark == b"]" and depth == 0):
            yield raw[begin : token.start()].strip()
            begin, closed = token.end(), mark == b"]"
    # An array that is never closed has a last element, be it empty: something is missing, and that must not go unseen.
    if not closed or raw[begin:].strip():
        yield raw[begin:].strip()
