"""The score of a subject at a moment: a pure function of its ledger and the standard, with every item explained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from infra.clock import BEIJING, Clock, end_of_day, today
from infra.errors import InvalidInput
from rating import ledger
from rating.ledger import Entry
from rating.standard import Standard, standard_on

REPEATED = "同一场直播同类问题已计分，本条不重复扣分"


@dataclass(frozen=True, slots=True)
class Item:
    """One reason why the score is what it is, and what would restore the points."""

    points: float
    reason: str
    decision: str
    code: str | None
    severity: str | None
    dimension: str
    posted: datetime
    until: date | None
    restore: str


@dataclass(frozen=True, slots=True)
class DimensionScore:
    """One part of the score: what it is now out of what it can be."""

    id: str
    name: str
    points: float
    full: int


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one subject at one moment."""

    subject: str
    score: int
    level: str
    band: str
    standard: str
    standard_name: str
    on: date
    items: tuple[Item, ...]
    dimensions: tuple[DimensionScore, ...]


def score(connection: Connection, *, subject: str, clock: Clock, on: date | None = None) -> Score:
    """The score as it stood at the end of the day ``on`` (Beijing time); today or None: as it stands now.

    Raises:
        InvalidInput: ``on`` lies in the future.
    """
    now = clock.now()
    if on is not None and on > today(clock):
        raise InvalidInput.one("on", on.isoformat(), f"不能晚于今天 {today(clock)}")
    at = now if on is None else min(now, end_of_day(on))
    return compute(subject, ledger.entries(connection, subject=subject, at=at), at=at)


def compute(subject: str, entries: Iterable[Entry], *, at: datetime) -> Score:
    """Pure: entries posted after ``at`` or replaced by then do not count, nor do those whose term has ended."""
    day = at.astimezone(BEIJING).date()
    standard = standard_on(day)
    known = [entry for entry in entries if entry.posted_at <= at]
    replaced = {entry.corrects for entry in known if entry.corrects}
    standing = [entry for entry in known if entry.decision not in replaced and _shown(entry, day)]
    items = _items(standing, standard)
    dimensions = _dimensions(items, standard)
    total = round(sum(dimension.points for dimension in dimensions))
    level = standard.level_of(total)
    return Score(subject, total, level.id, level.band, standard.id, standard.name, day, items, dimensions)


def _shown(entry: Entry, day: date) -> bool:
    if entry.outcome == ledger.CORRECTED:
        return True
    return entry.outcome == ledger.CONFIRMED and (entry.until is None or day <= entry.until)


def _items(entries: Sequence[Entry], standard: Standard) -> tuple[Item, ...]:
    heaviest: dict[tuple[str, str | None], Entry] = {}
    for entry in entries:
        key = _occasion(entry)
        if key not in heaviest or entry.points < heaviest[key].points:
            heaviest[key] = entry
    return tuple(
        _item(entry, standard, repeated=heaviest[_occasion(entry)] is not entry and entry.points < 0)
        for entry in sorted(entries, key=lambda entry: entry.posted_at, reverse=True)
    )


def _occasion(entry: Entry) -> tuple[str, str | None]:
    return entry.occasion, entry.code


def _item(entry: Entry, standard: Standard, *, repeated: bool) -> Item:
    restore = standard.restore["corrected" if entry.points == 0 else entry.severity or "S1"]
    return Item(
        points=0.0 if repeated else entry.points,
        reason=f"{entry.reason}（{REPEATED}）" if repeated else entry.reason,
        decision=entry.decision,
        code=entry.code,
        severity=entry.severity,
        dimension=entry.dimension,
        posted=entry.posted_at,
        until=entry.until,
        restore=restore,
    )


def _dimensions(items: Iterable[Item], standard: Standard) -> tuple[DimensionScore, ...]:
    moved: dict[str, float] = defaultdict(float)
    for item in items:
        moved[item.dimension] += item.points
    return tuple(
        DimensionScore(d.id, d.name, min(max(d.start + moved[d.id], 0.0), float(d.points)), d.points)
        for d in standard.dimensions
    )
