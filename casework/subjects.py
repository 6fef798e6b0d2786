"""Subjects: hosts, rooms, sellers, operators and platforms that appear in events. Created on sight, never deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from casework.tables import subject_links, subjects
from infra.database import insert_ignore
from infra.errors import InvalidInput, NotFound

KINDS = ("host", "room", "seller", "operator", "platform")


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject; ``name`` is its platform-local id until a name is known."""

    id: str
    kind: str
    platform: str
    name: str
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class SubjectPage:
    """Some subjects in the order of their ids; ``next`` is the id to go on after, or None at the end."""

    items: tuple[Subject, ...]
    next: str | None


def subject_id(kind: str, platform: str, local: str = "") -> str:
    """``host:yunjian:42``; a platform has no local part."""
    return f"platform:{platform}" if kind == "platform" else f"{kind}:{platform}:{local}"


def parse_id(identifier: str) -> tuple[str, str, str]:
    """``(kind, platform, local)``; raises ``InvalidInput`` naming the id."""
    kind, _, rest = identifier.partition(":")
    platform, _, local = rest.partition(":")
    if kind not in KINDS or not platform or bool(local) == (kind == "platform"):
        raise InvalidInput.one("subject", identifier, "应形如 host:平台:编号 或 platform:平台")
    return kind, platform, local


def ensure(connection: Connection, *, id: str, at: datetime, name: str | None = None) -> None:
    """Make sure the subject exists; a given name replaces the local id or an older name."""
    kind, platform, local = parse_id(id)
    row = {"id": id, "kind": kind, "platform": platform, "name": name or local or platform, "first_seen": at}
    inserted = insert_ignore(connection, subjects, [row])
    if name and not inserted:
        connection.execute(update(subjects).where(subjects.c.id == id).values(name=name))


def ensure_all(connection: Connection, ids: Iterable[str], *, at: datetime) -> None:
    """``ensure`` for many subjects at once.

    Always in the same order, so that of two processes that meet the same new subjects one waits and none is refused.
    """
    parsed = [(identifier, *parse_id(identifier)) for identifier in sorted(set(ids))]
    rows = [
        {"id": identifier, "kind": kind, "platform": platform, "name": local or platform, "first_seen": at}
        for identifier, kind, platform, local in parsed
    ]
    insert_ignore(connection, subjects, rows)


def in_room(*, platform: str, room: str, host: str, operator: str | None) -> tuple[list[str], list[tuple[str, str]]]:
    """The subjects that meet in a room, and which of them have to do with each other. All ids given are platform-local."""
    host_id, room_id = subject_id("host", platform, host), subject_id("room", platform, room)
    ids, pairs = [subject_id("platform", platform), host_id, room_id], [(host_id, room_id)]
    if operator:
        operator_id = subject_id("operator", platform, operator)
        ids.append(operator_id)
        pairs += [(host_id, operator_id), (room_id, operator_id)]
    return ids, pairs


def register_room(
    connection: Connection, *, platform: str, room: str, host: str, operator: str | None, at: datetime
) -> None:
    """Note who speaks in a room and who runs it. All ids are platform-local."""
    ids, pairs = in_room(platform=platform, room=room, host=host, operator=operator)
    ensure_all(connection, ids, at=at)
    link_all(connection, pairs, at=at)


def link(connection: Connection, one: str, other: str, *, at: datetime) -> None:
    """Two subjects have to do with each other; the relation has no direction."""
    link_all(connection, [(one, other)], at=at)


def link_all(connection: Connection, pairs: Iterable[tuple[str, str]], *, at: datetime) -> None:
    """``link`` for many pairs at once, always in the same order."""
    both = sorted({ordered for one, other in pairs for ordered in ((one, other), (other, one))})
    insert_ignore(connection, subject_links, [{"subject": s, "other": o, "first_seen": at} for s, o in both])


def get(connection: Connection, *, id: str) -> Subject:
    """One subject; raises ``NotFound``."""
    row = connection.execute(select(subjects).where(subjects.c.id == id)).one_or_none()
    if row is None:
        raise NotFound("主体", id)
    return Subject(**row._mapping)


def names(connection: Connection, *, ids: set[str]) -> dict[str, str]:
    """The names of many subjects at once; unknown ids are left out."""
    query = select(subjects.c.id, subjects.c.name).where(subjects.c.id.in_(ids))
    return {row.id: row.name for row in connection.execute(query)}


def find(
    connection: Connection, *, q: str = "", kinds: tuple[str, ...] = KINDS, limit: int = 20, after: str = ""
) -> SubjectPage:
    """Subjects whose name or id contains ``q``, by id, at most ``limit``."""
    query = select(subjects).where(subjects.c.kind.in_(kinds), subjects.c.id > after)
    if q:
        query = query.where(
            or_(subjects.c.name.icontains(q, autoescape=True), subjects.c.id.icontains(q, autoescape=True))
        )
    rows = connection.execute(query.order_by(subjects.c.id).limit(limit + 1)).all()
    items = tuple(Subject(**row._mapping) for row in rows[:limit])
    return SubjectPage(items, items[-1].id if len(rows) > limit else None)


def related(connection: Connection, *, id: str) -> list[Subject]:
    """The subjects linked with this one: a host's rooms and operators, a room's host, a seller's rooms."""
    query = (
        select(subjects)
        .join(subject_links, subject_links.c.other == subjects.c.id)
        .where(subject_links.c.subject == id)
        .order_by(subjects.c.kind, subjects.c.id)
    )
    return [Subject(**row._mapping) for row in connection.execute(query)]
