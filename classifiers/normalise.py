"""Folds and squeezes a batch of texts with one look-up table, keeping the way back to the original. It judges nothing.

Folding makes one character of one character (compatibility forms, traditional → simplified, lower case, look-alikes);
squeezing keeps letters, digits, Han, ``%`` and marks inside numbers (``1.5``, ``1:1``), so that ``最-佳`` reads ``最佳``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.errors import ConfigurationError

TABLES = Path(__file__).parent / "tables"
CODE_POINTS = 0x110000
CODE_MASK = 0x1FFFFF
CLASS_SHIFT = 24
KEEP, BREAK, QUESTION, SIGN, COLON, GLUE = 1, 2, 3, 4, 5, 6
CLASSES = {"keep": KEEP, "break": BREAK, "question": QUESTION, "sign": SIGN, "colon": COLON, "glue": GLUE}
NEWLINE = 10
ZERO, NINE = ord("0"), ord("9")

Ints = NDArray[np.int32]
Codes = NDArray[np.uint32]


@dataclass(slots=True)
class Batch:
    """Squeezed texts, joined by newlines, with all maps. Arrays named per character have the length of ``text``.

    ``codes``: code point per character; ``row``: text number per character; ``clause``: running clause number per
    character (never shared by two texts); ``origin``, ``last``: indices of the first and last character of the original
    text that each character stands for (they differ where a disguise was undone); ``starts``, ``ends``: range of each row in
    ``text``; ``questions``: clause numbers that end in a question mark; ``signs``: whether emoji that may stand for characters
    were kept.
    """

    text: str
    codes: Codes
    row: Ints
    clause: Ints
    origin: Ints
    last: Ints
    starts: Ints
    ends: Ints
    questions: frozenset[int]
    signs: bool = False

    @property
    def rows(self) -> int:
        """How many texts."""
        return len(self.starts)

    def chosen(self, rows: Sequence[int]) -> Batch:
        """A batch of these rows (numbers, rising) alone. The clauses keep their numbers."""
        if len(rows) == self.rows:
            return self
        wanted = np.zeros(self.rows, dtype=bool)
        wanted[rows] = True
        kept = np.flatnonzero(wanted[self.row])
        if rows and rows[-1] < self.rows - 1:
            kept = kept[:-1]  # the newline after the last row that stays
        length = (self.ends - self.starts)[wanted]
        starts = np.cumsum(length + np.int32(1), dtype=np.int32) - (length + np.int32(1))
        row = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(starts, append=np.int32(len(kept))))
        codes = self.codes[kept]
        text = codes.astype("<u4", copy=False).tobytes().decode("utf-32-le")
        places = (self.clause[kept], self.origin[kept], self.last[kept])
        return Batch(text, codes, row, *places, starts, starts + length, self.questions, self.signs)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` (not empty, inside one row) stands in its original text."""
        return int(self.origin[start]), int(self.last[end - 1]) + 1


@cache
def _table() -> Codes:
    """Code point → folded code point, with its class in the upper bits (0 = drop)."""
    table = np.arange(CODE_POINTS, dtype=np.uint32)
    pairs = np.array([line.split("\t") for line in read_table("fold.tsv")])
    decode = np.frompyfunc(lambda text: int(text, 16), 1, 1)
    table[decode(pairs[:, 0]).astype(np.int64)] = decode(pairs[:, 1]).astype(np.uint32)
    for line in read_table("classes.tsv"):
        first, last, kind = line.split("\t")
        table[int(first, 16) : int(last, 16) + 1] |= np.uint32(CLASSES[kind] << CLASS_SHIFT)
    return table


def read_table(name: str) -> list[str]:
    """The lines of a bundled table without its comment line."""
    lines = (TABLES / name).read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


def squeeze(text: str) -> str:
    """One text as it is matched: folded, without spaces and punctuation."""
    return normalise([text]).text


def fold(text: str) -> str:
    """One text folded character by character, nothing left out: it has the length of ``text``, so spans stay valid."""
    raw = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    folded: bytes = (_table()[raw] & CODE_MASK).astype("<u4").tobytes()
    return folded.decode("utf-32-le", "surrogatepass")


def normalise(texts: Sequence[str], *, signs: bool = False) -> Batch:
    """Fold and squeeze ``texts``. Any string is accepted: empty, lone surrogates, NUL, any length; time is linear.

    ``signs``: keep emoji that may stand for a character (``classifiers.disguise`` reads or removes them).
    """
    if not texts:
        nothing = np.zeros(0, dtype=np.int32)
        return Batch("", nothing.astype(np.uint32), nothing, nothing, nothing, nothing, nothing, nothing, frozenset())
    raw = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    packed = _table()[raw]
    kind = packed >> CLASS_SHIFT
    code = packed & CODE_MASK
    kept = kind == KEEP
    with_signs = signs and bool((kind == SIGN).any())
    if with_signs:
        kept |= kind == SIGN
    broken = (kind == BREAK) | (kind == QUESTION)
    _glue_numbers(kind, code, kept, broken)
    first = np.fromiter(accumulate((len(text) + 1 for text in texts), initial=0), np.int32, len(texts) + 1)
    separators = first[1:-1] - 1
    kept[separators] = True
    code[separators] = NEWLINE
    origin = np.flatnonzero(kept).astype(np.int32)
    clause_of_all = np.cumsum(broken, dtype=np.int32)
    batch = _batch(code[origin], origin, clause_of_all, first=first, kind=kind)
    batch.signs = with_signs
    return batch


def without_signs(batch: Batch) -> Batch:
    """The batch with the emoji that were kept left out."""
    kept = (_table()[batch.codes] >> CLASS_SHIFT) != SIGN
    kept[batch.codes == NEWLINE] = True
    codes = batch.codes[kept]
    ends_of_rows = np.flatnonzero(codes == NEWLINE).astype(np.int32)
    starts = np.concatenate((np.zeros(1, np.int32), ends_of_rows + np.int32(1)))
    ends = np.append(ends_of_rows, np.int32(len(codes)))
    text = codes.tobytes().decode("utf-32-le")
    row, clause, origin, last = (column[kept] for column in (batch.row, batch.clause, batch.origin, batch.last))
    return Batch(text, codes, row, clause, origin, last, starts, ends, batch.questions)


def _glue_numbers(kind: Codes, code: Codes, kept: NDArray[np.bool_], broken: NDArray[np.bool_]) -> None:
    """Keep ``. : - /`` between two digits; a colon elsewhere ends a clause. Changes ``kept`` and ``broken`` in place."""
    at = np.flatnonzero(kind >= COLON)
    if not at.size:
        return
    digit = (code >= ZERO) & (code <= NINE)
    inside = at[(at > 0) & (at < len(code) - 1)]
    glued = inside[digit[inside - 1] & digit[inside + 1]]
    kept[glued] = True
    colons = at[kind[at] == COLON]
    broken[colons] = ~kept[colons]


def _batch(codes: Codes, origin: Ints, clauses: Ints, *, first: Ints, kind: Codes) -> Batch:
    ends_of_rows = np.flatnonzero(codes == NEWLINE).astype(np.int32)
    starts = np.empty(len(first) - 1, dtype=np.int32)
    starts[0] = 0
    starts[1:] = ends_of_rows + 1
    ends = np.append(ends_of_rows, len(codes)).astype(np.int32)
    row = np.repeat(np.arange(len(starts), dtype=np.int32), np.diff(starts, append=len(codes)))
    asked = np.flatnonzero(kind == QUESTION)
    questions = frozenset((clauses[asked] - 1).tolist()) if asked.size else frozenset()
    text = codes.astype("<u4", copy=False).tobytes().decode("utf-32-le")
    own = origin - first[row]
    return Batch(text, codes, row, clauses[origin], own, own, starts, ends, questions)


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
