"""Chinese text as search terms, without any server plugin. Both adapters index exactly these terms.

Pairs are the overlapping character pairs of each run of Chinese characters, and whole words of letters and digits. They
find every substring of two or more characters; segmented words lose those that cross a word boundary (measured in
``benchmarks/search.py``), so words only break up a long query and lift the texts in which a piece is a word of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import rjieba

RUNS: Final = re.compile(r"[a-z0-9]+|[㐀-鿿豈-﫿\U00020000-\U0003ffff]+")


def runs(folded: str) -> list[str]:
    """The stretches of a folded text that are searched: Chinese characters, or letters and digits."""
    return RUNS.findall(folded)


def pairs(folded: str) -> list[str]:
    """The terms of a folded text in order: character pairs of Chinese runs (or the lone character), whole other words."""
    terms: list[str] = []
    for run in RUNS.findall(folded):
        if run.isascii() or len(run) == 1:
            terms.append(run)
        else:
            terms += [run[i : i + 2] for i in range(len(run) - 1)]
    return terms


def words(stretches: Sequence[str]) -> set[str]:
    """The words of these runs and every single Chinese character, for queries of one character."""
    found = set(rjieba.cut(" ".join(stretches), False))
    found.update(*(run for run in stretches if not run.isascii()))
    found.discard(" ")
    return found


def cut(run: str) -> list[str]:
    """A run as the pieces that must all be found. A single character is too common, so it sticks to its neighbour."""
    return [run] if run.isascii() else _join_lone_characters([word for word in rjieba.cut(run, False) if word.strip()])


def _join_lone_characters(pieces: list[str]) -> list[str]:
    joined: list[str] = []
    for piece in pieces:
        lone = joined and 1 in (len(piece), len(joined[-1]))
        if lone and not piece.isascii() and not joined[-1].isascii():
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def syllables(stretches: Iterable[str], readings: Mapping[str, str]) -> Iterator[list[str]]:
    """How the Chinese runs sound, one list per stretch without an unknown character."""
    for run in stretches:
        if run.isascii():
            continue
        heard = [*map(readings.get, run)]
        while None in heard:
            unknown = heard.index(None)
            yield [reading for reading in heard[:unknown] if reading]
            heard = heard[unknown + 1 :]
        yield [reading for reading in heard if reading]


def sound_terms(spoken: Iterable[Sequence[str]]) -> dict[str, None]:
    """Each two syllables in a row as one term, in order and once: ``wu chang da`` → ``wuchang``, ``changda``."""
    return {f"{first}{second}": None for row in spoken for first, second in pairwise(row)}


def initial_terms(spoken: Iterable[Sequence[str]]) -> dict[str, None]:
    """The first letters of each two syllables in a row: ``wu chang da`` → ``wc``, ``cd``."""
    return sound_terms([[syllable[0] for syllable in row] for row in spoken])


def read_as_syllables(letters: str, known: frozenset[str], *, most: int = 4) -> list[tuple[str, ...]]:
    """The ways to read letters as two or more syllables: ``xianzai`` → ``xian zai``, ``xi an zai``; none for ``iphone``."""
    ways: list[list[tuple[str, ...]]] = [[] for _ in range(len(letters) + 1)]
    ways[0].append(())
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - 6), end):
            if ways[start] and letters[start:end] in known:
                ways[end] += [(*way, letters[start:end]) for way in ways[start]]
        ways[end] = sorted(ways[end], key=len)[:most]
    return [way for way in ways[-1] if len(way) >= 2]
