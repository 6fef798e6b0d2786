"""Checks product pages: claims in their words, brands and floor prices, struck-through prices, and what a host says about them.

Everything here is a lead: a low price or a missing basis asks for evidence and accuses nobody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from classifiers.brands import Named, Register
from classifiers.cache import bundled_reader
from classifiers.contradiction import comparer
from classifiers.explain import explain
from classifiers.finding import Basis, Because, CheckResult, Finding, Item, Span, Status
from classifiers.reading import Reader
from infra.clock import SystemClock, today
from lexicons.schema import Lexicon

# Log-odds of the signals. Design values, not learned: there is no labelled corpus of prices yet.
UNLICENSED: Final = 0.8
FAR_BELOW_FLOOR: Final = 0.9
LOOK_ALIKE: Final = 1.1
NO_PRICE_BASIS: Final = 0.9
STEEP_DISCOUNT: Final = 0.6
SAID_AND_LISTED: Final = 1.3
FAR_BELOW: Final = Decimal("0.5")
STEEP: Final = Decimal(3)
COUNTERFEIT: Final = "COUNTERFEIT"
CONFUSION: Final = "CONFUSION"
PRICE: Final = "PRICE"


class ListingText(Struct, frozen=True, kw_only=True):
    """What is read of a product page. Prices in yuan; ``at`` is the day whose law counts (None: today)."""

    title: str
    description: str | None = None
    category: str | None = None
    brand: str | None = None
    price: Decimal
    list_price: Decimal | None = None
    price_basis: str | None = None
    seller: str = ""
    at: date | None = None

    @property
    def page(self) -> str:
        """Title and description as one text: the text that spans point into."""
        return f"{self.title}\n{self.description}" if self.description else self.title


class Checks(Protocol):
    """The part of the detector that is needed here."""

    def check(self, items: Sequence[Item]) -> list[CheckResult]:
        """One result per item, in order."""
        ...


@dataclass(slots=True)
class _Signal:
    """What prices and brands say for a code; ``facts`` is how it is told."""

    code: str
    because: tuple[Because, ...]
    facts: str
    status: Status = "needs_evidence"
    spans: tuple[Span, ...] = field(default=())


def check_listings(
    listings: Sequence[ListingText], detector: Checks, *, reader: Reader | None = None
) -> list[CheckResult]:
    """One result per listing, in order; ``result.text`` is ``listing.page``.

    Besides the detector's findings: COUNTERFEIT for a registered brand far below its floor price from a seller who holds no
    licence, CONFUSION for a look-alike name, PRICE for a struck-through price without its basis (令56 art. 16).
    """
    known = reader or bundled_reader()
    items = [Item(text=one.page, kind="listing", category=one.category, at=one.at) for one in listings]
    results = detector.check(items) if items else []
    return [_with_signals(one, result, known.lexicon) for one, result in zip(listings, results, strict=True)]


def contradicts(
    utterance_text: str, listing: ListingText, *, at: date | None = None, reader: Reader | None = None
) -> Finding | None:
    """The finding when the spoken words contradict the listing on show (origin, material); spans point into the words.

    The law is that of ``at`` (None: today).
    """
    known = reader or bundled_reader()
    found = comparer(known).find(utterance_text, listing.page)
    if found is None:
        return None
    name = found.attribute.id
    because = (
        Because("term", f"said:{name}", found.said, SAID_AND_LISTED),
        Because("term", f"listed:{name}", found.listed, SAID_AND_LISTED),
    )
    facts = f"口播说“{found.said}”，商品页写“{found.listed}”，{found.attribute.name}不一致"
    signal = _Signal(found.attribute.code, because, facts, "violation", (found.span,))
    return _finding(signal, known.lexicon, at or today(SystemClock()))


def _with_signals(listing: ListingText, result: CheckResult, lexicon: Lexicon) -> CheckResult:
    day = date.fromisoformat(result.versions.law)
    findings = {finding.code: finding for finding in result.findings}
    for signal in (*_brand_signals(listing, lexicon, set(findings)), *_price_signals(listing)):
        known = findings.get(signal.code)
        findings[signal.code] = _strengthened(known, signal) if known else _finding(signal, lexicon, day)
    ordered = sorted(findings.values(), key=lambda finding: (not finding.caught, -finding.confidence))
    return replace(result, findings=tuple(ordered))


def _brand_signals(listing: ListingText, lexicon: Lexicon, found: set[str]) -> list[_Signal]:
    register = _register(lexicon.brands)
    named = register.named(listing.page, listing.brand)
    signals = [signal for one in named if (signal := _counterfeit(listing, one, COUNTERFEIT in found))]
    for alike in register.look_alikes(listing.page):
        if listing.seller in alike.brand.licensed_sellers or any(one.brand is alike.brand for one in named):
            continue
        because = Because("brand", alike.brand.brand, alike.name, LOOK_ALIKE)
        facts = f"“{alike.name}”与登记品牌“{alike.brand.brand}”近似"
        signals.append(_Signal(CONFUSION, (because,), facts, spans=(alike.span,)))
    return signals


def _counterfeit(listing: ListingText, named: Named, worded: bool) -> _Signal | None:
    """A registered brand from an unlicensed seller: a lead when the price is far below the floor or the words say so."""
    brand = named.brand
    if listing.seller in brand.licensed_sellers:
        return None
    because = [Because("brand", brand.brand, brand.brand, UNLICENSED)]
    facts = f"商家不在品牌“{brand.brand}”的授权名单中"
    low = brand.floor_price is not None and listing.price < brand.floor_price * FAR_BELOW
    if brand.floor_price is not None and low:
        shown = f"售价{_yuan(listing.price)}，远低于登记的最低合理价{_yuan(brand.floor_price)}"
        because.append(Because("price", "below_floor", shown, _far_below(listing.price, brand.floor_price)))
        facts += f"，{shown}"
    elif not worded:
        return None
    spans = (named.span,) if named.span else ()
    return _Signal(COUNTERFEIT, tuple(because), facts, spans=spans)


def _far_below(price: Decimal, floor: Decimal) -> float:
    """More the further below the floor: half of it weighs 0.9, a tenth and less 2.2."""
    halvings = math.log2(float(floor / max(price, floor / 10)))
    return round(FAR_BELOW_FLOOR + 0.56 * (halvings - 1), 4)


def _price_signals(listing: ListingText) -> list[_Signal]:
    """A struck-through price above the price needs its basis on the page."""
    above = listing.list_price is not None and listing.list_price > listing.price
    if listing.list_price is None or not above or (listing.price_basis or "").strip():
        return []
    shown = f"划线价{_yuan(listing.list_price)}，售价{_yuan(listing.price)}"
    because = [Because("price", "list_price_without_basis", shown, NO_PRICE_BASIS)]
    if listing.list_price >= listing.price * STEEP:
        because.append(Because("price", "steep_discount", "相差三倍以上", STEEP_DISCOUNT))
    return [_Signal(PRICE, tuple(because), f"{shown}，页面没有注明比较依据")]


def _strengthened(finding: Finding, signal: _Signal) -> Finding:
    """A finding of the detector with what brands and prices add to it."""
    because = (*finding.because, *signal.because)
    return replace(
        finding,
        because=because,
        confidence=_confidence(because),
        spans=tuple(sorted({*finding.spans, *signal.spans})),
        explanation=f"{finding.explanation}另外，{signal.facts}。",
    )


def _finding(signal: _Signal, lexicon: Lexicon, day: date) -> Finding:
    code, rules = lexicon.codes[signal.code], lexicon.basis_on(signal.code, day)
    return Finding(
        code=code.code,
        name=code.name,
        status=signal.status,
        confidence=_confidence(signal.because),
        severity=code.severity,
        spans=signal.spans,
        because=signal.because,
        basis=tuple(Basis(rule.law, rule.article, rule.name) for rule in rules),
        exemptions=(),
        liable=code.liable,
        explanation=explain(code=code, status=signal.status, quotes=(), rules=rules, checks=(), facts=signal.facts),
    )


def _confidence(because: Sequence[Because]) -> float:
    return round(1.0 / (1.0 + math.exp(-sum(one.weight for one in because))), 4)


def _yuan(amount: Decimal) -> str:
    return f"{amount.normalize():f}元"


_register = cache(Register)
