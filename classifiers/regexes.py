"""Runs a set of regexes over a batch, but each only on the rows that can match it. The filter never loses a match.

For every pattern the characters it cannot do without are read from its parse tree (``3天瘦`` needs a digit and ``天``);
rows without them are skipped by two bit masks per character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers.normalise import CODE_POINTS, NEWLINE, Batch

CLAUSE_MARK = "|"
DIGITS = frozenset("0123456789")
WIDEST_SET = 200
WORD = 64
Needs = list[frozenset[str]]
Words = NDArray[np.uint64]


def needed(pattern: str) -> Needs:
    """Character sets of which any match of ``pattern`` contains at least one member each."""
    return [members for members in _needs(parser.parse(pattern)) if CLAUSE_MARK not in members]


def _needs(tree: Any) -> Needs:
    found: Needs = []
    for op, argument in tree:
        if op is sre.LITERAL:
            found.append(frozenset(chr(argument)))
        elif op is sre.IN:
            members = _members(argument)
            found.extend([members] if members else [])
        elif op is sre.BRANCH:
            found.extend(_branch_needs([_needs(branch) for branch in argument[1]]))
        elif op is sre.SUBPATTERN:
            found.extend(_needs(argument[-1]))
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT) and argument[0] > 0:
            found.extend(_needs(argument[2]))
        elif op is sre.ATOMIC_GROUP:
            found.extend(_needs(argument))
    return found


def _members(items: Any) -> frozenset[str] | None:
    members: set[str] = set()
    for op, argument in items:
        if op is sre.LITERAL:
            members.add(chr(argument))
        elif op is sre.RANGE and argument[1] - argument[0] < WIDEST_SET:
            members.update(chr(code) for code in range(argument[0], argument[1] + 1))
        elif op is sre.CATEGORY and argument is sre.CATEGORY_DIGIT:
            members |= DIGITS
        else:
            return None
    return frozenset(members)


def _branch_needs(branches: list[Needs]) -> Needs:
    if not all(branches):
        return []
    union = frozenset[str]().union(*(_best(needs) for needs in branches))
    return [union]


def _best(needs: Needs) -> frozenset[str]:
    return min(needs, key=lambda members: (members >= DIGITS, len(members)))


@dataclass(frozen=True, slots=True)
class RegexHit:
    """A match: which pattern, in which row, and its range in ``Batch.text``."""

    pattern: int
    row: int
    start: int
    end: int


Filter = tuple[str | None, str | None]


def filter_of(pattern: str) -> Filter:
    """Two sets of characters of which every match holds a member each (None: no such set is known)."""
    rest = needed(pattern)
    chosen: list[str | None] = []
    while rest and len(chosen) < 2:
        best = _best(rest)
        chosen.append("".join(sorted(best)))
        rest = [members for members in rest if not members >= best]
    first, second = (*chosen, None, None)[:2]
    return first, second


class RegexSet:
    """Patterns with their row filters. ``\\d`` means ASCII digits: squeezed text has no others.

    A pattern is compiled when a row first needs it: a cold start would else spend its time on patterns never met.
    """

    def __init__(self, patterns: Sequence[str], filters: Sequence[Filter]) -> None:
        self._patterns = list(patterns)
        self._compiled: dict[int, re.Pattern[str]] = {}
        words = max(1, -(-len(patterns) // WORD))
        alphabet = sorted({char for pair in filters for members in pair if members for char in members})
        self._char_id = np.zeros(CODE_POINTS, dtype=np.uint16)
        self._char_id[[ord(char) for char in alphabet]] = np.arange(1, len(alphabet) + 1)
        self._masks = np.zeros((2, len(alphabet) + 1, words), dtype=np.uint64)
        self._always = np.zeros((2, words), dtype=np.uint64)
        index = {char: i + 1 for i, char in enumerate(alphabet)}
        for number, pair in enumerate(filters):
            word, bit = number // WORD, np.uint64(1 << (number % WORD))
            for plane, members in enumerate(pair):
                if members is None:
                    self._always[plane, word] |= bit
                else:
                    self._masks[plane, [index[char] for char in members], word] |= bit

    def _pattern(self, number: int) -> re.Pattern[str]:
        if number not in self._compiled:
            self._compiled[number] = re.compile(self._patterns[number], re.ASCII)
        return self._compiled[number]

    def find(self, batch: Batch) -> Iterator[RegexHit]:
        """All matches, row by row. Patterns see one row's squeezed text with ``|`` between clauses."""
        if not self._patterns or not len(batch.codes):
            return
        marked = _Marked(batch)
        for row, patterns in self._candidates(batch):
            first, text = marked.row(row)
            for number in patterns:
                for match in self._pattern(number).finditer(text):
                    start, end = match.span()
                    yield RegexHit(number, row, marked.origin(first + start), marked.origin(first + end - 1) + 1)

    def _candidates(self, batch: Batch) -> Iterator[tuple[int, list[int]]]:
        ids = self._char_id[batch.codes]
        at = np.flatnonzero(ids)
        planes = np.repeat(self._always[:, np.newaxis], batch.rows, axis=1)
        if at.size:
            rows = batch.row[at]
            first = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
            for plane, masks in zip(planes, self._masks, strict=True):
                plane[rows[first]] |= np.bitwise_or.reduceat(masks[ids[at]], first, axis=0)
        both = planes[0] & planes[1]
        for row in np.flatnonzero(both.any(axis=1)).tolist():
            yield row, bits(both[row])


def bits(words: Words) -> list[int]:
    """The numbers of the set bits."""
    found: list[int] = []
    for number, word in enumerate(words.tolist()):
        rest = word
        while rest:
            low = rest & -rest
            found.append(number * WORD + low.bit_length() - 1)
            rest ^= low
    return found


class _Marked:
    """The text of a batch with a mark between the clauses of each row, and the way back to ``Batch.text``."""

    def __init__(self, batch: Batch) -> None:
        cuts = np.flatnonzero((batch.clause[1:] != batch.clause[:-1]) & (batch.row[1:] == batch.row[:-1])) + 1
        cuts = cuts[(batch.codes[cuts] != NEWLINE) & (batch.codes[cuts - 1] != NEWLINE)]
        self._origin = np.insert(np.arange(len(batch.codes)), cuts, cuts - 1)
        codes = np.insert(batch.codes, cuts, ord(CLAUSE_MARK))
        self._text = codes.astype("<u4", copy=False).tobytes().decode("utf-32-le")
        added = np.searchsorted(cuts, np.stack((batch.starts, batch.ends)), side="left")
        self._starts, self._ends = (np.stack((batch.starts, batch.ends)) + added).tolist()

    def row(self, row: int) -> tuple[int, str]:
        """Where the row begins in the marked text, and its text."""
        return self._starts[row], self._text[self._starts[row] : self._ends[row]]

    def origin(self, at: int) -> int:
        """The place in ``Batch.text`` of a place in the marked text (a mark belongs to the character before it)."""
        return int(self._origin[at])
