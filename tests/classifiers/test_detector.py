"""The detector: explained findings, the law of the day, the same answer however it is asked."""

from __future__ import annotations

import math
from datetime import date

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifiers.detector import Detector
from classifiers.finding import CheckResult, Finding, Item

CURE = "这款五谷粉能根治糖尿病"


def check(detector: Detector, text: str, **more: object) -> CheckResult:
    return detector.check([Item(text=text, **more)])[0]


def first(detector: Detector, text: str, **more: object) -> Finding:
    findings = check(detector, text, **more).findings
    assert findings, f"nothing found in {text}"
    return findings[0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (CURE, "MEDICAL"),
        ("全网第一的羽绒服，国家级品质", "ABS"),
        ("机关专供特供酒，部队内部流出", "STATE"),
        ("佩戴这块貔貅招财转运，保你发大财", "SUPERST"),
        ("原单尾货，1:1复刻，专柜都验不出来", "COUNTERFEIT"),
        ("考前押题班，签协议包过，不过全额退款", "EDU"),
        ("稳赚不赔，年化收益百分之二十，保本保息", "INVEST"),
    ],
)
def test_plain_breaches_are_found_with_their_code_first(detector: Detector, text: str, code: str) -> None:
    finding = first(detector, text)
    assert finding.code == code
    assert finding.caught


@pytest.mark.parametrize(
    "text",
    [
        "",
        "大家晚上好，今天给大家带来新米",
        "本品不能代替药物",
        "它不是药，不能治病，有病去医院",
        "这件M码一百一到一百二十斤穿",
        "四十八小时内发货，偏远地区补邮费",
    ],
)
def test_lawful_words_are_left_alone(detector: Detector, text: str) -> None:
    assert not [finding for finding in check(detector, text).findings if finding.caught]


@pytest.mark.parametrize(
    "text",
    [
        "这款五谷粉能根.治.糖尿病",
        "這款五穀粉能根治糖尿病",
        "这款五谷粉能根 治 糖 尿 病",
        "ＸＹ牌五谷粉，能根治糖尿病，无效退款",
    ],
)
def test_disguised_words_are_found_and_spans_point_into_the_original(detector: Detector, text: str) -> None:
    finding = first(detector, text)
    assert finding.code == "MEDICAL"
    for start, end in finding.spans:
        assert 0 <= start < end <= len(text)
    assert list(finding.spans) == sorted(finding.spans)


def test_the_reasons_add_up_to_the_confidence(detector: Detector) -> None:
    for text in (CURE, "全网第一", "有效率百分之九十九点二，零副作用", "三天祛斑，无效退款"):
        for finding in check(detector, text).findings:
            score = sum(reason.weight for reason in finding.because)
            assert finding.confidence == pytest.approx(1 / (1 + math.exp(-score)), abs=1e-4)


def test_the_law_is_that_of_the_day_of_the_act(detector: Detector) -> None:
    text = "刷单刷好评，每单返现五元"

    def unfair_competition_articles(day: date) -> set[str]:
        finding = first(detector, text, at=day)
        return {basis.article for basis in finding.basis if "unfair" in basis.law}

    before, after = unfair_competition_articles(date(2025, 10, 14)), unfair_competition_articles(date(2025, 10, 15))
    assert before
    assert after
    assert before != after


def test_the_result_says_which_law_lexicon_and_model_it_was_made_with(detector: Detector) -> None:
    result = detector.check([Item(text=CURE)], on=date(2026, 3, 1))[0]
    assert result.versions == msgspec.structs.replace(detector.versions, law="2026-03-01")


def test_taking_it_back_afterwards_turns_the_finding_to_corrected(detector: Detector) -> None:
    result = check(detector, CURE, after=("刚才口误，它不能根治糖尿病，就是普通食品",))
    assert {finding.status for finding in result.findings} == {"corrected"}


def test_the_category_decides_among_codes_for_the_same_words(detector: Detector) -> None:
    assert first(detector, CURE, category="food").code == "MEDICAL"
    assert first(detector, CURE, category="drug").code == "DRUGDEV"


TEXTS = st.sampled_from(
    [
        CURE,
        "",
        "大家好",
        "全网第一",
        "本品不能代替药物",
        "原单尾货1:1",
        "\ud800\x00",
        "好" * 500,
        "三天祛斑\n无效退款",
        "😀" * 9,
    ]
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, max_size=12))
def test_a_batch_answers_as_one_by_one_and_in_order(detector: Detector, texts: list[str]) -> None:
    together = detector.check([Item(text=text) for text in texts])
    assert [result.text for result in together] == texts
    for text, result in zip(texts, together, strict=True):
        alone = check(detector, text)
        assert [(f.code, f.status, f.spans) for f in result.findings] == [
            (f.code, f.status, f.spans) for f in alone.findings
        ]


def test_a_very_long_text_is_read_to_its_end(detector: Detector) -> None:
    text = "大家好，今天天气不错。" * 10_000 + CURE
    finding = first(detector, text)
    assert finding.code == "MEDICAL"
    assert finding.spans[-1][0] > len(text) - 20


def test_every_finding_explains_itself_in_chinese(detector: Detector) -> None:
    finding = first(detector, CURE)
    assert "根治糖尿病" in finding.explanation
    assert "《广告法》第十七条" in finding.explanation
    assert finding.liable
    assert finding.basis
