"""What is remembered of listings: as they were last seen, and the days' lowest prices. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping

import msgspec
from msgspec import Struct

from classifiers.price_claims import History, remember
from infra.clock import beijing_day
from streams.events import Listing
from streams.room import key_of_listing


class KnownListing(Struct, frozen=True):
    """A listing as it was last seen; ``event`` is the id under which its present wording is flagged.

    ``prices``: its lowest price per day, ten days back and the last one before, for 令56 art. 16.
    """

    listing: Listing
    event: str
    prices: History = ()


def learn(listing: Listing, state: MutableMapping[str, KnownListing]) -> KnownListing | None:
    """Take note of a listing. None: a newer form of it is known."""
    key = key_of_listing(listing)
    before = state.get(key)
    prices = remember(before.prices if before else (), beijing_day(listing.at), listing.price)
    if before is None:
        known = KnownListing(listing, listing.id, prices)
    elif listing.at < before.listing.at:
        state[key] = msgspec.structs.replace(before, prices=prices)
        return None
    elif _wording(listing) == _wording(before.listing):
        known = KnownListing(listing, before.event, prices)
    else:
        digest = hashlib.sha256("\0".join(map(str, _wording(listing))).encode()).hexdigest()
        known = KnownListing(listing, f"{listing.id[:180]}#{digest[:12]}", prices)
    state[key] = known
    return known


def _wording(listing: Listing) -> tuple[object, ...]:
    """What a page claims; the struck-through price is a claim, the price is not."""
    claims = listing.title, listing.description, listing.brand, listing.category, listing.price_basis
    return (*claims, listing.list_price) if listing.list_price is not None else claims
