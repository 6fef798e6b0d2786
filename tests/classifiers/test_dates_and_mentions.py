"""Days and names in complaints: relative days counted from the day given, shelf numbers left alone, names as written."""

from __future__ import annotations

from datetime import date

import pytest

from classifiers.dates import days
from classifiers.mentions import mentions

WEDNESDAY = date(2026, 11, 25)
PLATFORMS = {"云间": ("yunjian",), "抖音": ("抖店",)}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("今天下的单", date(2026, 11, 25)),
        ("昨天收到", date(2026, 11, 24)),
        ("昨晚直播间买的", date(2026, 11, 24)),
        ("前天", date(2026, 11, 23)),
        ("大前天", date(2026, 11, 22)),
        ("三天前", date(2026, 11, 22)),
        ("两周前", date(2026, 11, 11)),
        ("上周三", date(2026, 11, 18)),
        ("这周一", date(2026, 11, 23)),
        ("周五买的", date(2026, 11, 20)),
        ("上上周日", date(2026, 11, 15)),
        ("11月3号", date(2026, 11, 3)),
        ("十一月三号", date(2026, 11, 3)),
        ("12月1日", date(2025, 12, 1)),
        ("去年12月30日", date(2025, 12, 30)),
        ("2026年5月2日", date(2026, 5, 2)),
        ("2026-11-20", date(2026, 11, 20)),
        ("上个月15号", date(2026, 10, 15)),
        ("3号下单", date(2026, 11, 3)),
        ("28号收到", date(2026, 10, 28)),
        ("双十一当天", date(2026, 11, 11)),
    ],
)
def test_a_day_is_counted_from_the_day_it_was_written(text: str, day: date) -> None:
    (found,) = days(text, on=WEDNESDAY)
    assert found.day == day
    assert text[slice(*found.span)] == found.text


@pytest.mark.parametrize("text", ["三号链接", "13月40日", "今天气不错的米", "2号楼", "第3号长粒香", "", "\0\ud800"])
def test_other_numbers_are_no_days(text: str) -> None:
    assert [one.day for one in days(text, on=WEDNESDAY) if one.day != WEDNESDAY] == []


def test_without_a_day_of_writing_relative_days_stay_words() -> None:
    assert [(one.text, one.day) for one in days("昨天和2026年5月2日")] == [
        ("昨天", None),
        ("2026年5月2日", date(2026, 5, 2)),
    ]


def test_platform_room_host_and_shop_are_named() -> None:
    found = mentions("昨天在云间“北坡果园”直播间买的，主播叫林小岸，店铺名称：坡上人家，还有岸上旗舰店", PLATFORMS)
    assert found.platforms == ("云间",)
    assert found.rooms == ("北坡果园",)
    assert found.hosts == ("林小岸",)
    assert "坡上人家" in found.shops


@pytest.mark.parametrize("text", ["这个直播间虚假宣传", "在直播间买的", "主播说能治病", "", "\0", "他家直播间还在播"])
def test_words_that_name_nobody_name_nobody(text: str) -> None:
    found = mentions(text, PLATFORMS)
    assert (found.rooms, found.hosts) == ((), ())
