"""Time as a port: the system clock in production, a fixed one in tests. Nothing else in the project asks for "now"."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")
BEIJING_OFFSET = timedelta(hours=8)


class Clock(Protocol):
    """Anything that can tell the time."""

    def now(self) -> datetime:
        """The present moment, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved; for tests and replays."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> None:
        self._at += by


def beijing_day(moment: datetime) -> date:
    """The date in Beijing, where the law's days are counted, at an aware moment (since 1992, when summer time ended)."""
    return moment.date() if moment.utcoffset() == BEIJING_OFFSET else moment.astimezone(BEIJING).date()


def today(clock: Clock) -> date:
    """Today's date in Beijing."""
    return beijing_day(clock.now())


def end_of_day(day: date) -> datetime:
    """The last microsecond of a Beijing day, as an aware UTC moment."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, 999999, tzinfo=BEIJING).astimezone(UTC)
