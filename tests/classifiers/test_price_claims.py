"""Price claims against former prices (令56 art. 16): seven days before, else the last deal; no history asks for evidence."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.detector import Detector
from classifiers.listings import ListingText, check_listings, price_claim
from classifiers.price_claims import KEEP, History, claims, reference, remember

DAY = date(2026, 11, 20)
BOX = ListingText(title="木耳礼盒", price=Decimal(178), at=DAY)


def history(**prices: str) -> History:
    kept: History = ()
    for day, price in prices.items():
        kept = remember(kept, date(2026, int(day[1:3]), int(day[3:])), Decimal(price))
    return kept


WEEK = history(d1113="178", d1115="168", d1118="178")


def status(said: str, known: History, listing: ListingText = BOX) -> str | None:
    found = price_claim(said, listing, known, at=DAY)
    return found and found.status


@pytest.mark.parametrize("said", ["原价398，今天178", "原价三百九十八", "直降两百", "全网最低价", "历史最低"])
def test_a_claim_the_former_prices_refute(said: str) -> None:
    found = price_claim(said, BOX, WEEK, at=DAY)
    assert found is not None
    assert (found.code, found.status) == ("PRICE", "violation")
    assert "168元" in found.explanation
    assert "11月15日" in found.explanation


@pytest.mark.parametrize("said", ["原价398，今天178", "直降两百", "全网最低价"])
def test_without_history_evidence_is_asked_for(said: str) -> None:
    assert status(said, ()) == "needs_evidence"


def test_a_former_price_that_was_really_paid_is_borne_out() -> None:
    assert status("原价168", WEEK) == "exempt"
    assert status("直降二十块", history(d1115="198", d1119="199")) == "exempt"


def test_the_lowest_of_all_markets_is_never_proved_by_own_prices() -> None:
    assert status("全网最低价", history(d1115="198")) == "needs_evidence"


def test_with_no_deal_in_seven_days_the_last_deal_counts() -> None:
    old = history(d1030="150")
    found = price_claim("原价398", BOX, old, at=DAY)
    assert found is not None
    assert "前七日没有成交" in found.explanation
    assert "150元" in found.explanation


def test_the_day_itself_and_the_eighth_day_before_do_not_count() -> None:
    known = history(d1112="100", d1113="178", d1120="99")
    former = reference(known, DAY)
    assert former is not None
    assert (former[0].lowest, former[1]) == (Decimal(178), True)


def test_a_basis_on_the_page_turns_the_question_to_its_proof() -> None:
    shown = ListingText(title="木耳礼盒", price=Decimal(178), price_basis="厂商建议零售价")
    assert status("原价398", WEEK, shown) == "needs_evidence"


@pytest.mark.parametrize(
    "said",
    [
        "不敢说全网最低",
        "公屏有人说我家是全网最低价，我没说过啊",
        "没有原价398这回事",
        "大家好",
        "",
        "\0",
        "\ud800",
        "今天178一盒",
    ],
)
def test_denied_claims_and_other_words_are_no_claims(said: str) -> None:
    assert [one for one in claims(said) if one.kind == "lowest"] == []
    assert status(said, WEEK) is None


def test_a_struck_through_price_is_held_against_the_former_prices(detector: Detector) -> None:
    listing = ListingText(title="木耳礼盒", price=Decimal(178), list_price=Decimal(398), category="food", at=DAY)

    def price(known: History) -> list[str]:
        (result,) = check_listings([listing], detector, histories=[known])
        return [one.status for one in result.findings if one.code == "PRICE"]

    assert price(WEEK) == ["violation"]
    assert price(()) == ["needs_evidence"]
    assert price(history(d1115="398")) == []


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 999)), max_size=40))
def test_the_memory_is_bounded_ordered_and_keeps_the_lowest_of_each_day(given_prices: list[tuple[int, int]]) -> None:
    kept: History = ()
    for offset, price in sorted(given_prices):
        kept = remember(kept, DAY + timedelta(days=offset), Decimal(price))
    days = [one.day for one in kept]
    assert days == sorted(set(days))
    assert len(kept) <= KEEP.days + 2
    for one in kept:
        paid = [price for offset, price in given_prices if DAY + timedelta(days=offset) == one.day]
        assert one.lowest == min(paid)


def test_very_long_words_break_nothing() -> None:
    for said in ("原价" * 100_000, "直降9" * 60_000, "全网最低" * 50_000):
        price_claim(said, BOX, WEEK, at=DAY)
