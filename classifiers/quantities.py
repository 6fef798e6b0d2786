"""Reads quantities out of a text: weight in grams, volume in millilitres, counts, shelf life in days, shares. It compares nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from classifiers.money import numeral_value
from classifiers.normalise import fold

KILOS: Final = dict.fromkeys(("公斤", "千克", "kg"), 1000.0)
JIN: Final = {"市斤": 500.0, "斤": 500.0, "两": 50.0}
GRAMS: Final = {**KILOS, **JIN, "毫克": 0.001, "mg": 0.001, "克": 1.0, "g": 1.0, "吨": 1_000_000.0}
MILLILITRES: Final = {"毫升": 1.0, "ml": 1.0, "升": 1000.0, "l": 1000.0}
DAYS: Final = {"天": 1.0, "日": 1.0, "周": 7.0, "个星期": 7.0, "个月": 30.4, "月": 30.4, "年": 365.0}
COUNTED: Final = "片包袋瓶罐盒支枚粒颗只个条双件块张卷抽根头听板贴"
DIGITS: Final = str.maketrans("零〇一二两三四五六七八九", "001223456789")
HAN: Final = "零〇一二两三四五六七八九十百千万半"
NUMBER: Final = rf"(?P<number>\d{{1,7}}(?:\.\d{{1,3}})?|[{HAN}]{{1,8}}(?:点[{HAN}]{{1,3}})?)"
ABOUT_BEFORE: Final = r"(?P<about>大概|大约|约|差不多|将近|接近|近|左右|上下)?"
ABOUT_AFTER: Final = r"(?P<more>多|来|左右|上下|出头)?"
WEIGHT: Final = re.compile(
    rf"{ABOUT_BEFORE}{NUMBER}\s*{ABOUT_AFTER}(?P<unit>公斤|千克|kg|市斤|斤|毫克|mg|克|g|两|吨)(?P<half>半)?(?![a-z])(?P<late>左右|上下|多)?"
)
VOLUME: Final = re.compile(
    rf"{ABOUT_BEFORE}{NUMBER}\s*{ABOUT_AFTER}(?P<unit>毫升|ml|升|l)(?P<half>半)?(?![a-z])(?P<late>左右|上下|多)?"
)
COUNT: Final = re.compile(
    rf"{ABOUT_BEFORE}{NUMBER}\s*{ABOUT_AFTER}(?P<unit>[{COUNTED}])(?P<half>(?!))?(?P<late>左右|上下|多)?"
)
SPAN_OF_TIME: Final = re.compile(
    rf"{ABOUT_BEFORE}{NUMBER}\s*{ABOUT_AFTER}(?P<unit>个月|个星期|年|月|天|日|周)(?P<half>半)?(?P<late>左右|上下|多)?"
)
TIMES: Final = re.compile(r"\s*[*x×]\s*(?P<times>\d{1,4})(?!\d)")
# “二两” is two liang, but “两斤” two jin: 两 before a unit is a number.
KINDS: Final = {"weight": (WEIGHT, GRAMS), "volume": (VOLUME, MILLILITRES), "time": (SPAN_OF_TIME, DAYS)}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value in its base unit; ``unit``: the word as written; ``rough``: 约, 多, 左右; ``times``: it stands in a product (``5斤*2``)."""

    value: float
    unit: str
    rough: bool
    text: str
    span: tuple[int, int]
    times: int = 1

    @property
    def total(self) -> float:
        """The value of all pieces together."""
        return self.value * self.times


def quantities(text: str, kind: str) -> Iterator[Quantity]:
    """All quantities of a kind: ``weight`` (g), ``volume`` (ml), ``time`` (days) or ``count`` (pieces)."""
    folded = fold(text)
    pattern, factors = KINDS.get(kind, (COUNT, {}))
    for match in pattern.finditer(folded):
        number = value_of(match["number"])
        if number is None or not number:
            continue
        if match["half"]:
            number += 0.5
        times = TIMES.match(folded, match.end())
        rough = bool(match["about"] or match["more"] or match["late"])
        yield Quantity(
            value=number * factors.get(match["unit"], 1.0),
            unit=match["unit"],
            rough=rough,
            text=text[slice(*match.span())],
            span=match.span(),
            times=int(times["times"]) if times else 1,
        )


def value_of(number: str) -> float | None:
    """The number that digits or a Chinese numeral stand for: ``2.5``, ``两点五``, ``半``, ``一百二``; None when it is none."""
    if number[0].isdigit():
        return float(number)
    whole, point, part = number.partition("点")
    if whole == "半":
        return 0.5
    value = numeral_value(whole.replace("〇", "零").removesuffix("半")) if whole.removesuffix("半") else 0
    if value is None:
        return None
    if point:
        digits = part.translate(DIGITS)
        return float(f"{value}.{digits}") if digits.isdigit() else None
    return value + (0.5 if whole.endswith("半") else 0.0)
