"""Cuts texts into units of the length that sentences have: a claim must not drown in the talk around it. Short texts stay whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

WHOLE = 40
LONGEST = 32
OVERLAP = 12
SENTENCE = re.compile(r"[^。！？!?；;\n]*[。！？!?；;\n]+|[^。！？!?；;\n]+")
CLAUSE = re.compile(r"[^，,、：:\s]*[，,、：:\s]+|[^，,、：:\s]+")
Span = tuple[int, int]


class Unit(Struct, frozen=True, gc=False):
    """A piece of a text: which item it is of, where it begins in it, and how many pieces that item has."""

    item: int
    offset: int
    text: str
    of: int = 1


def units(texts: Sequence[str]) -> list[Unit]:
    """All texts in order, long ones cut at sentence ends, else at clause ends, else with an overlap. Linear in length."""
    result: list[Unit] = []
    for number, text in enumerate(texts):
        if len(text) <= WHOLE:
            result.append(Unit(number, 0, text))
        else:
            pieces = _packed(_pieces(text))
            result.extend(Unit(number, start, text[start:end], len(pieces)) for start, end in pieces)
    return result


def _pieces(text: str) -> Iterator[Span]:
    """Sentences; of those that are too long, groups of clauses."""
    for sentence in SENTENCE.finditer(text):
        if sentence.end() - sentence.start() <= LONGEST:
            yield sentence.span()
        else:
            yield from _packed(_clauses(text, *sentence.span()))


def _clauses(text: str, start: int, end: int) -> Iterator[Span]:
    for clause in CLAUSE.finditer(text, start, end):
        begin = clause.start()
        while clause.end() - begin > LONGEST:
            yield begin, begin + LONGEST
            begin += LONGEST - OVERLAP
        yield begin, clause.end()


def _packed(pieces: Iterator[Span]) -> list[Span]:
    """Neighbours put together as long as they stay short enough."""
    result: list[Span] = []
    for start, end in pieces:
        if result and end - result[-1][0] <= LONGEST:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result
