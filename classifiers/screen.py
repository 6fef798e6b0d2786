"""A first, cheap look: rows that no code could come of are not read further. It decides nothing about the others.

One linear score over single characters and pairs of neighbours, with a floor so low that hardly any claim is lost; what lies
below it (most of what is said in a livestream) costs no segmentation, no concepts, no frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifiers.features import length_factor
from classifiers.normalise import Batch
from classifiers.vocabulary import KeyTable, Vocabulary, ngram_keys, order_of

ORDERS = (1, 2)
Values = NDArray[np.float64]


def screened(vocabulary: Vocabulary) -> NDArray[np.int64]:
    """The columns of the vocabulary that the screen looks at."""
    orders = order_of(vocabulary.keys)
    return len(vocabulary.words) + np.flatnonzero(np.isin(orders, ORDERS))


class Screen:
    """``weights`` has one value per column of the vocabulary (only single characters and pairs count)."""

    def __init__(self, vocabulary: Vocabulary, weights: Values, bias: float, floor: float) -> None:
        own = weights[len(vocabulary.words) :]
        orders = order_of(vocabulary.keys)
        self._number = vocabulary.char_number
        self._single = np.zeros(len(vocabulary.chars) + 1)
        single = orders == 1
        self._single[(vocabulary.keys[single] & np.uint64(0xFFFF)).astype(np.int64)] = own[single]
        pairs = vocabulary.keys[orders == 2]
        self._pairs = KeyTable(pairs, np.arange(len(pairs), dtype=np.int32), KeyTable.bits_for(len(pairs)))
        self._pair_weights = np.append(own[orders == 2], 0.0)
        self._bias, self._floor = bias, floor

    def scores(self, batch: Batch) -> Values:
        """The score of every row."""
        numbers = self._number[batch.codes]
        value = self._single[numbers]
        # Unknown pairs have column -1, which is the zero at the end.
        value[:-1] += self._pair_weights[self._pairs.get(ngram_keys(numbers, 2))]
        sums = np.bincount(batch.row, weights=value, minlength=batch.rows)
        return np.asarray(sums * length_factor(batch) + self._bias, dtype=np.float64)

    def passing(self, batch: Batch) -> list[int]:
        """The rows worth reading, in order."""
        return np.flatnonzero(self.scores(batch) >= self._floor).tolist() if batch.rows else []
