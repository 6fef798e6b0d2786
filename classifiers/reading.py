"""Reads a batch of items with a lexicon: normalised text, words, concept hits, fired frames. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from classifiers.disguise import Disguise
from classifiers.finding import Item
from classifiers.frames import Fired, Frames
from classifiers.match import Hits, Matcher, MatcherParts, NamedHits, build
from classifiers.normalise import Batch, normalise
from classifiers.scope import Spans
from classifiers.segment import Words, segment
from lexicons.schema import Lexicon

REMEMBERED = 4096


@dataclass(slots=True)
class Reading:
    """What was read in a batch, and the items it was read from."""

    items: Sequence[Item]
    batch: Batch
    words: Words
    named: NamedHits
    fired: list[Fired]

    @property
    def hits(self) -> Hits:
        """The concept hits as arrays."""
        return self.named.hits

    def hits_by_name(self, row: int) -> dict[str, Spans]:
        """The concept hits of one row by name; places are in ``batch.text``."""
        return self.named.of(row)


@dataclass(frozen=True, slots=True)
class Heard:
    """One text by itself: squeezed, its concept hits by name (places in ``text``), and the codes its asserted frames are of."""

    text: str
    hits: Mapping[str, Spans]
    asserted: frozenset[str]


class Reader:
    """A lexicon compiled for reading."""

    def __init__(self, lexicon: Lexicon, parts: MatcherParts | None = None) -> None:
        self.lexicon = lexicon
        parts = parts or build(lexicon)
        self.matcher = Matcher(lexicon, parts)
        self._disguise = Disguise(lexicon, parts.disguises)
        self.frames = Frames(lexicon, self.matcher)
        self._remembered = lru_cache(maxsize=REMEMBERED)(lambda text: self.read([Item(text=text)]))
        self._heard: dict[str, Heard] = {}
        self._concepts_of: dict[str | None, frozenset[str]] = {
            code: frozenset(c for f in lexicon.frames if code in (None, f.code) for slot in f.slots for c in slot)
            for code in (None, *lexicon.codes)
        }

    def concepts_of(self, code: str | None) -> frozenset[str]:
        """The concepts that the frames of ``code`` (None: of all codes) are made of."""
        return self._concepts_of[code]

    def read_text(self, text: str) -> Reading:
        """One text by itself; the last few thousand are remembered, as neighbouring utterances are asked about again and again."""
        return self._remembered(text)

    def hear(self, text: str) -> Heard:
        """One text by itself, remembered as in ``hear_all``."""
        found = self._heard.get(text)
        return found if found is not None else self.hear_all([text])[0]

    def hear_all(self, texts: Sequence[str]) -> list[Heard]:
        """Each text by itself, but read together, which costs a tenth; the last few thousand are remembered."""
        known = {text: found for text in texts if (found := self._heard.get(text)) is not None}
        unknown = [text for text in dict.fromkeys(texts) if text not in known]
        if unknown:
            fresh = dict(zip(unknown, self._separate(self.plain(unknown)), strict=True))
            if len(self._heard) + len(fresh) > REMEMBERED:
                self._heard = dict(known)  # these are about to be asked for
            self._heard.update(fresh)
            known |= fresh
        return [known[text] for text in texts]

    def _separate(self, batch: Batch) -> list[Heard]:
        named = NamedHits(self.matcher.find(batch), self.matcher.names)
        asserted: dict[int, set[str]] = {}
        for one in self.frames.find(batch, named, [None] * len(batch.starts)):
            if one.blocked is None:
                asserted.setdefault(one.row, set()).add(self.frames.frames[one.frame].code)
        rows = zip(batch.starts.tolist(), batch.ends.tolist(), strict=True)
        return [
            Heard(
                batch.text[begin:end],
                {
                    name: [(first - begin, last - begin) for first, last in spans]
                    for name, spans in named.of(row).items()
                },
                frozenset(asserted.get(row, ())),
            )
            for row, (begin, end) in enumerate(rows)
        ]

    def plain(self, texts: Sequence[str]) -> Batch:
        """The texts normalised, with disguised words in plain characters."""
        return self._disguise.undo(normalise(texts, signs=True))

    def read(self, items: Sequence[Item], batch: Batch | None = None) -> Reading:
        """Read all items at once; ``batch``: their texts as ``plain`` gives them, where that is known already."""
        batch = batch or self.plain([item.text for item in items])
        named = NamedHits(self.matcher.find(batch), self.matcher.names)
        fired = self.frames.find(batch, named, [item.category for item in items])
        return Reading(items, batch, segment(batch), named, fired)
