"""Wire events are checked strictly: every error names the field and the value, and neighbours are left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import InvalidInput
from streams.events import (
    MAX_EVENTS,
    MAX_RECORD,
    TOPICS,
    Complaint,
    Decision,
    Listing,
    UnknownTopic,
    Utterance,
    check_event,
    decode_record,
    encode,
    encode_record,
)
from tests.conftest import NOON
from tests.streams.fakes import complaint, listing, utterance

DECISION = Decision(
    id="d-1", subject="host:yunjian:h1", outcome="confirmed", decided_at=NOON, flag="f-1", code="ABS", severity="S2"
)
GOOD = {"transcripts": utterance(), "listings": listing(), "complaints": complaint(), "decisions": DECISION}


def errors_of(topic: str, **changes: Any) -> dict[str, str]:
    """Field → message for the good event of a topic with some fields changed (None: left out)."""
    values = {k: v for k, v in (msgspec.to_builtins(GOOD[topic]) | changes).items() if v is not None}
    decoded = decode_record(topic, msgspec.json.encode(values), now=NOON)
    return {e.field: e.message for bad in decoded.bad for e in bad.errors}


@pytest.mark.parametrize("topic", list(TOPICS))
def test_an_event_survives_the_wire(topic: str) -> None:
    decoded = decode_record(topic, encode(GOOD[topic]), now=NOON)
    assert decoded.events == [(0, GOOD[topic])]
    assert decoded.bad == []


def test_a_record_is_one_event_or_an_array_of_events() -> None:
    events = [utterance(n) for n in range(3)]
    assert decode_record("transcripts", encode_record(events), now=NOON).events == list(enumerate(events))
    assert decode_record("transcripts", b"[]", now=NOON).events == []


def test_unknown_fields_are_kept_out() -> None:
    raw = msgspec.json.encode(msgspec.to_builtins(complaint()) | {"name": "张三", "phone": "13800000000"})
    ((_, event),) = decode_record("complaints", raw, now=NOON).events
    assert event == complaint()
    assert b"138" not in encode(event)


@pytest.mark.parametrize(
    ("topic", "field", "value", "message"),
    [
        ("transcripts", "id", "", "不能为空"),
        ("transcripts", "id", "a\u0007b", "不能含控制字符"),
        ("transcripts", "id", "x" * 201, "不能超过 200 个字符"),
        ("transcripts", "platform", "yun:jian", "不能含空白、控制字符、冒号或斜杠"),
        ("transcripts", "room", "r 1", "不能含空白或控制字符"),
        ("transcripts", "text", "   ", "不能为空"),
        ("transcripts", "text", "x" * 20_001, "不能超过 20000 个字符"),
        ("transcripts", "text", "a\u0000b", "不能含空字符（U+0000）"),
        ("transcripts", "text", 3, "应为文本"),
        ("transcripts", "speaker", "robot", "应为 host、guest、comment、overlay 之一"),
        ("transcripts", "start", "2026-11-20T09:00:00", "缺少时区，例如 2026-11-20T20:00:00+08:00"),
        ("transcripts", "start", "昨天", "应为带时区的 ISO 8601 时间，例如 2026-11-20T20:00:00+08:00"),
        ("transcripts", "start", "2026-02-30T09:00:00Z", "应为带时区的 ISO 8601 时间，例如 2026-11-20T20:00:00+08:00"),
        ("transcripts", "start", "1999-12-31T23:59:59Z", "时间早于 2000 年"),
        ("transcripts", "start", "0001-01-01T00:00:00+14:00", "时间早于 2000 年"),
        ("transcripts", "end", "2026-11-20T08:00:00+08:00", "早于开始时间 2026-11-20T09:00:05+08:00"),
        ("listings", "price", "-0.01", "金额不能为负"),
        ("listings", "price", "1.999", "金额最多两位小数"),
        ("listings", "price", "1000000000", "金额应小于 1000000000 元"),
        ("listings", "price", "1E+2", "金额不能用科学计数法"),
        ("listings", "price", "NaN", "应为金额（元），例如 19.90"),
        ("listings", "price", "便宜", "应为金额（元），例如 19.90"),
        ("listings", "price", True, "应为金额（元），例如 19.90"),
        ("listings", "list_price", -1, "金额不能为负"),
        ("complaints", "kind", "praise", "应为 complaint、report 之一"),
        ("complaints", "subject", "yunjian:shop1", "应形如 host:平台:编号、seller:平台:编号 或 platform:平台"),
        ("decisions", "outcome", "guilty", "应为 confirmed、dismissed、corrected、transferred 之一"),
        ("decisions", "flag", None, "flag 与 complaint 至少填写一项"),
        ("decisions", "decided_at", None, "缺少必填字段"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_wrong(topic: str, field: str, value: Any, message: str) -> None:
    assert errors_of(topic, **{field: value}) == {field: message}


def test_a_time_may_lie_at_most_a_day_ahead() -> None:
    soon, late = NOON + timedelta(hours=23), NOON + timedelta(hours=25)
    assert errors_of("transcripts", start=soon.isoformat()) == {}
    assert "时间在未来" in errors_of("transcripts", start=late.isoformat())["start"]


def test_all_wrong_fields_of_an_event_are_named_at_once() -> None:
    assert set(errors_of("transcripts", id="", start="x", text=None)) == {"id", "start", "text"}


def test_html_in_a_text_stays_plain_text() -> None:
    text = "<script>alert(1)</script><b>便宜</b>&amp;"
    ((_, event),) = decode_record("transcripts", encode(utterance(text=text)), now=NOON).events
    assert isinstance(event, Utterance)
    assert event.text == text


def test_a_price_may_be_a_number_or_a_string() -> None:
    for price in ("19.90", 19.9, 20, "0"):
        event = check_event("listings", msgspec.to_builtins(listing()) | {"price": price}, now=NOON)
        assert isinstance(event, Listing)
        assert event.price == Decimal(str(price))


@pytest.mark.parametrize(
    "broken",
    [
        b'{"id":"x"}',
        b'{"id":"\xff\xfe"}',
        b'{"id":"\\ud800"}',
        b"3",
        b"null",
        b'"text"',
        b"[1,2]",
        b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"start":1e999999999999999999999}',
    ],
)
def test_a_broken_event_leaves_its_neighbours_alone(broken: bytes) -> None:
    first, last = utterance(1), utterance(2)
    raw = b"[" + encode(first) + b"," + broken + b"," + encode(last) + b"]"
    decoded = decode_record("transcripts", raw, now=NOON)
    assert decoded.events == [(0, first), (2, last)]
    assert [(bad.index, bad.raw) for bad in decoded.bad] == [(1, broken)]


@pytest.mark.parametrize("rest", [b',{"id":"x', b",]", b',{"id":x}]', b"x"])
def test_an_array_that_is_cut_off_gives_the_events_before_the_break(rest: bytes) -> None:
    decoded = decode_record("transcripts", b"[" + encode(utterance()) + rest, now=NOON)
    assert [event for _, event in decoded.events] in ([utterance()], [])
    assert len(decoded.bad) == 1
    assert all(bad.errors for bad in decoded.bad)


@pytest.mark.parametrize("raw", [b"", b"{", b'"', b"\xff\xff", b"[" * 100_000, b'{"id":' * 100_000])
def test_what_is_no_json_is_told_and_kept(raw: bytes) -> None:
    decoded = decode_record("complaints", raw, now=NOON)
    assert decoded.events == []
    assert decoded.bad[0].errors


def test_a_record_of_more_than_eight_mebibytes_is_refused_whole() -> None:
    decoded = decode_record("complaints", b" " * (MAX_RECORD + 1), now=NOON)
    assert decoded.bad[0].errors[0].message == "超过 8 MiB，请分成多条记录"


def test_an_unknown_topic_is_an_error() -> None:
    with pytest.raises(UnknownTopic, match="未知的主题"):
        decode_record("gossip", b"[]")


def test_plain_values_are_checked_as_strictly() -> None:
    values = msgspec.to_builtins(complaint())
    assert check_event("complaints", values, now=NOON) == complaint()
    with pytest.raises(InvalidInput, match="kind：应为 complaint、report 之一（收到：praise）"):
        check_event("complaints", values | {"kind": "praise"}, now=NOON)
    with pytest.raises(InvalidInput, match="text：含有不成对的代理字符"):
        check_event("complaints", values | {"text": "a\ud800"}, now=NOON)
    with pytest.raises(InvalidInput, match="应为一个 JSON 对象"):
        check_event("complaints", ["x"], now=NOON)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(raw: bytes) -> None:
    for topic in TOPICS:
        for record in (raw, b"[" + raw + b"]"):
            decoded = decode_record(topic, record, now=NOON)
            assert decoded.bad or decoded.events or raw.strip() == b""


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.text(max_size=3),
            "kind": st.sampled_from(["complaint", "report", "x"]),
            "platform": st.text(max_size=3),
            "text": st.text(max_size=3),
            "subject": st.one_of(st.none(), st.text(max_size=8), st.just("platform:p")),
            "occurred_at": st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)),
        },
    )
)
def test_the_quick_way_and_the_explaining_way_agree(values: dict[str, Any]) -> None:
    raw = msgspec.json.encode(values)
    alone = decode_record("complaints", raw, now=NOON)
    beside = decode_record("complaints", b"[" + raw + b",0]", now=NOON)
    assert [event for _, event in alone.events] == [event for _, event in beside.events]
    assert [bad.errors for bad in alone.bad] == [bad.errors for bad in beside.bad if bad.index == 0]
    if alone.events:
        assert isinstance(alone.events[0][1], Complaint)


BAD = st.one_of(
    st.binary(max_size=40).filter(lambda raw: raw.strip() and _is_no_structure(raw)),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ).map(msgspec.json.encode),
)


def _is_no_structure(raw: bytes) -> bool:
    """Nothing in it that could be taken for the array's own brackets, commas and quotes."""
    return not set(raw) & set(b'[]{},"\\')


@given(st.lists(st.one_of(st.just(b""), BAD), max_size=8))
def test_bad_events_never_harm_their_neighbours(parts: list[bytes]) -> None:
    good = {index: utterance(index) for index, part in enumerate(parts) if not part}
    raw = b"[" + b",".join(part or encode(good[index]) for index, part in enumerate(parts)) + b"]"
    decoded = decode_record("transcripts", raw, now=NOON)
    assert dict(decoded.events) == good
    assert [bad.index for bad in decoded.bad] == [index for index, part in enumerate(parts) if part]
    assert [bad.raw.strip() for bad in decoded.bad] == [part.strip() for part in parts if part]
    assert all(bad.errors and all(error.message for error in bad.errors) for bad in decoded.bad)


@pytest.mark.parametrize("one", [b"0", b"{}", b"oops"])
def test_a_record_of_too_many_events_is_one_bad_event(one: bytes) -> None:
    raw = b"[" + b",".join([one] * (MAX_EVENTS + 1)) + b"]"
    (bad,) = decode_record("complaints", raw, now=NOON).bad
    assert (bad.raw, bad.errors[0].message) == (raw, "事件多于 50000 个，请分成多条记录")
