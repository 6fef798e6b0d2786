"""The handlers: what becomes a flag, what surrounds it, and that batches do not matter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from streams.events import Decision, Listing, Utterance
from streams.known_listings import KnownListing
from streams.outputs import (
    ComplaintTriaged,
    ContextAdded,
    DecisionPosted,
    FlagRaised,
    FlagSelfCorrected,
    ListingStored,
    Output,
    RoomSeen,
    SubjectSeen,
)
from streams.room import MAX_LINE, OPEN_FLAGS, RECENT_COMMENTS, RECENT_LINES, RoomState
from tests.conftest import NOON
from tests.streams.fakes import START, FakeDetector, complaint, fake_handlers, listing, utterance

CLAIM = "这个木耳能治三高"
TAKEN_BACK = "刚才口误了，不能这么说"
Kind = TypeVar("Kind")
Rooms = dict[str, RoomState]


def run(*said: Utterance, rooms: Rooms | None = None, known: Sequence[Listing] = ()) -> list[Output]:
    listings = {f"{x.platform}/{x.id}": KnownListing(x, x.id) for x in known}
    return fake_handlers().transcripts(said, {} if rooms is None else rooms, listings)


def of(kind: type[Kind], outputs: Sequence[Output]) -> list[Kind]:
    return [output for output in outputs if isinstance(output, kind)]


def test_a_claim_becomes_a_flag_on_the_host_with_everything_an_officer_needs() -> None:
    (raised,) = of(FlagRaised, run(utterance(3, CLAIM)))
    flag = raised.flag
    assert flag.subject == flag.host == "host:yunjian:h1"
    assert flag.operator == "operator:yunjian:o1"
    assert (flag.room, flag.session, flag.event_id) == ("room:yunjian:r1", "s1", "s1-0003")
    assert flag.finding.code == "MEDICAL"
    assert flag.versions.lexicon == "lex-1"
    assert flag.spoken_at == START + timedelta(seconds=15)


def test_harmless_words_become_nothing_but_a_room_seen_once() -> None:
    assert run(utterance(1), utterance(2)) == [RoomSeen("yunjian", "r1", "h1", "o1")]


def test_a_new_operator_of_a_room_is_told() -> None:
    rooms: Rooms = {}
    run(utterance(1), rooms=rooms)
    assert run(utterance(2, operator="o2"), rooms=rooms) == [RoomSeen("yunjian", "r1", "h1", "o2")]


def test_guests_and_overlays_are_flagged_on_the_rooms_host_and_comments_never() -> None:
    for speaker in ("guest", "overlay"):
        (raised,) = of(FlagRaised, run(utterance(1, CLAIM, speaker=speaker)))
        assert raised.flag.subject == "host:yunjian:h1"
    assert of(FlagRaised, run(utterance(1, CLAIM, speaker="comment"))) == []


def test_the_context_of_a_flag_is_what_was_said_within_sixty_seconds_comments_included() -> None:
    said = [utterance(n, speaker="comment" if n == 19 else "host") for n in range(40)]
    said[20] = utterance(20, CLAIM)
    outputs = run(*said)
    (raised,) = of(FlagRaised, outputs)
    before = [line.event_id for line in raised.context]
    after = [added.line.event_id for added in of(ContextAdded, outputs)]
    assert before == [f"s1-{n:04d}" for n in range(8, 21)]
    assert after == [f"s1-{n:04d}" for n in range(21, 33)]
    assert all(added.flag == raised.flag.id for added in of(ContextAdded, outputs))


def test_the_host_taking_a_claim_back_on_air_is_noted() -> None:
    (noted,) = of(FlagSelfCorrected, run(utterance(1, CLAIM), utterance(2), utterance(3, TAKEN_BACK)))
    assert (noted.by_event, noted.text) == ("s1-0003", TAKEN_BACK)


def test_a_claim_is_taken_back_once() -> None:
    outputs = run(utterance(1, CLAIM), utterance(2, TAKEN_BACK), utterance(3, TAKEN_BACK))
    assert len(of(FlagSelfCorrected, outputs)) == 1


def test_viewers_and_late_words_take_nothing_back() -> None:
    claim = utterance(1, CLAIM)
    assert of(FlagSelfCorrected, run(claim, utterance(2, TAKEN_BACK, speaker="comment"))) == []
    too_late = utterance(9, TAKEN_BACK, start=claim.start + timedelta(seconds=61))
    assert of(FlagSelfCorrected, run(claim, too_late)) == []
    quick = [utterance(n, start=claim.start + timedelta(seconds=n)) for n in range(2, 14)]
    thirteenth = utterance(14, TAKEN_BACK, start=claim.start + timedelta(seconds=14))
    assert of(FlagSelfCorrected, run(claim, *quick, thirteenth)) == []


def test_a_guests_claim_may_be_taken_back_by_the_host() -> None:
    said = utterance(1, CLAIM, speaker="guest"), utterance(2, TAKEN_BACK)
    assert len(of(FlagSelfCorrected, run(*said))) == 1


def test_what_a_host_says_against_the_listing_on_show_is_a_finding() -> None:
    (raised,) = of(FlagRaised, run(utterance(1, "正宗五常大米", listing="l-1"), known=[listing()]))
    assert raised.flag.finding.code == "FALSE-ORIGIN"
    assert (raised.flag.listing, raised.flag.seller, raised.flag.category) == ("l-1", "seller:yunjian:shop1", "food")


def test_a_listing_stays_on_show_until_another_is_named_or_ten_minutes_have_passed() -> None:
    named, words = utterance(1, listing="l-1"), "正宗五常大米"
    assert of(FlagRaised, run(named, utterance(2, words), known=[listing()]))
    other = utterance(2, listing="l-2")
    assert not of(FlagRaised, run(named, other, utterance(3, words), known=[listing()]))
    late = utterance(3, words, start=named.start + timedelta(minutes=11))
    assert not of(FlagRaised, run(named, late, known=[listing()]))


def test_the_better_finding_comes_first_and_the_other_is_kept() -> None:
    (raised,) = of(FlagRaised, run(utterance(1, "五常大米能治病", listing="l-1"), known=[listing()]))
    assert raised.flag.finding.code == "FALSE-ORIGIN"
    assert [finding.code for finding in raised.flag.others] == ["MEDICAL"]


def test_the_detector_is_told_category_day_and_the_speakers_words_before() -> None:
    detector = FakeDetector()
    handlers = fake_handlers(detector)
    said = [
        utterance(1, "一"),
        utterance(2, "二", speaker="guest"),
        utterance(3, "三"),
        utterance(4, "四", listing="l-1"),
    ]
    said.append(utterance(5, "五", category="tea", start=START.replace(hour=23, minute=59)))
    handlers.transcripts(said, {}, {"yunjian/l-1": KnownListing(listing(), "l-1")})
    assert [item.before for item in detector.asked] == [(), (), ("一",), ("三", "一"), ("四", "三")]
    assert [item.category for item in detector.asked] == [None, None, None, "food", "tea"]
    assert {item.at for item in detector.asked} == {date(2026, 11, 20)}


def test_an_utterance_sent_twice_is_heard_once() -> None:
    rooms: Rooms = {}
    run(utterance(1, CLAIM), utterance(1, CLAIM), rooms=rooms)
    assert run(utterance(1, CLAIM), rooms=rooms) == []
    assert len(rooms["yunjian/r1"].spoken) == 1


def test_the_memory_of_a_room_is_bounded() -> None:
    rooms: Rooms = {}
    run(*(utterance(n, CLAIM, start=START) for n in range(200)), rooms=rooms)
    run(*(utterance(n, speaker="comment", start=START) for n in range(200, 400)), rooms=rooms)
    room = rooms["yunjian/r1"]
    assert (len(room.spoken), len(room.comments), len(room.open)) == (RECENT_LINES, RECENT_COMMENTS, OPEN_FLAGS)


SAYINGS = ("大家好", CLAIM, TAKEN_BACK, "正宗五常大米")


@st.composite
def days(draw: st.DrawFn) -> list[Utterance]:
    """Utterances of two rooms with claims, corrections, repeats, and clocks that jump."""
    said, clock = [], 0
    for number in range(draw(st.integers(1, 60))):
        clock += draw(st.sampled_from([1, 4, 4, 30, -20, 120]))
        room = draw(st.sampled_from(["r1", "r2"]))
        again = draw(st.sampled_from([number, number, number, max(0, number - 3)]))
        said.append(
            utterance(
                again,
                draw(st.sampled_from(SAYINGS)),
                id=f"{room}-{again}",
                room=room,
                speaker=draw(st.sampled_from(["host", "host", "guest", "comment"])),
                listing=draw(st.sampled_from([None, None, "l-1", "l-2"])),
                start=START + timedelta(seconds=clock),
            )
        )
    return said


@given(days(), st.lists(st.integers(1, 60), max_size=8))
def test_cutting_the_day_into_other_batches_changes_nothing(said: list[Utterance], cuts: list[int]) -> None:
    known = [listing()]
    whole, pieces = {}, {}
    together = run(*said, rooms=whole, known=known)
    apart: list[Output] = []
    edges = sorted({0, len(said), *(cut for cut in cuts if cut < len(said))})
    for begin, end in pairwise(edges):
        apart += run(*said[begin:end], rooms=pieces, known=known)
    assert whole == pieces
    for room in ("r1", "r2"):
        ids = {utterance.id for utterance in said if utterance.room == room}
        assert _of_room(together, room, ids) == _of_room(apart, room, ids)


def test_the_words_before_do_not_depend_on_the_batch_nor_reach_back_for_ever() -> None:
    said = [utterance(0, "嘉宾" * 1500, speaker="guest"), *(utterance(n) for n in range(1, 60))]
    said[20], said[59] = utterance(20, "二", speaker="guest"), utterance(59, "三", speaker="guest")
    whole, pieces = FakeDetector(), FakeDetector()
    fake_handlers(whole).transcripts(said, {})
    rooms: Rooms = {}
    for one in said:
        fake_handlers(pieces).transcripts([one], rooms)
    assert whole.asked == pieces.asked
    assert whole.asked[20].before == (("嘉宾" * 1500)[:MAX_LINE],)
    assert whole.asked[59].before == (), "thirty-eight sentences ago is no longer just before"


def _of_room(outputs: Sequence[Output], room: str, ids: set[str]) -> list[Output]:
    """The outputs of one room in order; between rooms the order is free."""
    flags = {x.flag.id for x in of(FlagRaised, outputs) if x.flag.room == f"room:yunjian:{room}"}
    return [
        x
        for x in outputs
        if (isinstance(x, RoomSeen) and x.room == room)
        or (isinstance(x, FlagRaised) and x.flag.room == f"room:yunjian:{room}")
        or (isinstance(x, ContextAdded) and x.flag in flags and x.line.event_id in ids)
        or (isinstance(x, FlagSelfCorrected) and x.flag in flags and x.by_event in ids)
    ]


def test_a_listing_is_stored_flagged_on_its_seller_and_linked_with_the_room() -> None:
    outputs = fake_handlers().listings([listing(title="能治失眠的枕头")], {})
    assert outputs[:2] == [
        SubjectSeen("seller:yunjian:shop1", "room:yunjian:r1"),
        ListingStored(listing(title="能治失眠的枕头")),
    ]
    (raised,) = of(FlagRaised, outputs)
    assert (raised.flag.subject, raised.flag.event_id, raised.flag.source) == ("seller:yunjian:shop1", "l-1", "listing")


def test_a_listing_is_flagged_anew_when_its_wording_changes_but_not_when_its_price_does() -> None:
    state: dict[str, KnownListing] = {}
    handlers = fake_handlers()

    def flagged(minutes: int, **changes: object) -> list[str]:
        snapshot = listing(at=START + timedelta(minutes=minutes), **changes)
        return [raised.flag.event_id for raised in of(FlagRaised, handlers.listings([snapshot], state))]

    assert flagged(0, title="能治失眠") == ["l-1"]
    assert flagged(1, title="能治失眠", price=Decimal("1.00")) == ["l-1"]
    (changed,) = flagged(2, title="能治失眠和头痛")
    assert changed.startswith("l-1#")
    assert flagged(3, title="能治失眠和头痛", price=Decimal("2.00")) == [changed]
    assert flagged(1, title="能治百病") == [], "an older snapshot came late"


def test_complaints_are_triaged_and_name_their_subject() -> None:
    outputs = fake_handlers().complaints([complaint(), complaint(id="c-2", subject=None)])
    assert outputs == [
        SubjectSeen("seller:yunjian:shop1"),
        ComplaintTriaged(complaint(), {"category": "food", "length": 9}),
        ComplaintTriaged(complaint(id="c-2", subject=None), {"category": "food", "length": 9}),
    ]


def test_decisions_are_posted() -> None:
    decision = Decision(id="d-1", subject="host:yunjian:h1", outcome="dismissed", decided_at=NOON, flag="f-1")
    assert fake_handlers().decisions([decision]) == [SubjectSeen(decision.subject), DecisionPosted(decision)]


def test_the_lowest_price_of_each_day_is_remembered_even_from_late_snapshots() -> None:
    state: dict[str, KnownListing] = {}
    handlers = fake_handlers()
    for days, price in ((0, "69.90"), (2, "59.90"), (1, "49.90"), (1, "65.00")):
        snapshot = listing(at=START + timedelta(days=days), price=Decimal(price))
        handlers.listings([snapshot], state)
    known = state["yunjian/l-1"]
    first = START.date()
    assert known.listing.price == Decimal("59.90")
    assert [(one.day - first).days for one in known.prices] == [0, 1, 2]
    assert [one.lowest for one in known.prices] == [Decimal("69.90"), Decimal("49.90"), Decimal("59.90")]


def test_a_struck_through_price_that_changes_is_a_new_wording() -> None:
    state: dict[str, KnownListing] = {}
    handlers = fake_handlers()
    first = handlers.listings([listing(title="能治失眠", list_price=Decimal(99))], state)
    later = listing(title="能治失眠", list_price=Decimal(199), at=START + timedelta(minutes=1))
    (raised,) = of(FlagRaised, handlers.listings([later], state))
    assert of(FlagRaised, first)[0].flag.event_id == "l-1"
    assert raised.flag.event_id.startswith("l-1#")
