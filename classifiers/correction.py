"""Tells whether an utterance takes a claim back on air (令117 art. 31) or had denied it before. It never removes a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from classifiers.cache import bundled_reader
from classifiers.normalise import squeeze
from classifiers.reading import Reader
from classifiers.scope import CORRECTION, DENIAL, NEGATION, NEGATION_REACH, Spans

MIN_NAMED = 2
MIN_CONCEPTS = 2


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
    if heard.hits.get(CORRECTION) and not heard.repeats:
        return bool(heard.words or heard.akin) or not _places(reader.concepts_of(None), heard.hits)
    return heard.denied()


def is_denial_before(texts: Iterable[str], claim: Claim, *, reader: Reader | None = None) -> bool:
    """Whether one of the texts just before the claim already said that it does not hold (``不能治病``)."""
    known = reader or bundled_reader()
    return any(_hear(text, claim, known).denied() for text in texts)


def _hear(text: str, claim: Claim, reader: Reader) -> _Heard:
    reading = reader.read_text(text)
    hits = reading.hits_by_name(0)
    about = reader.concepts_of(claim.code)
    claimed = about & _claimed(claim, reader)
    concepts = {name: spans for name, spans in hits.items() if name in claimed}
    squeezed, spoken = reading.batch.text, [squeeze(words) for words in claim.matched]
    words = _named(squeezed, spoken) + [
        (start, end)
        for spans in concepts.values()
        for start, end in spans
        if end - start >= MIN_NAMED and any(squeezed[start:end] in said for said in spoken)
    ]
    frames = reader.frames.frames
    repeats = any(one.blocked is None and frames[one.frame].code == claim.code for one in reading.fired)
    return _Heard(hits, words, concepts, _places(about, hits), repeats)


def _claimed(claim: Claim, reader: Reader) -> frozenset[str]:
    """The concepts in the claimed words: only denying these denies the claim (“没有骗你们” says nothing about “顶级”)."""
    words = "|".join(claim.matched)
    return frozenset(reader.read_text(words).hits_by_name(0)) if words else frozenset()


def _named(squeezed: str, spoken: Iterable[str]) -> Spans:
    """Places in the other text of the (squeezed) words the claim was made with."""
    return [(at, at + len(said)) for said in spoken if len(said) >= MIN_NAMED and (at := squeezed.find(said)) >= 0]


def _places(concepts: frozenset[str], hits: Mapping[str, Spans]) -> Spans:
    """Places of these concepts: the same thing may be taken back in other words."""
    return [span for name, spans in hits.items() if name in concepts for span in spans]
