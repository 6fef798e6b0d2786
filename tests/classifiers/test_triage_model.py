"""The triage model: own contact is no off-site trade, reasons sum to the score, nobody is refused, odd texts break nothing."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import msgspec
import pytest

from classifiers import complaint_model, corpora
from classifiers.linear import probability
from classifiers.near import SIMILAR, bands, likeness, shingles
from classifiers.privacy import mask
from classifiers.reading import Reader
from classifiers.triage import Triage, triage
from infra.errors import ConfigurationError


def one(text: str, on: date | None = None) -> Triage:
    return triage([text], on=on)[0]


@pytest.mark.parametrize(
    "text",
    [
        "衣服掉毛，打我电话13711112222，退款",
        "大米里有虫，麻烦给我回个电话",
        "发错货了，可以加我微信说",
        "退款没到账，请联系我本人手机13711112222",
        "我的微信是abc12345，方便时联系我",
    ],
)
def test_leaving_ones_own_number_is_no_off_site_trade(text: str) -> None:
    assert one(text).code != "OFFSITE"


@pytest.mark.parametrize("text", ["主播让我加微信转账，转了三千就拉黑", "让我扫码付款不走平台，私下交易"])
def test_being_led_off_the_platform_still_is(text: str) -> None:
    assert one(text).code == "OFFSITE"


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("我买的足金手链送检是镀金，商家不肯退，要求退一赔三", "complaint", {"FALSE-INGR", "COUNTERFEIT"}),
        ("举报某直播间宣称他家茶饼喝了能治痛风，请查处", "report", {"MEDICAL", "HEALTHFOOD"}),
        ("给孩子买的网课说包过，没过也不给退费，请帮我协调", "complaint", {"EDU"}),
        ("举报该店刷单刷好评，好评返现五元", "report", {"FAKE-TRADE"}),
        ("标价虚构原价，先涨后降，举报价格欺诈", "report", {"PRICE"}),
    ],
)
def test_kind_and_code_are_suggested(text: str, kind: str, code: set[str]) -> None:
    found = one(text)
    assert found.kind == kind
    assert found.code in code


def test_the_reasons_sum_to_the_confidence() -> None:
    found = one("羽绒服洗一次就掉色，我买的才一周，客服不理，要求退款")
    assert found.code == "QUALITY"
    assert found.confidence is not None
    assert math.isclose(probability(sum(part.weight for part in found.because)), found.confidence, abs_tol=1e-4)


def test_days_money_and_names_are_read() -> None:
    found = one("上周三在云间买的，花了三百八十元，主播叫林小岸", on=date(2026, 11, 25))
    assert [day.day for day in found.days] == [date(2026, 11, 18)]
    assert found.amounts == ("380",)
    assert found.mentions.hosts == ("林小岸",)
    assert "2026-11-18" in found.explanation


@pytest.mark.parametrize(
    "text", ["还在直播卖毒蘑菇，好几个人送医抢救", "老板卷款跑路了，上百人受骗", "充电宝爆炸把手烧伤了"]
)
def test_danger_is_urgent(text: str) -> None:
    assert one(text).urgent


def test_nothing_in_a_triage_refuses() -> None:
    words = msgspec.json.encode(triage([line.text for line in _corpus()[:100]])).decode()
    assert not any(word in words for word in ("不予受理", "驳回", "拒绝受理", "恶意投诉"))


@pytest.mark.parametrize(
    "text", ["", "\0", "\ud800", "我" * 200_000, "昨天12月1号" * 30_000, "主播叫" * 60_000, "1" * 200_000]
)
def test_odd_and_very_long_texts_break_nothing(text: str) -> None:
    found = one(text)
    assert len(found.masked) <= max(len(text), 20)
    assert msgspec.to_builtins(found)


def _corpus() -> list[corpora.ComplaintLine]:
    from classifiers.cache import bundled_reader

    lexicon = bundled_reader().lexicon
    return corpora.load_complaints(codes=lexicon.codes, categories=lexicon.categories)


def test_the_corpus_is_large_varied_and_without_personal_data() -> None:
    lines = _corpus()
    assert len(lines) >= 400
    assert len({line.text for line in lines}) == len(lines)
    assert all(mask(line.text) == line.text for line in lines)
    assert sum(line.kind == "report" for line in lines) >= 150
    assert len({line.code for line in lines}) >= 35


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "x"}', "第 1 行"),
        ('{"text": "x", "kind": "complaint", "code": "NOPE"}', "未知的代码 NOPE"),
        ('{"text": "x", "kind": "complaint", "category": "nope"}', "未知的类目 nope"),
        ('{"text": " ", "kind": "report"}', "text 是空的"),
    ],
)
def test_a_wrong_corpus_line_is_refused(tmp_path: Path, reader: Reader, line: str, message: str) -> None:
    (tmp_path / "c.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        corpora.load_complaints(tmp_path, codes=reader.lexicon.codes, categories=reader.lexicon.categories)


def test_a_model_of_another_lexicon_is_refused(reader: Reader) -> None:
    other = msgspec.structs.replace(reader.lexicon, version="000000000000")
    with pytest.raises(ConfigurationError, match="词库"):
        complaint_model.bundled(other)


def test_nearly_the_same_story_is_near_and_another_is_not() -> None:
    first = "11月20日在直播间买的十公斤大米有虫，客服让我拍照拍了三回，每回换一个人问同样的话，要求退款"
    second = "11月18日在直播间买的十公斤大米有虫子，客服让我拍照拍了三次，每回换一个人问同样的话，要求退款赔偿"
    other = "买的蜂蜜检测出果葡糖浆，客服不理，要求退一赔三"
    assert likeness(shingles(first), shingles(second)) >= SIMILAR
    assert set(bands(first)) & set(bands(second))
    assert likeness(shingles(first), shingles(other)) < SIMILAR
    assert bands("退钱") == bands("") == ()
    assert len(bands("\ud800米\0" * 60_000)) in (0, 20)
