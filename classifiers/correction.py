"""Tells whether an utterance takes a claim back on air (令117 art. 31) or had denied it before. It never removes a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from classifiers.cache import bundled_reader
from classifiers.normalise import squeeze
from classifiers.reading import Reader
from classifiers.scope import CORRECTION, DENIAL, NEGATION, NEGATION_REACH, Spans

MIN_NAMED = 2
MIN_CONCEPTS = 2
SIGNS = frozenset((CORRECTION, DENIAL, NEGATION))


@dataclass(frozen=True, slots=True)
class Claim:
    """What was claimed: the code of the finding and the texts its spans cover."""

    code: str
    matched: tuple[str, ...]


@dataclass(slots=True)
class _Heard:
    """Another utterance of the same speaker: where it names the claim, and whether it makes the same claim (again).

    ``words``: places of the claim's own words; ``concepts``: places of its concepts, by name; ``akin``: places of anything
    its code is about.
    """

    hits: Mapping[str, Spans]
    words: Spans
    concepts: Mapping[str, Spans]
    akin: Spans
    repeats: bool

    def denied(self) -> bool:
        """Whether the claim stands in or shortly after a denial.

        A mere negation must meet the claim's own words, or one of two of its concepts: “别泡过夜” takes nothing back.
        """
        if self.repeats:
            return False
        places = [span for spans in self.concepts.values() for span in spans]
        named = self.words + (places if len(self.concepts) >= MIN_CONCEPTS else [])
        return self._after(NEGATION, named) or self._after(DENIAL, self.words + places)

    def _after(self, denial: str, places: Spans) -> bool:
        return any(s <= at and at - e <= NEGATION_REACH for at, _ in places for s, e in self.hits.get(denial, ()))


def is_correction(text: str, claim: Claim, *, reader: Reader | None = None) -> bool:
    """Whether ``text``, said later by the same host, takes ``claim`` back.

    A correction phrase (口误, 更正, 刚才说错了) counts when the text names the claim or names nothing else that could have been
    meant; without such a phrase the claimed words themselves must be denied (``不能治病``).
    """
    reader = reader or bundled_reader()
    heard = _hear(text, claim, reader)
    if heard is None:
        return False
    if heard.hits.get(CORRECTION) and not heard.repeats:
        return bool(heard.words or heard.akin) or not _places(reader.concepts_of(None), heard.hits)
    return heard.denied()


def may_correct(texts: Sequence[str], *, reader: Reader | None = None) -> list[bool]:
    """For each text whether it could take anything back at all: it denies, negates or corrects something.

    ``is_correction`` says no to all others, whatever the claim; asking here first, for many at once, costs a tenth of it.
    """
    reader = reader or bundled_reader()
    hits = reader.matcher.find(reader.plain(texts))
    signs = [reader.matcher.number[name] for name in SIGNS if name in reader.matcher.number]
    rows = set(hits.row[np.isin(hits.concept, signs)].tolist())
    # The few that remain are about to be held against a claim.
    reader.hear_all([texts[row] for row in sorted(rows)])
    return [row in rows for row in range(len(texts))]


def is_denial_before(texts: Iterable[str], claim: Claim, *, reader: Reader | None = None) -> bool:
    """Whether one of the texts just before the claim already said that it does not hold (``不能治病``)."""
    known = reader or bundled_reader()
    return any(heard is not None and heard.denied() for heard in (_hear(text, claim, known) for text in texts))


def _hear(text: str, claim: Claim, reader: Reader) -> _Heard | None:
    """None where nothing is corrected, denied or negated at all."""
    heard = reader.hear(text)
    if SIGNS.isdisjoint(heard.hits):
        return None
    about = reader.concepts_of(claim.code)
    claimed = about & _claimed(claim, reader)
    concepts = {name: spans for name, spans in heard.hits.items() if name in claimed}
    spoken = [_squeezed(words) for words in claim.matched]
    words = _named(heard.text, spoken) + [
        (start, end)
        for spans in concepts.values()
        for start, end in spans
        if end - start >= MIN_NAMED and any(heard.text[start:end] in said for said in spoken)
    ]
    return _Heard(heard.hits, words, concepts, _places(about, heard.hits), claim.code in heard.asserted)


@lru_cache(maxsize=2048)
def _squeezed(words: str) -> str:
    """The words of a claim, which is held against one utterance after the other."""
    return squeeze(words)


def _claimed(claim: Claim, reader: Reader) -> frozenset[str]:
    """The concepts in the claimed words: only denying these denies the claim (“没有骗你们” says nothing about “顶级”)."""
    words = words_of(claim.matched)
    return frozenset(reader.hear(words).hits) if words else frozenset()


def words_of(matched: Iterable[str]) -> str:
    """The words of a claim as one text, in which its concepts are looked for."""
    return "|".join(matched)


def _named(squeezed: str, spoken: Iterable[str]) -> Spans:
    """Places in the other text of the (squeezed) words the claim was made with."""
    return [(at, at + len(said)) for said in spoken if len(said) >= MIN_NAMED and (at := squeezed.find(said)) >= 0]


def _places(concepts: frozenset[str], hits: Mapping[str, Spans]) -> Spans:
    """Places of these concepts: the same thing may be taken back in other words."""
    return [span for name, spans in hits.items() if name in concepts for span in spans]
