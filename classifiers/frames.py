"""Evaluates frames (patterns over concepts) on the hits of a batch. It says what fired; the model decides what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from classifiers.match import CATEGORY_PREFIX, Hits, Matcher
from classifiers.normalise import Batch
from classifiers.regexes import WORD, set_bits
from classifiers.scope import Scope, Spans
from lexicons.schema import Frame, Lexicon

MAX_HITS_PER_SLOT = 24
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Fired:
    """A frame whose slots were found in a row. ``blocked`` names what took the assertion away (None = asserted)."""

    frame: int
    row: int
    spans: tuple[tuple[int, int], ...]
    blocked: str | None


@dataclass(slots=True)
class RowHits:
    """The hits of one row by concept name, and the row's number."""

    row: int
    by_name: dict[str, Spans]


class Frames:
    """All frames of a lexicon, with bit masks that tell in one step which rows hold the concepts a frame needs."""

    def __init__(self, lexicon: Lexicon, matcher: Matcher) -> None:
        self.frames: tuple[Frame, ...] = lexicon.frames
        self.index = {frame.id: i for i, frame in enumerate(self.frames)}
        self._names = matcher.names
        self._scope = Scope(lexicon)
        planes = max((len(frame.slots) for frame in self.frames), default=1)
        words = max(1, -(-len(self.frames) // WORD))
        self._masks = np.zeros((planes, len(self._names), words), dtype=np.uint64)
        self._absent = np.zeros((planes, words), dtype=np.uint64)
        for number, frame in enumerate(self.frames):
            word, bit = number // WORD, np.uint64(1 << (number % WORD))
            for plane in range(planes):
                if plane < len(frame.slots):
                    self._masks[plane, [matcher.number[name] for name in frame.slots[plane]], word] |= bit
                else:
                    self._absent[plane, word] |= bit

    def find(self, batch: Batch, hits: Hits, categories: Sequence[str | None]) -> list[Fired]:
        """All frames that fire, at most once per row each: asserted if any of its matches is, else blocked."""
        fired: list[Fired] = []
        here = RowHits(-1, {})
        for group, number in zip(*self._candidates(hits), strict=True):
            row, first, last = group
            if row != here.row:
                here = self.row_hits(hits, row, first, last)
            one = self._evaluate(number, batch, here, categories[row])
            if one is not None:
                fired.append(one)
        return fired

    def row_hits(self, hits: Hits, row: int, first: int, last: int) -> RowHits:
        """Hits ``first`` to ``last`` grouped by concept name."""
        by_name: dict[str, Spans] = {}
        concepts = hits.concept[first:last].tolist()
        spans = zip(hits.start[first:last].tolist(), hits.end[first:last].tolist(), strict=True)
        for concept, span in zip(concepts, spans, strict=True):
            by_name.setdefault(self._names[concept], []).append(span)
        return RowHits(row, by_name)

    def _candidates(self, hits: Hits) -> tuple[list[tuple[int, int, int]], list[int]]:
        """Rows (number, first and last hit) and the frames whose slots they could fill, row by row."""
        if not len(hits) or not self.frames:
            return [], []
        first = np.flatnonzero(np.concatenate(([True], hits.row[1:] != hits.row[:-1])))
        both = np.bitwise_or.reduceat(self._masks[0][hits.concept], first, axis=0) | self._absent[0]
        for masks, absent in zip(self._masks[1:], self._absent[1:], strict=True):
            both &= np.bitwise_or.reduceat(masks[hits.concept], first, axis=0) | absent
        group, frame = set_bits(both)
        last = np.append(first[1:], len(hits))
        begin, end = first[group].tolist(), last[group].tolist()
        return list(zip(hits.row[first[group]].tolist(), begin, end, strict=True)), frame.tolist()

    def _evaluate(self, number: int, batch: Batch, here: RowHits, category: str | None) -> Fired | None:
        frame = self.frames[number]
        if not _category_fits(frame, category, here):
            return None
        if any(name in here.by_name for name in frame.unless_text):
            return None
        blocked: Fired | None = None
        for match in islice(_matches(frame, batch, here.by_name), MAX_HITS_PER_SLOT):
            reason = self._reason(frame, batch, here.by_name, match)
            found = Fired(number, here.row, tuple(match), reason)
            if reason is None:
                return found
            blocked = blocked or found
        return blocked

    def _reason(self, frame: Frame, batch: Batch, hits: dict[str, Spans], match: Spans) -> str | None:
        clauses = {int(batch.clause[start]) for start, _ in match}
        for name in frame.unless:
            if any(int(batch.clause[start]) in clauses for start, _ in hits.get(name, ())):
                return name
        return self._scope.blocked_by(batch, hits, match) if frame.polarity == "affirmative" else None


def _category_fits(frame: Frame, category: str | None, here: RowHits) -> bool:
    """A limited frame needs its category given, or, when none is given, inferred from words of the text."""
    if not frame.categories and not frame.not_categories:
        return True
    known = {category} if category else set(_inferred(here))
    if frame.categories and known.isdisjoint(frame.categories):
        return False
    return known.isdisjoint(frame.not_categories)


def _inferred(here: RowHits) -> Iterator[str]:
    return (name[len(CATEGORY_PREFIX) :] for name in here.by_name if name.startswith(CATEGORY_PREFIX))


def _matches(frame: Frame, batch: Batch, hits: dict[str, Spans]) -> Iterator[Spans]:
    """All ways to fill the slots with hits that keep order, gap, clause, and do not overlap; ranges in text order."""
    slots = [_slot_spans(alternatives, hits) for alternatives in frame.slots]
    if all(slots):
        yield from _fill(frame, batch, slots, [])


def _slot_spans(alternatives: tuple[str, ...], hits: dict[str, Spans]) -> Spans:
    if len(alternatives) == 1:
        return hits.get(alternatives[0], [])[:MAX_HITS_PER_SLOT]
    return sorted({span for name in alternatives for span in hits.get(name, ())})[:MAX_HITS_PER_SLOT]


def _fill(frame: Frame, batch: Batch, slots: list[Spans], chosen: Spans) -> Iterator[Spans]:
    if len(chosen) == len(slots):
        ordered = sorted(chosen)
        if _gaps_fit(ordered, frame.gap):
            yield ordered
        return
    for span in slots[len(chosen)]:
        if chosen and not _joins(frame, batch, chosen, span):
            continue
        yield from _fill(frame, batch, slots, [*chosen, span])


def _joins(frame: Frame, batch: Batch, chosen: Spans, span: tuple[int, int]) -> bool:
    if any(start < span[1] and span[0] < end for start, end in chosen):
        return False
    if frame.order == "given" and span[0] < chosen[-1][1]:
        return False
    return frame.scope == "text" or batch.clause[span[0]] == batch.clause[chosen[0][0]]


def _gaps_fit(ordered: Spans, gap: int) -> bool:
    return all(later[0] - earlier[1] <= gap for earlier, later in pairwise(ordered))
