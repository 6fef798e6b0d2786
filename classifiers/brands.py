"""Recognises registered brands on a product page, and names made to look or sound like one. It knows no lawful seller by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from classifiers.match import sound
from classifiers.normalise import Batch, normalise, squeeze
from lexicons.schema import Brand

MIN_LATIN_NAME = 4
MIN_LATIN_LOOKALIKE = 6
MIN_SOUND_SYLLABLES = 3
LATIN_NAME = re.compile(r"[a-z]+")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Named:
    """A registered brand a page names: the range in the page's text (None: only in the brand field)."""

    brand: Brand
    span: Span | None


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A name that is one letter off, or sounds like, a registered brand without being it."""

    brand: Brand
    name: str
    span: Span


class Register:
    """The registered brands, ready to be found."""

    def __init__(self, brands: tuple[Brand, ...]) -> None:
        self._names = {squeeze(name): brand for brand in brands for name in (brand.brand, *brand.aliases)}
        self._searchable = {name: brand for name, brand in self._names.items() if _searchable(name)}
        self._sounds = {
            sound(_codes(name)): (name, brand)
            for name, brand in self._names.items()
            if len(name) >= MIN_SOUND_SYLLABLES and not name.isascii()
        }

    def named(self, page: str, field: str | None) -> list[Named]:
        """Brands named in ``page`` or in the brand ``field``, each once."""
        batch = normalise([page])
        found: dict[str, Named] = {}
        for name, brand in self._searchable.items():
            at = _whole_word(batch.text, name)
            if at is not None:
                found.setdefault(brand.brand, Named(brand, batch.span(at, at + len(name))))
        given = self._names.get(squeeze(field)) if field else None
        if given is not None:
            found.setdefault(given.brand, Named(given, None))
        return list(found.values())

    def look_alikes(self, page: str) -> Iterator[LookAlike]:
        """Names on the page that are nearly, but not quite, a registered brand."""
        batch = normalise([page])
        for match in LATIN_NAME.finditer(batch.text):
            name = match.group()
            brand = self._one_letter_off(name)
            if brand is not None:
                yield LookAlike(brand, name, batch.span(*match.span()))
        yield from self._same_sound(batch)

    def _one_letter_off(self, name: str) -> Brand | None:
        if len(name) < MIN_LATIN_LOOKALIKE or name in self._names:
            return None
        return next((brand for known, brand in self._searchable.items() if one_edit_apart(name, known)), None)

    def _same_sound(self, batch: Batch) -> Iterator[LookAlike]:
        heard = sound(batch.codes)
        for key, (known, brand) in self._sounds.items():
            at = heard.find(key)
            end = at + len(known)
            if at >= 0 and batch.text[at:end] not in self._names:
                yield LookAlike(brand, batch.text[at:end], batch.span(at, end))


def one_edit_apart(name: str, other: str) -> bool:
    """Whether one letter added, left out, changed, or two neighbours swapped make one name of the other."""
    if name == other or abs(len(name) - len(other)) > 1:
        return False
    short, long = sorted((name, other), key=len)
    same = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) != len(long):
        return short[same:] == long[same + 1 :]
    swapped = long[same + 1 : same + 2] + long[same : same + 1]
    return short[same + 1 :] == long[same + 1 :] or short[same:] == swapped + long[same + 2 :]


def _searchable(name: str) -> bool:
    return len(name) >= (MIN_LATIN_NAME if name.isascii() else 2)


def _whole_word(text: str, name: str) -> int | None:
    """Where ``name`` stands; a Latin name must not be part of a longer one."""
    if not name.isascii():
        at = text.find(name)
        return at if at >= 0 else None
    return next((match.start() for match in LATIN_NAME.finditer(text) if match.group() == name), None)


def _codes(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array([ord(char) for char in text], dtype=np.uint32)
