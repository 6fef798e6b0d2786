"""Scores a registered brand seen on a product page: is it offered as a counterfeit, or as a confusing name? Gives leads, with reasons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from classifiers import corpora, fingerprint, linear
from classifiers.brands import Register, Sighting
from classifiers.cache import bundled_reader
from classifiers.finding import Because, BecauseKind
from classifiers.linear import LinearModel
from classifiers.listing_features import NAMES, Facts, features
from lexicons.registers import LISTING_WORDS, load_brands

NAME: Final = "listings"
CODES: Final = ("COUNTERFEIT", "CONFUSION")
MODULES: Final = ("alike", "brands", "corpora", "listing_features", "listing_model", "train_small")
PRICE_FEATURES: Final = frozenset(name for name in NAMES if "floor" in name or "low" in name or "price" in name)
MAX_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Scored:
    """A code with its log-odds; the weights of ``because`` sum to ``score``."""

    code: str
    score: float
    suspect: bool
    because: tuple[Because, ...]


@lru_cache(maxsize=1)
def made_of() -> dict[str, str]:
    """What the model must have been made of: hashes of the corpus with its brands, the words, the code."""
    here = Path(__file__).parent
    return {
        "语料": fingerprint.of_files(corpora.corpus_files(corpora.LISTINGS)),
        "用词": fingerprint.of_files([LISTING_WORDS, here / "tables" / "glyphs.tsv"]),
        "代码": fingerprint.of_files(here / f"{name}.py" for name in MODULES),
    }


@lru_cache(maxsize=1)
def bundled() -> LinearModel:
    """The trained model; raises ConfigurationError when it is missing or of something else."""
    return linear.load(NAME, made_of=made_of())


def training_rows() -> tuple[list[dict[str, float]], list[str]]:
    """Features and label of every brand seen in the corpus; of unlawful pages only the surest one."""
    categories = bundled_reader().lexicon.categories
    register = Register(load_brands(corpora.LISTINGS / "brands.yaml", categories=categories).brands)
    rows: list[dict[str, float]] = []
    labels: list[str] = []
    for line in corpora.load_listings():
        facts = Facts(line.page, line.price, line.seller, line.category, line.brand)
        seen = sorted(register.sightings(line.page, line.brand), key=lambda one: one.strength, reverse=True)
        for one in seen if line.label == corpora.LAWFUL else seen[:1]:
            rows.append(features(facts, one))
            labels.append(line.label)
    return rows, labels


def judge(model: LinearModel, facts: Facts, seen: Sighting) -> Scored:
    """The likelier code for one brand on a page."""
    found = features(facts, seen)
    code = max(CODES, key=lambda name: model.questions[name].score(found) - model.questions[name].threshold)
    line = model.questions[code]
    score = line.score(found)
    return Scored(code, score, score >= line.threshold, _because(line.contributions(found), line.bias, seen))


def _because(parts: Iterable[tuple[str, float]], bias: float, seen: Sighting) -> tuple[Because, ...]:
    given = list(parts)
    shown = [Because(_kind(name), name, _told(name, seen), weight) for name, weight in given[:MAX_SHOWN]]
    if len(given) > MAX_SHOWN:
        rest = sum(weight for _, weight in given[MAX_SHOWN:])
        shown.append(Because("model", "rest", f"其余{len(given) - MAX_SHOWN}项", rest))
    return (*shown, Because("model", "bias", "起始值", bias))


def _kind(feature: str) -> BecauseKind:
    return "price" if feature in PRICE_FEATURES else "brand"


def _told(feature: str, seen: Sighting) -> str:
    name = NAMES.get(feature, feature)
    return f"{name}：{seen.name}" if feature in {"registered", "alike"} else name
