"""Compares what is said about a product with what its page says, by words (origin, material). It does not ask who is right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from msgspec.structs import replace

from classifiers.normalise import Batch, fold, normalise, squeezed_terms
from classifiers.reading import Reader
from classifiers.scope import Scope, Spans
from lexicons.schema import Attribute

Span = tuple[int, int]
# “纯棉含量百分之八十” names a share: it does not say that the whole is of it.
SHARE = re.compile(r"含量|(?<!\d)\d{1,2}(?:\.\d+)?%|百分之(?!百|一百)")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One attribute with what was said and what is listed; ``span`` points into the spoken text."""

    attribute: Attribute
    said: str
    listed: str
    span: Span


class Comparer:
    """The attributes of a lexicon, ready to be compared."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._scope = Scope(reader.lexicon)
        self._attributes = [_squeezed(attribute) for attribute in reader.lexicon.attributes.values()]
        names = (name for one in self._attributes for value in one.values.values() for name in value.names)
        self._first_characters = frozenset(name[0] for name in names)
        self._read_page = lru_cache(maxsize=256)(normalise_one)

    def find(self, said: str, listed: str) -> Contradiction | None:
        """The first attribute in which ``said`` contradicts ``listed``; None when they agree or one of them is silent."""
        if self._first_characters.isdisjoint(fold(said)):
            return None
        spoken, page = normalise([said]), self._read_page(listed)
        for attribute in self._attributes:
            for value, places in _values(attribute, spoken, attribute.said_cues).items():
                other = _contradicting(attribute, value, page)
                if other is None:
                    continue
                for place in places:
                    if self._asserted(said, spoken, place):
                        return Contradiction(attribute, spoken.text[slice(*place)], other, spoken.span(*place))
        return None

    def asserts(self, said: str, span: Span) -> bool:
        """Whether the range ``span`` of the spoken text is asserted: not denied, asked, quoted or warned of."""
        spoken = normalise([said])
        first, last = np.searchsorted(spoken.origin, span).tolist()
        return first < last and self._stands(said, spoken, (first, last))

    def _asserted(self, said: str, spoken: Batch, place: Span) -> bool:
        return not SHARE.search(_clause(spoken, place[0])) and self._stands(said, spoken, place)

    def _stands(self, said: str, spoken: Batch, place: Span) -> bool:
        reading = self._reader.read_text(said)
        return self._scope.blocked_by(spoken, reading.hits_by_name(0), [place]) is None


_comparers: WeakKeyDictionary[Reader, Comparer] = WeakKeyDictionary()


def comparer(reader: Reader) -> Comparer:
    """The comparer of a reader, made once."""
    if reader not in _comparers:
        _comparers[reader] = Comparer(reader)
    return _comparers[reader]


def normalise_one(text: str) -> Batch:
    """One text as a batch of its own."""
    return normalise([text])


def _squeezed(attribute: Attribute) -> Attribute:
    """The attribute with all its words as they are matched."""

    def words(given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(squeezed_terms(attribute.id, given))

    values = {
        name: replace(value, names=words(value.names), contradicted_by=words(value.contradicted_by))
        for name, value in attribute.values.items()
    }
    return replace(
        attribute, values=values, said_cues=words(attribute.said_cues), listed_cues=words(attribute.listed_cues)
    )


def _contradicting(attribute: Attribute, said: str, page: Batch) -> str | None:
    """What the page says against the value ``said``; None when it says nothing, the same, or something wider or narrower."""
    value = attribute.values[said]
    if any(name in page.text for name in value.names):
        return None
    against = next((word for word in value.contradicted_by if word in page.text), None)
    if against:
        return against
    listed = _values(attribute, page, attribute.listed_cues) if not value.contradicted_by else {}
    wider = {one for name in listed for one in attribute.lineage(name)[1:]}
    exact = [name for name in listed if name not in wider]
    if not exact or any(attribute.related(said, one) for one in exact):
        return None
    first = min(exact, key=lambda name: listed[name][0])
    return page.text[slice(*listed[first][0])]


def _clause(batch: Batch, at: int) -> str:
    """The clause that holds the character ``at``."""
    first, last = np.searchsorted(batch.clause, [batch.clause[at], batch.clause[at] + 1]).tolist()
    return batch.text[first:last]


def _values(attribute: Attribute, batch: Batch, cues: tuple[str, ...]) -> Mapping[str, Spans]:
    """The values named in a text, each with its places; only in clauses that hold or follow a cue, if there are cues."""
    with_cue = {int(batch.clause[at]) for cue in cues for at in _places(cue, batch.text)}
    # “产地：黑龙江”: the colon ends a clause, and the value stands in the next.
    with_cue |= {clause + 1 for clause in with_cue}
    found: dict[str, Spans] = {}
    for value, entry in attribute.values.items():
        for name in entry.names:
            for at in _places(name, batch.text):
                if not cues or int(batch.clause[at]) in with_cue:
                    found.setdefault(value, []).append((at, at + len(name)))
    return found


def _places(word: str, text: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)
