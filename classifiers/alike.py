"""How alike two names are: by letters, by sound, by looks. It measures; whether likeness is unlawful is not its question."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Final

import numpy as np

from classifiers.normalise import read_table
from classifiers.spelling import sound

# Pairs of letters that read as one; before single letters are folded.
LETTER_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m"), ("ii", "u"))


@cache
def _table() -> dict[int, str]:
    """Character → the first of its family of look-alikes."""
    return {ord(char): family[0] for family in read_table("glyphs.tsv") for char in family[1:]}


def glyphs(name: str) -> str:
    """A folded Latin name as it looks at a glance: ``ve11anor``, ``veilanor`` and ``vellanor`` are one."""
    for pair, single in LETTER_PAIRS:
        name = name.replace(pair, single)
    return looks(name)


def looks(name: str) -> str:
    """A folded name with each character as the first of its look-alikes; it has the length of ``name``."""
    return name.translate(_table())


def sounds(name: str) -> str:
    """A folded name as one code per syllable (Latin letters stay themselves); it has the length of ``name``."""
    return sound(np.frombuffer(name.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32))


def distance(one: str, other: str, most: int) -> int:
    """Letters added, left out, changed, or neighbours swapped to make one of the other; ``most + 1`` when more than ``most``."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        older, before = before, row
        row = [i]
        for j, b in enumerate(other, start=1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def shortened(name: str, most: int) -> set[str]:
    """The name and all it can become by leaving out up to ``most`` letters: two names near each other share one of these."""
    kept = range(len(name))
    return {
        "".join(name[i] for i in kept if i not in left_out)
        for number in range(min(most, len(name) - 1) + 1)
        for left_out in combinations(kept, number)
    }
