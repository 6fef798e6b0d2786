"""What a search needs to know of the language: folding, readings, synonyms. Given by whoever opens the index; nothing is read here."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

Fold = Callable[[str], str]
Synonyms = Callable[[str], Sequence[str]]


def plain_fold(text: str) -> str:
    """Full width to half width and capitals to small letters, one character for one."""
    return "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    folded = unicodedata.normalize("NFKC", character).lower()
    return folded if len(folded) == 1 else character


def no_synonyms(_word: str) -> Sequence[str]:
    """For indexes that are opened without a lexicon."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Language:
    """How texts and queries are brought together.

    ``fold`` maps a text to one of the same length in which spellings that mean the same are alike (traditional characters
    to simplified ones); texts and queries both go through it. ``readings`` gives a character's syllable without tone.
    ``synonyms`` gives other folded words for a folded word, at query time only, so that a new lexicon needs no new index.
    """

    fold: Fold = plain_fold
    readings: Mapping[str, str] = field(default_factory=dict)
    synonyms: Synonyms = no_synonyms

    @cached_property
    def syllables(self) -> frozenset[str]:
        """All syllables there are."""
        return frozenset(self.readings.values())
