"""What is remembered of a room between batches: recent words, open flags, the listing on show. Small, bounded, no I/O.

The bounds count utterances, not only seconds, so that the memory of a room does not depend on how its utterances were
cut into batches nor on clocks that jump.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct, field

from casework.flags import Line
from streams.events import Listing, Speaker, Utterance, key_of

CONTEXT_REACH: Final = timedelta(seconds=60)
RECENT_LINES: Final = 30
RECENT_COMMENTS: Final = 30
CORRECTION_UTTERANCES: Final = 12
OPEN_FLAGS: Final = 20
ON_SHOW: Final = timedelta(minutes=10)
BEFORE: Final = 2
MAX_LINE: Final = 2000


def line_of(said: Utterance) -> Line:
    """An utterance as it is remembered; a very long one is cut to ``MAX_LINE`` characters."""
    end = said.end and said.end.astimezone(UTC)
    return Line(said.id, said.start.astimezone(UTC), end, said.speaker, said.text[:MAX_LINE])


class OpenFlag(Struct, array_like=True):
    """A flag whose following words are still awaited: for context, and for the host taking the claim back."""

    flag: str
    code: str
    start: datetime
    speaker: Speaker
    matched: tuple[str, ...]
    left: int = CORRECTION_UTTERANCES
    corrected: bool = False


class RoomState(Struct):
    """The memory of one room. ``host`` and ``operator`` are those last told to casework."""

    host: str | None = None
    operator: str | None = None
    spoken: list[Line] = field(default_factory=list)
    comments: list[Line] = field(default_factory=list)
    open: list[OpenFlag] = field(default_factory=list)
    listing: str | None = None
    listing_at: datetime | None = None

    def around(self, moment: datetime) -> Iterator[Line]:
        """The remembered utterances within sixty seconds of a moment, as they came."""
        near = [x for x in self.spoken[-RECENT_LINES:] if abs(x.start - moment) <= CONTEXT_REACH]
        near += [x for x in self.comments[-RECENT_COMMENTS:] if abs(x.start - moment) <= CONTEXT_REACH]
        return iter(sorted(near, key=lambda line: line.start))

    def add(self, line: Line) -> None:
        """Remember one more utterance; call ``trim`` after a batch."""
        (self.comments if line.speaker == "comment" else self.spoken).append(line)

    def trim(self) -> None:
        """Forget what lies beyond the bounds."""
        del self.spoken[:-RECENT_LINES], self.comments[:-RECENT_COMMENTS], self.open[:-OPEN_FLAGS]

    def show(self, listing: str, at: datetime) -> None:
        """A listing was named: it is on show until another one is, at most for ten minutes."""
        self.listing, self.listing_at = listing, at

    def on_show(self, at: datetime) -> str | None:
        """The listing on show at a moment."""
        if self.listing_at is None or not timedelta(0) <= at - self.listing_at <= ON_SHOW:
            return None
        return self.listing


class Repeats:
    """Tells during one batch which utterances are among the remembered ones already."""

    def __init__(self, room: RoomState) -> None:
        self._spoken = {line.event_id: number for number, line in enumerate(room.spoken)}
        self._comments = {line.event_id: number for number, line in enumerate(room.comments)}
        self._count, self._comment_count = len(room.spoken), len(room.comments)

    def saw(self, said: Utterance) -> bool:
        """Whether the utterance came before; if not, it counts as seen from now on."""
        event = said.id
        if self._spoken.get(event, self._count - RECENT_LINES) > self._count - RECENT_LINES:
            return True
        if self._comments.get(event, self._comment_count - RECENT_COMMENTS) > self._comment_count - RECENT_COMMENTS:
            return True
        if said.speaker == "comment":
            self._comments[event] = self._comment_count
            self._comment_count += 1
        else:
            self._spoken[event] = self._count
            self._count += 1
        return False


def key_of_listing(listing: Listing) -> str:
    """The key a listing is remembered under: its id, whoever sells it."""
    return f"{listing.platform}/{listing.id}"


def listings_near(events: Sequence[Utterance], rooms: Mapping[str, RoomState]) -> list[str]:
    """The keys of the listings named in a batch, and of those still on show in its rooms."""
    keys = {f"{said.platform}/{said.listing}": None for said in events if said.listing}
    for room_key in {key_of(said): None for said in events}:
        room = rooms.get(room_key)
        if room is not None and room.listing:
            keys[f"{room_key.partition('/')[0]}/{room.listing}"] = None
    return list(keys)
