"""Chinese text as search terms, and highlights, both without any server plugin.

Terms are the overlapping character pairs of each run of Chinese characters, and whole words of letters and digits.
Pairs find every substring of two or more characters; segmented words lose those that cross a word boundary
(measured in ``benchmarks/search.py``), so words are only used to break up a long query.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

import rjieba

from infra.search import Segment

Fold = Callable[[str], str]
RUNS: Final = re.compile(r"[a-z0-9]+|[㐀-鿿豈-﫿\U00020000-\U0003ffff]+")
SNIPPET: Final = 90
LEAD: Final = 24


def plain_fold(text: str) -> str:
    """Full width to half width and capitals to small letters, one character for one."""
    return "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    folded = unicodedata.normalize("NFKC", character).lower()
    return folded if len(folded) == 1 else character


def pairs(folded: str) -> list[str]:
    """The terms of a folded text in order: character pairs of Chinese runs (or the lone character), whole other words."""
    terms: list[str] = []
    for run in RUNS.findall(folded):
        if run.isascii() or len(run) == 1:
            terms.append(run)
        else:
            terms += [run[i : i + 2] for i in range(len(run) - 1)]
    return terms


def characters(folded: str) -> list[str]:
    """The single Chinese characters of a folded text, for queries of one character."""
    return sorted({character for run in RUNS.findall(folded) if not run.isascii() for character in run})


def query_parts(folded: str) -> list[str]:
    """A query as the pieces that must all be found: what stands between spaces, long pieces broken into words."""
    parts: list[str] = []
    for run in RUNS.findall(folded):
        words = [run] if run.isascii() else [word for word in rjieba.cut(run, False) if word.strip()]
        parts += _join_lone_characters(words)
    return parts


def _join_lone_characters(words: list[str]) -> list[str]:
    """A single character is too common to look for by itself, so it sticks to the word before it (``五常 大 米``)."""
    joined: list[str] = []
    for word in words:
        lone = joined and 1 in (len(word), len(joined[-1]))
        if lone and not word.isascii() and not joined[-1].isascii():
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def highlight(text: str, parts: list[str], fold: Fold) -> tuple[Segment, ...]:
    """A snippet of ``text`` around the first match, cut into marked and unmarked segments."""
    folded = fold(text)
    found = sorted((m.start(), m.end()) for part in set(parts) for m in re.finditer(re.escape(part), folded))
    start = max(0, found[0][0] - LEAD) if found else 0
    end = min(len(text), start + SNIPPET)
    segments, position = [Segment("…", False)] if start else [], start
    for begin, stop in found:
        if begin < position or stop > end:
            continue
        segments += [Segment(text[position:begin], False), Segment(text[begin:stop], True)]
        position = stop
    segments.append(Segment(text[position:end] + ("…" if end < len(text) else ""), False))
    return tuple(segment for segment in segments if segment.text)
