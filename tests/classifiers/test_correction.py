"""Taking a claim back on air (令117 art. 31) counts; words that merely contain a negation do not."""

from __future__ import annotations

import pytest

from classifiers.cache import bundled_reader
from classifiers.correction import Claim, is_correction, is_denial_before, may_correct
from classifiers.finding import Item

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


def test_texts_heard_together_are_heard_as_each_by_itself() -> None:
    reader = bundled_reader()
    texts = [
        "刚才口误了，这个木耳不能治病",
        "不是说它能治三高，大家别误会！真的吗？",
        "",
        "全网最低价，国家级产品",
        "口·误，更 正一下",
        "今天新米开仓\n第二行",
        "🈲不治病",
    ]
    for text, heard in zip(texts, reader.hear_all(texts), strict=True):
        alone = reader.read([Item(text=text)])
        asserted = {reader.frames.frames[one.frame].code for one in alone.fired if one.blocked is None}
        assert (heard.text, dict(heard.hits), heard.asserted) == (alone.batch.text, alone.hits_by_name(0), asserted)


def test_only_texts_that_deny_or_correct_something_may_take_a_claim_back() -> None:
    assert may_correct(["刚才口误了", "这个不能治病", "今天新米开仓", "大家晚上好"]) == [True, True, False, False]
