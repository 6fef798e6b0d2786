"""Cuts long texts into units of a length sentences have, so that a frame never spans half a page. Short texts stay whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 160
OVERLAP = 24
SENTENCE_END = re.compile(r"[。！？!?；;\n]+")
CLAUSE_END = re.compile(r"[，,、\s]+")


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a text: which item it is of, and where it begins in it."""

    item: int
    offset: int
    text: str


def units(texts: Sequence[str]) -> list[Unit]:
    """All texts in order, long ones cut at sentence ends, else at clause ends, else with an overlap. Linear in length."""
    result: list[Unit] = []
    for number, text in enumerate(texts):
        if len(text) <= LONGEST:
            result.append(Unit(number, 0, text))
        else:
            result.extend(Unit(number, start, text[start:end]) for start, end in _cut(text))
    return result


def _cut(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while len(text) - start > LONGEST:
        end = _last_break(text, start)
        if end is None:
            yield start, start + LONGEST
            start += LONGEST - OVERLAP
        else:
            yield start, end
            start = end
    yield start, len(text)


def _last_break(text: str, start: int) -> int | None:
    """The last good place to cut within reach, not in the first third of the unit."""
    for pattern in (SENTENCE_END, CLAUSE_END):
        ends = [match.end() for match in pattern.finditer(text, start + LONGEST // 3, start + LONGEST)]
        if ends:
            return ends[-1]
    return None
