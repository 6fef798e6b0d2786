"""Product pages: counterfeit wording, prices far below a brand's floor, struck-through prices, said against listed."""

from __future__ import annotations

from decimal import Decimal

from classifiers.detector import Detector
from classifiers.listings import ListingText, check_listings, contradicts


def page(title: str, price: str = "99", **more: object) -> ListingText:
    values = {name: Decimal(str(value)) if name == "list_price" else value for name, value in more.items()}
    return ListingText(title=title, price=Decimal(price), **values)


def caught(detector: Detector, listing: ListingText) -> dict[str, str]:
    (result,) = check_listings([listing], detector)
    assert result.text == listing.page
    return {finding.code: finding.status for finding in result.findings if finding.caught}


def test_counterfeit_wording_is_found(detector: Detector) -> None:
    assert "COUNTERFEIT" in caught(detector, page("大牌女包 原单尾货 1:1复刻 可剪标", category="apparel"))


def test_a_brand_far_below_its_floor_needs_evidence(detector: Detector) -> None:
    listing = page("Vellanor 菱格单肩包", "299", brand="Vellanor", category="apparel", seller="some-shop")
    assert caught(detector, listing).get("COUNTERFEIT") == "needs_evidence"


def test_a_licensed_seller_is_left_alone(detector: Detector) -> None:
    listing = page("Vellanor 菱格单肩包", "7200", brand="Vellanor", category="apparel", seller="vellanor-official")
    assert caught(detector, listing) == {}


def test_a_struck_through_price_without_its_basis_needs_evidence(detector: Detector) -> None:
    assert (
        caught(detector, page("银手镯", "398", list_price="3980", category="jewelry")).get("PRICE") == "needs_evidence"
    )


def test_an_ordinary_page_is_left_alone(detector: Detector) -> None:
    assert (
        caught(detector, page("长粒香大米10kg 家庭装", "79", description="产地：黑龙江省绥化市", category="food")) == {}
    )


def test_what_is_said_against_what_is_listed() -> None:
    listing = page("长粒香大米10kg", description="产地：黑龙江省绥化市北林区")
    found = contradicts("这个是五常产的，正宗五常大米", listing)
    assert found is not None
    assert found.code == "FALSE-ORIGIN"
    assert "绥化" in found.explanation
    assert "五常" in found.explanation


def test_saying_what_is_listed_is_no_contradiction() -> None:
    listing = page("五常大米5kg", description="产地：黑龙江省五常市")
    assert contradicts("这个是黑龙江产的，五常大米", listing) is None
    assert contradicts("五公斤装，今天下单明天发", listing) is None
