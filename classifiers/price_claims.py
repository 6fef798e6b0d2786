"""Tests spoken and written price claims (原价, 直降, 全网最低) against what the same listing sold for in the days before.

令56 art. 16: a compared price without a shown basis may not exceed the lowest deal price of the seven days before in the same
premises, or, with no deal in these days, the last deal price. The price a listing was offered at stands for its deal price.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal

from msgspec import Struct

from classifiers.finding import Because, Span
from classifiers.money import numeral_value
from classifiers.normalise import fold
from classifiers.signals import Signal, yuan

PRICE: Final = "PRICE"
LOOK_BACK: Final = timedelta(days=7)
# Older days than art. 16 needs are kept too: words are often held against the listing a day or two late.
KEEP: Final = timedelta(days=10)
# Log-odds of the outcomes. Design values, not learned: there is no labelled corpus of price histories.
BROKEN, UNPROVED, KEPT = 1.6, 0.9, -3.0
AMOUNT: Final = (
    r"(?:[¥￥]\s*)?(?P<{0}>\d{{1,7}}(?:\.\d{{1,2}})?|[零一二两三四五六七八九十百千万]{{1,9}})"
    r"(?:多|来)?(?:元|块钱?)?(?!折|倍|天|年|月|号|次|单|件|人|斤|克|%)"
)
ORIGINAL: Final = re.compile(
    r"(?:原价|原来(?:的)?(?:价格?)?|平时(?:卖|价)|日常(?:卖|价)|以前卖|之前卖|划线价|恢复到?)(?:是|要|卖|都是|都要|一直是|来着|就要|到|为|[::])*\s*"
    + AMOUNT.format("original")
)
DROP: Final = re.compile(r"(?:直降|立减|立降|直减|狂降|降了|降价|便宜了)(?:整整|足足|到手)?\s*" + AMOUNT.format("drop"))
LOWEST: Final = re.compile(
    r"(?:全网|全平台|史上|历史|全年|今年|开播以来)(?:的)?(?:最低|最便宜|底价|新低)(?:价格?)?|(?:最低价|底价)(?:全网|史上)"
)
DENIED: Final = re.compile(
    r"(?:不是|不敢说|不说|没有|别信|并非|不承诺|不算|谁说|不能说|不保证|有人说|公屏|弹幕|别家|人家)[^,，。;；!！?？]{0,8}$"
)
TAKEN_BACK: Final = re.compile(
    r"^[^。;；!！?？]{0,4}[,，]?(?:我|主播|我们)?(?:可)?(?:没|从没|从来没|没有)(?:有)?(?:这么)?说过"
)
Kind = Literal["original", "drop", "lowest"]
Outcome = Literal["broken", "unproved", "kept"]


class DayPrice(Struct, frozen=True, array_like=True):
    """The lowest price of a listing on one Beijing day, in yuan."""

    day: date
    lowest: Decimal


History = tuple[DayPrice, ...]


@dataclass(frozen=True, slots=True)
class PriceClaim:
    """A claim about a former price (``original``, ``drop``: yuan) or about the lowest one (no amount)."""

    kind: Kind
    amount: Decimal | None
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the history says of a claim, and how that is told."""

    claim: PriceClaim
    outcome: Outcome
    facts: str


def remember(history: History, day: date, price: Decimal) -> History:
    """The history with one more price: lowest per day, in order. What is older than ``KEEP`` shrinks to its latest day."""
    lowest = {one.day: one.lowest for one in history}
    lowest[day] = min(price, lowest.get(day, price))
    days = sorted(lowest)
    first = days[-1] - KEEP
    old = [one for one in days if one < first]
    return tuple(DayPrice(one, lowest[one]) for one in (*old[-1:], *days[len(old) :]))


def reference(history: History, day: date) -> tuple[DayPrice, bool] | None:
    """The price that art. 16 compares with on ``day``, and whether it is of the seven days before; None: nothing is known."""
    before = [one for one in history if one.day < day]
    week = [one for one in before if one.day >= day - LOOK_BACK]
    if week:
        return min(week, key=lambda one: (one.lowest, one.day)), True
    return (before[-1], False) if before else None


def claims(text: str) -> Iterator[PriceClaim]:
    """The price claims of a text, denied ones left out."""
    folded = fold(text)
    for kind, pattern in (("original", ORIGINAL), ("drop", DROP), ("lowest", LOWEST)):
        for match in pattern.finditer(folded):
            before, after = folded[max(0, match.start() - 14) : match.start()], folded[match.end() : match.end() + 14]
            if DENIED.search(before) or TAKEN_BACK.search(after):
                continue
            amount = None if kind == "lowest" else _amount(match[kind])
            if kind == "lowest" or amount:
                yield PriceClaim(kind, amount, text[slice(*match.span())], match.span())  # type: ignore[arg-type]


def judge(claim: PriceClaim, *, price: Decimal, history: History, day: date, basis: bool) -> Verdict:
    """Test one claim. ``price``: what the listing costs now; ``basis``: the page shows what it compares with."""
    known = reference(history, day)
    if known is None:
        return Verdict(claim, "unproved", f"“{claim.text}”没有该商品{day:%m月%d日}之前的成交价可以对照，请商家提供依据")
    former, of_week = known
    when = f"前七日内最低成交价{yuan(former.lowest)}（{former.day:%m月%d日}）"
    if not of_week:
        when = f"前七日没有成交，此前最后一次成交价{yuan(former.lowest)}（{former.day:%m月%d日}）"
    if claim.kind == "lowest":
        return _lowest(claim, price, history, day)
    compared = claim.amount or Decimal(0)
    if claim.kind == "drop":
        compared += price
        when = f"现价{yuan(price)}加上所称降幅为{yuan(compared)}，{when}"
    if compared <= former.lowest:
        return Verdict(claim, "kept", f"“{claim.text}”不高于{when}")
    if basis:
        return Verdict(claim, "unproved", f"“{claim.text}”高于{when}，页面注明了比较依据，请核实")
    return Verdict(claim, "broken", f"“{claim.text}”高于{when}")


def _lowest(claim: PriceClaim, price: Decimal, history: History, day: date) -> Verdict:
    """The lowest of all: refuted by an own lower price, never proved by own prices alone."""
    lower = min((one for one in history if one.day < day), key=lambda one: one.lowest)
    if lower.lowest < price:
        return Verdict(
            claim, "broken", f"称“{claim.text}”，现价{yuan(price)}，而{lower.day:%m月%d日}曾卖{yuan(lower.lowest)}"
        )
    return Verdict(claim, "unproved", f"“{claim.text}”需要商家提供比价依据；本商品此前没有更低价")


def signal(verdicts: Sequence[Verdict]) -> Signal | None:
    """The verdicts that ask for attention as one signal, gravest first; None when all claims were kept or there were none."""
    heavy = [one for one in verdicts if one.outcome != "kept"]
    if not heavy:
        return None
    heavy.sort(key=lambda one: one.outcome != "broken")
    weight = {"broken": BROKEN, "unproved": UNPROVED}
    because = tuple(
        Because("price", f"{one.claim.kind}:{one.outcome}", one.claim.text, weight[one.outcome]) for one in heavy
    )
    status: Literal["violation", "needs_evidence"] = "violation" if heavy[0].outcome == "broken" else "needs_evidence"
    spans = tuple(sorted(one.claim.span for one in heavy))
    return Signal(PRICE, because, "；".join(one.facts for one in heavy), status, spans)


def _amount(digits: str) -> Decimal | None:
    if digits[0].isdigit():
        return Decimal(digits)
    value = numeral_value(digits)
    return None if value is None else Decimal(value)
