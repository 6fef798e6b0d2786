"""The pure handlers, one per topic: events and remembered state in, outputs out. No database, no clock, no network.

Both engines call these. The outputs depend on the events and their order only, never on how they were cut into batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from casework.flags import Line
from casework.subjects import subject_id
from classifiers.finding import CheckResult, Finding, Item
from classifiers.price_claims import History
from infra.clock import beijing_day
from streams.events import Complaint, Decision, Listing, Utterance, key_of
from streams.known_listings import KnownListing, learn
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
from streams.raising import best_first, joined, listing_flag, utterance_flag
from streams.room import (
    BEFORE,
    CONTEXT_REACH,
    CORRECTION_UTTERANCES,
    MAX_LINE,
    OPEN_FLAGS,
    RECENT_LINES,
    OpenFlag,
    Repeats,
    RoomState,
    line_of,
)

if TYPE_CHECKING:
    from classifiers.listings import ListingText

TAKES_BACK: Final = "host"


class Checker(Protocol):
    """The part of ``classifiers.detector.Detector`` that the handlers need."""

    def check(self, items: Sequence[Item]) -> list[CheckResult]:
        """One result per item, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """The pure functions of the classifiers besides the detector."""

    takes_back: Callable[[str, str, tuple[str, ...]], bool]
    check_listings: Callable[[Sequence[Listing], Sequence[History]], list[CheckResult]]
    contradicts: Callable[[str, Listing, date], Finding | None]
    price_claim: Callable[[str, Listing, History, date], Finding | None]
    triage: Callable[[Sequence[str]], list[dict[str, Any]]]
    may_take_back: Callable[[Sequence[str]], list[bool]] = lambda texts: [True] * len(texts)


NO_LISTINGS: Final[Mapping[str, KnownListing]] = MappingProxyType({})


@dataclass(slots=True)
class _Visit:
    """One room's share of a batch."""

    room: RoomState
    said: list[Utterance]
    results: list[CheckResult | None]
    fresh: list[Utterance] = field(default_factory=list)
    listings: list[KnownListing | None] = field(default_factory=list)
    takes_nothing_back: frozenset[str] = frozenset()


class Handlers:
    """Holds the detector and the tools; everything else comes and goes with each call."""

    def __init__(self, detector: Checker, tools: Tools | None = None) -> None:
        self._detector = detector
        self._tools = tools or standard_tools(detector)

    def transcripts(
        self,
        batch: Sequence[Utterance],
        state: MutableMapping[str, RoomState],
        listings: Mapping[str, KnownListing] = NO_LISTINGS,
    ) -> list[Output]:
        """Utterances → flags, their context, on-air corrections, rooms seen.

        Viewers' comments are context and never raise a flag. Guests and overlays do: whoever speaks or shows something in
        a room does so in its host's work, and the host (with the operator, who answers for work acts: 令117 art. 63) has
        to correct it (art. 31), so the flag's subject is the room's host in all three cases.

        ``state`` is keyed by ``platform/room``, ``listings`` by ``platform/id``.
        """
        visits: dict[str, _Visit] = {}
        items: list[Item] = []
        wanted: list[tuple[_Visit, int]] = []
        for key, said in _by_key(batch).items():
            visit = _Visit(state.get(key) or RoomState(), said, [None] * len(said))
            visits[key] = visit
            for index, item in self._items(visit, listings):
                items.append(item)
                wanted.append((visit, index))
        for (visit, index), result in zip(wanted, self._detector.check(items) if items else [], strict=True):
            visit.results[index] = result
        self._look_for_corrections(visits.values())
        outputs: list[Output] = []
        for key, visit in visits.items():
            self._fold(visit, outputs)
            visit.room.trim()
            state[key] = visit.room
        return outputs

    def listings(self, batch: Sequence[Listing], state: MutableMapping[str, KnownListing]) -> list[Output]:
        """Listings → stored listings and flags. An older form of a listing that is known already is passed over.

        A listing whose wording changes is flagged anew, under its id and a digest of the new wording; otherwise a claim
        put in after a decision would never be seen again.
        """
        fresh = [known for listing in batch if (known := learn(listing, state))]
        outputs: list[Output] = []
        results = self._tools.check_listings([k.listing for k in fresh], [k.prices for k in fresh])
        for known, result in zip(fresh, results, strict=True):
            listing = known.listing
            room = subject_id("room", listing.platform, listing.room) if listing.room else None
            seller = subject_id("seller", listing.platform, listing.seller)
            outputs += [SubjectSeen(seller, room), ListingStored(listing)]
            findings = best_first(result.findings)
            if findings:
                outputs.append(FlagRaised(listing_flag(known, seller, room, result, findings)))
        return outputs

    def complaints(self, batch: Sequence[Complaint]) -> list[Output]:
        """Complaints → triaged complaints, and the subjects they name."""
        outputs: list[Output] = []
        for complaint, triage in zip(batch, self._tools.triage([c.text for c in batch]), strict=True):
            if complaint.subject:
                outputs.append(SubjectSeen(complaint.subject))
            outputs.append(ComplaintTriaged(complaint, triage))
        return outputs

    def decisions(self, batch: Sequence[Decision]) -> list[Output]:
        """Officers' decisions → ledger postings."""
        outputs: list[Output] = []
        for decision in batch:
            outputs += [SubjectSeen(decision.subject), DecisionPosted(decision)]
        return outputs

    def _items(self, visit: _Visit, listings: Mapping[str, KnownListing]) -> list[tuple[int, Item]]:
        """What the detector is to look at, with the words spoken just before and the listing on show.

        Utterances that are remembered already (a gateway sent them twice) are taken out of the visit.
        """
        room, repeats = visit.room, Repeats(visit.room)
        heard = deque(((line.speaker, line.text) for line in room.spoken), maxlen=RECENT_LINES)
        items = []
        for said in visit.said:
            if repeats.saw(said):
                continue
            if said.listing:
                room.show(said.listing, said.start)
            on_show = said.listing or room.on_show(said.start)
            known = listings.get(f"{said.platform}/{on_show}") if on_show else None
            visit.listings.append(known)
            visit.fresh.append(said)
            if said.speaker == "comment":
                continue
            before = _own_words_before(said.speaker, heard)
            # Only what is remembered between batches counts inside one too, or a cut between them would change findings.
            heard.append((said.speaker, said.text[:MAX_LINE]))
            category = said.category or (known.listing.category if known else None)
            item = Item(text=said.text, category=category, at=beijing_day(said.start), before=before)
            items.append((len(visit.fresh) - 1, item))
        return items

    def _look_for_corrections(self, visits: Collection[_Visit]) -> None:
        """Ask at once about all words that follow a flag: nearly none of them takes anything back, and that is soon seen."""
        texts = list(dict.fromkeys(text for visit in visits for text in _after_flags(visit)))
        if texts:
            verdicts = zip(texts, self._tools.may_take_back(texts), strict=True)
            nothing = frozenset(text for text, may in verdicts if not may)
            for visit in visits:
                visit.takes_nothing_back = nothing

    def _fold(self, visit: _Visit, outputs: list[Output]) -> None:
        room = visit.room
        for index, said in enumerate(visit.fresh):
            if said.host != room.host or said.operator != room.operator:
                room.host, room.operator = said.host, said.operator
                outputs.append(RoomSeen(said.platform, said.room, said.host, said.operator))
            line = line_of(said)
            if room.open:
                self._follow(visit, line, outputs)
            result = visit.results[index]
            if result is not None and (result.findings or visit.listings[index]):
                self._judge(visit, index, result, line, outputs)
            room.add(line)

    def _judge(self, visit: _Visit, index: int, result: CheckResult, line: Line, outputs: list[Output]) -> None:
        """Raise a flag when the detector found something, or when the words contradict the listing on show."""
        said, known, room = visit.fresh[index], visit.listings[index], visit.room
        found, day = list(result.findings), beijing_day(said.start)
        if known:
            compared = self._tools.contradicts(said.text, known.listing, day)
            priced = self._tools.price_claim(said.text, known.listing, known.prices, day)
            for extra in (compared, priced):
                found = found if extra is None else joined(found, extra)
        findings = best_first(found)
        if not findings:
            return
        flag = utterance_flag(said, known, result, findings)
        outputs.append(FlagRaised(flag, (*room.around(said.start), line)))
        matched = tuple(said.text[start:end] for start, end in flag.finding.spans)
        room.open.append(OpenFlag(flag.id, flag.finding.code, said.start, said.speaker, matched))
        del room.open[:-OPEN_FLAGS]

    def _follow(self, visit: _Visit, line: Line, outputs: list[Output]) -> None:
        """The words after a flag: sixty seconds of context, and within twelve utterances a correction."""
        still: list[OpenFlag] = []
        room, hopeless = visit.room, line.text in visit.takes_nothing_back
        for flag in room.open:
            since = line.start - flag.start
            if since > CONTEXT_REACH:
                continue
            still.append(flag)
            if since < -CONTEXT_REACH:
                continue
            outputs.append(ContextAdded(flag.flag, line))
            if line.speaker == "comment" or flag.left == 0:
                continue
            flag.left -= 1
            may = line.speaker in {TAKES_BACK, flag.speaker} and not flag.corrected
            if may and not hopeless and self._tools.takes_back(line.text, flag.code, flag.matched):
                flag.corrected = True
                outputs.append(FlagSelfCorrected(flag.flag, line.event_id, line.text, line.start))
        room.open = still


def standard_tools(detector: Checker, *, brands: Path | None = None) -> Tools:
    """The real classifiers; ``brands``: an authority's own register of brands (None: the sample).

    Raises:
        ConfigurationError: the register has a wrong row.
    """
    from classifiers import correction, listings, triage  # noqa: PLC0415  slow to load, and tests do without
    from classifiers.cache import bundled_reader  # noqa: PLC0415
    from lexicons.registers import load_brands  # noqa: PLC0415

    def as_text(listing: Listing) -> ListingText:
        fields = {name: getattr(listing, name) for name in LISTING_FIELDS}
        return listings.ListingText(**fields, at=beijing_day(listing.at))

    register = load_brands(brands, categories=bundled_reader().lexicon.categories) if brands else None
    return Tools(
        takes_back=lambda text, code, matched: correction.is_correction(text, correction.Claim(code, matched)),
        check_listings=lambda batch, histories: listings.check_listings(
            [as_text(x) for x in batch], detector, brands=register, histories=histories
        ),
        contradicts=lambda text, listing, day: listings.contradicts(text, as_text(listing), at=day),
        price_claim=lambda text, listing, history, day: listings.price_claim(text, as_text(listing), history, at=day),
        may_take_back=correction.may_correct,
        triage=lambda texts: [msgspec.to_builtins(x) for x in triage.triage(texts)],
    )


LISTING_FIELDS: Final = (
    "title",
    "description",
    "category",
    "brand",
    "price",
    "list_price",
    "price_basis",
    "licence",
    "seller",
)


def _own_words_before(speaker: str, heard: deque[tuple[str, str]]) -> tuple[str, ...]:
    """The last few of what this speaker said, the newest first."""
    own: list[str] = []
    for other, text in reversed(heard):
        if other == speaker:
            own.append(text)
            if len(own) == BEFORE:
                break
    return tuple(own)


def _after_flags(visit: _Visit) -> Iterator[str]:
    """What is said within reach of a flag, as it is remembered; a flag that only a listing gives rise to is not foreseen."""
    left = max((flag.left for flag in visit.room.open), default=0)
    for said, result in zip(visit.fresh, visit.results, strict=False):
        if said.speaker == "comment":
            continue
        if left > 0:
            yield said.text[:MAX_LINE]
            left -= 1
        if result is not None and result.findings:
            left = CORRECTION_UTTERANCES


def _by_key(batch: Iterable[Utterance]) -> dict[str, list[Utterance]]:
    rooms: dict[str, list[Utterance]] = {}
    for said in batch:
        rooms.setdefault(key_of(said), []).append(said)
    return rooms
