"""Holds the findings of two detectors on the same texts against each other. It says what differs, not which is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from classifiers.finding import CheckResult, Finding, Span, Versions

What = Literal["appeared", "disappeared", "recoded", "restatused"]


class Verdict(Struct, frozen=True):
    """What one detector said first about a text."""

    code: str
    status: str
    severity: str
    confidence: float
    spans: tuple[Span, ...]


class Shift(Struct, frozen=True, kw_only=True):
    """One text judged differently.

    ``appeared``: caught now, not before; ``disappeared``: the other way round; ``recoded``: another first code;
    ``restatused``: the same code with another status or severity. ``line`` counts the texts from 1.
    """

    line: int
    text: str
    what: What
    old: Verdict | None
    new: Verdict | None


class Backtest(Struct, frozen=True, kw_only=True):
    """All shifts with the versions compared and how many texts were read; ``old_caught``, ``new_caught`` of them."""

    old: Versions
    new: Versions
    lines: int
    old_caught: int
    new_caught: int
    counts: dict[What, int]
    shifts: tuple[Shift, ...]


def backtest(before: Sequence[CheckResult], after: Sequence[CheckResult], *, old: Versions, new: Versions) -> Backtest:
    """Compare results that belong to the same texts one by one."""
    pairs = list(zip(before, after, strict=True))
    shifts = tuple(shift for line, (was, now) in enumerate(pairs, start=1) if (shift := _shift(line, was, now)))
    return Backtest(
        old=old,
        new=new,
        lines=len(pairs),
        old_caught=sum(_caught(result) is not None for result in before),
        new_caught=sum(_caught(result) is not None for result in after),
        counts=dict(Counter(shift.what for shift in shifts)),
        shifts=shifts,
    )


def _shift(line: int, was: CheckResult, now: CheckResult) -> Shift | None:
    what = _what(_caught(was), _caught(now))
    old, new = _caught(was) or _first(was), _caught(now) or _first(now)
    if what is None and _stand(old) != _stand(new):
        # Neither is caught, but what is said about the text (exempt, corrected, nothing) is not the same.
        what = "restatused"
    if what is None:
        return None
    return Shift(line=line, text=now.text, what=what, old=_verdict(old), new=_verdict(new))


def _what(old: Finding | None, new: Finding | None) -> What | None:
    if old is None or new is None:
        return None if old is new else ("disappeared" if new is None else "appeared")
    if old.code != new.code:
        return "recoded"
    return None if _stand(old) == _stand(new) else "restatused"


def _stand(finding: Finding | None) -> tuple[str, ...]:
    return (finding.code, finding.status, finding.severity) if finding else ()


def _caught(result: CheckResult) -> Finding | None:
    return next((finding for finding in result.findings if finding.caught), None)


def _first(result: CheckResult) -> Finding | None:
    return result.findings[0] if result.findings else None


def _verdict(finding: Finding | None) -> Verdict | None:
    if finding is None:
        return None
    return Verdict(finding.code, finding.status, finding.severity, finding.confidence, finding.spans)
