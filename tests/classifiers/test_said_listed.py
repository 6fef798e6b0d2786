"""Said against listed by numbers: units and numerals converted, rounder words left alone, both texts shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from classifiers.listings import ListingText, contradicts
from classifiers.quantities import quantities

DAY = date(2026, 11, 20)


def page(title: str, description: str, price: str = "69", **more: str) -> ListingText:
    return ListingText(title=title, description=description, price=Decimal(price), **more)


RICE = page("东北长粒香大米 2.5kg", "净含量：2.5kg；保质期：12个月")
MILK = page("纯牛奶 250ml*12盒", "规格：250ml*12盒，保质期6个月，食品生产许可证SC10623010100012", "49")
TABLETS = page("氨糖软骨素 60片", "国食健注G20190123，每片0.5g", "198", licence="国食健注G20190123")
WOOL = page("羊绒衫", "面料：羊绒30% 羊毛70%", "399")


@pytest.mark.parametrize(
    ("said", "listing", "code", "both"),
    [
        ("净含量三公斤", RICE, "FALSE-INGR", ("三公斤", "2.5kg")),
        ("一袋十斤装", RICE, "FALSE-INGR", ("十斤", "2.5kg")),
        ("保质期一年半", RICE, "FALSE-INGR", ("一年半", "12个月")),
        ("一箱二十四盒", MILK, "FALSE-INGR", ("二十四盒", "12盒")),
        ("这一箱足足五升", MILK, "FALSE-INGR", ("五升", "250ml")),
        ("今天只要三十九块九", MILK, "PRICE", ("三十九块九", "49元")),
        ("生产许可证SC10623010199999", MILK, "FALSE-HONOR", ("SC10623010199999", "SC10623010100012")),
        ("我们是国药准字的", TABLETS, "FALSE-HONOR", ("国药准字", "国食健注")),
        ("一瓶一百片", TABLETS, "FALSE-INGR", ("一百片", "60片")),
        ("羊绒含量百分之九十五", WOOL, "FALSE-INGR", ("百分之九十五", "羊绒30%")),
    ],
)
def test_a_contradiction_is_found_with_both_texts(
    said: str, listing: ListingText, code: str, both: tuple[str, str]
) -> None:
    found = contradicts(said, listing, at=DAY)
    assert found is not None
    assert found.code == code
    assert found.caught
    assert all(text in found.explanation for text in both)
    ((start, end),) = found.spans
    assert both[0] in said[start:end]


@pytest.mark.parametrize(
    ("said", "listing"),
    [
        ("足足五斤装", RICE),
        ("净含量两公斤半", RICE),
        ("差不多五斤", RICE),
        ("一袋五斤多", RICE),
        ("保质期一年", RICE),
        ("保质期三百六十天", RICE),
        ("一箱十二盒", MILK),
        ("一箱三升", MILK),
        ("国食健注G2019", TABLETS),
        ("羊绒含量百分之三十", WOOL),
    ],
)
def test_the_same_or_only_less_precise_is_no_contradiction(said: str, listing: ListingText) -> None:
    assert contradicts(said, listing, at=DAY) is None


@pytest.mark.parametrize(
    ("said", "listing"),
    [
        ("不是十斤装", RICE),
        ("别家都是十斤装", RICE),
        ("是十斤装吗？", RICE),
        ("一百二十斤的姐妹能穿", WOOL),
        ("领券到手39元", MILK),
        ("第二件只要二十块", MILK),
        ("送一箱二十四盒", MILK),
        ("大家好，欢迎来到直播间", MILK),
    ],
)
def test_denials_questions_others_goods_and_coupons_are_left_alone(said: str, listing: ListingText) -> None:
    assert contradicts(said, listing, at=DAY) is None


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("2.5kg", "weight", 2500),
        ("五斤", "weight", 2500),
        ("两斤半", "weight", 1250),
        ("三两", "weight", 150),
        ("一千五百克", "weight", 1500),
        ("1.5L", "volume", 1500),
        ("五百毫升", "volume", 500),
        ("两升", "volume", 2000),
        ("一年半", "time", 547.5),
        ("90天", "time", 90),
        ("二十四瓶", "count", 24),
    ],
)
def test_quantities_in_base_units(text: str, kind: str, value: float) -> None:
    (found,) = quantities(text, kind)
    assert found.value == pytest.approx(value)
    assert found.text == text


@pytest.mark.parametrize("said", ["", "\0", "\ud800五斤装", "一袋十斤装" * 40_000, "9" * 200_000, "百分之" * 60_000])
def test_odd_and_very_long_words_break_nothing(said: str) -> None:
    contradicts(said, RICE, at=DAY)
