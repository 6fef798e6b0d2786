"""Checks product pages: claims in their words, brands and floor prices, former prices, and what a host says about them.

Everything here is a lead: a low price or a missing basis asks for evidence and accuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from classifiers import listing_model, price_claims
from classifiers.brands import Register
from classifiers.cache import bundled_reader
from classifiers.contradiction import comparer
from classifiers.finding import Because, CheckResult, Finding, Item, Versions
from classifiers.linear import LinearModel
from classifiers.listing_features import Facts
from classifiers.price_claims import PRICE, History, PriceClaim
from classifiers.reading import Reader
from classifiers.said_listed import differences
from classifiers.signals import Signal, finding_of, relieved, strengthened, yuan
from infra.clock import SystemClock, today
from lexicons.registers import BrandRegister
from lexicons.schema import Brand, Lexicon

# Log-odds of signals that no model weighs. Design values, not learned: there is no labelled corpus of them.
NO_PRICE_BASIS: Final = 0.9
STEEP_DISCOUNT: Final = 0.6
SAID_AND_LISTED: Final = 1.3
SAID_PRICE: Final = 0.7
LICENSED: Final = -3.0
STEEP: Final = Decimal(3)
COUNTERFEIT: Final = "COUNTERFEIT"
CONFUSION: Final = "CONFUSION"


class ListingText(Struct, frozen=True, kw_only=True):
    """What is read of a product page. Prices in yuan; ``at`` is the day whose law counts (None: today)."""

    title: str
    description: str | None = None
    category: str | None = None
    brand: str | None = None
    price: Decimal
    list_price: Decimal | None = None
    price_basis: str | None = None
    licence: str | None = None
    seller: str = ""
    at: date | None = None

    @property
    def page(self) -> str:
        """Title and description as one text: the text that spans point into."""
        return f"{self.title}\n{self.description}" if self.description else self.title

    @property
    def has_basis(self) -> bool:
        """Whether the page shows what its struck-through price is compared with."""
        return bool((self.price_basis or "").strip())


class Checks(Protocol):
    """The part of the detector that is needed here."""

    def check(self, items: Sequence[Item]) -> list[CheckResult]:
        """One result per item, in order."""
        ...


def check_listings(
    listings: Sequence[ListingText],
    detector: Checks,
    *,
    reader: Reader | None = None,
    brands: BrandRegister | None = None,
    histories: Sequence[History] | None = None,
) -> list[CheckResult]:
    """One result per listing, in order; ``result.text`` is ``listing.page``.

    Besides the detector's findings: COUNTERFEIT and CONFUSION for a registered brand, or a name like one, as the listing model
    judges; PRICE for a struck-through price or a price claim that the former prices do not bear out (令56 art. 16).

    ``brands``: an authority's own register (None: the lexicon's sample); ``histories``: former prices, one per listing.

    Raises:
        ConfigurationError: the listing model is missing or of something else.
    """
    if not listings:
        return []
    known = reader or bundled_reader()
    judge = _Judge(known.lexicon, brands)
    items = [Item(text=one.page, kind="listing", category=one.category, at=one.at) for one in listings]
    results = detector.check(items)
    former = histories if histories is not None else [()] * len(listings)
    return [judge.add(one, result, past) for one, result, past in zip(listings, results, former, strict=True)]


def contradicts(
    utterance_text: str, listing: ListingText, *, at: date | None = None, reader: Reader | None = None
) -> Finding | None:
    """The finding when the spoken words contradict the listing on show; spans point into the words.

    Compared are origin and material by their words, and weight, volume, count, shelf life, shares, price and licence numbers
    by their values. The law is that of ``at`` (None: today).
    """
    known = reader or bundled_reader()
    signal = next(_contradictions(utterance_text, listing, known), None)
    return None if signal is None else finding_of(signal, known.lexicon, at or today(SystemClock()))


def _contradictions(said: str, listing: ListingText, reader: Reader) -> Iterator[Signal]:
    compare = comparer(reader)
    found = compare.find(said, listing.page)
    if found is not None:
        name, attribute = found.attribute.id, found.attribute
        because = (
            Because("term", f"said:{name}", found.said, SAID_AND_LISTED),
            Because("term", f"listed:{name}", found.listed, SAID_AND_LISTED),
        )
        facts = f"口播说“{found.said}”，商品页写“{found.listed}”，{attribute.name}不一致"
        yield Signal(attribute.code, because, facts, "violation", (found.span,))
    for one in differences(said, listing):
        if not compare.asserts(said, one.span):
            continue
        weight = SAID_PRICE if one.code == PRICE else SAID_AND_LISTED
        numbers = (
            Because("term", f"said:{one.name}", one.said, weight),
            Because("term", f"listed:{one.name}", one.listed, weight),
        )
        facts = f"口播说“{one.said}”，商品页写“{one.listed}”，{one.name}不一致"
        yield Signal(one.code, numbers, facts, one.status, (one.span,))


def price_claim(
    utterance_text: str, listing: ListingText, history: History, *, at: date, reader: Reader | None = None
) -> Finding | None:
    """What the former prices of the listing on show say of a spoken price claim (原价, 直降, 全网最低).

    ``violation``: they refute it; ``needs_evidence``: they cannot bear it out, or there are none; ``exempt``: they bear it out.
    """
    verdicts = [
        price_claims.judge(claim, price=listing.price, history=history, day=at, basis=listing.has_basis)
        for claim in price_claims.claims(utterance_text)
    ]
    if not verdicts:
        return None
    lexicon = (reader or bundled_reader()).lexicon
    signal = price_claims.signal(verdicts)
    if signal is not None:
        return finding_of(signal, lexicon, at)
    because = tuple(Because("price", f"{one.claim.kind}:kept", one.claim.text, price_claims.KEPT) for one in verdicts)
    spans = tuple(sorted(one.claim.span for one in verdicts))
    facts = "；".join(one.facts for one in verdicts)
    kept = finding_of(Signal(PRICE, because, facts, "exempt", spans), lexicon, at)
    return replace(kept, explanation=f"{facts}，与成交记录相符。")


class _Judge:
    """Adds to the detector's findings what brands and prices say."""

    def __init__(self, lexicon: Lexicon, brands: BrandRegister | None) -> None:
        self._lexicon = lexicon
        self._model: LinearModel = listing_model.bundled()
        self._register = _register(brands.brands if brands else lexicon.brands)
        self._brands_version = brands.version if brands else None

    def add(self, listing: ListingText, result: CheckResult, history: History) -> CheckResult:
        day = date.fromisoformat(result.versions.law)
        findings = {finding.code: finding for finding in result.findings}
        for signal in (*self._brands(listing, findings), *_prices(listing, history, day)):
            known = findings.get(signal.code)
            findings[signal.code] = strengthened(known, signal) if known else finding_of(signal, self._lexicon, day)
        ordered = sorted(findings.values(), key=lambda finding: (not finding.caught, -finding.confidence))
        return replace(result, findings=tuple(ordered), versions=self._versions(result.versions))

    def _versions(self, versions: Versions) -> Versions:
        """The same versions must give the same finding again: register and listing model belong to them."""
        lexicon = f"{versions.lexicon}+{self._brands_version}" if self._brands_version else versions.lexicon
        return replace(versions, lexicon=lexicon, model=f"{versions.model}+{self._model.version}")

    def _brands(self, listing: ListingText, findings: dict[str, Finding]) -> Iterator[Signal]:
        """Signals for suspect brands; findings about a brand whose seller holds a registered licence are relieved."""
        facts = Facts(listing.page, listing.price, listing.seller, listing.category, listing.brand)
        seen = self._register.sightings(listing.page, listing.brand)
        licensed = [one for one in seen if one.exact and listing.seller in one.brand.licensed_sellers]
        for code in (COUNTERFEIT, CONFUSION) if licensed else ():
            if code in findings:
                names = "、".join(one.brand.brand for one in licensed)
                because = [Because("brand", "licensed", names, LICENSED)]
                findings[code] = relieved(findings[code], because, f"商家在登记品牌“{names}”的授权名单中")
        for one in seen:
            scored = listing_model.judge(self._model, facts, one)
            if scored.suspect and listing.seller not in one.brand.licensed_sellers:
                spans = (one.span,) if one.span else ()
                told = f"“{one.name}”" if one.exact else f"“{one.name}”与登记品牌“{one.brand.brand}”近似，"
                yield Signal(scored.code, scored.because, f"{told}{_reasons(scored, one.brand, listing)}", spans=spans)


def _reasons(scored: listing_model.Scored, brand: Brand, listing: ListingText) -> str:
    """The strongest reasons in words, with the prices they rest on."""
    shown = [one for one in scored.because if one.weight > 0 and one.id not in {"rest", "bias"}][:3]
    words = "、".join(dict.fromkeys(one.text.partition("：")[0] for one in shown))
    low = brand.floor_price is not None and listing.price * 2 < brand.floor_price
    price = (
        f"；售价{yuan(listing.price)}，登记的最低合理价{yuan(brand.floor_price)}" if low and brand.floor_price else ""
    )
    return f"依据：{words}{price}"


def _prices(listing: ListingText, history: History, day: date) -> list[Signal]:
    """A struck-through price above the price, and price claims in the words, against the former prices."""
    verdicts = [
        price_claims.judge(claim, price=listing.price, history=history, day=day, basis=listing.has_basis)
        for claim in price_claims.claims(listing.page)
        if history
    ]
    claimed = price_claims.signal(verdicts)
    signals = [claimed] if claimed else []
    if listing.list_price is None or listing.list_price <= listing.price or listing.has_basis:
        return signals
    shown = f"划线价{yuan(listing.list_price)}，售价{yuan(listing.price)}"
    if history:
        struck = PriceClaim("original", listing.list_price, f"划线价{yuan(listing.list_price)}", (0, 0))
        verdict = price_claims.judge(struck, price=listing.price, history=history, day=day, basis=False)
        if verdict.outcome == "kept":
            return signals
        if verdict.outcome == "broken":
            because = (Because("price", "list_price:broken", shown, price_claims.BROKEN),)
            return [*signals, Signal(PRICE, because, verdict.facts, "violation")]
    reasons = [Because("price", "list_price_without_basis", shown, NO_PRICE_BASIS)]
    if listing.list_price >= listing.price * STEEP:
        reasons.append(Because("price", "steep_discount", "相差三倍以上", STEEP_DISCOUNT))
    return [*signals, Signal(PRICE, tuple(reasons), f"{shown}，页面没有注明比较依据")]


_register = lru_cache(maxsize=4)(Register)
