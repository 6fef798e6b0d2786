"""Runs a set of regexes over a batch, but each only on the rows that can match it. The filter never loses a match.

For every pattern the pieces it cannot do without are read from its parse tree (``3天瘦`` needs a digit next to ``天``, and
``瘦``). A piece is a pair of neighbouring characters or, where the pattern leaves that open, one character; rows without
the pieces are skipped by two bit masks per piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers.normalise import CODE_POINTS, NEWLINE, Batch

CLAUSE_MARK = "|"
DIGITS = frozenset("0123456789")
FREQUENT = DIGITS | frozenset("的一不了是有我这来个上大没就好二三四五六七八九十百千万两半几多年月天日次元块到")
WIDEST_SET = 200
MOST_STRINGS = 1500
MOST_REPEATS = 3
LOOK_AHEAD = 1
WORD = 64
EMPTY = frozenset({""})
NOTHING: frozenset[str] = frozenset()
Pieces = frozenset[str]
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _Node:
    """What is known of the matches of a part of a pattern.

    ``exact``: all strings it matches (None: too many, or unknown); ``first``/``last``: every match begins/ends with one of
    these (empty: unknown); ``required``: sets of pieces, of each of which every match holds at least one.
    """

    exact: frozenset[str] | None = None
    first: frozenset[str] = NOTHING
    last: frozenset[str] = NOTHING
    required: list[Pieces] = field(default_factory=list)


def _exact(strings: Iterable[str]) -> _Node:
    known = frozenset(strings)
    edges = NOTHING if "" in known else known
    return _Node(known, edges, edges)


def needed(pattern: str) -> list[Pieces]:
    """Sets of pieces (one or two characters each); any match of ``pattern`` contains a member of every set."""
    node = _sequence(parser.parse(pattern))
    return [*node.required, *_as_requirement(node.exact or NOTHING)]


def _as_requirement(strings: frozenset[str]) -> list[Pieces]:
    """The strings as a set of pieces; none when a string leaves nothing to look for."""
    pieces = frozenset(_piece(string) for string in strings)
    return [pieces] if pieces and "" not in pieces else []


def _piece(string: str) -> str:
    """The most telling piece of a string: a pair of neighbours that are not both frequent, else what there is."""
    longest = max(string.split(CLAUSE_MARK), key=len)
    pairs = [longest[i : i + 2] for i in range(len(longest) - 1)]
    return min(pairs, key=lambda pair: sum(char in FREQUENT for char in pair), default=longest)


def _sequence(tree: Any) -> _Node:
    required: list[Pieces] = []
    whole, open_end, first = True, EMPTY, NOTHING
    for op, argument in tree:
        node = _node(op, argument)
        required += node.required
        if node.exact is not None and len(open_end) * len(node.exact) <= MOST_STRINGS:
            open_end = frozenset(left + right for left in open_end for right in node.exact)
            continue
        joined = open_end
        if node.first and len(open_end) * len(node.first) <= MOST_STRINGS:
            joined = frozenset(left + right for left in open_end for right in node.first)
        required += _as_requirement(joined)
        first = (NOTHING if "" in joined else joined) if whole else first
        whole, open_end = False, node.last or EMPTY
    if whole:
        return _exact(open_end)
    required += _as_requirement(open_end)
    return _Node(None, first, NOTHING if "" in open_end else open_end, required)


def _node(op: Any, argument: Any) -> _Node:
    node = _Node()
    if op is sre.LITERAL:
        node = _exact((chr(argument),))
    elif op is sre.IN and (members := _members(argument)):
        node = _exact(members)
    elif op is sre.BRANCH:
        node = _branch([_sequence(branch) for branch in argument[1]])
    elif op is sre.SUBPATTERN:
        node = _sequence(argument[-1])
    elif op is sre.ATOMIC_GROUP:
        node = _sequence(argument)
    elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        node = _repeat(argument[0], argument[1], _sequence(argument[2]))
    elif op is sre.ASSERT and argument[0] == LOOK_AHEAD:
        ahead = _sequence(argument[1])
        node = _Node(None, ahead.first, NOTHING, [*ahead.required, *_as_requirement(ahead.exact or NOTHING)])
    elif op in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
        node = _exact(EMPTY)
    return node


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


def _branch(branches: list[_Node]) -> _Node:
    strings = [node.exact for node in branches]
    known = [one for one in strings if one is not None]
    if len(known) == len(branches) and sum(map(len, known)) <= MOST_STRINGS:
        return _exact(frozenset[str]().union(*known))
    choices = [[*node.required, *_as_requirement(node.exact or NOTHING)] for node in branches]
    required = [frozenset[str]().union(*(min(one, key=_cost) for one in choices))] if all(choices) else []
    return _Node(None, _joined([node.first for node in branches]), _joined([node.last for node in branches]), required)


def _joined(edges: list[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*edges) if all(edges) else NOTHING


def _repeat(least: int, most: Any, node: _Node) -> _Node:
    if node.exact is not None and most is not sre.MAXREPEAT and most <= MOST_REPEATS:
        powers = [EMPTY]
        for _ in range(most):
            powers.append(frozenset(left + right for left in powers[-1] for right in node.exact))
            if len(powers[-1]) > MOST_STRINGS:
                break
        strings = frozenset[str]().union(*powers[least:])
        if len(powers) == most + 1 and len(strings) <= MOST_STRINGS:
            return _exact(strings)
    if least == 0:
        return _Node()
    return _Node(None, node.first, node.last, [*node.required, *_as_requirement(node.exact or NOTHING)])


def _cost(pieces: Pieces) -> float:
    """How often, roughly, a row holds one of the pieces."""
    return sum((4.0 if piece in FREQUENT else 1.0) if len(piece) == 1 else 0.05 for piece in pieces)


Filter = tuple[tuple[str, ...] | None, tuple[str, ...] | None]


def filter_of(pattern: str) -> Filter:
    """Two sets of pieces of which every match holds a member each (None: no such set is known)."""
    chosen: list[tuple[str, ...] | None] = []
    rest = sorted(needed(pattern), key=_cost)
    while rest and len(chosen) < 2:
        best = rest.pop(0)
        chosen.append(tuple(sorted(best)))
        rest = [pieces for pieces in rest if not pieces >= best]
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
        pieces = sorted({piece for pair in filters for plane in pair if plane for piece in plane})
        number = {piece: i + 1 for i, piece in enumerate(pieces)}
        self._masks = np.zeros((2, len(pieces) + 1, words), dtype=np.uint64)
        self._always = np.zeros((2, words), dtype=np.uint64)
        for pattern, pair in enumerate(filters):
            word, bit = pattern // WORD, np.uint64(1 << (pattern % WORD))
            for plane, members in enumerate(pair):
                if members is None:
                    self._always[plane, word] |= bit
                else:
                    self._masks[plane, [number[piece] for piece in members], word] |= bit
        self._single = np.zeros(CODE_POINTS, dtype=np.uint16)
        singles = [piece for piece in pieces if len(piece) == 1]
        self._single[[ord(piece) for piece in singles]] = [number[piece] for piece in singles]
        self._index_pairs([piece for piece in pieces if len(piece) > 1], number)

    def _index_pairs(self, pairs: Sequence[str], number: dict[str, int]) -> None:
        """A square table: left characters by right characters, 0 where the pair is no piece."""
        self._left, lefts = _numbered({pair[0] for pair in pairs})
        self._right, rights = _numbered({pair[1] for pair in pairs})
        self._width = len(rights) + 1
        self._pairs = np.zeros((len(lefts) + 1) * self._width, dtype=np.uint16)
        for pair in pairs:
            self._pairs[lefts[pair[0]] * self._width + rights[pair[1]]] = number[pair]

    def _pattern(self, number: int) -> re.Pattern[str]:
        if number not in self._compiled:
            self._compiled[number] = re.compile(self._patterns[number], re.ASCII)
        return self._compiled[number]

    def find(self, batch: Batch) -> NDArray[np.int64]:
        """All matches as columns (start, end, pattern) of places in ``Batch.text``, row by row.

        Patterns see one row's squeezed text with ``|`` between clauses.
        """
        rows, patterns = self._candidates(batch) if self._patterns and len(batch.codes) else ([], [])
        if not rows:
            return np.zeros((0, 3), dtype=np.int64)
        marked = Marked(batch)
        starts, text = marked.starts, marked.text
        found: list[tuple[int, int, int]] = []
        for row, pattern in zip(rows, patterns, strict=True):
            for match in self._pattern(pattern).finditer(text, starts[row], marked.ends[row]):
                start, end = match.span()
                found.append((start, end - 1, pattern))
        places = np.array(found, dtype=np.int64).reshape(-1, 3)
        places[:, :2] = marked.origin[places[:, :2]]
        places[:, 1] += 1
        return places

    def _candidates(self, batch: Batch) -> tuple[list[int], list[int]]:
        """Rows and the patterns that could match in them, row by row."""
        codes = batch.codes
        single = self._single[codes]
        pair = self._pairs[self._left[codes[:-1]] * self._width + self._right[codes[1:]]]
        piece = np.concatenate((single, pair))
        at = np.flatnonzero(piece)
        rows = np.concatenate((batch.row, batch.row[:-1]))[at]
        order = np.argsort(rows, kind="stable")
        rows, found = rows[order], piece[at[order]]
        planes = np.repeat(self._always[:, np.newaxis], batch.rows, axis=1)
        if at.size:
            first = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
            for plane, masks in zip(planes, self._masks, strict=True):
                plane[rows[first]] |= np.bitwise_or.reduceat(masks[found], first, axis=0)
        row, pattern = set_bits(planes[0] & planes[1])
        return row.tolist(), pattern.tolist()


def _numbered(chars: Iterable[str]) -> tuple[NDArray[np.uint32], dict[str, int]]:
    """Code point → number from 1 (0: none of these), and the same by character."""
    number = {char: i + 1 for i, char in enumerate(sorted(chars))}
    table = np.zeros(CODE_POINTS, dtype=np.uint32)
    table[[ord(char) for char in number]] = list(number.values())
    return table, number


def set_bits(words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and bit numbers of the bits that are set in a matrix of words, row by row."""
    some = np.flatnonzero(words.any(axis=1))
    flags = np.unpackbits(words[some].astype("<u8", copy=False).view(np.uint8), axis=1, bitorder="little")
    row, bit = np.nonzero(flags)
    return some[row], bit


class Marked:
    """The text of a batch with a mark between the clauses of each row.

    ``starts``, ``ends``: range of each row in ``text``; ``origin``: place in ``Batch.text`` per place in ``text`` (a mark
    belongs to the character before it).
    """

    def __init__(self, batch: Batch) -> None:
        cuts = np.flatnonzero((batch.clause[1:] != batch.clause[:-1]) & (batch.row[1:] == batch.row[:-1])) + 1
        cuts = cuts[(batch.codes[cuts] != NEWLINE) & (batch.codes[cuts - 1] != NEWLINE)]
        self.origin = np.insert(np.arange(len(batch.codes)), cuts, cuts - 1)
        codes = np.insert(batch.codes, cuts, ord(CLAUSE_MARK))
        self.text = codes.astype("<u4", copy=False).tobytes().decode("utf-32-le")
        added = np.searchsorted(cuts, np.stack((batch.starts, batch.ends)), side="left")
        self.starts, self.ends = (np.stack((batch.starts, batch.ends)) + added).tolist()
