"""What a check of the lexicon reports, and how an unknown name is said. It checks nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

Names = Iterable[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: the file (or folder) it is in, the entry, and what to do in Chinese.

    ``hint``: it does no harm, but it does no good either.
    """

    file: str
    entry: str
    text: str
    hint: bool = False


def unknown(kind: str, names: Names, known: Names) -> Iterator[str]:
    """One sentence per name that is not known, with the nearest known one."""
    pool = list(known)
    for name in names:
        if name not in pool:
            guess = get_close_matches(name, pool, n=1)
            yield f"未知的{kind} {name}" + (f"，是否想写 {guess[0]}？" if guess else "；请先定义它或改正拼写")
