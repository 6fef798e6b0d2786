"""Finds concept hits: terms by Aho-Corasick, terms of three and more syllables also by sound, regexes. It judges nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np
from daachorse import MATCH_KIND_STANDARD, CharwiseDoubleArrayAhoCorasick
from msgspec import Struct
from numpy.typing import NDArray

from classifiers.normalise import CODE_POINTS, Batch, Ints, normalise, read_table
from classifiers.regexes import Filter, RegexSet, filter_of
from infra.errors import ConfigurationError
from lexicons.schema import Concept, Lexicon

MIN_SYLLABLES = 3
MIN_LATIN = 6
SOUND_BASE = 0xF0000
CATEGORY_PREFIX = "category:"
Sounds = NDArray[np.uint32]


@dataclass(slots=True)
class Hits:
    """Concept hits of a batch as parallel arrays ordered by row, then start; positions are in ``Batch.text``."""

    row: Ints
    concept: Ints
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.row)


@cache
def _sound_table() -> Sounds:
    """Code point → one code point per syllable (private plane); what has no reading stays itself."""
    table = np.arange(CODE_POINTS, dtype=np.uint32)
    pairs = [line.split("\t") for line in read_table("pinyin.tsv")]
    number = {reading: SOUND_BASE + i for i, reading in enumerate(sorted({reading for _, reading in pairs}))}
    table[[ord(char) for char, _ in pairs]] = [number[reading] for _, reading in pairs]
    return table


@cache
def _readings() -> dict[str, str]:
    return dict(line.split("\t") for line in read_table("pinyin.tsv"))


def sound(codes: NDArray[np.uint32]) -> str:
    """Squeezed code points as a string of syllable codes of the same length."""
    return _sound_table()[codes].tobytes().decode("utf-32-le")


def latin(term: str) -> str | None:
    """A squeezed Han term in plain pinyin letters (``zhiliao``); None when it is too short to be unmistakable."""
    readings = [_readings().get(char) for char in term]
    text = "".join(reading or "" for reading in readings)
    return text if len(term) > 1 and all(readings) and len(text) >= MIN_LATIN else None


class AutomatonParts(Struct, frozen=True):
    """A built automaton: its serialised machine (empty: no patterns), concepts per pattern, all concepts in a row."""

    machine: bytes
    counts: list[int]
    concepts: list[int]


class MatcherParts(Struct, frozen=True):
    """What is slow to build of a matcher, in a form that can be kept in a file."""

    text: AutomatonParts
    sound: AutomatonParts
    filters: list[Filter]


def _automaton_parts(owners: dict[str, set[int]]) -> AutomatonParts:
    """An automaton for patterns that each stand for one or more concepts."""
    patterns = sorted(owners)
    machine = CharwiseDoubleArrayAhoCorasick(patterns, match_kind=MATCH_KIND_STANDARD) if patterns else None
    lists = [sorted(owners[pattern]) for pattern in patterns]
    return AutomatonParts(
        machine.serialize() if machine else b"", [len(one) for one in lists], list(chain.from_iterable(lists))
    )


class _Automaton:
    """Patterns with the concepts each stands for, ready to search."""

    def __init__(self, parts: AutomatonParts) -> None:
        self._find = None
        if parts.machine:
            self._machine = CharwiseDoubleArrayAhoCorasick.deserialize(parts.machine)
            self._find = self._machine.find_overlapping
        self._counts = np.array(parts.counts, dtype=np.int64)
        self._first = np.concatenate(([0], np.cumsum(self._counts)))[:-1]
        self._concepts = np.array(parts.concepts, dtype=np.int32)

    def find(self, text: str) -> NDArray[np.int64]:
        """Columns (start, end, concept) of all overlapping hits."""
        found = self._find(text) if self._find else []
        if not found:
            return np.zeros((0, 3), dtype=np.int64)
        flat = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=3 * len(found)).reshape(-1, 3)
        pattern = flat[:, 2]
        counts = self._counts[pattern]
        which = np.repeat(np.arange(len(flat)), counts)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        flat = flat[which]
        flat[:, 2] = self._concepts[self._first[flat[:, 2]] + offset]
        return flat


def build(lexicon: Lexicon) -> MatcherParts:
    """Build the automata and filters of a lexicon.

    Raises:
        ConfigurationError: a term has nothing that could be matched.
    """
    number = {name: i for i, name in enumerate(_names(lexicon))}
    parents = _ancestors(lexicon.concepts)
    text: dict[str, set[int]] = {}
    by_sound: dict[str, set[int]] = {}
    for name, concept in lexicon.concepts.items():
        _add_terms(name, concept, {number[parent] for parent in parents[name]}, text, by_sound)
    for name, category in lexicon.categories.items():
        _add(text, squeezed_terms(name, category.words), {number[CATEGORY_PREFIX + name]})
    filters = [filter_of(pattern) for concept in lexicon.concepts.values() for pattern in concept.regex]
    return MatcherParts(_automaton_parts(text), _automaton_parts(by_sound), filters)


def _names(lexicon: Lexicon) -> list[str]:
    return [*lexicon.concepts, *(CATEGORY_PREFIX + name for name in lexicon.categories)]


def _add_terms(
    name: str, concept: Concept, owners: set[int], text: dict[str, set[int]], by_sound: dict[str, set[int]]
) -> None:
    terms = squeezed_terms(name, (*concept.terms, *concept.homophones))
    _add(text, terms, owners)
    if not concept.pinyin:
        return
    long = [term for term in terms if len(term) >= MIN_SYLLABLES and not term.isascii()]
    _add(by_sound, (sound(np.array([ord(c) for c in term], dtype=np.uint32)) for term in long), owners)
    _add(text, filter(None, map(latin, terms)), owners)


class Matcher:
    """All concepts of a lexicon, ready to be found. ``names[i]`` is the concept with number ``i``."""

    def __init__(self, lexicon: Lexicon, parts: MatcherParts) -> None:
        self.names = _names(lexicon)
        self.number = {name: i for i, name in enumerate(self.names)}
        self._text = _Automaton(parts.text)
        self._sound = _Automaton(parts.sound)
        self._has_sound = bool(parts.sound.counts)
        parents = _ancestors(lexicon.concepts)
        patterns = [(pattern, name) for name, concept in lexicon.concepts.items() for pattern in concept.regex]
        self._regexes = RegexSet([pattern for pattern, _ in patterns], parts.filters)
        self._regex_owners = [sorted(self.number[parent] for parent in parents[name]) for _, name in patterns]
        self._masks = np.array([i for i, c in enumerate(lexicon.concepts.values()) if c.mask], dtype=np.int32)
        self.size = len(parts.text.counts) + len(parts.sound.counts)

    def find(self, batch: Batch) -> Hits:
        """All concept hits of the batch; a hit inside a longer hit of a masking concept does not count."""
        parts = [self._text.find(batch.text)]
        if self._has_sound:
            parts.append(self._sound.find(sound(batch.codes)))
        found = [
            (hit.start, hit.end, concept)
            for hit in self._regexes.find(batch)
            for concept in self._regex_owners[hit.pattern]
        ]
        if found:
            parts.append(np.array(found, dtype=np.int64))
        return self._clean(batch, parts[0] if len(parts) == 1 else np.concatenate(parts))

    def _clean(self, batch: Batch, found: NDArray[np.int64]) -> Hits:
        """Order by start, drop doubles (by text and by sound) and masked hits."""
        if not len(found):
            nothing = np.zeros(0, dtype=np.int32)
            return Hits(nothing, nothing, nothing, nothing)
        length = found[:, 1] - found[:, 0]
        key = (found[:, 0] << 32) | (found[:, 2] << 16) | np.minimum(length, 0xFFFF)
        key.sort()
        key = key[np.concatenate(([True], key[1:] != key[:-1]))]
        start = (key >> 32).astype(np.int32)
        concept = ((key >> 16) & 0xFFFF).astype(np.int32)
        end = start + (key & 0xFFFF).astype(np.int32)
        if self._masks.size:
            start, concept, end = self._unmasked(start, concept, end)
        return Hits(batch.row[start], concept, start, end)

    def _unmasked(self, start: Ints, concept: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
        masking = np.isin(concept, self._masks)
        if not masking.any():
            return start, concept, end
        # Hits are ordered by start, so the furthest end of the masks begun before (or at) a hit tells whether it lies
        # inside one. A hit as long as its mask stays: it is the same words.
        reach = np.maximum.accumulate(np.where(masking, end, 0))
        before = np.searchsorted(start, start, side="left")
        here = np.searchsorted(start, start, side="right")
        earlier = np.where(before > 0, reach[before - 1], 0)
        keep = masking | ~((earlier >= end) | (reach[here - 1] > end))
        return start[keep], concept[keep], end[keep]


def squeezed_terms(owner: str, terms: Iterable[str]) -> list[str]:
    """Terms as they are matched.

    Raises:
        ConfigurationError: a term has no letter, digit or Han character.
    """
    given = list(terms)
    batch = normalise([term.replace("\n", "") for term in given])
    squeezed = batch.text.split("\n") if given else []
    for term, result in zip(given, squeezed, strict=True):
        if not result:
            raise ConfigurationError(f"词库条目 {owner} 的词 {term!r} 只有标点或空白，无法匹配；请删去或改写")
    return squeezed


def _add(table: dict[str, set[int]], terms: Iterable[str], owners: set[int]) -> None:
    for term in terms:
        table.setdefault(term, set()).update(owners)


def _ancestors(concepts: dict[str, Concept]) -> dict[str, set[str]]:
    """For each concept itself and every concept that includes it, directly or not."""
    including: dict[str, list[str]] = {name: [] for name in concepts}
    for name, concept in concepts.items():
        for child in concept.include:
            including[child].append(name)
    result: dict[str, set[str]] = {}
    for name in concepts:
        todo, seen = [name], {name}
        while todo:
            for parent in including[todo.pop()]:
                if parent not in seen:
                    seen.add(parent)
                    todo.append(parent)
        result[name] = seen
    return result
