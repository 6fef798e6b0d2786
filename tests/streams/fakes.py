"""Light stand-ins for the classifiers, and builders of events. They load nothing, so that processes start at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from classifiers.finding import CheckResult, Finding, Item
from infra.clock import BEIJING
from streams.events import Complaint, Listing, Utterance
from streams.pipeline import Handlers, Tools
from tests.factories import VERSIONS, finding

START = datetime(2026, 11, 20, 9, 0, tzinfo=BEIJING)
CURE, BOOM, TAKEN_BACK = "能治", "炸了", "口误"


class FakeDetector:
    """Finds ``能治`` in a text; breaks down on ``炸了``. Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Item] = []

    def check(self, items: Sequence[Item]) -> list[CheckResult]:
        self.asked += items
        return [self._check(item) for item in items]

    def _check(self, item: Item) -> CheckResult:
        if BOOM in item.text:
            raise ZeroDivisionError("a bug in the detector")
        at = item.text.find(CURE)
        found: tuple[Finding, ...] = (finding(spans=((at, at + 2),)),) if at >= 0 else ()
        return CheckResult(text=item.text, findings=found, versions=VERSIONS)


def fake_tools(detector: FakeDetector) -> Tools:
    """The other classifiers, as simple as can be: ``五常`` said of a listing that names ``绥化`` is a contradiction."""

    def contradicts(text: str, listing: Listing, day: date) -> Finding | None:
        said, listed = "五常" in text, "绥化" in (listing.description or "")
        return finding(code="FALSE-ORIGIN", confidence=0.99, spans=((0, 2),)) if said and listed else None

    return Tools(
        takes_back=lambda text, _code, _matched: TAKEN_BACK in text,
        check_listings=lambda listings, _histories: detector.check(
            [Item(text=x.title, kind="listing") for x in listings]
        ),
        contradicts=contradicts,
        price_claim=lambda _text, _listing, _history, _day: None,
        triage=lambda texts: [{"category": "food", "length": len(text)} for text in texts],
    )


def fake_handlers(detector: FakeDetector | None = None) -> Handlers:
    """Handlers that judge with the stand-ins."""
    detector = detector or FakeDetector()
    return Handlers(detector, fake_tools(detector))


def utterance(number: int = 1, text: str = "大家好，今天新米开仓", **changes: Any) -> Utterance:
    """The ``number``-th utterance of a room, five seconds after the one before."""
    values: dict[str, Any] = {
        "id": f"s1-{number:04d}",
        "platform": "yunjian",
        "room": "r1",
        "session": "s1",
        "host": "h1",
        "operator": "o1",
        "start": START + timedelta(seconds=5 * number),
        "text": text,
    }
    return Utterance(**(values | changes))


def listing(**changes: Any) -> Listing:
    """Rice on sale."""
    values: dict[str, Any] = {
        "id": "l-1",
        "platform": "yunjian",
        "room": "r1",
        "seller": "shop1",
        "title": "稻花香大米5kg",
        "description": "产地：绥化市北林区",
        "category": "food",
        "price": Decimal("69.90"),
        "at": START,
    }
    return Listing(**(values | changes))


def complaint(**changes: Any) -> Complaint:
    """Somebody complains about the rice."""
    values: dict[str, Any] = {
        "id": "c-1",
        "kind": "complaint",
        "platform": "yunjian",
        "subject": "seller:yunjian:shop1",
        "text": "米里有虫，客服不理",
    }
    return Complaint(**(values | changes))
