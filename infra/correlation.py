"""Which request an event came in with, so that a flag's log line leads back to the gateway's. It decides nothing.

The request id is bound by the web door, travels with the record (a column of the embedded log, a header on Kafka), and is at
hand again while the record's events are handled (``streams.batches``).
"""

from __future__ import annotations

import re
import secrets
from typing import Final

import structlog

FIELD: Final = "request_id"
_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


def accept(given: str | None) -> str:
    """The caller's own request id where it is a plain one of 8 to 64 characters, otherwise a new random one."""
    return given if given and _ACCEPTABLE.fullmatch(given) else secrets.token_hex(8)


def current() -> str | None:
    """The id of the request being answered; None outside of one."""
    found = structlog.contextvars.get_contextvars().get(FIELD)
    return found if isinstance(found, str) else None
