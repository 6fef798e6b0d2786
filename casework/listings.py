"""Listings as they were last seen, so that what a host says can be held against what is listed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from casework.tables import listings
from infra.database import insert_ignore


def store(
    connection: Connection,
    *,
    platform: str,
    id: str,
    seller: str,
    room: str | None,
    at: datetime,
    facts: Mapping[str, Any],
) -> None:
    """Keep the newest form of a listing; an older one never overwrites a newer one. Seller and room are subject ids."""
    row = {"platform": platform, "id": id, "seller": seller, "room": room, "at": at, "facts": dict(facts)}
    if insert_ignore(connection, listings, [row]):
        return
    same = (listings.c.platform == platform) & (listings.c.id == id) & (listings.c.at <= at)
    connection.execute(update(listings).where(same).values(seller=seller, room=room, at=at, facts=dict(facts)))


def facts(connection: Connection, *, platform: str, id: str) -> dict[str, Any] | None:
    """The listing's fields as they came on the wire (JSON types), or None when it is unknown."""
    query = select(listings.c.facts).where(listings.c.platform == platform, listings.c.id == id)
    found = connection.execute(query).scalar()
    return dict(found) if found is not None else None
