"""How much of other people's requests this process holds in memory at once. It reads nothing itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import Request

from api.middleware import MAX_BODY
from infra.errors import TooBusy

BUDGET: Final = 64 * 1024 * 1024


class Bodies:
    """A budget of bytes for bodies that are being read and worked on. Decoded, they take several times as much."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._held = 0
        self._lock = threading.Lock()

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Hold ``size`` bytes for the length of the block.

        Raises:
            TooBusy: there is no room now. A body larger than the whole budget passes when it is alone.
        """
        with self._lock:
            if self._held and self._held + size > self._budget:
                raise TooBusy("同时提交的内容过多，内容未接收，请放慢速度后重发", retry_after=1)
            self._held += size
        try:
            yield
        finally:
            with self._lock:
                self._held -= size


def announced(request: Request) -> int:
    """How many bytes the body will have; the most allowed when the sender does not say."""
    length = request.headers.get("content-length", "")
    return min(int(length), MAX_BODY) if length.isascii() and length.isdigit() else MAX_BODY


def bodies(request: Request) -> Bodies:
    """The budget of this application."""
    found: Bodies = request.app.state.bodies
    return found
