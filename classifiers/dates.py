"""Finds days in a text: 今天, 上周三, 11月3号, 三天前. Days that depend on when it was written need that day; it guesses none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from classifiers.money import numeral_value
from classifiers.normalise import fold

NUMBER: Final = r"(?:\d{1,2}|[零一二两三四五六七八九十]{1,3})"
YEAR: Final = r"(?:20\d{2}|二[零〇][零〇一二三四五六七八九]{2})"
WEEKDAYS: Final = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6, "末": 5}
DAYS_BACK: Final = {"大前": 3, "前": 2, "昨": 1, "今": 0, "当": 0}
YEAR_DIGITS: Final = str.maketrans("零〇一二三四五六七八九", "00123456789")
# “三号链接” is a number on a shelf; a bare number is a day only where the words around it speak of time.
AFTER_DAY: Final = (
    r"(?=当天|那天|那晚|下单|上午|中午|下午|早上|晚上|晚|凌晨|买|收到|收货|发货|付款|拍下|开播|到货|的时候|左右)"
)
PATTERN: Final = re.compile(
    rf"(?P<iso>20\d{{2}})[-/.](?P<iso_month>\d{{1,2}})[-/.](?P<iso_day>\d{{1,2}})(?!\d)"
    rf"|(?:(?P<year>{YEAR})年|(?P<last_year>去年))?(?P<month>(?<!\d){NUMBER})月份?(?P<day>{NUMBER})[号日]?(?!\d|[多余]?[元块天])"
    rf"|(?P<which>上上?个?月|本月|这个月)(?P<month_day>{NUMBER})[号日]"
    rf"|(?<![\d一二三四五六七八九十月第])(?P<bare>{NUMBER})[号日]{AFTER_DAY}"
    rf"|(?P<week>上上|上|这|本)?(?:个)?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天末])(?!年)"
    rf"|(?P<ago>\d{{1,3}}|[一二两三四五六七八九十]{{1,3}})(?P<unit>天|周|个星期|个?月)(?:之|以)?前"
    r"|(?P<back>大前|前|昨|今)(?:天|日|晚|早)(?!气|然)"
    r"|(?P<fair>双十一|双11|双十二|双12|618|六一八)(?=当天|那天|当晚|晚|凌晨|下单|买|拍)"
)
FAIRS: Final = {
    "双十一": (11, 11),
    "双11": (11, 11),
    "双十二": (12, 12),
    "双12": (12, 12),
    "618": (6, 18),
    "六一八": (6, 18),
}


class Day(Struct, frozen=True):
    """A day as it is written, its range in the text, and which day that was (None: not known without the day of writing)."""

    text: str
    span: tuple[int, int]
    day: date | None


def days(text: str, *, on: date | None = None) -> Iterator[Day]:
    """The days a text names, in order. ``on``: the day it was written; days without a year are the latest not after it."""
    for match in PATTERN.finditer(fold(text)):
        known, day = _day(match, on)
        if known:
            yield Day(text[slice(*match.span())], match.span(), day)


def _day(match: re.Match[str], on: date | None) -> tuple[bool, date | None]:
    """Whether it is a day at all, and which."""
    if match["iso"] or match["month"]:
        return _written_out(match, on)
    if match["fair"]:
        return True, _latest(*FAIRS[match["fair"]], on)
    if match["which"] or match["bare"]:
        return _day_of_month(match, on)
    if match["ago"]:
        return _ago(match, on)
    if match["weekday"]:
        return True, on and _weekday(match["week"], WEEKDAYS[match["weekday"]], on)
    return True, on and on - timedelta(days=DAYS_BACK[match["back"]])


def _written_out(match: re.Match[str], on: date | None) -> tuple[bool, date | None]:
    """``2026-11-03``, ``11月3号``."""
    if match["iso"]:
        day = _valid(int(match["iso"]), int(match["iso_month"]), int(match["iso_day"]))
        return day is not None, day
    month, number = _number(match["month"]), _number(match["day"])
    if not 1 <= month <= 12 or not 1 <= number <= 31:
        return False, None
    if match["year"]:
        day = _valid(int(match["year"].translate(YEAR_DIGITS)), month, number)
        return day is not None, day
    if match["last_year"]:
        return True, on and _valid(on.year - 1, month, number)
    return True, _latest(month, number, on)


def _day_of_month(match: re.Match[str], on: date | None) -> tuple[bool, date | None]:
    number = _number(match["month_day"] or match["bare"])
    if not 1 <= number <= 31:
        return False, None
    if on is None:
        return True, None
    months_back = (match["which"] or "").count("上") if match["which"] else int(number > on.day)
    year, month = divmod(on.year * 12 + on.month - 1 - months_back, 12)
    return True, _valid(year, month + 1, number)


def _weekday(week: str | None, weekday: int, on: date) -> date:
    monday = on - timedelta(days=on.weekday())
    day = monday + timedelta(days=weekday) - timedelta(weeks=(week or "").count("上"))
    return day - timedelta(weeks=1) if week is None and day > on else day


def _ago(match: re.Match[str], on: date | None) -> tuple[bool, date | None]:
    number = _number(match["ago"])
    if not number:
        return False, None
    if "月" in match["unit"]:
        return True, None  # “两个月前” names no day
    return True, on and on - timedelta(days=number * (1 if match["unit"] == "天" else 7))


def _latest(month: int, day: int, on: date | None) -> date | None:
    """The latest such day that is not after ``on``."""
    if on is None:
        return None
    this_year = _valid(on.year, month, day)
    return this_year if this_year is not None and this_year <= on else _valid(on.year - 1, month, day)


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _number(digits: str) -> int:
    return int(digits) if digits.isdigit() else numeral_value(digits) or 0
