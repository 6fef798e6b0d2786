"""Finds amounts of money in a text, in digits and in Chinese numerals. It does not ask what the money was for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from classifiers.normalise import fold

DIGITS = {digit: number for number, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "俩": 2}
UNITS = {"十": 10, "百": 100, "千": 1000}
MYRIAD = "万"
MULTIPLES = {"": 1, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
AMOUNT = re.compile(
    r"(?P<sign>[¥￥]\s*)?"
    r"(?:(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<multiple>[百千万亿]?)|(?P<words>[零一二两俩三四五六七八九十百千万]+))"
    r"(?P<unit>\s*(?:多|来|余|几)?\s*(?:元|块|rmb))?"
)


def amounts(text: str) -> Iterator[str]:
    """Amounts in yuan as plain decimal strings, in the order of the text, each once. A number needs ``元``, ``块`` or ``¥``."""
    seen: set[str] = set()
    for match in AMOUNT.finditer(fold(text)):
        if not match["sign"] and not match["unit"]:
            continue
        value = _value(match)
        if value and (shown := f"{value.normalize():f}") not in seen:
            seen.add(shown)
            yield shown


def _value(match: re.Match[str]) -> Decimal | None:
    if match["words"]:
        number = numeral_value(match["words"])
        return None if number is None else Decimal(number)
    return Decimal(match["digits"].replace(",", "")) * MULTIPLES[match["multiple"]]


def numeral_value(words: str) -> int | None:
    """The number a Chinese numeral below 100 million stands for: 三百八十 → 380, 一万二 → 12000; None when it is none."""
    high, myriad, low = words.rpartition(MYRIAD)
    if MYRIAD in high:
        return None
    if not myriad:
        return _below_myriad(low)
    upper = _below_myriad(high)
    if upper is None:
        return None
    if low in DIGITS:
        return upper * 10_000 + DIGITS[low] * 1000
    lower = _below_myriad(low) if low else 0
    return None if lower is None else upper * 10_000 + lower


def _below_myriad(words: str) -> int | None:
    """三千五 → 3500, 一百零五 → 105, 十二 → 12; plain digits are read one by one: 一九九 → 199."""
    if words and all(char in DIGITS for char in words):
        return int("".join(str(DIGITS[char]) for char in words))
    total, digit, unit, zero = 0, None, 10_000, False
    for char in words:
        if char in UNITS:
            if UNITS[char] >= unit:
                return None
            unit = UNITS[char]
            total += (1 if digit is None else digit) * unit
            digit, zero = None, False
        elif digit is None or digit == 0:
            digit, zero = DIGITS[char], zero or char == "零"
        else:
            return None
    if digit is None:
        return total or None
    return total + digit * (1 if zero or unit == 10 else unit // 10)
