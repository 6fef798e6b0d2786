"""Named features of a complaint for the small model, and what the model says of them. It advises; accepting or refusing is an officer's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from classifiers import corpora, fingerprint, linear
from classifiers.corpora import ComplaintLine
from classifiers.finding import Item
from classifiers.linear import LinearModel
from classifiers.match import CATEGORY_PREFIX
from classifiers.normalise import squeeze
from classifiers.privacy import mask
from classifiers.reading import Reader
from classifiers.segment import cut
from lexicons.schema import Lexicon

NAME: Final = "complaints"
MODULES: Final = ("complaint_model", "corpora", "train_small")
MIN_LINES: Final = 2
LONGEST: Final = 6000
HINT_WEIGHT: Final = 2.0
Hints = Mapping[str, Sequence[str]]
# A complainant who leaves a number (“打我电话”, “加我微信说”) sells nothing off the platform.
OWN_CONTACT: Final = re.compile(
    r"(?:可以|麻烦|请|能不能|方便时|随时|尽快)?(?:给)?(?:打|拨打|拨|联系|回复|回|加|找|通知|发)(?:一下|个)?(?:到)?(?:我|本人)(?:本人)?(?:的)?"
    r"(?:手机号?|电话|微信号?|qq|号码|座机)?|我(?:的)?(?:联系方式|联系电话|微信|电话|手机号?)(?:号码?)?(?:都留了|是|就是|为|[:：])"
    r"|给我(?:打|回)(?:个|一个)?电话|电话(?:沟通|联系)(?:我|本人)"
)

MASKED: Final = re.compile(r"［[^［］]{1,6}］")


def told(text: str) -> str:
    """The text without personal data and without asking to be called back; at most ``LONGEST`` characters are read."""
    return MASKED.sub("，", OWN_CONTACT.sub("，", mask(text[:LONGEST])))


def features(squeezed: str, hints: Hints) -> dict[str, float]:
    """Words and pairs of characters (each once, scaled by their number) and the hints of the lexicon."""
    words = {f"w:{word}" for word in cut(squeezed) if len(word) > 1}
    pairs = {f"c:{squeezed[i : i + 2]}" for i in range(len(squeezed) - 1)}
    names = words | pairs
    value = round(2.0 / max(4.0, len(names) ** 0.5), 4)
    return dict.fromkeys(names, value) | {f"h:{name}": HINT_WEIGHT for name, found in hints.items() if found}


def read_hints(reader: Reader, texts: Sequence[str]) -> list[dict[str, list[str]]]:
    """What the lexicon recognises in each text: ``kind:…``, ``code:…``, ``category:…``, ``frame:…``, ``urgent``, with the words."""
    reading = reader.read([Item(text=text) for text in texts])
    lexicon = reader.lexicon
    result: list[dict[str, list[str]]] = []
    for row, text in enumerate(texts):
        squeezed = squeeze(text)
        concepts = reading.hits_by_name(row)
        result.append(_hints(lexicon, squeezed, set(concepts)))
    for one in reading.fired:
        # A complaint reports what was claimed, so a frame counts here whether the writer asserts it or not.
        start, end = one.spans[0][0], one.spans[-1][1]
        code = reader.frames.frames[one.frame].code
        result[one.row].setdefault(f"frame:{code}", []).append(reading.batch.text[start:end])
    return result


def _hints(lexicon: Lexicon, squeezed: str, concepts: set[str]) -> dict[str, list[str]]:
    words = lexicon.triage
    tables = {f"kind:{kind}": terms for kind, terms in words.kinds.items()}
    tables |= {f"code:{code}": terms for code, terms in words.codes.items()}
    tables |= {
        f"category:{name}": one.words for name, one in lexicon.categories.items() if CATEGORY_PREFIX + name in concepts
    }
    tables["urgent"] = words.urgent
    return {name: found for name, terms in tables.items() if (found := present(terms, squeezed))}


def present(terms: Sequence[str], squeezed: str) -> list[str]:
    """The terms in the text, longest first, without those that only stand inside a longer one."""
    found: list[str] = []
    for term in sorted(_squeezed(tuple(terms)), key=lambda term: (-len(term), term)):
        if term in squeezed and not any(term in longer for longer in found):
            found.append(term)
    return found


@lru_cache(maxsize=512)
def _squeezed(terms: tuple[str, ...]) -> frozenset[str]:
    return frozenset(squeeze(term) for term in terms)


def made_of(lexicon: Lexicon) -> dict[str, str]:
    """What the model must have been made of: hashes of corpus, lexicon, code."""
    return {**_files(), "词库": lexicon.version}


@lru_cache(maxsize=1)
def _files() -> dict[str, str]:
    here = Path(__file__).parent
    return {
        "语料": fingerprint.of_files(corpora.corpus_files(corpora.COMPLAINTS)),
        "代码": fingerprint.of_files(here / f"{name}.py" for name in MODULES),
    }


@lru_cache(maxsize=2)
def _load(wanted: tuple[tuple[str, str], ...]) -> LinearModel:
    return linear.load(NAME, made_of=dict(wanted))


def bundled(lexicon: Lexicon) -> LinearModel:
    """The trained model; raises ConfigurationError when it is missing or of another lexicon."""
    return _load(tuple(made_of(lexicon).items()))


def training_rows(reader: Reader) -> tuple[list[ComplaintLine], list[dict[str, float]]]:
    """The corpus with the features of every line."""
    lexicon = reader.lexicon
    lines = corpora.load_complaints(codes=lexicon.codes, categories=lexicon.categories)
    texts = [told(line.text) for line in lines]
    hints = read_hints(reader, texts)
    return lines, [features(squeeze(text), found) for text, found in zip(texts, hints, strict=True)]
