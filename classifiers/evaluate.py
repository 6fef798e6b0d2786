"""Measures a detector on labelled sentences: recall, false alarms, right code, each with a Wilson 95 % interval."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from classifiers.corpus import LAWFUL, Line
from classifiers.detector import Detector
from classifiers.finding import CheckResult

Z95 = 1.959963984540054
MISSED = "missed"
ErrorKind = Literal["missed", "false_alarm", "wrong_code"]


class Share(Struct, frozen=True):
    """``hits`` of ``total``, as a share of 1 with its Wilson 95 % interval; an empty total gives share 0, interval 0-1."""

    hits: int
    total: int
    share: float
    low: float
    high: float


class CodeReport(Struct, frozen=True):
    """One code: how many of its sentences were caught, how many of the caught got an accepted code first."""

    code: str
    caught: Share
    right: Share


class Confusion(Struct, frozen=True):
    """A wrong first code and how often it was given for a label (``ok`` as label: a false alarm)."""

    label: str
    given: str
    count: int


class Report(Struct, frozen=True, kw_only=True):
    """The whole measurement.

    ``matrix``: label → first code given (``MISSED`` when none) → lines. An accepted alternative counts as the label itself.
    """

    lines: int
    recall: Share
    false_alarms: Share
    right_code: Share
    codes: tuple[CodeReport, ...]
    confusions: tuple[Confusion, ...]
    matrix: dict[str, dict[str, int]]


def wilson(hits: int, total: int) -> Share:
    """The share with its Wilson score interval at 95 % (Wilson 1927)."""
    if not total:
        return Share(0, 0, 0.0, 0.0, 1.0)
    p, z2 = hits / total, Z95 * Z95
    centre = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total))
    return Share(hits, total, p, max(0.0, centre - half), min(1.0, centre + half))


def evaluate(detector: Detector, lines: Sequence[Line]) -> Report:
    """Check all lines and compare. A line is caught when a finding is ``violation`` or ``needs_evidence``."""
    return compare(lines, detector.check([line.item() for line in lines]))


def compare(lines: Sequence[Line], results: Sequence[CheckResult]) -> Report:
    """The report of results that belong to the lines one by one."""
    caught: Counter[str] = Counter()
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    wrong: defaultdict[tuple[str, str], int] = defaultdict(int)
    given: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line, result in zip(lines, results, strict=True):
        total[line.label] += 1
        first = first_code(result)
        accepted = first is not None and first in (line.label, *line.alt)
        given[line.label][line.label if accepted else first or MISSED] += 1
        if first is None:
            continue
        caught[line.label] += 1
        if accepted:
            right[line.label] += 1
        else:
            wrong[line.label, first] += 1
    codes = sorted(code for code in total if code != LAWFUL)
    all_caught, all_right = sum(caught[c] for c in codes), sum(right[c] for c in codes)
    return Report(
        lines=len(lines),
        recall=wilson(all_caught, sum(total[c] for c in codes)),
        false_alarms=wilson(caught[LAWFUL], total[LAWFUL]),
        right_code=wilson(all_right, all_caught),
        codes=tuple(CodeReport(c, wilson(caught[c], total[c]), wilson(right[c], caught[c])) for c in codes),
        confusions=tuple(
            Confusion(label, first, count)
            for (label, first), count in sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
        matrix={label: dict(given[label].most_common()) for label in sorted(given)},
    )


def first_code(result: CheckResult) -> str | None:
    """The code of the best finding that counts as caught; None when there is none."""
    return next((finding.code for finding in result.findings if finding.caught), None)


def error_of(line: Line, result: CheckResult) -> ErrorKind | None:
    """What is wrong with the answer to a line; None when it is right."""
    first = first_code(result)
    if line.lawful:
        return None if first is None else "false_alarm"
    if first is None:
        return "missed"
    return None if first in (line.label, *line.alt) else "wrong_code"
