"""Finds concept hits: terms by Aho-Corasick, and regexes. It judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from daachorse import MATCH_KIND_STANDARD, CharwiseDoubleArrayAhoCorasick
from msgspec import Struct
from numpy.typing import NDArray

from classifiers import spelling
from classifiers.normalise import Batch, Ints, squeezed_terms
from classifiers.regexes import Filter, RegexSet, filter_of
from classifiers.scope import Spans
from classifiers.spelling import DisguiseParts
from lexicons.schema import Concept, Lexicon

CATEGORY_PREFIX = "category:"


@dataclass(slots=True)
class Hits:
    """Concept hits of a batch as parallel arrays ordered by row, then start; positions are in ``Batch.text``."""

    row: Ints
    concept: Ints
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.row)


class NamedHits:
    """The hits of a batch by row and concept name; a row is looked up when it is first asked for."""

    def __init__(self, hits: Hits, names: Sequence[str]) -> None:
        self.hits = hits
        self._names = names
        self._rows: dict[int, dict[str, Spans]] = {}
        edges = np.flatnonzero(hits.row[1:] != hits.row[:-1]) + 1
        bounds = [0, *edges.tolist(), len(hits)]
        self._range = dict(zip(hits.row[bounds[:-1]].tolist(), pairwise(bounds), strict=True)) if len(hits) else {}

    def of(self, row: int) -> dict[str, Spans]:
        """Places in ``Batch.text`` by concept name."""
        found = self._rows.get(row)
        if found is None:
            found = self._rows[row] = {}
            first, last = self._range.get(row, (0, 0))
            part, hits = slice(first, last), self.hits
            columns = (hits.concept[part], hits.start[part], hits.end[part])
            for concept, start, end in zip(*(column.tolist() for column in columns), strict=True):
                found.setdefault(self._names[concept], []).append((start, end))
        return found


class AutomatonParts(Struct, frozen=True):
    """A built automaton: its serialised machine (empty: no patterns), concepts per pattern, all concepts in a row."""

    machine: bytes
    counts: list[int]
    concepts: list[int]


class MatcherParts(Struct, frozen=True):
    """What is slow to build of a matcher, in a form that can be kept in a file."""

    text: AutomatonParts
    disguises: DisguiseParts
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
        self._owners = _Owners(parts.counts, parts.concepts)

    def find(self, text: str) -> NDArray[np.int64]:
        """Columns (start, end, concept) of all overlapping hits."""
        found = self._find(text) if self._find else []
        if not found:
            return np.zeros((0, 3), dtype=np.int64)
        flat = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=3 * len(found)).reshape(-1, 3)
        return self._owners.of(flat)


class _Owners:
    """The concepts each pattern stands for."""

    def __init__(self, counts: Sequence[int], concepts: Sequence[int]) -> None:
        self._counts = np.array(counts, dtype=np.int64)
        self._first = np.cumsum(self._counts) - self._counts
        self._concepts = np.array(concepts, dtype=np.int64)

    def of(self, found: NDArray[np.int64]) -> NDArray[np.int64]:
        """Columns (start, end, pattern) with one row per concept of the pattern in its place."""
        pattern = found[:, 2]
        counts = self._counts[pattern]
        which = np.repeat(np.arange(len(found)), counts)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        result = found[which]
        result[:, 2] = self._concepts[self._first[result[:, 2]] + offset]
        return result


def build(lexicon: Lexicon) -> MatcherParts:
    """Build the automata and filters of a lexicon.

    Raises:
        ConfigurationError: a term has nothing that could be matched.
    """
    number = {name: i for i, name in enumerate(_names(lexicon))}
    parents = _ancestors(lexicon.concepts)
    text: dict[str, set[int]] = {}
    for name, concept in lexicon.concepts.items():
        _add(text, squeezed_terms(name, concept.terms), {number[parent] for parent in parents[name]})
    for name, category in lexicon.categories.items():
        _add(text, squeezed_terms(name, category.words), {number[CATEGORY_PREFIX + name]})
    filters = [filter_of(pattern) for concept in lexicon.concepts.values() for pattern in concept.regex]
    return MatcherParts(_automaton_parts(text), spelling.build(lexicon), filters)


def _names(lexicon: Lexicon) -> list[str]:
    return [*lexicon.concepts, *(CATEGORY_PREFIX + name for name in lexicon.categories)]


class Matcher:
    """All concepts of a lexicon, ready to be found. ``names[i]`` is the concept with number ``i``."""

    def __init__(self, lexicon: Lexicon, parts: MatcherParts) -> None:
        self.names = _names(lexicon)
        self.number = {name: i for i, name in enumerate(self.names)}
        self._text = _Automaton(parts.text)
        parents = _ancestors(lexicon.concepts)
        patterns = [(pattern, name) for name, concept in lexicon.concepts.items() for pattern in concept.regex]
        self._regexes = RegexSet([pattern for pattern, _ in patterns], parts.filters)
        owners = [sorted(self.number[parent] for parent in parents[name]) for _, name in patterns]
        self._regex_owners = _Owners([len(one) for one in owners], list(chain.from_iterable(owners)))
        self._masks = np.array([i for i, c in enumerate(lexicon.concepts.values()) if c.mask], dtype=np.int32)
        self.size = len(parts.text.counts)

    def find(self, batch: Batch) -> Hits:
        """All concept hits of the batch; a hit inside a longer hit of a masking concept does not count."""
        found = self._text.find(batch.text), self._regex_owners.of(self._regexes.find(batch))
        return self._clean(batch, np.concatenate(found))

    def _clean(self, batch: Batch, found: NDArray[np.int64]) -> Hits:
        """Order by start, drop doubles (by term and by regex) and masked hits."""
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
