"""Cuts squeezed text into words with jieba's dictionary (HMM off). The same tokens as ``jieba.cut(HMM=False)``, faster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import rjieba

from classifiers.normalise import Batch, Ints


@dataclass(slots=True)
class Words:
    """Tokens of a batch in order, newlines between rows included; ``start`` is each token's place in ``Batch.text``."""

    tokens: list[str]
    start: Ints


def cut(text: str) -> list[str]:
    """The words of one text; joined they are the text again."""
    return rjieba.cut(text, False)


def segment(batch: Batch) -> Words:
    """The words of all rows."""
    tokens = cut(batch.text)
    ends = np.cumsum(np.fromiter(map(len, tokens), dtype=np.int32, count=len(tokens)), dtype=np.int32)
    start = np.empty_like(ends)
    if len(ends):
        start[0] = 0
        start[1:] = ends[:-1]
    return Words(tokens, start)
