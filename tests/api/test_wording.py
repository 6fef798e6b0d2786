"""How findings are put to an officer: sureness in words, reasons that mean something to a reader."""

from __future__ import annotations

import pytest

from api.wording import reasons, sureness
from classifiers.finding import Because, Finding
from lexicons.loader import load_lexicon
from lexicons.schema import Lexicon
from tests.factories import finding


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon()


def found_with(*because: tuple[str, str, str, float]) -> Finding:
    return finding(because=tuple(Because(*one) for one in because))  # type: ignore[arg-type]  kinds are spelt out below


def texts(finding: Finding, lexicon: Lexicon) -> list[str]:
    return [reason.text for reason in reasons(finding, lexicon)]


@pytest.mark.parametrize(
    ("confidence", "words"), [(0.97, "很有把握"), (0.8, "较有把握"), (0.6, "有些把握"), (0.4, "把握不大")]
)
def test_confidence_is_told_in_words(confidence: float, words: str) -> None:
    assert sureness(confidence) == words


def test_rules_come_before_words_and_fragments_are_left_out(lexicon: Lexicon) -> None:
    found = found_with(
        ("model", "礼", "礼", 2.0),
        ("model", "放心", "放心", 1.5),
        ("frame", "MEDICAL.treat_term", "降血脂", 0.5),
        ("model", "rest", "其余89项", 6.0),
        ("model", "bias", "起始值", -1.8),
        ("model", "category:food", "", 0.3),
    )
    assert texts(found, lexicon) == ["降血脂", "放心"]


def test_a_rule_of_another_code_is_named_only_when_there_is_none_of_its_own(lexicon: Lexicon) -> None:
    other = ("frame", "FALSE-INGR.organic", "富硒黑木耳", 0.9)
    own = ("frame", "MEDICAL.treat_term", "降血脂", 0.5)
    assert texts(found_with(other, own), lexicon) == ["降血脂"]
    assert texts(found_with(other), lexicon) == ["富硒黑木耳"]


def test_the_same_words_are_quoted_once_and_price_and_brand_are_labelled(lexicon: Lexicon) -> None:
    found = found_with(
        ("price", "below_floor", "售价199元，远低于最低合理价", 2.2),
        ("brand", "Vellanor", "Vellanor", 0.8),
        ("frame", "MEDICAL.treat_term", "降血脂", 0.6),
        ("frame", "MEDICAL.lower_marker", "降血脂", 0.5),
    )
    assert [(reason.label, reason.text) for reason in reasons(found, lexicon)] == [
        ("价格", "售价199元，远低于最低合理价"),
        ("品牌", "Vellanor"),
        ("说法", "降血脂"),
    ]


def test_what_speaks_against_the_finding_is_said_too(lexicon: Lexicon) -> None:
    concept = next(name for name, concept in lexicon.concepts.items() if concept.about)
    reason = reasons(found_with(("term", concept, "国家标准", -0.4)), lexicon)[-1]
    assert (reason.against, reason.about) == (True, lexicon.concepts[concept].about)
