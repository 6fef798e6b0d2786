"""Recognises registered brands on a product page, and names made to look or sound like one. It knows no lawful seller by itself."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from classifiers.alike import distance, glyphs, looks, shortened, sounds
from classifiers.normalise import Batch, fold, normalise, squeeze
from classifiers.segment import cut
from lexicons.schema import Brand

MIN_LATIN_NAME: Final = 4
MIN_LATIN_ONE_EDIT: Final = 6
MIN_LATIN_TWO_EDITS: Final = 9
MIN_HAN_ONE_EDIT: Final = 4
MIN_HAN_SOUND: Final = 3
LONGEST_TOKEN: Final = 40
MOST_TOKENS: Final = 4
MOST_SIGHTINGS: Final = 50
MARKS: Final = r"[.\-_*·•~'`+^=|#°・。\u200b-\u200d\ufeff]"
# Letters with at most one mark between two of them: “vel*lanor”; or single letters with spaces: “v e l l a n o r”.
TOKEN: Final = re.compile(rf"[a-z0-9](?:{MARKS}?[a-z0-9]|[$@|!](?=[a-z0-9]))*")
SPACED: Final = re.compile(r"(?<![a-z0-9])(?:[a-z0-9] ){3,39}[a-z0-9](?![a-z0-9])")
STAND_INS: Final = str.maketrans({"$": "s", "@": "a", "|": "l", "!": "i"})
LETTERS: Final = re.compile(r"[a-z]+")
PLAIN: Final = re.compile(r"[^a-z0-9$@|!]")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A registered brand on a page, or a name like it.

    ``name``: as it stands there; ``span``: its range in the page (None: only in the brand field); ``exact``: it is the
    registered name; ``edits``: letters that differ; ``sound``, ``glyph``: it sounds, or looks, the same; ``inserted``: marks
    stand inside it; ``common``: all of it belongs to everyday words.
    """

    brand: Brand
    name: str
    span: Span | None
    exact: bool = True
    edits: int = 0
    sound: bool = False
    glyph: bool = False
    inserted: bool = False
    common: bool = False

    @property
    def strength(self) -> tuple[bool, int, int]:
        """The more, the surer it is the brand that is meant."""
        return self.exact, self.sound + self.glyph + self.inserted, -self.edits


class Register:
    """The registered brands, ready to be found. Finding is linear in the length of a page, whatever the number of brands."""

    def __init__(self, brands: tuple[Brand, ...]) -> None:
        self._names: dict[str, Brand] = {}
        self._with_spaces: set[str] = set()
        for brand in brands:
            for given in (brand.brand, *brand.aliases):
                name = squeeze(given.replace("\n", ""))
                self._names.setdefault(name, brand)
                if " " in given.strip():
                    self._with_spaces.add(name)
        self._latin = {
            name: brand for name, brand in self._names.items() if name.isascii() and len(name) >= MIN_LATIN_NAME
        }
        self._han = {name: brand for name, brand in self._names.items() if not name.isascii() and len(name) >= 2}
        self._han_lengths = sorted({len(name) for name in self._han})
        self._han_sounds = {sounds(name): name for name in self._han}
        self._han_looks = {looks(name): name for name in self._han}
        self._latin_looks = {glyphs(name): name for name in self._latin}
        self._near = _near({name for name, brand in self._latin.items() if brand.brand.isascii()})
        self._han_outer = {name[0] + name[-1]: name for name in self._han if len(name) == MIN_HAN_SOUND}
        self._han_letters = frozenset("".join(name for name in self._han if len(name) >= MIN_HAN_ONE_EDIT))
        self._near_han = {
            short: name for name in self._han if len(name) >= MIN_HAN_ONE_EDIT for short in shortened(name, 1)
        }

    def sightings(self, page: str, field: str | None = None) -> list[Sighting]:
        """Brands named in ``page`` or in the brand ``field``, and names like them; each brand once, at its surest place."""
        best: dict[str, Sighting] = {}
        for one in (*self._latin_sightings(fold(page)), *self._han_sightings(normalise([page]))):
            known = best.get(one.brand.brand)
            if known is None or one.strength > known.strength:
                best[one.brand.brand] = one
        given = self._names.get(squeeze(field.replace("\n", ""))) if field else None
        if given is not None:
            known = best.get(given.brand)
            if known is None or not known.exact:
                best[given.brand] = Sighting(given, field or "", None)
        return list(best.values())[:MOST_SIGHTINGS]

    def named(self, page: str, field: str | None) -> list[Sighting]:
        """Brands named by their own names."""
        return [one for one in self.sightings(page, field) if one.exact]

    def look_alikes(self, page: str) -> Iterator[Sighting]:
        """Names on the page that are nearly, but not quite, a registered brand."""
        return (one for one in self.sightings(page) if not one.exact)

    def _latin_sightings(self, folded: str) -> Iterator[Sighting]:
        tokens = [(match.group(), match.span()) for match in TOKEN.finditer(folded)]
        for token, span in tokens:
            found = self._latin_name(token, span)
            if found is not None:
                yield found
        for first, _ in pairwise(range(len(tokens) + 1)):
            yield from self._joined(folded, tokens[first : first + MOST_TOKENS])
        for match in SPACED.finditer(folded):
            name = match.group().replace(" ", "")
            if name in self._latin:
                yield Sighting(self._latin[name], match.group(), match.span(), inserted=True)

    def _latin_name(self, token: str, span: Span) -> Sighting | None:
        name = PLAIN.sub("", token)
        if not MIN_LATIN_NAME <= len(name) <= LONGEST_TOKEN:
            return None
        if name in self._latin:
            return Sighting(self._latin[name], token, span, inserted=name != token)
        leading = LETTERS.match(name)
        if leading and leading.group() in self._latin:  # “vellanor2026”
            return Sighting(self._latin[leading.group()], token, span)
        looked = glyphs(name.translate(STAND_INS))
        known = self._latin_looks.get(looked)
        if known is not None:
            edits = distance(name, known, len(known))
            return Sighting(
                self._latin[known], token, span, exact=False, edits=edits, glyph=True, inserted=name != token
            )
        known, edits = self._nearest(name)
        if known is None:
            return None
        alike = glyphs(known)
        closer = distance(looked, alike, edits) < edits
        return Sighting(
            self._latin[known],
            token,
            span,
            exact=False,
            edits=edits,
            glyph=closer,
            inserted=PLAIN.search(token) is not None,
        )

    def _nearest(self, name: str) -> tuple[str | None, int]:
        """The known Latin name with the fewest letters changed, as far as names of that length may differ."""
        best, fewest = None, 3
        if len(name) < MIN_LATIN_ONE_EDIT - 1:
            return None, 0
        for short in shortened(name, 2 if len(name) >= MIN_LATIN_TWO_EDITS - 1 else 1):
            for known in self._near.get(short, ()):
                most = _most_edits(known)
                edits = distance(name, known, most)
                if edits <= most and edits < fewest:
                    best, fewest = known, edits
        return best, fewest

    def _joined(self, folded: str, tokens: list[tuple[str, Span]]) -> Iterator[Sighting]:
        """Names of several words, and names torn apart by a space: ``vel lanor``."""
        for number in range(2, len(tokens) + 1):
            start, end = tokens[0][1][0], tokens[number - 1][1][1]
            name = "".join(token for token, _ in tokens[:number])
            if end - start != len(name) + number - 1 or len(name) > LONGEST_TOKEN:
                return
            if name in self._latin and folded[start:end].replace(" ", "") == name:
                yield Sighting(
                    self._latin[name], folded[start:end], (start, end), inserted=name not in self._with_spaces
                )

    def _han_sightings(self, batch: Batch) -> Iterator[Sighting]:
        text = batch.text
        if not text or not self._han:
            return
        heard, looked = sounds(text), looks(text)
        in_words: list[bool] | None = None
        for length in self._han_lengths:
            for at in range(len(text) - length + 1):
                window = text[at : at + length]
                if window.isascii():
                    continue
                brand = self._han.get(window)
                if brand is not None:
                    yield self._han_found(batch, at, length, brand)
                    continue
                known, sound, glyph = self._han_like(window, heard[at : at + length], looked[at : at + length])
                if known is None or "\n" in window:
                    continue
                in_words = in_words or _in_words(text)
                common = all(in_words[at : at + length])
                if common and not (sound and length >= MIN_HAN_SOUND):
                    continue
                edits = sum(a != b for a, b in zip(window, known, strict=False)) or abs(len(window) - len(known))
                name = page_part(batch, at, length)
                yield Sighting(
                    self._han[known], window, name, exact=False, edits=edits, sound=sound, glyph=glyph, common=common
                )
            yield from self._han_stretched(batch, length)

    def _han_found(self, batch: Batch, at: int, length: int, brand: Brand) -> Sighting:
        start, end = page_part(batch, at, length)
        return Sighting(brand, batch.text[at : at + length], (start, end), inserted=end - start > length)

    def _han_like(self, window: str, heard: str, looked: str) -> tuple[str | None, bool, bool]:
        """The name a window is like (None: none), and whether by sound and by looks."""
        by_sound, by_looks = self._han_sounds.get(heard), self._han_looks.get(looked)
        known = by_looks or by_sound
        if known is not None:
            changed = sum(a != b for a, b in zip(window, known, strict=True))
            # Two syllables of the same sound are everywhere; one of the two characters must be the right one.
            if len(known) >= MIN_HAN_SOUND or changed < len(known):
                return known, by_sound == known, by_looks == known
            return None, False, False
        if len(window) == MIN_HAN_SOUND and (known := self._han_outer.get(window[0] + window[-1])) is not None:
            return known, False, False
        if len(window) >= MIN_HAN_ONE_EDIT and sum(char in self._han_letters for char in window) >= len(window) - 1:
            for short in shortened(window, 1):
                near = self._near_han.get(short)
                if near is not None and len(near) == len(window) and distance(window, near, 1) <= 1:
                    return near, False, False
        return None, False, False

    def _han_stretched(self, batch: Batch, length: int) -> Iterator[Sighting]:
        """Names with one more character inside: ``松之禾坝``."""
        if length < MIN_HAN_SOUND:
            return
        text = batch.text
        for at in range(len(text) - length):
            window = text[at : at + length + 1]
            for inner in range(1, length):
                brand = self._han.get(window[:inner] + window[inner + 1 :])
                if brand is not None and "\n" not in window:
                    yield Sighting(
                        brand,
                        window,
                        page_part(batch, at, length + 1),
                        exact=False,
                        edits=1,
                        inserted=window[inner].isascii(),
                    )


def page_part(batch: Batch, at: int, length: int) -> Span:
    """The range in the page of some squeezed characters."""
    return batch.span(at, at + length)


def _most_edits(name: str) -> int:
    if len(name) >= MIN_LATIN_TWO_EDITS:
        return 2
    return 1 if len(name) >= MIN_LATIN_ONE_EDIT else 0


def _near(names: set[str]) -> dict[str, list[str]]:
    """Names by everything they can become by leaving letters out."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        for short in shortened(name, _most_edits(name)) if _most_edits(name) else ():
            found[short].append(name)
    return dict(found)


def _in_words(text: str) -> list[bool]:
    """Per character whether it belongs to a dictionary word of two and more characters."""
    return [len(token) > 1 for token in cut(text) for _ in token]
