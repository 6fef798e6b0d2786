"""Reads disguised words as what they stand for: parts of characters, letters for sounds, other characters of the same sound.

``氵台疗``, ``zhiliao`` and ``智疗`` become ``治疗`` in the squeezed text; every place still leads back to the original. It
judges nothing, and leaves alone what could be plain words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np
from daachorse import CharwiseDoubleArrayAhoCorasick
from msgspec import Struct
from numpy.typing import NDArray

from classifiers.normalise import NEWLINE, NINE, ZERO, Batch, Codes, Ints, without_signs
from classifiers.segment import cut
from classifiers.spelling import (
    ALIKE,
    BESIDE_HAN,
    CONTACT,
    DIGITS,
    LETTERS,
    LONG_TERM,
    OR,
    DisguiseParts,
    Machine,
    sound_table,
    syllable_codes,
)
from lexicons.schema import Lexicon

SURE_LENGTH = 4
LONGEST_SYLLABLE = 6
LONGEST_RUN = 24
# How far, in characters, the words may stand that tell what letters mean; keeps the time linear in long texts.
AROUND = 60
ASCII_END = 128
LOWER_A, LOWER_Z = ord("a"), ord("z")
REMEMBERED = 1 << 16


class Reading(Struct, frozen=True):
    """``text[start:end]`` is read as ``word``."""

    start: int
    end: int
    word: str


@dataclass(frozen=True, slots=True)
class _Heard:
    """A batch as syllables: ``text[i]`` is the sound of ``Batch.text[begin[i]:stop[i]]`` (None: of its character ``i``)."""

    text: str
    begin: Ints | None
    stop: Ints | None

    def places(self, found: Sequence[tuple[int, int, int]]) -> Iterable[tuple[int, int]]:
        """Where matches (start, end, pattern) in ``text`` stand in ``Batch.text``."""
        if self.begin is None or self.stop is None:
            return ((start, end) for start, end, _ in found)
        flat = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=3 * len(found)).reshape(-1, 3)
        return zip(self.begin[flat[:, 0]].tolist(), self.stop[flat[:, 1] - 1].tolist(), strict=True)

    def bounds(self, start: int, end: int) -> list[int]:
        """Where each of the syllables ``start:end`` begins, and where the last one ends."""
        if self.begin is None or self.stop is None:
            return list(range(start, end + 1))
        return [*self.begin[start:end].tolist(), int(self.stop[end - 1])]


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A homophone that is read as ``word`` where the places ``unbound`` belong to no dictionary word as they stand."""

    word: str
    unbound: tuple[int, ...]


class Disguise:
    """All disguises of a lexicon, ready to be undone."""

    def __init__(self, lexicon: Lexicon, parts: DisguiseParts) -> None:
        self._written = _Finder(parts.written)
        self._sounding = _Finder(parts.sounding)
        self._signed = _Finder(parts.signed)
        self._terms = frozenset(word for words in parts.sounding.words for word in words.split(OR))
        self._near = frozenset(lexicon.disguises.initials_near)
        self._touch = frozenset(lexicon.disguises.contact_near)
        self._common = frozenset(lexicon.disguises.common)
        self._doubt = lru_cache(maxsize=REMEMBERED)(self._doubted)

    def undo(self, batch: Batch) -> Batch:
        """The batch with disguised words in plain characters (the batch itself when there are none)."""
        if batch.signs:
            found = self._signed.find(batch.text)
            batch = without_signs(_rewritten(batch, [Reading(s, e, self._signed.words[p]) for s, e, p in found]))
        batch = _rewritten(batch, list(self._spelled(batch)))
        return _rewritten(batch, list(self._sounded(batch)))

    def _spelled(self, batch: Batch) -> Iterator[Reading]:
        """Spellings that are written out. A run of letters is read whole, as one word or several, or not at all."""
        text = batch.text
        for run in _chains(self._written.find(text)):
            whole = not _joined(text, run[0][0]) and not _joined(text, run[-1][1])
            for start, end, pattern in run:
                if not whole and (_joined(text, start) or _joined(text, end)):
                    continue
                word, kind = self._written.words[pattern], self._written.kinds[pattern]
                if kind == LETTERS and not self._stand_for_words(batch, start, end):
                    continue
                if kind == CONTACT and self._touch.isdisjoint(_surroundings(batch, start)):
                    continue
                if kind == BESIDE_HAN and not _beside_han(text, start, end):
                    continue
                if kind == ALIKE and not _looks_odd(batch, start, word):
                    continue
                yield Reading(start, end, word)

    def _stand_for_words(self, batch: Batch, start: int, end: int) -> bool:
        """Whether letters stand free (not ``ZL2021…``) in a text that speaks of what they could stand for."""
        row = int(batch.row[start])
        first, last = int(batch.starts[row]), int(batch.ends[row])
        around = batch.text[max(first, start - 1) : start] + batch.text[end : min(last, end + 1)]
        return not any(map(str.isascii, around)) and not self._near.isdisjoint(_surroundings(batch, start))

    def _sounded(self, batch: Batch) -> Iterator[Reading]:
        """Words of the lexicon written with other characters of the same sound, with digits, or partly in letters."""
        heard, text = _heard(batch), batch.text
        found = self._sounding.find(heard.text)
        for (first, last, pattern), (start, end) in zip(found, heard.places(found), strict=True):
            given = text[start:end]
            if given in self._terms:
                continue
            if end - start == last - first and not given.isascii():
                doubt = self._doubt(given, pattern)
            elif given.isascii() or _joined(text, start) or _joined(text, end):
                continue
            else:
                slots = [text[a:b] for a, b in pairwise(heard.bounds(first, last))]
                doubt = self._doubted(slots, pattern)
            if doubt is not None and (not doubt.unbound or _unbound(batch, start, doubt.unbound)):
                yield Reading(start, end, doubt.word)

    def _doubted(self, slots: Sequence[str], pattern: int) -> _Doubt | None:
        """What is written (per syllable) as a word in disguise, and on what condition; None: it is meant as it stands."""
        given = "".join(slots)
        word = _nearest(slots, self._sounding.words[pattern])
        other = [i for i, (one, char) in enumerate(zip(slots, word, strict=True)) if one != char]
        changed = tuple(i for i in other if not slots[i].isascii())
        same = len(word) - len(other)
        if len(changed) < len(other):
            # Letters or a digit among Han: hardly ever by chance when the rest is as it should be.
            return _Doubt(word, ()) if same > 0 and (not changed or len(word) >= SURE_LENGTH) else None
        if _is_word(given):
            return None
        if len(word) < LONG_TERM:
            return None if any(slots[i] in self._common for i in changed) else _Doubt(word, (0, 1))
        if same and all(slots[i] in self._common for i in changed):
            return None
        if len(word) >= SURE_LENGTH:
            return _Doubt(word, ())
        common = any(slots[i] in self._common for i in changed)
        return _Doubt(word, (0, 1, 2) if common else changed)


class _Finder:
    """One automaton."""

    def __init__(self, parts: Machine) -> None:
        self.words, self.kinds = parts.words, parts.kinds
        self._machine = CharwiseDoubleArrayAhoCorasick.deserialize(parts.machine) if parts.machine else None

    def find(self, text: str) -> list[tuple[int, int, int]]:
        return self._machine.find(text) if self._machine else []


def _chains(found: Sequence[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """Matches in groups: each begins where the one before it ends."""
    run: list[tuple[int, int, int]] = []
    for one in found:
        if run and run[-1][1] != one[0]:
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _joined(text: str, at: int) -> bool:
    """Whether the characters on both sides of a place belong to one run of letters, or of digits."""
    if not 0 < at < len(text):
        return False
    left, right = text[at - 1], text[at]
    return left.isascii() and right.isascii() and left.isalpha() == right.isalpha() and right != "\n" and left != "\n"


def _surroundings(batch: Batch, at: int) -> str:
    """What stands around a place in its row."""
    row = int(batch.row[at])
    return batch.text[max(int(batch.starts[row]), at - AROUND) : min(int(batch.ends[row]), at + AROUND)]


def _beside_han(text: str, start: int, end: int) -> bool:
    """Whether letters stand next to a Chinese character, and not next to a digit."""
    around = text[max(0, start - 1) : start] + text[end : end + 1]
    return any(not char.isascii() for char in around) and not any(map(str.isdigit, around))


def _looks_odd(batch: Batch, start: int, word: str) -> bool:
    """Whether the characters that differ from ``word`` belong to no dictionary word as they stand."""
    given = batch.text[start : start + len(word)]
    changed = [i for i, (one, char) in enumerate(zip(given, word, strict=True)) if one != char]
    return len(word) >= SURE_LENGTH or _unbound(batch, start, changed)


def _unbound(batch: Batch, start: int, places: Iterable[int]) -> bool:
    """Whether the characters at these places after ``start`` make no dictionary word with a neighbour in their row."""
    row = int(batch.row[start])
    first, last = int(batch.starts[row]), int(batch.ends[row])
    text = batch.text
    befores = {start + place + side for place in places for side in (0, 1)}
    return not any(first < at < last and _is_word(text[at - 1 : at + 1]) for at in befores)


@lru_cache(maxsize=REMEMBERED)
def _is_word(text: str) -> bool:
    return len(cut(text)) == 1


def _nearest(slots: Sequence[str], words: str) -> str:
    """Of words that sound the same the one with most characters as written."""
    options = words.split(OR)
    return max(options, key=lambda word: sum(map(str.__eq__, slots, word))) if len(options) > 1 else words


@lru_cache(maxsize=REMEMBERED)
def _syllables(letters: str) -> tuple[tuple[int, int, int], ...] | None:
    """Letters as the fewest syllables of pinyin (start, end, sound of each); None when they are not pinyin."""
    known = syllable_codes()
    best: list[tuple[tuple[int, int, int], ...] | None] = [()]
    for end in range(1, len(letters) + 1):
        chosen: tuple[tuple[int, int, int], ...] | None = None
        for start in range(max(0, end - LONGEST_SYLLABLE), end - 1):
            before, code = best[start], known.get(letters[start:end])
            if before is not None and code is not None and (chosen is None or len(before) + 1 < len(chosen)):
                chosen = (*before, (start, end, code))
        best.append(chosen)
    return best[-1] or None


def _heard(batch: Batch) -> _Heard:
    """The sounds of a batch: of its characters, of single digits among Han, and of runs of letters that are pinyin."""
    codes = batch.codes
    sounds = sound_table()[codes]
    plain = np.flatnonzero(codes < ASCII_END)
    if not plain.size:
        return _Heard(sounds.tobytes().decode("utf-32-le"), None, None)
    _sound_digits(codes, sounds, plain)
    letters = plain[(codes[plain] >= LOWER_A) & (codes[plain] <= LOWER_Z)]
    begin = stop = None
    if letters.size:
        breaks = np.flatnonzero(np.diff(letters) > 1) + 1
        firsts = letters[np.concatenate(([0], breaks))].tolist()
        ends = (letters[np.concatenate((breaks - 1, [len(letters) - 1]))] + 1).tolist()
        kept = np.ones(len(codes), dtype=bool)
        for first, end in zip(firsts, ends, strict=True):
            parts = _syllables(batch.text[first:end]) if 1 < end - first <= LONGEST_RUN else None
            if parts:
                if begin is None or stop is None:
                    begin = np.arange(len(codes), dtype=np.int32)
                    stop = begin + np.int32(1)
                for slot, (a, b, code) in enumerate(parts, start=first):
                    sounds[slot], begin[slot], stop[slot] = code, first + a, first + b
                kept[first + len(parts) : end] = False
        if begin is not None and stop is not None:
            sounds, begin, stop = sounds[kept], begin[kept], stop[kept]
    return _Heard(sounds.tobytes().decode("utf-32-le"), begin, stop)


def _sound_digits(codes: Codes, sounds: Codes, plain: NDArray[np.int64]) -> None:
    """Give single digits between other than digits and letters the sound of their numeral. Changes ``sounds``."""
    at = plain[(codes[plain] >= ZERO) & (codes[plain] <= NINE)]
    if not at.size:
        return
    padded = np.pad(codes, 1, constant_values=ASCII_END)
    single = at[_apart(padded[at]) & _apart(padded[at + 2])]
    sounds[single] = _digit_sounds()[codes[single] - ZERO]


def _apart(codes: Codes) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (codes >= ASCII_END) | (codes == NEWLINE)
    return found


@lru_cache(maxsize=1)
def _digit_sounds() -> Codes:
    return np.array([sound_table()[ord(numeral)] for numeral in DIGITS], dtype=np.uint32)


def _rewritten(batch: Batch, readings: Sequence[Reading]) -> Batch:
    """The batch with each reading (in text order, not overlapping) in place of what was written."""
    if not readings:
        return batch
    pieces: list[tuple[Codes, Ints, Ints, Ints]] = []
    at = 0
    for one in readings:
        pieces.append(_kept(batch, at, one.start))
        pieces.append(_replaced(batch, one))
        at = one.end
    pieces.append(_kept(batch, at, len(batch.codes)))
    codes, clause, origin, last = (np.concatenate(column) for column in zip(*pieces, strict=True))
    change = np.zeros(batch.rows, dtype=np.int32)
    for one in readings:
        change[batch.row[one.start]] += len(one.word) - (one.end - one.start)
    grown = np.cumsum(change, dtype=np.int32)
    starts = batch.starts + np.concatenate(([np.int32(0)], grown[:-1]))
    ends = batch.ends + grown
    row = np.repeat(np.arange(batch.rows, dtype=np.int32), np.diff(starts, append=len(codes)))
    text = codes.tobytes().decode("utf-32-le")
    return Batch(text, codes, row, clause, origin, last, starts, ends, batch.questions)


def _kept(batch: Batch, start: int, end: int) -> tuple[Codes, Ints, Ints, Ints]:
    part = slice(start, end)
    return batch.codes[part], batch.clause[part], batch.origin[part], batch.last[part]


def _replaced(batch: Batch, one: Reading) -> tuple[Codes, Ints, Ints, Ints]:
    count = len(one.word)
    codes = np.array([ord(char) for char in one.word], dtype=batch.codes.dtype)
    if count == one.end - one.start:
        return codes, *_kept(batch, one.start, one.end)[1:]
    whole = np.full(count, batch.clause[one.start])
    origin = np.full(count, batch.origin[one.start])
    return codes, whole, origin, np.full(count, batch.last[one.end - 1])
