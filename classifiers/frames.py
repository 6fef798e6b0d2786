"""Evaluates frames (patterns over concepts) on the hits of a batch. It says what fired; the model decides what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from classifiers.match import CATEGORY_PREFIX, Hits, Matcher, NamedHits
from classifiers.normalise import Batch
from classifiers.regexes import WORD, set_bits
from classifiers.scope import Scope, Spans
from lexicons.schema import Frame, Lexicon

MAX_HITS_PER_SLOT = 24
Words = NDArray[np.uint64]


class Fired(Struct, frozen=True):
    """A frame whose slots were found in a row. ``blocked`` names what took the assertion away (None = asserted)."""

    frame: int
    row: int
    spans: tuple[tuple[int, int], ...]
    blocked: str | None


class Frames:
    """All frames of a lexicon, with bit masks that tell in one step which rows hold the concepts a frame needs."""

    def __init__(self, lexicon: Lexicon, matcher: Matcher) -> None:
        self.frames: tuple[Frame, ...] = lexicon.frames
        self.index = {frame.id: i for i, frame in enumerate(self.frames)}
        self._scope = Scope(lexicon)
        planes = max((len(frame.slots) for frame in self.frames), default=1)
        words = max(1, -(-len(self.frames) // WORD))
        self._masks = np.zeros((planes, len(matcher.names), words), dtype=np.uint64)
        self._absent = np.zeros((planes, words), dtype=np.uint64)
        for number, frame in enumerate(self.frames):
            word, bit = number // WORD, np.uint64(1 << (number % WORD))
            for plane in range(planes):
                if plane < len(frame.slots):
                    self._masks[plane, [matcher.number[name] for name in frame.slots[plane]], word] |= bit
                else:
                    self._absent[plane, word] |= bit

    def find(self, batch: Batch, named: NamedHits, categories: Sequence[str | None]) -> list[Fired]:
        """All frames that fire, at most once per row each: asserted if any of its matches is, else blocked."""
        evaluated = (
            self._evaluate(number, batch, named.of(row), row, categories[row])
            for row, number in zip(*self._candidates(named.hits), strict=True)
        )
        return [one for one in evaluated if one is not None]

    def _candidates(self, hits: Hits) -> tuple[list[int], list[int]]:
        """Rows and the frames whose slots their hits could fill, row by row."""
        if not len(hits) or not self.frames:
            return [], []
        first = np.flatnonzero(np.concatenate(([True], hits.row[1:] != hits.row[:-1])))
        both = np.bitwise_or.reduceat(self._masks[0][hits.concept], first, axis=0) | self._absent[0]
        for masks, absent in zip(self._masks[1:], self._absent[1:], strict=True):
            both &= np.bitwise_or.reduceat(masks[hits.concept], first, axis=0) | absent
        group, frame = set_bits(both)
        return hits.row[first[group]].tolist(), frame.tolist()

    def _evaluate(
        self, number: int, batch: Batch, here: dict[str, Spans], row: int, category: str | None
    ) -> Fired | None:
        frame = self.frames[number]
        if not _category_fits(frame, category, here):
            return None
        if any(name in here for name in frame.unless_text):
            return None
        blocked: Fired | None = None
        for match in islice(_matches(frame, batch, here), MAX_HITS_PER_SLOT):
            reason = self._reason(frame, batch, here, match)
            found = Fired(number, row, tuple(match), reason)
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


def _category_fits(frame: Frame, category: str | None, here: dict[str, Spans]) -> bool:
    """A limited frame needs its category given, or, when none is given, inferred from words of the text."""
    if not frame.categories and not frame.not_categories:
        return True
    known = {category} if category else set(_inferred(here))
    if frame.categories and known.isdisjoint(frame.categories):
        return False
    return known.isdisjoint(frame.not_categories)


def _inferred(here: dict[str, Spans]) -> Iterator[str]:
    return (name[len(CATEGORY_PREFIX) :] for name in here if name.startswith(CATEGORY_PREFIX))


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
