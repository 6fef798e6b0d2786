"""The headers of our records: which request an event came with, and what a dead letter died of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from infra import correlation

Headers = tuple[tuple[str, bytes], ...]

REQUEST_ID: Final = "request-id"
LONGEST_ID: Final = 64


def of_this_request() -> Headers:
    """The id of the request being served, as the log lines bear it; nothing outside one."""
    return of_request(correlation.current())


def of_request(request: str | None) -> Headers:
    """The header for a record that came in with this request; nothing when that is not known."""
    return ((REQUEST_ID, request.encode()),) if request else ()


def request_id(headers: Iterable[tuple[str, bytes]] | None) -> str | None:
    """The id a record bears; None when there is none that can be shown. Other people's headers are not trusted to be text."""
    for name, value in headers or ():
        if name == REQUEST_ID:
            text = (value or b"")[:LONGEST_ID].decode("utf-8", "replace")
            return text if text.isprintable() and text else None
    return None
