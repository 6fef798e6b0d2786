"""The four works of a Kafka worker: handlers put together with tables. The embedded engine has its own, over the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from streams.batches import Work
from streams.events import Utterance
from streams.kafka.memory import TableMemory
from streams.known_listings import KnownListing
from streams.pipeline import Handlers
from streams.room import RoomState, key_of_listing, listings_near
from streams.state import StateStore

TABLES: Final = {"transcripts": "rooms", "listings": "listings"}
"""The topics whose handlers remember something, and the tables they remember it in."""

LISTING_SCOPE: Final = "listing"

Read = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Assembled:
    """One topic's work with its memory, where it has one."""

    work: Work
    memory: TableMemory[Any] | None = None


def assemble(handlers: Handlers, read: dict[str, Read]) -> list[Assembled]:
    """The works in the order in which they come first; ``read`` looks keys up in the tables, by topic.

    A room's words are held against listings that other partitions know, so every listing has a copy in the database.
    """
    rooms: TableMemory[RoomState] = TableMemory(RoomState, read["transcripts"])
    listings: TableMemory[KnownListing] = TableMemory(KnownListing, read["listings"], copy_scope=LISTING_SCOPE)
    on_show: StateStore[KnownListing] = StateStore(LISTING_SCOPE, KnownListing)

    def load_rooms(connection: Connection, events: Sequence[Utterance]) -> None:
        on_show.forget()  # the listings' work, here or on another worker, may have changed them
        on_show.prefetch(connection, listings_near(events, rooms))

    return [
        Assembled(Work("decisions", handlers.decisions)),
        Assembled(
            Work(
                "listings",
                lambda batch: handlers.listings(batch, listings),
                store=listings,
                key_of=key_of_listing,
                load=lambda connection, events: listings.adopt(connection, map(key_of_listing, events)),
            ),
            listings,
        ),
        Assembled(Work("complaints", handlers.complaints)),
        Assembled(
            Work(
                "transcripts", lambda batch: handlers.transcripts(batch, rooms, on_show), store=rooms, load=load_rooms
            ),
            rooms,
        ),
    ]
