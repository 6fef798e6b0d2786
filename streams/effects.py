"""Carries out what the handlers ask for, through the services of casework and rating, in the caller's transaction.

Every effect is idempotent through a unique key, so that the same outputs twice leave the database as once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection

from casework import complaints, flags, listings, subjects
from casework.complaints import ComplaintFacts
from casework.flags import Line, NewFlag
from casework.subjects import subject_id
from infra.search import Kind
from infra.search.queue import enqueue_many
from rating import ledger
from rating.ledger import DecisionFacts
from streams.events import Complaint, Decision, Listing
from streams.indexing import listing_key
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

log = structlog.get_logger()


@dataclass(slots=True)
class _Later:
    """What is written once per batch rather than once per output: each statement is a way to the server and back."""

    request_of: Callable[[str], str | None]
    context: dict[str, list[Line]] = field(default_factory=dict)
    search: dict[tuple[Kind, str], None] = field(default_factory=dict)
    raised: list[str] = field(default_factory=list)
    flags: list[NewFlag] = field(default_factory=list)
    subjects: dict[str, None] = field(default_factory=dict)
    links: dict[tuple[str, str], None] = field(default_factory=dict)


def apply(
    connection: Connection,
    outputs: Iterable[Output],
    *,
    at: datetime,
    request_of: Callable[[str], str | None] = lambda _event: None,
) -> list[str]:
    """Carry out the outputs in order; returns the codes of the flags that were new.

    ``request_of`` tells which request brought an event; the log names it with every new flag.

    Raises:
        ChengxinError: a service refuses an output, for example a decision on something unknown.
    """
    later = _Later(request_of)
    for output in outputs:
        _apply_one(connection, output, later, at)
    _raise_flags(connection, later, at)
    flags.add_contexts(connection, later.context)
    subjects.ensure_all(connection, later.subjects, at=at)
    subjects.link_all(connection, later.links, at=at)
    enqueue_many(connection, later.search)
    return later.raised


def _apply_one(connection: Connection, output: Output, later: _Later, at: datetime) -> None:
    match output:
        case FlagRaised():
            later.flags.append(output.flag)
            later.context.setdefault(output.flag.id, []).extend(output.context)
            later.search["flag", output.flag.id] = None
        case ContextAdded():
            later.context.setdefault(output.flag, []).append(output.line)
        case FlagSelfCorrected():
            _raise_flags(connection, later, at)  # it may be one of these that was taken back
            flags.mark_self_corrected(
                connection, flag=output.flag, by_event=output.by_event, text=output.text, at=output.at
            )
            later.search["flag", output.flag] = None
        case RoomSeen():
            _see_room(output, later)
        case SubjectSeen():
            _see_subject(output, later)
        case ListingStored():
            _store_listing(connection, output.listing)
            later.search["listing", listing_key(output.listing.platform, output.listing.id)] = None
        case ComplaintTriaged():
            event = ComplaintFacts(**_fields(output.complaint, Complaint))
            complaints.receive(connection, event=event, triage=output.triage, at=at)
        case DecisionPosted():
            _post(connection, output.decision, later, at)


def _tell(new: NewFlag, later: _Later) -> None:
    """Tie the flag to the request that brought its event, for whoever follows one from the gateway. Not where none did."""
    request = later.request_of(new.event_id)
    if request is not None:
        log.info("flag raised", flag=new.id, code=new.finding.code, event_id=new.event_id, request_id=request)


def _raise_flags(connection: Connection, later: _Later, at: datetime) -> None:
    by_id = {new.id: new for new in later.flags}
    for identifier in flags.raise_flags(connection, later.flags, at=at):
        later.raised.append(by_id[identifier].finding.code)
        _tell(by_id[identifier], later)
    later.flags.clear()


def _see_room(seen: RoomSeen, later: _Later) -> None:
    ids, pairs = subjects.in_room(platform=seen.platform, room=seen.room, host=seen.host, operator=seen.operator)
    later.links |= dict.fromkeys(pairs)
    for identifier in ids:
        later.subjects[identifier] = later.search["subject", identifier] = None


def _see_subject(seen: SubjectSeen, later: _Later) -> None:
    for identifier in filter(None, (seen.id, seen.related)):
        later.subjects[identifier] = later.search["subject", identifier] = None
    if seen.related:
        later.links[seen.id, seen.related] = None


def _store_listing(connection: Connection, listing: Listing) -> None:
    room = subject_id("room", listing.platform, listing.room) if listing.room else None
    seller = subject_id("seller", listing.platform, listing.seller)
    facts: Mapping[str, Any] = msgspec.to_builtins(listing)
    listings.store(
        connection, platform=listing.platform, id=listing.id, seller=seller, room=room, at=listing.at, facts=facts
    )


def _post(connection: Connection, decision: Decision, later: _Later, at: datetime) -> None:
    ledger.post(connection, DecisionFacts(**_fields(decision, Decision)), at=at)
    later.search["subject", decision.subject] = None
    if decision.flag:
        later.search["flag", decision.flag] = None


def _fields(event: Complaint | Decision, kind: type[Complaint] | type[Decision]) -> dict[str, Any]:
    return {name: getattr(event, name) for name in kind.__struct_fields__}
