"""A query as a plan that every adapter carries out in its own language, and the highlights that follow from it.

All pieces of a query must be found; each piece as it is written, as another word for it, or as something that sounds the
same. What is written as asked for always counts more than a synonym, and a synonym more than a sound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from infra.search import Segment
from infra.search.language import Language
from infra.search.terms import cut, read_as_syllables, runs

SYNONYM_BOOST: Final = 0.3
WORD_SCORE: Final = 1.0
SOUND_SCORE: Final = 0.5
MOST_SYNONYMS: Final = 32
LEAST_SOUNDS: Final = 3  # two Chinese syllables sound like far too many other words
LEAST_INITIALS, MOST_INITIALS = 3, 8
QUOTED: Final = re.compile(r"[\"“”]([^\"“”]+)[\"“”]")
SNIPPET: Final = 90
LEAD: Final = 24


@dataclass(frozen=True, slots=True)
class Phrase:
    """These characters in a row, in the title or the text; scored by how rare they are."""

    text: str
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Word:
    """A word of its own, or a single character; a fixed score."""

    text: str
    score: float = WORD_SCORE


@dataclass(frozen=True, slots=True)
class Sound:
    """Syllables in a row, found by all their pairs; a fixed score. ``initials``: only the first letters, in names."""

    syllables: tuple[str, ...]
    initials: bool = False
    score: float = SOUND_SCORE

    @property
    def terms(self) -> tuple[str, ...]:
        """The index terms that must all be there."""
        return tuple(first + second for first, second in pairwise(self.syllables))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these; the scores of all that are found add up."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these."""

    clauses: tuple[Clause, ...]


Clause = Phrase | Word | Sound | AnyOf | AllOf


@dataclass(frozen=True, slots=True)
class Plan:
    """``clauses`` must all hold. ``text`` tells whether anything was asked for: if so and no clause is left, nothing is found."""

    clauses: tuple[Clause, ...]
    text: bool


def plan(text: str, language: Language) -> Plan:
    """What to look for. ``"…"`` asks for exactly these characters: not broken into words, no synonyms, no sounds."""
    folded = language.fold(text)
    exact = [run for quoted in QUOTED.findall(folded) for run in runs(quoted)]
    free = runs(QUOTED.sub(" ", folded))
    clauses = [_exactly(run) for run in exact] + [_freely(run, language) for run in free]
    return Plan(tuple(clauses), bool(text.strip()))


def _exactly(run: str) -> Clause:
    return Word(run) if _lone(run) else Phrase(run)


def _freely(run: str, language: Language) -> Clause:
    if _lone(run):
        return Word(run)
    if run.isascii():
        return _any(Phrase(run), *_synonyms(run, language), *_spelled(run, language))
    pieces = cut(run)
    found = [_any(Phrase(p), Word(p), *_synonyms(p, language), *_sounding(p, language)) for p in pieces]
    if len(found) == 1:
        return found[0]
    return _any(AllOf(tuple(found)), *_synonyms(run, language), *_sounding(run, language))


def _lone(run: str) -> bool:
    return len(run) == 1 and not run.isascii()


def _any(*clauses: Clause) -> Clause:
    return clauses[0] if len(clauses) == 1 else AnyOf(clauses)


def _synonyms(piece: str, language: Language) -> Iterator[Clause]:
    for other in language.synonyms(piece)[:MOST_SYNONYMS]:
        if len(other) >= 2 and other != piece and runs(other) == [other]:
            yield Phrase(other, SYNONYM_BOOST)


def _sounding(piece: str, language: Language) -> Iterator[Clause]:
    spoken = tuple(language.readings.get(character, "") for character in piece)
    if len(spoken) >= LEAST_SOUNDS and all(spoken):
        yield Sound(spoken)


def _spelled(letters: str, language: Language) -> Iterator[Clause]:
    if not letters.isalpha() or not language.readings:
        return
    for way in read_as_syllables(letters, language.syllables):
        yield Sound(way)
    if LEAST_INITIALS <= len(letters) <= MOST_INITIALS:
        yield Sound(tuple(letters), initials=True)


def highlight(text: str, wanted: Plan, language: Language) -> tuple[Segment, ...]:
    """A snippet of ``text`` around the first match, cut into marked and unmarked segments; never HTML."""
    found = sorted(set(_places(language.fold(text), wanted.clauses, language)), key=lambda place: (place[0], -place[1]))
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


def _places(folded: str, clauses: tuple[Clause, ...], language: Language) -> Iterator[tuple[int, int]]:
    for clause in clauses:
        match clause:
            case AnyOf(parts) | AllOf(parts):
                yield from _places(folded, parts, language)
            case Phrase(text) | Word(text):
                yield from ((m.start(), m.end()) for m in re.finditer(re.escape(text), folded))
            case Sound():
                yield from _sounds(folded, clause, language)


def _sounds(folded: str, sound: Sound, language: Language) -> Iterator[tuple[int, int]]:
    heard = [language.readings.get(character, "") for character in folded]
    if sound.initials:
        heard = [syllable[:1] for syllable in heard]
    length, wanted = len(sound.syllables), list(sound.syllables)
    for start in range(len(heard) - length + 1):
        if heard[start : start + length] == wanted:
            yield start, start + length
