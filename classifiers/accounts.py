"""Accounts for a score: which features made it, how much each, and where they stand in the text. It changes no score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from classifiers.features import NOWHERE, FeatureSpace, Rows, Values
from classifiers.finding import Because, BecauseKind
from classifiers.frames import Fired
from classifiers.model import Model, Scored
from classifiers.normalise import Batch

MAX_SHOWN = 8
MARKED_FEATURES = 6
MARKED_SHARE = 0.4
JOIN_GAP = 2
Span = tuple[int, int]


class Account(Struct, frozen=True):
    """``because`` sums to the score; ``places`` are ranges in ``Batch.text``, in order, not overlapping."""

    because: tuple[Because, ...]
    places: tuple[Span, ...]


class RowSums:
    """The features of one row, each column once: its summed value, and its first place (start -1: it has none)."""

    def __init__(self, rows: Rows, row: int) -> None:
        part = slice(rows.first[row], rows.first[row + 1])
        self.columns, first, inverse = np.unique(rows.column[part], return_index=True, return_inverse=True)
        self.values = np.bincount(inverse, weights=rows.value[part], minlength=len(self.columns))
        self.start = rows.start[part][first]
        self.end = rows.end[part][first]

    def listed(self, at: NDArray[np.int64], weights: Values) -> Iterator[tuple[int, float, int, int]]:
        """Column, weight, start and end of the features at these places of the arrays."""
        columns = (self.columns[at], weights[at], self.start[at], self.end[at])
        return zip(*(column.tolist() for column in columns), strict=True)


def account(
    model: Model, space: FeatureSpace, batch: Batch, sums: RowSums, *, fired: Sequence[Fired], scored: Scored
) -> Account:
    """Account for one scored code. ``fired`` are the frames of its row."""
    weights = model.contribution(scored, sums.columns) * sums.values
    asserted = [one for one in fired if one.blocked is None]
    _give_priors_to_frames(space, sums, asserted, weights)
    because = _because(space, batch, sums, weights, model.bias(scored))
    spans = [span for one in asserted if space.code_of(one.frame) == scored.code for span in one.spans]
    return Account(because, tuple(_joined(batch, spans or _strongest_places(sums, weights))))


def _give_priors_to_frames(space: FeatureSpace, sums: RowSums, asserted: Sequence[Fired], weights: Values) -> None:
    """A prior column adds up the frames of a code; in the account each frame carries its own part. Changes ``weights``."""
    for prior in {space.prior_column(one.frame) for one in asserted}:
        sharing = [one.frame for one in asserted if space.prior_column(one.frame) == prior]
        own = np.array([space.frame_weight(frame) for frame in sharing])
        shares = own / own.sum() if own.sum() else np.full(len(own), 1 / len(own))
        at = int(np.searchsorted(sums.columns, prior))
        frames = np.searchsorted(sums.columns, [space.asserted + frame for frame in sharing])
        np.add.at(weights, frames, weights[at] * shares)
        weights[at] = 0.0


def _because(space: FeatureSpace, batch: Batch, sums: RowSums, weights: Values, bias: float) -> tuple[Because, ...]:
    """The strongest features by name, the others as one line, and the starting value.

    Columns that read the same (a word and the n-gram of its characters) are one feature to a reader, so a few more are
    named than shown.
    """
    strongest = np.argsort(-np.abs(weights), kind="stable")[: 2 * MAX_SHOWN]
    named: dict[tuple[BecauseKind, str], Because] = {}
    for column, weight, start, end in sums.listed(strongest, weights):
        key = space.describe(column)
        same = named.get(key)
        text = batch.text[start:end] if start != NOWHERE else ""
        if same is None:
            named[key] = Because(*key, text, weight)
        else:
            named[key] = Because(*key, same.text or text, same.weight + weight)
    order = sorted(named.values(), key=_strength, reverse=True)
    shown = order[:MAX_SHOWN]
    others = len(order) - len(shown) + int(np.count_nonzero(weights)) - len(strongest)
    if others > 0:
        rest = float(weights.sum()) - sum(one.weight for one in shown)
        shown.append(Because("model", "rest", f"其余{others}项", rest))
    return (*shown, Because("model", "bias", "起始值", bias))


def _strength(one: Because) -> float:
    return abs(one.weight)


def _strongest_places(sums: RowSums, weights: Values) -> list[Span]:
    """Where the features that speak most for the code stand; single characters only when there is nothing longer."""
    speaking = np.flatnonzero((weights > 0) & (sums.start != NOWHERE))
    order = speaking[np.argsort(-weights[speaking], kind="stable")]
    placed = [((start, end), weight) for _, weight, start, end in sums.listed(order, weights)]
    chosen = [one for one in placed if one[0][1] - one[0][0] > 1] or placed
    least = chosen[0][1] * MARKED_SHARE if chosen else 0.0
    return [place for place, weight in chosen[:MARKED_FEATURES] if weight >= least]


def _joined(batch: Batch, spans: Sequence[Span]) -> list[Span]:
    """Overlapping ranges, and those that nearly touch inside a clause, made one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        near = bool(result) and start - result[-1][1] <= JOIN_GAP
        if near and (start < result[-1][1] or batch.clause[start] == batch.clause[result[-1][1] - 1]):
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
