"""Taking a claim back on air (令117 art. 31) counts; words that merely contain a negation do not."""

from __future__ import annotations

import pytest

from classifiers.correction import Claim, is_correction, is_denial_before

CURE = Claim("MEDICAL", ("根治糖尿病",))
EVERY_DAY = Claim("MEDICAL", ("天天吃", "通开"))


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("刚才口误，不是根治糖尿病", CURE),
        ("它不是药，不能治病", CURE),
        ("不好意思更正一下，这个没有治疗作用", CURE),
        ("口误口误", CURE),
        ("刚才那句我说错了，我收回，木耳就是普通食品，没有通血管的作用", EVERY_DAY),
    ],
)
def test_a_claim_taken_back_is_noticed(text: str, claim: Claim) -> None:
    assert is_correction(text, claim)


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("天热就放冰箱里泡，别过夜", EVERY_DAY),
        ("做了护手霜广告的，没有，骗你们的", Claim("ABS", ("全世界", "顶尖极品"))),
        ("对，就是能根治糖尿病", CURE),
        ("不要犹豫，赶紧下单", CURE),
        ("", CURE),
    ],
)
def test_other_words_take_nothing_back(text: str, claim: Claim) -> None:
    assert not is_correction(text, claim)


def test_a_denial_just_before_counts_too() -> None:
    assert is_denial_before(["先说好，它不是药，不能治病"], CURE)
    assert not is_denial_before(["别心疼", "大家好"], CURE)
