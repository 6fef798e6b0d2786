"""Writes the error browser: everything an evaluation got wrong, as one HTML page that needs no other file and no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from classifiers.corpus import Line
from classifiers.evaluate import MISSED, ErrorKind, Report, error_of, first_code
from classifiers.finding import Because, CheckResult, Finding, Span
from lexicons.schema import Code

HERE: Final = Path(__file__).parent
KINDS: Final[dict[ErrorKind, tuple[str, str]]] = {
    "missed": ("漏查", "标为违法，却没有查出"),
    "false_alarm": ("误报", "标为合法，却报了违法或待举证"),
    "wrong_code": ("判错代码", "查出了，首选代码却不对"),
}
STATUS_NAMES: Final = {"violation": "涉嫌违法", "needs_evidence": "待举证", "exempt": "法律允许", "corrected": "已更正"}
BECAUSE_NAMES: Final = {"frame": "句式", "term": "概念", "model": "用词", "price": "价格", "brand": "品牌"}
REMAINDERS: Final = ("bias", "rest")
MOST_BECAUSE: Final = 12
LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the text; ``marked``: a finding points at it."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One wrong answer: where it stands in the file, what was expected, what was found."""

    number: int
    kind: ErrorKind
    line: Line
    pieces: tuple[Piece, ...]
    cut: int
    given: str
    findings: tuple[Finding, ...]
    because: tuple[tuple[Because, ...], ...]
    confidence: float


def error_page(
    name: str,
    lines: Sequence[Line],
    results: Sequence[CheckResult],
    *,
    report: Report,
    codes: Mapping[str, Code],
) -> bytes:
    """The page as UTF-8. ``name`` is the file that was measured; a lone surrogate in a text is shown as a replacement mark."""
    cards = list(_cards(lines, results))
    versions = results[0].versions if results else None
    used = sorted({code for card in cards for code in (card.line.label, card.given) if code in codes})
    page = _template().render(
        name=name,
        report=report,
        versions=versions,
        names={code: known.name for code, known in codes.items()},
        used=used,
        kinds=KINDS,
        groups={kind: [card for card in cards if card.kind == kind] for kind in KINDS},
        total=len(cards),
        false_alarms=Counter(card.given for card in cards if card.kind == "false_alarm"),
        statuses=STATUS_NAMES,
        sorts=BECAUSE_NAMES,
        missed=MISSED,
        remainders=REMAINDERS,
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
    )
    return page.encode("utf-8", "replace")


@cache
def _template() -> Template:
    loader = FileSystemLoader(HERE)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.get_template("page.html")


def _cards(lines: Sequence[Line], results: Sequence[CheckResult]) -> Iterator[Card]:
    for number, (line, result) in enumerate(zip(lines, results, strict=True), start=1):
        kind = error_of(line, result)
        if kind is None:
            continue
        spans = [span for finding in result.findings for span in finding.spans]
        yield Card(
            number=number,
            kind=kind,
            line=line,
            pieces=tuple(_pieces(line.text[:LONGEST], spans)),
            cut=max(0, len(line.text) - LONGEST),
            given=first_code(result) or "",
            findings=result.findings,
            because=tuple(_heaviest(finding) for finding in result.findings),
            confidence=result.findings[0].confidence if result.findings else 0.0,
        )


def _pieces(text: str, spans: Sequence[Span]) -> Iterator[Piece]:
    """The text cut at the borders of the marked places; overlapping places are one."""
    at = 0
    for start, end in sorted(spans):
        first, last = max(start, at), min(end, len(text))
        if first >= last:
            continue
        if first > at:
            yield Piece(text[at:first], False)
        yield Piece(text[first:last], True)
        at = last
    if at < len(text):
        yield Piece(text[at:], False)


def _heaviest(finding: Finding) -> tuple[Because, ...]:
    """What weighs most, either way; the start value and the sum of all small things come last."""
    ordered = sorted(finding.because, key=lambda one: (one.id in REMAINDERS, -abs(one.weight)))
    remainders = sum(one.id in REMAINDERS for one in ordered)
    named = ordered[: len(ordered) - remainders]
    return (*named[:MOST_BECAUSE], *ordered[len(named) :])
