"""Flags: findings put before an officer, with the words around them. A flag is a lead; it accuses nobody and costs no points."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, literal, or_, select, tuple_, update

from casework.paging import decode_cursor, encode_cursor
from casework.tables import decisions, flag_contexts, flags
from classifiers.finding import Finding, Versions
from infra.database import insert_ignore, insert_new
from infra.errors import NotFound

Source = Literal["transcript", "listing"]
SELF_CORRECTED = "corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFlag:
    """What is needed to raise a flag. ``subject``, ``room``, ``host``, ``operator`` and ``seller`` are subject ids."""

    event_id: str
    source: Source
    platform: str
    subject: str
    text: str
    finding: Finding
    versions: Versions
    spoken_at: datetime
    others: tuple[Finding, ...] = ()
    room: str | None = None
    session: str | None = None
    host: str | None = None
    operator: str | None = None
    seller: str | None = None
    listing: str | None = None
    category: str | None = None

    @property
    def id(self) -> str:
        return flag_id(source=self.source, platform=self.platform, event_id=self.event_id, code=self.finding.code)


class Line(Struct, frozen=True, array_like=True):
    """One utterance as it is remembered and stored; its times are UTC, so that the same one is always written the same."""

    event_id: str
    start: datetime
    end: datetime | None
    speaker: str
    text: str


class ContextLine(Line, frozen=True, array_like=False):
    """One utterance near a flag, as it is shown."""


@dataclass(frozen=True, slots=True)
class DecisionView:
    """The decision that stands on a flag or complaint."""

    id: str
    outcome: str
    code: str | None
    severity: str | None
    note: str
    officer: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A flag as officers see it in a list."""

    id: str
    event_id: str
    source: str
    code: str
    subject: str
    platform: str
    room: str | None
    session: str | None
    host: str | None
    operator: str | None
    seller: str | None
    listing: str | None
    category: str | None
    severity: str
    machine_status: str
    status: str
    confidence: float
    text: str
    finding: Finding
    others: tuple[Finding, ...]
    versions: Versions
    correction: dict[str, Any] | None
    spoken_at: datetime
    raised_at: datetime

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (self.finding, *self.others)


@dataclass(frozen=True, slots=True)
class FlagView:
    """A flag with the utterances around it and the decision that stands."""

    flag: Flag
    context: tuple[ContextLine, ...]
    decision: DecisionView | None


@dataclass(frozen=True, slots=True)
class FlagPage:
    """Some flags of the queue; ``next`` is the cursor to go on with, or None at the end."""

    items: tuple[Flag, ...]
    next: str | None


def flag_id(*, source: str, platform: str, event_id: str, code: str) -> str:
    """The same event and code always give the same id (100 bits), so that a replay raises no second flag."""
    digest = hashlib.sha256("\0".join((source, platform, event_id, code)).encode()).digest()
    return b32encode(digest[:15]).decode().lower()[:20]


def raise_flag(connection: Connection, new: NewFlag, *, at: datetime) -> bool:
    """Put a finding before the officers. False: this event was flagged with this code before."""
    return bool(raise_flags(connection, [new], at=at))


def raise_flags(connection: Connection, some: Sequence[NewFlag], *, at: datetime) -> list[str]:
    """``raise_flag`` for many at once; returns the ids of those that were new."""
    return insert_new(connection, flags, [_row(new, at) for new in some], flags.c.id)


def _row(new: NewFlag, at: datetime) -> dict[str, Any]:
    return {
        **{name: getattr(new, name) for name in _PLAIN_FIELDS},
        "id": new.id,
        "code": new.finding.code,
        "severity": new.finding.severity,
        "machine_status": new.finding.status,
        "status": "open",
        "confidence": new.finding.confidence,
        "finding": new.finding,
        "others": new.others,
        "versions": new.versions,
        "raised_at": at,
    }


def add_context(connection: Connection, *, flag: str, lines: Sequence[Line]) -> None:
    """Add utterances around a flag. The same once more changes nothing."""
    add_contexts(connection, {flag: lines})


def add_contexts(connection: Connection, context: Mapping[str, Sequence[Line]]) -> None:
    """``add_context`` for many flags (flag → lines) at once."""
    rows = [{"flag": flag, "digest": _digest_of(lines), "lines": lines} for flag, lines in context.items() if lines]
    insert_ignore(connection, flag_contexts, rows)


def mark_self_corrected(connection: Connection, *, flag: str, by_event: str, text: str, at: datetime) -> None:
    """The host took the claim back on air (令117 art. 31): noted on the flag; the officer still decides."""
    correction = {"event": by_event, "text": text, "at": at.isoformat()}
    first = and_(flags.c.id == flag, flags.c.machine_status != SELF_CORRECTED)
    connection.execute(update(flags).where(first).values(machine_status=SELF_CORRECTED, correction=correction))


def get(connection: Connection, *, id: str) -> FlagView:
    """One flag with context and standing decision; raises ``NotFound``."""
    row = connection.execute(select(flags).where(flags.c.id == id)).one_or_none()
    if row is None:
        raise NotFound("线索", id)
    return FlagView(_flag(row), _context(connection, id), standing_decision(connection, flag=id))


def standing_decision(
    connection: Connection, *, flag: str | None = None, complaint: str | None = None
) -> DecisionView | None:
    """The newest decision on a flag or complaint that was not withdrawn, or None."""
    column, value = (decisions.c.flag, flag) if flag else (decisions.c.complaint, complaint)
    query = select(decisions).where(column == value, decisions.c.withdrawn_at.is_(None))
    row = connection.execute(query.order_by(decisions.c.number.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return DecisionView(row.id, row.outcome, row.code, row.severity, row.note, row.officer, row.decided_at)


def queue(
    connection: Connection,
    *,
    status: str | None = None,
    code: str | None = None,
    subject: str | None = None,
    severity: str | None = None,
    platform: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> FlagPage:
    """Flags by urgency: gravest first, then longest waiting. ``after`` is the cursor of the page before."""
    query = _narrow(select(flags), status=status, code=code, subject=subject, severity=severity, platform=platform)
    query = query.order_by(flags.c.severity.desc(), flags.c.spoken_at, flags.c.id)
    rows: list[Row[Any]] = []
    for part in _after(query, after) if after else [query]:
        rows += connection.execute(part.limit(limit + 1 - len(rows))).all()
        if len(rows) > limit:
            break
    items = tuple(_flag(row) for row in rows[:limit])
    last = items[-1] if len(rows) > limit else None
    return FlagPage(items, encode_cursor(last.severity, last.spoken_at.isoformat(), last.id) if last else None)


def neighbours(connection: Connection, *, flag: Flag, **wanted: str | None) -> tuple[str | None, str | None]:
    """The ids of the flags before and after this one in the queue narrowed by ``wanted`` (as for ``queue``)."""
    place = encode_cursor(flag.severity, flag.spoken_at.isoformat(), flag.id)
    following = queue(connection, limit=1, after=place, **wanted).items
    query = _narrow(select(flags.c.id), **wanted)
    query = query.order_by(flags.c.severity, flags.c.spoken_at.desc(), flags.c.id.desc()).limit(1)
    same = query.where(flags.c.severity == flag.severity, _place(flag.spoken_at, flag.id) > _PLACE)
    before = connection.execute(same).scalar()
    if before is None:
        before = connection.execute(query.where(flags.c.severity > flag.severity)).scalar()
    return before, following[0].id if following else None


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """How many flags by status, and how many open ones by severity, code and platform."""
    result = {"status": _count(connection, flags.c.status)}
    for column in (flags.c.severity, flags.c.code, flags.c.platform):
        result[column.name] = _count(connection, column, flags.c.status == "open")
    return result


_PLACE = tuple_(flags.c.spoken_at, flags.c.id)
_PLAIN_FIELDS = (
    "event_id",
    "source",
    "platform",
    "subject",
    "text",
    "spoken_at",
    "room",
    "session",
    "host",
    "operator",
    "seller",
    "listing",
    "category",
)


def _count(connection: Connection, column: Any, *where: Any) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(select(column, func.count()).where(*where).group_by(column))}


def _narrow(query: Select[Any], *, subject: str | None = None, **equal: str | None) -> Select[Any]:
    query = query.where(*(flags.c[name] == value for name, value in equal.items() if value))
    if subject:
        query = query.where(or_(flags.c.subject == subject, flags.c.operator == subject, flags.c.room == subject))
    return query


def _place(at: datetime, identifier: str) -> ColumnElement[Any]:
    return tuple_(literal(at, flags.c.spoken_at.type), literal(identifier))


def _after(query: Select[Any], cursor: str) -> list[Select[Any]]:
    """The rest of the list in two parts, each of which the database reads from where it begins in the index."""
    severity, spoken, identifier = decode_cursor(cursor, 3, moment=1)
    place = _place(datetime.fromisoformat(spoken), identifier)
    return [
        query.where(flags.c.severity == severity, place < _PLACE),
        query.where(flags.c.severity < severity),
    ]


def _context(connection: Connection, flag: str) -> tuple[ContextLine, ...]:
    """The lines around a flag as they were spoken; one that came twice, in different company, is shown once.

    Other words under an id that was there before are shown beside the first ones: nothing replaces what was stored.
    """
    pieces = connection.execute(select(flag_contexts.c.lines).where(flag_contexts.c.flag == flag)).scalars()
    lines = {line for piece in pieces for line in msgspec.convert(piece, list[Line])}
    in_order = sorted(lines, key=lambda line: (line.start, line.event_id, line.text))
    return tuple(ContextLine(*msgspec.structs.astuple(line)) for line in in_order)


def _digest_of(lines: Sequence[Line]) -> int:
    """64 bits (signed): enough to tell the few pieces of one flag apart."""
    return int.from_bytes(hashlib.sha256(msgspec.json.encode(lines)).digest()[:8], signed=True)


def _flag(row: Row[Any]) -> Flag:
    values = dict(row._mapping)
    values["finding"] = msgspec.convert(values["finding"], Finding)
    values["others"] = msgspec.convert(values["others"], tuple[Finding, ...])
    values["versions"] = msgspec.convert(values["versions"], Versions)
    return Flag(**values)
