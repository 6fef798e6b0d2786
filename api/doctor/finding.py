"""What one check came to, and the guard that keeps a broken check from ending the examination."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import wraps
from typing import Any, Literal

from infra.errors import ChengxinError
from infra.redaction import clean

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination. ``do`` is empty when there is nothing to do; no field ever holds a secret."""

    check: str
    level: Level
    found: str
    do: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", clean(found))


def warning(check: str, found: str, do: str) -> Finding:
    """It works, but somebody should look."""
    return Finding(check, "warning", clean(found), do)


def error(check: str, found: str, do: str) -> Finding:
    """It cannot work like this."""
    return Finding(check, "error", clean(found), do)


Check = Callable[..., Iterator[Finding]]


def guarded(name: str, do: str) -> Callable[[Check], Check]:
    """A check that raises becomes an error of that name with this advice."""

    def decorate(check: Check) -> Check:
        @wraps(check)
        def run(*args: Any) -> Iterator[Finding]:
            try:
                yield from check(*args)
            except ChengxinError as wrong:
                yield error(name, str(wrong), do)
            except Exception as wrong:
                yield error(name, first_line(wrong), do)

        return run

    return decorate


def first_line(wrong: BaseException) -> str:
    """An exception in one line."""
    text = str(wrong).strip().splitlines()
    return f"{type(wrong).__name__}：{text[0] if text else '（无说明）'}"


def worst(findings: Iterable[Finding]) -> Level:
    """The most serious level among them."""
    levels = {finding.level for finding in findings}
    return "error" if "error" in levels else "warning" if "warning" in levels else "ok"
