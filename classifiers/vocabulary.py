"""Which text features exist and which column each has: words, word pairs, character n-grams. Exact, never a blind hash.

Character n-grams and word pairs are packed into 64-bit keys and looked up in a one-probe table without a Python loop. Two
keys that want the same place are settled when the table is built: the more frequent one stays, the other is no feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from classifiers.normalise import CODE_POINTS, NEWLINE, Batch, Ints
from classifiers.segment import Words

ORDERS = (1, 2, 3, 4)
CHAR_BITS = 14
WORD_BITS = 24
TAG_SHIFT = 60
PAIR_TAG = 9
EMPTY = np.uint64(0)
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
SLOTS_PER_KEY = 8
Keys = NDArray[np.uint64]
Chars = NDArray[np.uint16]


class KeyTable:
    """64-bit keys → columns, by one multiplication and one look-up; unknown keys give -1."""

    def __init__(self, keys: Keys, columns: Ints, bits: int) -> None:
        self._shift = np.uint64(64 - bits)
        self._keys = np.zeros(1 << bits, dtype=np.uint64)
        self._columns = np.full(1 << bits, -1, dtype=np.int32)
        place = self._place(keys)
        self._keys[place] = keys
        self._columns[place] = columns

    @staticmethod
    def bits_for(count: int) -> int:
        """Table size (log2) for this many keys."""
        return max(10, (count * SLOTS_PER_KEY).bit_length())

    def _place(self, keys: Keys) -> Keys:
        return (keys * MULTIPLIER) >> self._shift

    def get(self, keys: Keys) -> Ints:
        """The column of each key, or -1."""
        place = self._place(keys)
        return np.where(self._keys[place] == keys, self._columns[place], -1)

    @staticmethod
    def without_clashes(keys: Keys, bits: int) -> NDArray[np.bool_]:
        """Which keys (most wanted first) get a place of their own."""
        place = (keys * MULTIPLIER) >> np.uint64(64 - bits)
        kept = np.zeros(len(keys), dtype=bool)
        kept[np.unique(place, return_index=True)[1]] = True
        return kept


@dataclass(slots=True)
class TextFeatures:
    """Occurrences of text features, grouped by kind: column, and the range in ``Batch.text`` each was read from."""

    column: Ints
    start: Ints
    end: Ints


class Vocabulary:
    """Words, word pairs and n-grams with their columns ``0 … size-1``.

    ``words``: the dictionary words in column order; ``keys``: packed keys of pairs and n-grams, in column order after
    the words; ``chars``: the characters n-grams are made of (number 0 = any other).
    """

    def __init__(self, words: Sequence[str], keys: Keys, chars: str) -> None:
        self.words = list(words)
        self.keys = keys
        self.chars = chars
        self.size = len(words) + len(keys)
        self._word_number = {word: i + 1 for i, word in enumerate(self.words)}
        self.char_number = _char_table(chars)
        columns = np.arange(len(words), self.size, dtype=np.int32)
        self._table = KeyTable(keys, columns, KeyTable.bits_for(len(keys)))

    def extract(self, batch: Batch, words: Words) -> TextFeatures:
        """All known features of a batch, one entry per occurrence."""
        tokens = words.tokens
        known = map(self._word_number.get, tokens, repeat(0))
        word = np.fromiter(known, dtype=np.int64, count=len(tokens))
        length = np.diff(words.start, append=len(batch.text)).astype(np.int32)
        pairs = self._table.get(pair_keys(word.view(np.uint64)))
        parts = [
            (word.astype(np.int32) - np.int32(1), words.start, words.start + length),
            (pairs, words.start[:-1], words.start[1:] + length[1:]),
        ]
        numbers = self.char_number[batch.codes]
        for order in ORDERS:
            keys = ngram_keys(numbers, order)
            start = np.arange(len(keys), dtype=np.int32)
            parts.append((self._table.get(keys), start, start + np.int32(order)))
        column = np.concatenate([part[0] for part in parts])
        seen = np.flatnonzero(column >= 0)
        start = np.concatenate([part[1] for part in parts])
        end = np.concatenate([part[2] for part in parts])
        return TextFeatures(column[seen], start[seen], end[seen])

    def text_of(self, column: int) -> str:
        """What a column stands for, readable: ``三天``, ``无效+退款`` (a pair of words)."""
        if column < len(self.words):
            return self.words[column]
        key = int(self.keys[column - len(self.words)])
        tag = key >> TAG_SHIFT
        if tag == PAIR_TAG:
            first, second = (key >> WORD_BITS) & ((1 << WORD_BITS) - 1), key & ((1 << WORD_BITS) - 1)
            return f"{self.words[first - 1]}+{self.words[second - 1]}"
        numbers = [(key >> (CHAR_BITS * i)) & ((1 << CHAR_BITS) - 1) for i in range(tag - 1, -1, -1)]
        return "".join(self.chars[number - 1] for number in numbers)


def _char_table(chars: str) -> Chars:
    table = np.zeros(CODE_POINTS, dtype=np.uint16)
    table[[ord(char) for char in chars]] = np.arange(1, len(chars) + 1)
    table[NEWLINE] = 0
    return table


def ngram_keys(numbers: Chars, order: int) -> Keys:
    """One key per position at which an n-gram of this order begins; those with an unknown character never match."""
    count = max(0, len(numbers) - order + 1)
    keys = np.full(count, order, dtype=np.uint64) << np.uint64(TAG_SHIFT)
    packed = np.zeros(count, dtype=np.uint64)
    for offset in range(order):
        packed = (packed << np.uint64(CHAR_BITS)) | numbers[offset : offset + count]
    return keys | packed


def order_of(keys: Keys) -> NDArray[np.int64]:
    """How many characters the n-gram of each key has (9: a pair of words)."""
    return (keys >> np.uint64(TAG_SHIFT)).astype(np.int64)


def pair_keys(numbers: Keys) -> Keys:
    """One key per pair of neighbouring words."""
    return np.uint64(PAIR_TAG << TAG_SHIFT) | (numbers[:-1] << np.uint64(WORD_BITS)) | numbers[1:]


def build(batch: Batch, words: Words, *, min_count: int, most: int) -> Vocabulary:
    """The vocabulary of a corpus: features seen in at least ``min_count`` places, at most ``most``, most frequent first."""
    counts: dict[str, int] = {}
    for token in words.tokens:
        counts[token] = counts.get(token, 0) + 1
    counts.pop("\n", None)
    frequent = sorted((word for word, n in counts.items() if n >= min_count), key=lambda word: (-counts[word], word))
    chars = "".join(sorted(set(batch.text) - {"\n"}))[: (1 << CHAR_BITS) - 1]
    numbers = _char_table(chars)[batch.codes]
    found = []
    for order in ORDERS:
        whole = np.ones(max(0, len(numbers) - order + 1), dtype=bool)
        for offset in range(order):
            whole &= numbers[offset : offset + len(whole)] > 0
        found.append(ngram_keys(numbers, order)[whole])
    known = {word: i + 1 for i, word in enumerate(frequent)}
    ids = np.array([known.get(word, 0) for word in words.tokens], dtype=np.uint64)
    found.append(pair_keys(ids)[(ids[:-1] > 0) & (ids[1:] > 0)])
    keys, seen = np.unique(np.concatenate(found), return_counts=True)
    keys = keys[np.argsort(-seen, kind="stable")][: int((seen >= min_count).sum())][: max(0, most - len(frequent))]
    keys = keys[KeyTable.without_clashes(keys, KeyTable.bits_for(len(keys)))]
    return Vocabulary(frequent, keys, chars)
