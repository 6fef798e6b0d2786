"""Time as a port: the system clock in production, a fixed one in tests. Nothing else in the project asks for "now"."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")


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


def today(clock: Clock) -> date:
    """Today's date in Beijing, where the law's days are counted."""
    return clock.now().astimezone(BEIJING).date()


def end_of_day(day: date) -> datetime:
    """The last microsecond of a Beijing day, as an aware UTC moment."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, 999999, tzinfo=BEIJING).astimezone(UTC)
