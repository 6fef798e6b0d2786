"""Disguised words are read as what they stand for, whatever the disguise; plain words are left as they are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.evader import WAYS
from benchmarks.evasion import MOST_FALSE_ALARMS_ADDED, MOST_RECALL_LOST, Sample, outcome, samples
from classifiers.detector import Detector
from classifiers.finding import Item
from classifiers.normalise import squeeze
from classifiers.reading import Reader

CAUGHT, LAWFUL = 700, 1000
# A sample of this size may be off by so many points; `python -m benchmarks evasion` measures the limits themselves.
SLACK_LOST, SLACK_ADDED = 1.5, 0.5
FEW = 150
TERMS = ["治疗", "糖尿病", "高血压", "美白祛斑", "全网第一", "国家级", "微信转账", "保证治好", "前列腺炎", "稳赚不赔"]
STRANGE = st.sampled_from(
    [
        "治",
        "智",
        "疗",
        "zhi",
        "liao",
        "Zui好",
        "💊",
        "☝️",
        "🇨🇳",
        "氵台",
        "1",
        "5星",
        "最",
        "\ud83d",
        "\x00",
        "\u200b",
        "é",
    ]
)


@pytest.fixture(scope="module")
def sentences(detector: Detector, reader: Reader) -> tuple[list[Sample], list[Sample]]:
    return samples(detector, reader, caught=CAUGHT, lawful=LAWFUL)


def read(reader: Reader, text: str) -> str:
    return reader.plain([text]).text


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_disguise_hides_next_to_nothing(
    detector: Detector, sentences: tuple[list[Sample], list[Sample]], way: str
) -> None:
    lost = outcome(detector, sentences[0], way)
    slack = SLACK_LOST if lost.disguised > FEW else 100 / max(1, lost.disguised)
    assert -lost.points_of_disguised < MOST_RECALL_LOST + slack, lost


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_disguise_of_lawful_words_raises_hardly_an_alarm(
    detector: Detector, sentences: tuple[list[Sample], list[Sample]], way: str
) -> None:
    added = outcome(detector, sentences[1], way)
    assert added.points_of_disguised < MOST_FALSE_ALARMS_ADDED + SLACK_ADDED, added


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("能智疗糖尿病", "能治疗糖尿病"),
        ("能治聊糖鸟病", "能治疗糖尿病"),
        ("能zhiliao糖尿病", "能治疗糖尿病"),
        ("能ZHI LIAO tang niao bing", "能治疗糖尿病"),
        ("能zhi疗糖尿bing", "能治疗糖尿病"),
        ("能zhìliáo糖尿病", "能治疗糖尿病"),
        ("能zl糖尿病", "能治疗糖尿病"),
        ("专治tnb", "专治糖尿病"),
        ("能氵台疒了糖尿病", "能治疗糖尿病"),
        ("能冶疗糖屎病", "能治疗糖尿病"),
        ("能治療糖尿病", "能治疗糖尿病"),
        ("能治🔥疗✨糖尿病", "能治疗糖尿病"),
        ("能治\u200b疗糖\u00ad尿病", "能治疗糖尿病"),
        ("全网第①", "全网第一"),
        ("全网第1", "全网第一"),
        ("全网第☝️", "全网第一"),
        ("全網苐壹", "全网第一"),
        ("💊到🤒除", "药到病除"),
        ("稳zhuan不赔", "稳赚不赔"),
        ("加徽信", "加微信"),
    ],
)
def test_a_disguised_word_is_read_as_what_it_stands_for(reader: Reader, text: str, plain: str) -> None:
    assert read(reader, text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "这是常识，也是知识，只是芝士贵了点",
        "我们之间的直觉，制作的纸巾值得买",
        "支付宝里看得到物流",
        "型号VX-320的刹车片，VX系列通用",
        "车牌浙A12Z88停在门口",
        "川A·88888",
        "乙醇C2H5OH和NaCl溶液",
        "ZL202110345678专利证书编号",
        "Nike和Chanel还有Lining的鞋",
        "Banana味的Change系列，Huawei手机壳",
        "iPhone15ProMax和Mate60",
        "jf积分换礼品",
        "买1送2，满3件减5元",
        "红红火火过新年🔥🔥🔥❤️",
        "周末在己方半场，日出时分",
        "在超市买的，之前买过两次",
        "2月中旬发货",
        "登陆大陆的队伍正在收拾",
        "你们懂得，差评是给快递的",
    ],
)
def test_plain_words_are_left_as_they_are(reader: Reader, text: str) -> None:
    assert read(reader, text) == squeeze(text)


@settings(deadline=None)
@given(
    word=st.sampled_from(TERMS),
    way=st.sampled_from(sorted(WAYS)),
    seed=st.integers(0, 10**6),
    before=st.sampled_from(["", "亲们，", "abc "]),
)
def test_what_was_undone_lies_exactly_where_it_was_written(
    reader: Reader, word: str, way: str, seed: int, before: str
) -> None:
    made = WAYS[way][0](word, random.Random(seed))
    if made is None:
        return
    text = f"{before}{made}。好"
    batch = reader.plain([text])
    at = batch.text.find(word)
    if at >= 0:
        start, end = batch.span(at, at + len(word))
        assert squeeze(text[start:end]) == squeeze(made)
        assert text[start:end] in made or made.startswith(text[start:end])


@settings(deadline=None)
@given(st.lists(st.lists(STRANGE | st.text(max_size=4), max_size=12).map("".join), max_size=5))
def test_every_place_of_any_text_leads_back_into_it(reader: Reader, texts: list[str]) -> None:
    texts = [text.replace("\n", " ") for text in texts]
    batch = reader.plain(texts)
    assert batch.rows == len(texts)
    assert batch.text.count("\n") == max(0, batch.rows - 1)
    for row, text in enumerate(texts):
        places = [batch.span(at, at + 1) for at in range(int(batch.starts[row]), int(batch.ends[row]))]
        assert all(0 <= start < end <= len(text) for start, end in places)
        assert places == sorted(places)


@settings(deadline=None)
@given(st.lists(st.lists(STRANGE, max_size=8).map("".join), min_size=1, max_size=6))
def test_a_text_is_read_the_same_alone_and_among_others(reader: Reader, texts: list[str]) -> None:
    assert reader.plain(texts).text.split("\n") == [read(reader, text) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "\ud83d",
        "💊" * 200_000,
        "zhi" * 66_000,
        "智疗" * 100_000,
        "1" * 200_000,
        "氵台" * 100_000,
        "a1最é💊\ud800",
    ],
)
def test_no_text_is_too_strange_or_too_long(detector: Detector, reader: Reader, text: str) -> None:
    assert reader.plain([text, "好"]).rows == 2
    assert len(detector.check([Item(text=text[:4000])])) == 1


def test_the_span_of_a_finding_covers_the_disguise_as_it_was_written(detector: Detector) -> None:
    text = "姐妹们，这款茶能zhì疗糖🔥鸟病，放心喝"
    finding = next(one for one in detector.check([Item(text=text)])[0].findings if one.caught)
    quoted = "".join(text[start:end] for start, end in finding.spans)
    assert "zhì疗" in quoted
    assert "糖🔥鸟病" in quoted
