"""Terminal output of findings, in Chinese. Plain escape codes: ``check`` must start fast. It prints; it computes nothing."""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from classifiers.finding import CheckResult, Finding, Span, Status

STATUS_NAMES = {"violation": "涉嫌违法", "needs_evidence": "待举证", "exempt": "法律允许", "corrected": "已更正"}
STATUS_STYLES: dict[str, dict[str, Any]] = {
    "violation": {"fg": typer.colors.RED, "bold": True},
    "needs_evidence": {"fg": typer.colors.YELLOW, "bold": True},
    "exempt": {"fg": typer.colors.GREEN},
    "corrected": {"fg": typer.colors.CYAN},
}
MAX_BECAUSE = 4
REMAINDERS = frozenset({"rest", "bias"})
RANK = {"frame": 0, "price": 0, "brand": 0, "term": 1, "model": 2}
LONGEST_SHOWN = 240
AROUND = 40
MAX_WINDOWS = 6


def render_result(result: CheckResult) -> None:
    """One text with its findings; a text without findings is one plain line."""
    if not result.findings:
        shown = result.text if len(result.text) <= LONGEST_SHOWN else result.text[:LONGEST_SHOWN] + "…"
        _echo(typer.style("  · ", dim=True) + _printable(shown))
        return
    _echo(typer.style("  ● ", **STATUS_STYLES[result.findings[0].status]) + _marked(result))
    for finding in result.findings:
        _render_finding(finding)


def _echo(line: str) -> None:
    typer.echo(line, color=False if os.environ.get("NO_COLOR") else None)


def _marked(result: CheckResult) -> str:
    text = _printable(result.text)
    marks: list[Status | None] = [None] * len(text)
    for finding in reversed(result.findings):
        for start, end in finding.spans:
            marks[start:end] = [finding.status] * (end - start)
    if len(text) <= LONGEST_SHOWN:
        return _styled(text, marks, (0, len(text)))
    windows = _windows([span for finding in result.findings for span in finding.spans], len(text))
    return "…".join(_styled(text, marks, window) for window in windows)


def _styled(text: str, marks: list[Status | None], window: Span) -> str:
    """A part of the text with its marked places coloured and underlined."""
    pieces = []
    for status, places in groupby(range(*window), key=marks.__getitem__):
        at = list(places)
        piece = text[at[0] : at[-1] + 1]
        pieces.append(typer.style(piece, underline=True, **STATUS_STYLES[status]) if status else piece)
    return "".join(pieces)


def _windows(spans: list[Span], length: int) -> list[Span]:
    """What to show of a long text: the marked places with some words around, the beginning when nothing is marked."""
    result: list[Span] = []
    for start, end in sorted(spans) or [(0, AROUND)]:
        first, last = max(0, start - AROUND), min(length, end + AROUND)
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return [(first, min(last, first + LONGEST_SHOWN)) for first, last in result[:MAX_WINDOWS]]


def _printable(text: str) -> str:
    """Lone surrogates and control characters cannot be shown; the length stays, so that spans still fit."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "�" for char in text)


def _render_finding(finding: Finding) -> None:
    head = typer.style(f"{finding.code} {finding.name}", **STATUS_STYLES[finding.status])
    _echo(f"    {head}  {STATUS_NAMES[finding.status]}  {finding.severity}  可信度 {finding.confidence:.0%}")
    _echo(f"      {finding.explanation}")
    reasons = _reasons(finding)
    if reasons:
        _echo("      " + typer.style(f"理由：{'，'.join(reasons)}", dim=True))


def _reasons(finding: Finding) -> list[str]:
    """What speaks for the finding, each wording once: frames before words; single characters say nothing to a reader."""
    weights: dict[str, float] = {}
    for one in sorted(finding.because, key=lambda one: (RANK[one.kind], -one.weight)):
        text = one.text or one.id
        if one.weight > 0 and one.id not in REMAINDERS and len(text) > 1:
            weights[text] = weights.get(text, 0.0) + one.weight
    return [f"{text}（{weight:+.1f}）" for text, weight in weights.items()][:MAX_BECAUSE]
