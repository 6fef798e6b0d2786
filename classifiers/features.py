"""Turns a batch with its words, concept hits and fired frames into sparse rows. The same code serves training and use.

Columns: text features of the vocabulary (scaled by 1/√length, so that long texts do not shout), then concepts, frames
(asserted), frames (blocked by negation, question …), the frames' prior per code, given category, kind of text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers.finding import BecauseKind, Item
from classifiers.frames import Fired, Frames
from classifiers.match import Hits, Matcher
from classifiers.normalise import Batch, Ints
from classifiers.reading import Reading
from classifiers.vocabulary import Vocabulary
from lexicons.schema import Lexicon

LENGTH_FLOOR = 6
NOWHERE = -1
Values = NDArray[np.float64]


@dataclass(slots=True)
class Rows:
    """Sparse rows: entries ``first[i]:first[i+1]`` belong to row ``i``. ``start``/``end`` are places in ``Batch.text``.

    A column may occur several times in a row; its values add up. Entries without a place have start -1.
    """

    first: NDArray[np.int64]
    column: Ints
    value: Values
    start: Ints
    end: Ints


def length_factor(batch: Batch) -> Values:
    """What text features of each row are multiplied by."""
    length = (batch.ends - batch.starts).astype(np.float64)
    return np.asarray(1.0 / np.sqrt(np.maximum(length, LENGTH_FLOOR)), dtype=np.float64)


class FeatureSpace:
    """The columns that exist for a lexicon and a vocabulary."""

    def __init__(self, lexicon: Lexicon, matcher: Matcher, frames: Frames, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._matcher = matcher
        self._frames = frames.frames
        self.codes = list(lexicon.codes)
        self.categories = list(lexicon.categories)
        self.concepts = vocabulary.size
        self.asserted = self.concepts + len(matcher.names)
        self.blocked = self.asserted + len(self._frames)
        self.prior = self.blocked + len(self._frames)
        self.category = self.prior + len(self.codes)
        self.listing = self.category + len(self.categories)
        self.size = self.listing + 1
        self._prior_of = [self.prior + self.codes.index(frame.code) for frame in self._frames]
        self._described: dict[int, tuple[BecauseKind, str]] = {}
        self._category_column = {name: self.category + i for i, name in enumerate(self.categories)}

    def extract(self, reading: Reading) -> Rows:
        """Sparse rows of a batch, one per item."""
        batch, hits = reading.batch, reading.hits
        text = self.vocabulary.extract(batch, reading.words)
        row = batch.row[text.start]
        value = length_factor(batch)[row]
        parts = [(row, text.column, value, text.start, text.end)]
        if len(hits):
            parts.append(self._concept_part(hits))
        extra = self._extra(reading.fired, reading.items)
        if extra:
            table = np.array(extra, dtype=np.float64)
            whole = table[:, [0, 1, 3, 4]].astype(np.int32)
            parts.append((whole[:, 0], whole[:, 1], table[:, 2], whole[:, 2], whole[:, 3]))
        rows, column, values, start, end = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(rows, kind="stable")
        first = np.zeros(batch.rows + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=batch.rows), out=first[1:])
        return Rows(first, column[order], values[order], start[order], end[order])

    def _concept_part(self, hits: Hits) -> tuple[Ints, Ints, Values, Ints, Ints]:
        """Each concept once per row, at its first place."""
        key = (hits.row.astype(np.int64) << 20) | hits.concept
        at = np.unique(key, return_index=True)[1]
        ones = np.ones(len(at))
        return hits.row[at], hits.concept[at] + np.int32(self.concepts), ones, hits.start[at], hits.end[at]

    def _extra(self, fired: Sequence[Fired], items: Sequence[Item]) -> list[tuple[int, int, float, int, int]]:
        found: list[tuple[int, int, float, int, int]] = []
        for one in fired:
            start, end = one.spans[0][0], one.spans[-1][1]
            base = self.blocked if one.blocked else self.asserted
            found.append((one.row, base + one.frame, 1.0, start, end))
            if not one.blocked:
                found.append((one.row, self._prior_of[one.frame], self._frames[one.frame].weight, start, end))
        for row, item in enumerate(items):
            if item.category in self._category_column:
                found.append((row, self._category_column[item.category], 1.0, NOWHERE, NOWHERE))
            if item.kind == "listing":
                found.append((row, self.listing, 1.0, NOWHERE, NOWHERE))
        return found

    def code_of(self, frame: int) -> int:
        """The number of the code a frame speaks for."""
        return self._prior_of[frame] - self.prior

    def prior_column(self, frame: int) -> int:
        """The column that adds up the priors of the code of a frame."""
        return self._prior_of[frame]

    def frame_weight(self, frame: int) -> float:
        """The prior of a frame."""
        return self._frames[frame].weight

    def describe(self, column: int) -> tuple[BecauseKind, str]:
        """Kind and readable name of a column: ``term``, ``frame``, ``model``."""
        found = self._described.get(column)
        if found is None:
            found = self._described[column] = self._describe(column)
        return found

    def _describe(self, column: int) -> tuple[BecauseKind, str]:
        if column < self.concepts:
            return "model", self.vocabulary.text_of(column)
        if column < self.asserted:
            return "term", self._matcher.names[column - self.concepts]
        if column < self.prior:
            number = (column - self.asserted) % len(self._frames)
            return ("frame" if column < self.blocked else "model"), self._frames[number].id
        if column < self.category:
            return "frame", f"prior:{self.codes[column - self.prior]}"
        if column < self.listing:
            return "model", f"category:{self.categories[column - self.category]}"
        return "model", "kind:listing"
