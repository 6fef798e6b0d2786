"""Lists how the words of a lexicon may be disguised, and builds the automata that find such spellings. It reads no text.

Written: letters of sounds, parts of characters, look-alikes, hand-listed forms. Sounding: terms as syllables. Signed: emoji
that stand for characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice, product

import numpy as np
from daachorse import MATCH_KIND_LEFTMOST_LONGEST, CharwiseDoubleArrayAhoCorasick
from msgspec import Struct

from classifiers.normalise import CODE_POINTS, Codes, normalise, read_table, squeezed_terms
from infra.errors import ConfigurationError
from lexicons.schema import Concept, Disguises, Lexicon

LONG_TERM = 3
LONGEST_TERM = 8
MIN_LATIN = 4
SURE_LATIN = 6
MOST_VARIANTS = 24
SOUND_BASE = 0xF0000
DIGITS = "零一二三四五六七八九"
# How strict to be with a spelling: as it stands; letters that need words around them; letters beside Han; look-alikes;
# letters of a messenger, which need a word of getting in touch.
PLAIN, LETTERS, BESIDE_HAN, ALIKE, CONTACT = 0, 1, 2, 3, 4
OR = "|"

Patterns = dict[str, tuple[str, int]]


class Machine(Struct, frozen=True):
    """An automaton (empty: no patterns) with what each pattern is read as, and how strict to be."""

    machine: bytes
    words: list[str]
    kinds: list[int]


class DisguiseParts(Struct, frozen=True):
    """What is slow to build, in a form that can be kept in a file. Words of ``sounding`` are alternatives, joined by ``|``."""

    written: Machine
    sounding: Machine
    signed: Machine


@cache
def readings() -> dict[str, str]:
    """The toneless reading of every character of GB 2312; digits read as the numerals they stand for."""
    table = dict(line.split("\t") for line in read_table("pinyin.tsv"))
    return table | {str(number): table[char] for number, char in enumerate(DIGITS)}


@cache
def syllable_codes() -> dict[str, int]:
    """The code point (private plane) of every syllable."""
    return {reading: SOUND_BASE + i for i, reading in enumerate(sorted(set(readings().values())))}


@cache
def sound_table() -> Codes:
    """Code point → one code point per syllable (private plane); what has no reading, and digits, stay themselves."""
    table = np.arange(CODE_POINTS, dtype=np.uint32)
    chars = {char: reading for char, reading in readings().items() if not char.isascii()}
    number = syllable_codes()
    table[[ord(char) for char in chars]] = [number[reading] for reading in chars.values()]
    return table


def sound(codes: Codes) -> str:
    """Squeezed code points as a string of syllable codes of the same length."""
    return sound_table()[codes].tobytes().decode("utf-32-le")


def build(lexicon: Lexicon) -> DisguiseParts:
    """Build the automata of a lexicon.

    Raises:
        ConfigurationError: a spelling has nothing that could be matched, or a concept named for its sounds is unknown.
    """
    disguises = lexicon.disguises
    short = _short_terms(lexicon)
    every = {term for name, concept in lexicon.concepts.items() for term in squeezed_terms(name, concept.terms)}
    every = {term for term in every if len(term) <= LONGEST_TERM and _spoken(term)}
    terms = [*short, *sorted(term for term in every if len(term) >= LONG_TERM)]
    written: Patterns = dict(_latin([*short, *sorted(every)], frozenset(disguises.latin_words)))
    written |= _alike(terms, disguises.alike)
    written |= {letters: (word, LETTERS) for letters, word in disguises.initials.items()}
    written |= {letters: (word, CONTACT) for letters, word in disguises.contact.items()}
    for table in (disguises.split, disguises.forms):
        for word, spellings in table.items():
            written |= dict.fromkeys(squeezed_terms(word, spellings), (word, PLAIN))
    sounding: dict[str, list[str]] = {}
    for term in terms:
        sounding.setdefault(sound(np.array([ord(char) for char in term], dtype=np.uint32)), []).append(term)
    heard: Patterns = {pattern: (OR.join(words), PLAIN) for pattern, words in sounding.items()}
    return DisguiseParts(_machine(written), _machine(heard), _machine(_signed(terms, disguises)))


def _machine(patterns: Mapping[str, tuple[str, int]]) -> Machine:
    order = sorted(patterns)
    machine = CharwiseDoubleArrayAhoCorasick(order, match_kind=MATCH_KIND_LEFTMOST_LONGEST) if order else None
    found = [patterns[pattern] for pattern in order]
    return Machine(machine.serialize() if machine else b"", [word for word, _ in found], [kind for _, kind in found])


def _short_terms(lexicon: Lexicon) -> list[str]:
    """Two-character words whose sound is listened for: those listed, then those of the concepts named."""
    disguises = lexicon.disguises
    unknown = [name for name in disguises.sound_of if name not in lexicon.concepts]
    if unknown:
        raise ConfigurationError(f"disguises.yaml 的 sound_of 引用了不存在的概念 {'、'.join(unknown)}；请改名或删去")
    own = squeezed_terms("sound", disguises.sound)
    names = _with_included(disguises.sound_of, lexicon.concepts)
    named = [term for name in names for term in squeezed_terms(name, lexicon.concepts[name].terms)]
    never = frozenset(disguises.not_sound)
    return list(
        dict.fromkeys(term for term in (*own, *named) if len(term) < LONG_TERM and term not in never and _spoken(term))
    )


def _with_included(names: Iterable[str], concepts: Mapping[str, Concept]) -> list[str]:
    """Concepts with all that they include, in order, each once."""
    found: dict[str, None] = {}
    todo = list(names)[::-1]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = None
            todo.extend(concepts[name].include)
    return list(found)


def _spoken(term: str) -> bool:
    return len(term) > 1 and all(char in readings() and not char.isascii() for char in term)


def _latin(terms: Sequence[str], never: frozenset[str]) -> Iterator[tuple[str, tuple[str, int]]]:
    """Terms, and the most frequent words of the language, in pinyin letters; the first reading of the same letters counts."""
    seen = set(never)
    spelled = (("".join(readings()[char] for char in term), term) for term in terms)
    general = ((letters, word) for letters, word in (line.split("\t") for line in read_table("words.tsv")))
    for letters, word in (*spelled, *general):
        if len(letters) >= MIN_LATIN and letters not in seen:
            seen.add(letters)
            yield letters, (word, PLAIN if len(letters) > SURE_LATIN else BESIDE_HAN)


def _alike(terms: Iterable[str], table: Mapping[str, str]) -> Patterns:
    """Terms with some or all of the characters that have look-alikes replaced."""
    known = frozenset(terms)
    made: Patterns = {}
    for term in known:
        for variant in _variants(term, {char: tuple(others) for char, others in table.items()}):
            if variant not in known:
                made.setdefault(variant, (term, ALIKE))
    return made


def _signed(terms: Iterable[str], disguises: Disguises) -> Patterns:
    signs: dict[str, tuple[str, ...]] = {}
    for char, sign in disguises.signs.items():
        squeezed = normalise([sign], signs=True).text
        if not squeezed:
            raise ConfigurationError(
                f"disguises.yaml 的 signs 中 {char} 的符号 {sign!r} 不在表情表内；请补进 classifiers/tables/build.py"
            )
        signs[char] = (squeezed,)
    return {variant: (term, PLAIN) for term in terms for variant in _variants(term, signs)}


def _variants(term: str, table: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The term with every choice of its characters replaced, all first; never the term itself, and not too many."""
    if not any(char in table for char in term):
        return
    choices = [(*table.get(char, ()), char) for char in term]
    for chosen in islice(product(*choices), MOST_VARIANTS):
        variant = "".join(chosen)
        if variant != term:
            yield variant
    for at, options in enumerate(choices):
        for other in options[:-1]:
            yield term[:at] + other + term[at + 1 :]
