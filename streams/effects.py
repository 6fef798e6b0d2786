"""Carries out what the handlers ask for, through the services of casework and rating, in the caller's transaction.

Every effect is idempotent through a unique key, so that the same outputs twice leave the database as once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from casework import complaints, flags, listings, subjects
from casework.complaints import ComplaintFacts
from casework.flags import ContextLine
from casework.subjects import subject_id
from infra.search import Kind
from infra.search.queue import enqueue
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


@dataclass(slots=True)
class _Later:
    """What is written once per batch rather than once per output."""

    context: dict[str, list[ContextLine]] = field(default_factory=dict)
    search: dict[tuple[Kind, str], None] = field(default_factory=dict)
    raised: list[str] = field(default_factory=list)


def apply(connection: Connection, outputs: Iterable[Output], *, at: datetime) -> list[str]:
    """Carry out the outputs in order; returns the codes of the flags that were new.

    Raises:
        ChengxinError: a service refuses an output, for example a decision on something unknown.
    """
    later = _Later()
    for output in outputs:
        _apply_one(connection, output, later, at)
    for flag, lines in later.context.items():
        flags.add_context(connection, flag=flag, lines=lines)
    for kind, identifier in later.search:
        enqueue(connection, kind=kind, id=identifier)
    return later.raised


def _apply_one(connection: Connection, output: Output, later: _Later, at: datetime) -> None:
    match output:
        case FlagRaised():
            if flags.raise_flag(connection, output.flag, at=at):
                later.raised.append(output.flag.finding.code)
            later.context.setdefault(output.flag.id, []).extend(output.context)
            later.search["flag", output.flag.id] = None
        case ContextAdded():
            later.context.setdefault(output.flag, []).append(output.line)
        case FlagSelfCorrected():
            flags.mark_self_corrected(
                connection, flag=output.flag, by_event=output.by_event, text=output.text, at=output.at
            )
            later.search["flag", output.flag] = None
        case RoomSeen():
            _see_room(connection, output, later, at)
        case SubjectSeen():
            _see_subject(connection, output, later, at)
        case ListingStored():
            _store_listing(connection, output.listing)
            later.search["listing", listing_key(output.listing.platform, output.listing.id)] = None
        case ComplaintTriaged():
            event = ComplaintFacts(**_fields(output.complaint, Complaint))
            complaints.receive(connection, event=event, triage=output.triage, at=at)
        case DecisionPosted():
            _post(connection, output.decision, later, at)


def _see_room(connection: Connection, seen: RoomSeen, later: _Later, at: datetime) -> None:
    subjects.register_room(
        connection, platform=seen.platform, room=seen.room, host=seen.host, operator=seen.operator, at=at
    )
    kinds = {"platform": "", "room": seen.room, "host": seen.host, "operator": seen.operator}
    for kind, local in kinds.items():
        if local is not None:
            later.search["subject", subject_id(kind, seen.platform, local)] = None


def _see_subject(connection: Connection, seen: SubjectSeen, later: _Later, at: datetime) -> None:
    for identifier in (seen.id, seen.related):
        if identifier and ("subject", identifier) not in later.search:
            subjects.ensure(connection, id=identifier, at=at)
            later.search["subject", identifier] = None
    if seen.related:
        subjects.link(connection, seen.id, seen.related, at=at)


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
