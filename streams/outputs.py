"""What the pure handlers ask for: frozen values that ``streams.effects`` carries out. They do nothing themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from casework.flags import Line, NewFlag
from streams.events import Complaint, Decision, Listing


class RoomSeen(Struct, frozen=True):
    """A room went on air with this host and operator for the first time, or with new ones. Ids are platform-local."""

    platform: str
    room: str
    host: str
    operator: str | None


class SubjectSeen(Struct, frozen=True):
    """Somebody was named: a subject id, and the subject it has to do with, if any."""

    id: str
    related: str | None = None


class FlagRaised(Struct, frozen=True):
    """A finding for the officers, with the utterances spoken before it and itself."""

    flag: NewFlag
    context: tuple[Line, ...] = ()


class ContextAdded(Struct, frozen=True):
    """One more utterance within sixty seconds of a flag."""

    flag: str
    line: Line


class FlagSelfCorrected(Struct, frozen=True):
    """The host took the flagged claim back on air."""

    flag: str
    by_event: str
    text: str
    at: datetime


class ListingStored(Struct, frozen=True):
    """A listing as it stands now."""

    listing: Listing


class ComplaintTriaged(Struct, frozen=True):
    """A complaint and what triage says of it (JSON types)."""

    complaint: Complaint
    triage: dict[str, Any]


class DecisionPosted(Struct, frozen=True):
    """An officer's decision for the ledger."""

    decision: Decision


Output = (
    RoomSeen
    | SubjectSeen
    | FlagRaised
    | ContextAdded
    | FlagSelfCorrected
    | ListingStored
    | ComplaintTriaged
    | DecisionPosted
)
