"""Takes secrets and personal data out of log lines: by the name of the field and by the look of the value.

A last line of defence. Code still must not log what it should not know; names of people cannot be told by their look.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final

HIDDEN: Final = "***"
MAX_DEPTH: Final = 6

SECRET_WORDS: Final = ("password", "passwd", "secret", "token", "authorization", "cookie", "csrf", "api_key", "apikey")
PERSONAL_FIELDS: Final = frozenset(
    {"contact", "phone", "mobile", "telephone", "email", "id_card", "id_number", "real_name", "complainant"}
    | {"tracking_code", "bank_card"}
)

PATTERNS: Final = (
    # what must go before what looks like a part of it
    (re.compile(r"\bcx_[0-9a-f]{12}_[\w-]{20,}"), "cx_" + HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic|apikey)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?<=://)([^\s:/@]*):[^\s/@]+(?=@)"), rf"\1:{HIDDEN}"),
    (re.compile(r"(?i)\b((?:password|passwd|secret|token|pgpassword)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?s)\[parameters: .*?\](?=\s*(?:\n|$|\())"), f"[parameters: {HIDDEN}]"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w"), HIDDEN),
    (re.compile(r"(?<![0-9A-Za-z])\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z])"), HIDDEN),
    (re.compile(r"(?<![0-9A-Za-z.])(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?![0-9A-Za-z])"), HIDDEN),
)  # fmt: skip


SUSPECT: Final = re.compile(r"(?i)@|\d{4}[- ]?\d{4}|cx_|\[param|bearer|basic|apikey|passw|secret|token")
"""What every pattern needs to match; nearly all log lines have none of it, and are told so in one pass."""


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the same line without secrets and personal data. Runs after tracebacks became text."""
    return {name: _field(name, value, 0) for name, value in event.items()}


def clean(text: str) -> str:
    """A text without anything that looks like a secret, a phone number, an identity number or a mail address."""
    if SUSPECT.search(text) is None:
        return text
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    lowered = name.lower()
    return lowered in PERSONAL_FIELDS or any(word in lowered for word in SECRET_WORDS)


def _field(name: Any, value: Any, depth: int) -> Any:
    if _is_secret(str(name)):
        return value if value is None or isinstance(value, bool) else HIDDEN
    return _value(value, depth)


def _value(value: Any, depth: int) -> Any:
    match value:
        case str():
            return clean(value)
        case None | bool() | int() | float():
            return value
        case Mapping() if depth < MAX_DEPTH:
            return {key: _field(key, inner, depth + 1) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset() if depth < MAX_DEPTH:
            return [_value(inner, depth + 1) for inner in value]
        case _:
            return clean(str(value) if isinstance(value, BaseException) else repr(value))
