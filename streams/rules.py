"""What a field's value must be beyond its type. Pure checks by value: each gives a Chinese message, or None when all is well."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

MAX_TEXT: Final = 20_000
MAX_ID: Final = 200
MAX_LOCAL: Final = 120
MAX_PLATFORM: Final = 64
MAX_DECISION: Final = 64
MAX_CODE: Final = 24
MAX_CATEGORY: Final = 40
MAX_PRICE: Final = Decimal(1_000_000_000)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
CLOCK_SLACK: Final = timedelta(days=1)
SUBJECT_PATTERN: Final = re.compile(r"(?:host|room|seller|operator):[^:\s]+:\S+|platform:[^:\s]+")

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_LOCAL: Final = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")
_PLATFORM: Final = re.compile(r"[^\s\x00-\x1f\x7f-\x9f:/]+")

Rule = Callable[[Any, datetime], str | None]


def label(limit: int) -> Rule:
    """A rule for ids and short names: not empty, no control characters, at most ``limit`` characters."""

    def check(value: str, _latest: datetime) -> str | None:
        if not value or value.isspace():
            return "不能为空"
        if len(value) > limit:
            return f"不能超过 {limit} 个字符"
        # ``isprintable`` runs in C and is stricter; the exact pattern is asked only where it says no.
        return None if value.isprintable() or not _CONTROL.search(value) else "不能含控制字符"

    return check


def _matching(pattern: re.Pattern[str], limit: int, message: str) -> Rule:
    def check(value: str, _latest: datetime) -> str | None:
        if not value:
            return "不能为空"
        if len(value) > limit:
            return f"不能超过 {limit} 个字符"
        return None if pattern.fullmatch(value) else message

    return check


def text(value: str, _latest: datetime) -> str | None:
    """Words for people: not blank, at most ``MAX_TEXT`` characters. Markup stays what it is: plain text."""
    if not value or value.isspace():
        return "不能为空"
    if len(value) > MAX_TEXT:
        return f"不能超过 {MAX_TEXT} 个字符"
    return "不能含空字符（U+0000）" if "\0" in value else None


def optional_text(value: str, latest: datetime) -> str | None:
    """As ``text``, but may be empty."""
    return text(value, latest) if value and not value.isspace() else None


def torn(value: Any) -> bool:
    """Whether a text holds half a character (a lone surrogate), which no encoding can write. JSON decoding keeps them out."""
    return isinstance(value, str) and _SURROGATE.search(value) is not None


def moment(value: datetime, latest: datetime) -> str | None:
    """An aware moment between the year 2000 and ``latest``."""
    if value.tzinfo is None:
        return "缺少时区，例如 2026-11-20T20:00:00+08:00"
    if EARLIEST <= value <= latest:
        return None
    return "时间早于 2000 年" if value < EARLIEST else f"时间在未来（晚于 {latest:%Y-%m-%d %H:%M} UTC）"


def money(value: Decimal, _latest: datetime) -> str | None:
    """Yuan: not negative, below ``MAX_PRICE``, at most two decimals."""
    if not value.is_finite():
        return "应为金额（元），例如 19.90"
    if value.is_signed():
        return "金额不能为负"
    if value >= MAX_PRICE:
        return f"金额应小于 {MAX_PRICE} 元"
    exponent = value.as_tuple().exponent
    if exponent in (0, -1, -2):
        return None
    return "金额不能用科学计数法" if isinstance(exponent, int) and exponent > 0 else "金额最多两位小数"


local_id: Final = _matching(_LOCAL, MAX_LOCAL, "不能含空白或控制字符")
platform_id: Final = _matching(_PLATFORM, MAX_PLATFORM, "不能含空白、控制字符、冒号或斜杠")
subject_id: Final = _matching(SUBJECT_PATTERN, MAX_ID, "应形如 host:平台:编号、seller:平台:编号 或 platform:平台")


def latest_allowed(now: datetime) -> datetime:
    """The latest moment an event received at ``now`` may tell of; other people's clocks may be a little ahead."""
    return now.astimezone(UTC) + CLOCK_SLACK
