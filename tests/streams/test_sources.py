"""Files become events: every encoding, every kind of file, and every bad line told with its number."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.clock import BEIJING
from infra.errors import InvalidInput
from streams.events import Complaint, Event, Listing, Utterance, encode
from streams.ingest import IngestReport, Reading, ingest
from streams.sources import xlsx
from tests.conftest import NOON
from tests.streams.fakes import START, complaint, listing, utterance

ROOM = {"platform": "yunjian", "room": "r1", "session": "s1", "host": "h1", "start": START}
LISTINGS = "商品编号,平台,商家,标题,价格,时间\n"
ROW = "l-1,yunjian,shop1,稻花香大米,69.90,2026-11-20 09:00\n"


@dataclass
class Taken:
    """What an ingest gave."""

    events: list[Event]
    rejects: list[dict[str, Any]]
    report: IngestReport

    @property
    def wrong(self) -> list[tuple[int, set[str]]]:
        """Line number and wrong fields of every rejected row."""
        return [(reject["line"], {error["field"] for error in reject["errors"]}) for reject in self.rejects]


def take(folder: Path, name: str, content: bytes | str, **options: Any) -> Taken:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    events: list[Event] = []
    rejects = folder / "rejects" / "out.jsonl"
    rejects.unlink(missing_ok=True)

    def sink(_topic: str, some: Sequence[Event]) -> None:
        events.extend(some)

    report = ingest([path], sink=sink, reject_file=rejects, now=NOON, **options)
    lines = rejects.read_bytes().splitlines() if rejects.exists() else []
    return Taken(events, [json.loads(line) for line in lines], report)


def lines(*events: Event | str) -> str:
    return "".join((e if isinstance(e, str) else encode(e).decode()) + "\n" for e in events)


# ---- JSON lines


@pytest.mark.parametrize("name", ["day.jsonl", "day.NDJSON"])
def test_json_lines_become_events_and_the_topic_is_found_out(tmp_path: Path, name: str) -> None:
    for topic, event in (("transcripts", utterance()), ("listings", listing()), ("complaints", complaint())):
        taken = take(tmp_path, name, lines(event, "", event))
        assert taken.events == [event, event]
        assert taken.report.files[0].topic == topic
        assert taken.report.reject_file is None


def test_a_bad_line_is_told_with_its_number_and_its_neighbours_are_taken_in(tmp_path: Path) -> None:
    content = lines(utterance(1), "{oops", utterance(2), "", '{"id":"x"}', "[" + encode(utterance(3)).decode() + ",7]")
    taken = take(tmp_path, "day.jsonl", content, topic="transcripts")
    assert taken.events == [utterance(1), utterance(2), utterance(3)]
    assert [line for line, _ in taken.wrong] == [2, 5, 6]
    assert taken.wrong[1][1] >= {"platform", "room", "text"}
    first = taken.rejects[0]
    assert (first["file"], first["raw"]) == ("day.jsonl", "{oops")
    assert first["errors"][0]["message"].startswith("不是有效的 JSON")
    assert (taken.report.accepted, taken.report.rejected) == (3, 3)
    assert taken.report.reject_file == tmp_path / "rejects" / "out.jsonl"
    assert taken.report.reject_file.stat().st_mode & 0o077 == 0


def test_what_the_file_leaves_out_is_filled_in(tmp_path: Path) -> None:
    bare = [{"id": f"u-{n}", "start": (START + timedelta(seconds=n)).isoformat(), "text": "大家好"} for n in range(3)]
    bare[1]["room"] = "r9"
    content = "\n".join(map(json.dumps, [bare[0], bare[1:], None, "x"]))
    taken = take(tmp_path, "day.jsonl", content, topic="transcripts", defaults=ROOM)
    assert [event.room for event in taken.events if isinstance(event, Utterance)] == ["r1", "r9", "r1"]
    assert [line for line, _ in taken.wrong] == [3, 4]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start", "2026-13-01T00:00:00+08:00"),
        ("start", "2026-11-20T09:00:00"),
        ("start", "2027-01-01T00:00:00+08:00"),
        ("end", "2026-11-20T00:00:00+08:00"),
        ("text", ""),
        ("speaker", "robot"),
    ],
)
def test_impossible_values_are_rejected_by_field(tmp_path: Path, field: str, value: str) -> None:
    bad = json.dumps(msgspec.to_builtins(utterance()) | {field: value})
    taken = take(tmp_path, "day.jsonl", lines(utterance(2), bad))
    assert taken.wrong == [(2, {field})]
    assert taken.rejects[0]["errors"][0]["value"] == value
    assert taken.events == [utterance(2)]


def test_html_stays_the_text_it_is(tmp_path: Path) -> None:
    said = utterance(text="<img src=x onerror=alert(1)>便宜&amp;好")
    assert take(tmp_path, "day.jsonl", lines(said)).events == [said]


def test_a_line_longer_than_a_record_may_be_is_rejected_and_not_kept(tmp_path: Path) -> None:
    content = lines(utterance(1), '{"text":"' + "x" * (9 * 1024 * 1024) + '"}', utterance(2))
    taken = take(tmp_path, "day.jsonl", content)
    assert taken.events == [utterance(1), utterance(2)]
    assert taken.wrong == [(2, {"line"})]
    assert len(taken.rejects[0]["raw"]) == 0


# ---- encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends_are_found_out(tmp_path: Path, encoding: str, end: str) -> None:
    said = utterance(text="𠮷野家的米，€9.9")
    taken = take(tmp_path, "day.jsonl", lines(said, utterance(2)).replace("\n", end).encode(encoding))
    assert taken.events == [said, utterance(2)]
    assert taken.report.files[0].encoding == encoding
    table = (LISTINGS + ROW).replace("\n", end).encode(encoding)
    assert [e.title for e in take(tmp_path, "a.csv", table).events if isinstance(e, Listing)] == ["稻花香大米"]
    cues = f"1{end}00:00:01,000 --> 00:00:02,000{end}大家好{end}".encode(encoding)
    (event,) = take(tmp_path, "a.srt", cues, defaults=ROOM).events
    assert isinstance(event, Utterance)
    assert event.text == "大家好"


def test_a_broken_line_does_not_turn_the_rest_of_the_file_into_other_characters(tmp_path: Path) -> None:
    whole = lines(*(utterance(n) for n in range(5))).encode()
    taken = take(tmp_path, "day.jsonl", whole + b'{"id":"\xe5\xa4"}\n' + whole)
    assert taken.report.files[0].encoding == "utf-8"
    assert taken.events == [utterance(n) for n in range(5)] * 2
    assert [line for line, _ in taken.wrong] == [6]
    mixed = lines(*(utterance(n) for n in range(5))).encode("gb18030") + b'{"id":"\xff"}\n'
    taken = take(tmp_path, "day.jsonl", mixed)
    assert taken.report.files[0].encoding == "gb18030"
    assert taken.events == [utterance(n) for n in range(5)]
    assert taken.wrong == [(6, {"line"})]
    assert "GB18030" in taken.rejects[0]["errors"][0]["message"]


def test_utf_16_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="另存为 UTF-8"):
        take(tmp_path, "day.csv", (LISTINGS + ROW).encode("utf-16"))


# ---- subtitles

SRT = """1
00:00:01,000 --> 00:00:03,500
<b>大家好</b>，欢迎
来到直播间

2
00:01:00,250 --> 00:01:02,000 X1:40
评论：这个能便宜吗

没有时间的一段

4
00:01:05,000 --> 00:01:01,000
倒着走的时间

5
01:00:00.5 --> 01:00:02.0
{\\an8}嘉宾: 1 < 2 & 3
"""


def test_srt_cues_become_utterances_at_the_time_they_were_said(tmp_path: Path) -> None:
    taken = take(tmp_path, "day.srt", SRT, defaults={**ROOM, "operator": "o1", "category": "food"})
    said = [event for event in taken.events if isinstance(event, Utterance)]
    assert [(e.id, e.text, e.speaker) for e in said] == [
        ("s1-0001", "大家好，欢迎 来到直播间", "host"),
        ("s1-0002", "这个能便宜吗", "comment"),
        ("s1-0005", "1 < 2 & 3", "guest"),
    ]
    assert said[0].start == START + timedelta(seconds=1)
    assert said[0].end == START + timedelta(seconds=3.5)
    assert said[2].start == START + timedelta(hours=1, seconds=0.5)
    assert {(e.room, e.host, e.operator, e.category) for e in said} == {("r1", "h1", "o1", "food")}
    assert taken.wrong == [(10, {"cue"}), (12, {"end"})]


def test_vtt_notes_and_styles_are_passed_over_and_names_are_no_numbers(tmp_path: Path) -> None:
    content = (
        "WEBVTT 直播\n\nNOTE 内部\n备注\n\nSTYLE\n::cue {}\n\n开场\n00:01.000 --> 00:02.000 align:start\n"
        "<v 主播>大家好</v> &lt;3\n\n00:03.000 --> 00:04.000\n<c.red>第二</c>句\n"
    )
    taken = take(tmp_path, "day.vtt", content, defaults=ROOM)
    assert [(e.id, e.text) for e in taken.events if isinstance(e, Utterance)] == [
        ("s1-0001", "大家好 <3"),
        ("s1-0002", "第二句"),
    ]
    assert taken.rejects == []


def test_a_cue_number_that_goes_back_or_is_no_number_loses_nothing_silently(tmp_path: Path) -> None:
    cue = "{}\n00:00:0{}.000 --> 00:00:09.000\n大家好\n\n"
    content = cue.format(1, 1) + cue.format(1, 2) + cue.format("9" * 5000, 3) + cue.format(7, 4)
    taken = take(tmp_path, "day.srt", content, defaults=ROOM)
    assert [event.id for event in taken.events] == ["s1-0001", "s1-0002", "s1-0007"]
    assert taken.wrong == [(5, {"cue"})]


def test_subtitles_need_to_be_told_where_and_when(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"--platform.*--room.*--session.*--host.*--start"):
        take(tmp_path, "day.srt", SRT)
    for start in (START.replace(tzinfo=None), "2026-11-20", datetime(9999, 12, 31, tzinfo=BEIJING)):
        with pytest.raises(InvalidInput, match="--start"):
            take(tmp_path, "day.srt", SRT, defaults={**ROOM, "start": start})


def test_a_subtitle_without_empty_lines_is_rejected_in_pieces_not_swallowed(tmp_path: Path) -> None:
    taken = take(tmp_path, "day.srt", "一句话\n" * 60_000, defaults=ROOM)
    assert taken.events == []
    assert len(taken.rejects) == 3


# ---- tables


def test_a_csv_of_listings_is_read_by_its_chinese_header(tmp_path: Path) -> None:
    header = "商品编号,平台,直播间,商家,商品名称,详情,品牌,价格,划线价,批准文号,上架时间,库存\n"
    row = 'l-1,yunjian,r1,shop1,大米,"产地：绥化,5kg\n真空装",黑土,"¥1,069.90",1299元,,2026/11/20 09:00,7\n'
    taken = take(tmp_path, "a.csv", header + row)
    (event,) = taken.events
    assert event == listing(
        title="大米", description="产地：绥化,5kg\n真空装", category=None, brand="黑土",
        price=Decimal("1069.90"), list_price=Decimal(1299),
    )  # fmt: skip
    assert taken.report.files[0].ignored == ("库存",)


def test_bad_rows_of_a_table_are_told_by_line_and_field(tmp_path: Path) -> None:
    rows = [
        ROW,
        ROW.replace("69.90", "-1"),
        ROW.replace("2026-11-20 09:00", "2026-02-30"),
        ROW.replace("稻花香大米", ""),
        ",,,,,\n",
        ROW.replace("69.90", "69.90,多一列"),
        ROW.replace("稻花香大米", '"两行的\n标题"'),
        ROW.replace("69.90", "1e9999"),
        ROW.replace("69.90", "免费"),
    ]
    taken = take(tmp_path, "a.csv", LISTINGS + "".join(rows))
    assert len(taken.events) == 2
    assert taken.wrong == [(3, {"price"}), (4, {"at"}), (5, {"title"}), (7, {"row"}), (10, {"price"}), (11, {"price"})]
    assert taken.rejects[0]["errors"][0] == {"field": "price", "value": "-1", "message": "金额不能为负"}


def test_a_quote_that_is_never_closed_is_rejected_with_everything_it_swallowed(tmp_path: Path) -> None:
    taken = take(tmp_path, "a.csv", LISTINGS + ROW + 'l-2,yunjian,shop1,"大米,1.00,2026-11-20\n' + ROW)
    assert len(taken.events) == 1
    ((line, fields),) = taken.wrong
    assert (line, fields) == (3, {"price", "at"})
    assert "稻花香大米" in taken.rejects[0]["raw"]


def test_personal_columns_of_a_complaints_table_go_nowhere(tmp_path: Path) -> None:
    header, row = "编号,类型,平台,内容,姓名,电话\n", "c-{},{},yunjian,米里有虫,张三,13800000000\n"
    taken = take(tmp_path, "a.csv", header + row.format(1, "投诉") + row.format(2, "表扬"))
    (event,) = taken.events
    assert isinstance(event, Complaint)
    assert event.kind == "complaint"
    assert taken.wrong == [(3, {"kind"})]
    assert "13800000000" not in repr(taken.events) + repr(taken.rejects)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "文件是空的"),
        ("甲,乙\n1,2\n", "看不出是哪一类数据，请用 --topic 指明"),
        ("商品编号,平台,商家,标题,时间\n", "缺少列 price"),
        (LISTINGS.replace("标题", "标题,商品名称"), "有多列都表示 title"),
    ],
)
def test_a_table_whose_header_is_not_understood_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        take(tmp_path, "a.csv", content)


def test_a_tab_separated_file_is_a_table_too(tmp_path: Path) -> None:
    assert len(take(tmp_path, "a.tsv", (LISTINGS + ROW).replace(",", "\t")).events) == 1


# ---- workbooks


def workbook(path: Path, *rows: Sequence[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(path / "made.xlsx")
    return (path / "made.xlsx").read_bytes()


def test_a_workbook_is_read_as_it_looks_on_the_screen(tmp_path: Path) -> None:
    content = workbook(
        tmp_path,
        LISTINGS.strip().split(","),
        ["l-1", "yunjian", "shop1", "大米", 69.9, START.replace(tzinfo=None)],
        [],
        [1001, "yunjian", "shop1", "大米", "¥1,000.00", "2026-11-20"],
        ["l-3", "yunjian", "shop1", "大米", -5, date(2026, 11, 20)],
    )
    taken = take(tmp_path, "a.xlsx", content)
    one, two = (event for event in taken.events if isinstance(event, Listing))
    assert (one.price, one.at) == (Decimal("69.9"), START)
    assert (two.id, two.price, two.at) == ("1001", Decimal(1000), datetime(2026, 11, 20, tzinfo=BEIJING))
    assert taken.wrong == [(5, {"price"})]


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    whole = workbook(tmp_path, LISTINGS.strip().split(","))
    for content in (b"", b"PK\x03\x04", b"<html>", whole[: len(whole) // 2]):
        with pytest.raises(InvalidInput, match="不是有效的 XLSX"):
            take(tmp_path, "a.xlsx", content)


def repack(path: Path, whole: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one part replaced."""
    (path / "whole.zip").write_bytes(whole)
    with (
        zipfile.ZipFile(path / "whole.zip") as old,
        zipfile.ZipFile(path / "new.zip", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.namelist():
            new.writestr(part, content if part == name else old.read(part))
    return (path / "new.zip").read_bytes()


@pytest.mark.parametrize("sheet", [b"<worksheet><sheetData><row", b"\x00\xff", b""])
def test_a_workbook_with_a_broken_sheet_is_a_typed_error(tmp_path: Path, sheet: bytes) -> None:
    whole = workbook(tmp_path, LISTINGS.strip().split(","))
    with pytest.raises(InvalidInput, match="无法读取工作表"):
        take(tmp_path, "a.xlsx", repack(tmp_path, whole, "xl/worksheets/sheet1.xml", sheet))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_UNPACKED", 4 * 1024 * 1024)
    whole = workbook(tmp_path, LISTINGS.strip().split(","))
    bomb = repack(tmp_path, whole, "xl/worksheets/sheet1.xml", b" " * 5 * 1024 * 1024)
    assert len(bomb) < 50_000
    with pytest.raises(InvalidInput, match="解压后有"):
        take(tmp_path, "a.xlsx", bomb)


def test_entities_that_multiply_are_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 50}">' for n in range(1, 9))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "lol">{entities}]><sst><si><t>&a8;</t></si></sst>'
    whole = workbook(tmp_path, LISTINGS.strip().split(","))
    with pytest.raises(InvalidInput):
        take(tmp_path, "a.xlsx", repack(tmp_path, whole, "xl/worksheets/sheet1.xml", bomb.encode()))


def test_a_row_that_claims_to_be_the_billionth_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 1000)
    cells = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in LISTINGS.strip().split(","))
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f'<row r="1">{cells}</row><row r="999999999">{cells}</row></sheetData></worksheet>'
    )
    whole = workbook(tmp_path, LISTINGS.strip().split(","))
    with pytest.raises(InvalidInput, match="多于 1000 行"):
        take(tmp_path, "a.xlsx", repack(tmp_path, whole, "xl/worksheets/sheet1.xml", sheet.encode()))


# ---- all of them


def test_two_subtitle_files_at_once_would_share_their_ids_and_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / "a.srt", tmp_path / "b.vtt"]
    for path in paths:
        path.write_text(SRT)
    with pytest.raises(InvalidInput, match=r"一次只能导入一个.*a\.srt、b\.vtt"):
        ingest(paths, sink=lambda *_: None, reject_file=tmp_path / "r", now=NOON, defaults=ROOM)


def test_nothing_is_taken_in_when_one_of_the_files_cannot_be_read(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.csv", tmp_path / "b.csv"
    good.write_text(LISTINGS + ROW)
    bad.write_text("甲,乙\n")
    taken: list[Event] = []
    for paths in ([good, bad], [good, tmp_path / "missing.csv"], [good, tmp_path / "c.pdf"]):
        with pytest.raises(InvalidInput):
            ingest(paths, sink=lambda _, some: taken.extend(some), reject_file=tmp_path / "r", now=NOON)
    assert taken == []


def test_the_reject_file_never_overwrites_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(LISTINGS + ROW)
    with pytest.raises(InvalidInput, match="rejects"):
        ingest([path], sink=lambda *_: None, reject_file=tmp_path / "x" / ".." / "a.csv", now=NOON)
    assert path.read_text() == LISTINGS + ROW


def test_progress_is_told_as_the_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.ingest.EVENTS_PER_TRANSACTION", 10)
    told: list[Reading] = []
    take(tmp_path, "day.jsonl", lines(*(utterance(n) for n in range(25)), "{"), progress=told.append)
    assert [reading.accepted for reading in told] == [10, 20, 25]
    assert told[0].position < told[1].position < told[2].position == told[2].size
    assert told[2].rejected == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    name=st.sampled_from(["a.jsonl", "a.srt", "a.vtt", "a.csv"]),
    junk=st.one_of(st.binary(max_size=120), st.text(max_size=60).map(str.encode)),
)
def test_no_bytes_break_a_source(tmp_path: Path, name: str, junk: bytes) -> None:
    start = {"a.csv": (LISTINGS + ROW).encode(), "a.vtt": b"WEBVTT\n\n"}.get(name, b"")
    topic = "listings" if name == "a.csv" else "transcripts"
    with suppress(InvalidInput):  # UTF-16, as two bytes at the beginning say
        taken = take(tmp_path, name, start + junk, topic=topic, defaults={} if name == "a.csv" else ROOM)
        assert taken.report.accepted == len(taken.events)
        assert all(reject["errors"] and reject["line"] >= 1 for reject in taken.rejects)
