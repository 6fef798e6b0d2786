"""Complaints (投诉) and reports (举报): taking them in, showing the complainant how they stand, the officers' queue.

Who complained lives in the vault alone; this module only ever holds the vault's reference.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, literal, select, tuple_, update

from casework import similar
from casework.paging import decode_cursor, encode_cursor
from casework.subjects import parse_id
from casework.tables import complaint_timeline, complaints
from classifiers.dates import days
from classifiers.privacy import mask
from infra import audit, outbox
from infra.clock import BEIJING
from infra.database import insert_ignore
from infra.errors import FieldError, InvalidInput, NotFound
from infra.vault import Vault

TOPIC: Final = "complaints"
KINDS: Final = ("complaint", "report")
RECEIVED: Final = "received"
CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_GROUPS: Final = 4
CODE_GROUP_LENGTH: Final = 4
PHONE: Final = re.compile(r"^(?:\+?86)?1[3-9]\d{9}$|^0\d{2,3}-?\d{7,8}$")
MAX_TEXT: Final = 5000
MAX_DAYS: Final = 10

STATUS_LABELS: Final[Mapping[str, str]] = {
    RECEIVED: "待受理",
    "confirmed": "已办结：情况属实",
    "dismissed": "已办结：未发现违法",
    "corrected": "已办结：经营者已更正",
    "transferred": "已转送有管辖权的部门",
}


@dataclass(frozen=True, slots=True)
class Contact:
    """How the complainant can be reached. Lives for one call and then only in the vault."""

    name: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintFacts:
    """A complaint as it came on the wire, without any personal data."""

    id: str
    kind: str
    platform: str
    text: str
    room: str | None = None
    subject: str | None = None
    order: str | None = None
    occurred_at: datetime | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint(ComplaintFacts):
    """A complaint as officers see it."""

    status: str
    triage: dict[str, Any] | None
    received_at: datetime
    has_contact: bool

    @property
    def status_label(self) -> str:
        return STATUS_LABELS[self.status]


@dataclass(frozen=True, slots=True)
class Step:
    """One public step of a case."""

    at: datetime
    status_label: str
    text: str


@dataclass(frozen=True, slots=True)
class PublicCase:
    """What a complainant may see with the tracking code."""

    kind: str
    status: str
    status_label: str
    received_at: datetime
    timeline: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class ComplaintPage:
    """Some complaints of the queue; ``next`` is the cursor to go on with, or None at the end."""

    items: tuple[Complaint, ...]
    next: str | None


def submit(
    connection: Connection,
    *,
    vault: Vault,
    kind: str,
    platform: str,
    text: str,
    contact: Contact,
    at: datetime,
    room: str | None = None,
    subject: str | None = None,
    request: str | None = None,
) -> str:
    """Take in a complaint from the portal and return its tracking code, which is shown once and kept only as a hash.

    Raises:
        InvalidInput: names every wrong field.
    """
    _check(kind, platform, text, contact, subject)
    identifier, code = f"c-{secrets.token_hex(12)}", _new_code()
    identity = {"name": contact.name.strip(), "phone": contact.phone.strip()}
    # People write phone and card numbers into the story; outside the vault it goes on with them masked.
    told = {"text": text, "request": request or ""}
    text, request = mask(text), mask(request) if request else None
    identity |= {name: words for name, words in told.items() if words not in (text, request, "")}
    ref = vault.put(connection, owner=f"complaint:{identifier}", fields=identity, at=at)
    facts = ComplaintFacts(
        id=identifier, kind=kind, platform=platform, text=text, room=room, subject=subject, request=request
    )
    _insert(connection, facts, at=at, tracking_hash=_hash(code), vault_ref=ref)
    audit.record(
        connection, actor="public", action="complaint.submit", target=f"complaint:{identifier}", detail={}, at=at
    )
    event = {"id": identifier, "kind": kind, "platform": platform, "room": room, "subject": subject}
    event |= {"text": text, "request": request}
    wire = {name: value for name, value in event.items() if value is not None}
    outbox.append(connection, event_id=identifier, topic=TOPIC, key=platform, event=wire, due=at)
    return code


def receive(connection: Connection, *, event: ComplaintFacts, triage: Mapping[str, Any], at: datetime) -> None:
    """A complaint arrived on the topic: create it when a platform sent it, and attach the triage. Safe to repeat."""
    _insert(connection, event, at=at, tracking_hash=None, vault_ref=None)
    untriaged = and_(complaints.c.id == event.id, complaints.c.triage.is_(None))
    received = connection.execute(select(complaints.c.received_at).where(untriaged)).scalar()
    if received is not None:
        values = {**triage, **_days(triage, event.text, received)}
        connection.execute(update(complaints).where(untriaged).values(triage=values))


def _days(triage: Mapping[str, Any], text: str, received: datetime) -> dict[str, Any]:
    """The days a complaint names, counted from the Beijing day it came in: the handlers that triage it know no clock."""
    if "days" not in triage:
        return {}
    found = days(text, on=received.astimezone(BEIJING).date())
    return {"days": [{"text": one.text, "day": one.day and one.day.isoformat()} for one in found][:MAX_DAYS]}


def open_contact(
    connection: Connection, *, vault: Vault, id: str, officer: str, reason: str, at: datetime
) -> dict[str, str]:
    """Who complained, for an officer who needs it for the case; the vault and the audit log note who looked and why.

    Raises:
        NotFound: no such complaint, or it came without contact. InvalidInput: no reason given.
    """
    if not reason.strip():
        raise InvalidInput.one("reason", reason, "请写明查看联系方式的理由")
    ref = connection.execute(select(complaints.c.vault_ref).where(complaints.c.id == id)).scalar()
    if ref is None:
        raise NotFound("联系方式", id)
    audit.record(
        connection,
        actor=officer,
        action="complaint.contact",
        target=f"complaint:{id}",
        detail={"reason": reason},
        at=at,
    )
    return vault.open(connection, ref=ref, actor=officer, reason=reason, at=at)


def lookup(connection: Connection, *, tracking_code: str) -> PublicCase:
    """The public side of a case; raises ``NotFound`` for any code that is not exactly right."""
    row = connection.execute(
        select(complaints).where(complaints.c.tracking_hash == _hash(normalise_code(tracking_code)))
    ).one_or_none()
    if row is None:
        raise NotFound("查询码对应的投诉举报", tracking_code)
    steps = connection.execute(
        select(complaint_timeline).where(complaint_timeline.c.complaint == row.id).order_by(complaint_timeline.c.number)
    )
    timeline = tuple(Step(step.at, STATUS_LABELS[step.status], step.public_text) for step in steps)
    return PublicCase(row.kind, row.status, STATUS_LABELS[row.status], row.received_at, timeline)


def get(connection: Connection, *, id: str) -> Complaint:
    """One complaint for officers; raises ``NotFound``."""
    row = connection.execute(select(complaints).where(complaints.c.id == id)).one_or_none()
    if row is None:
        raise NotFound("投诉举报", id)
    return _complaint(row)


def queue(
    connection: Connection,
    *,
    status: str | None = None,
    kind: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> ComplaintPage:
    """Complaints, longest waiting first."""
    wanted = {"status": status, "kind": kind}
    query = select(complaints).where(*(complaints.c[name] == value for name, value in wanted.items() if value))
    if after:
        received, identifier = decode_cursor(after, 2, moment=0)
        at = datetime.fromisoformat(received)
        place = tuple_(literal(at, complaints.c.received_at.type), literal(identifier))
        query = query.where(place < tuple_(complaints.c.received_at, complaints.c.id))
    rows = connection.execute(query.order_by(complaints.c.received_at, complaints.c.id).limit(limit + 1)).all()
    items = tuple(_complaint(row) for row in rows[:limit])
    last = items[-1] if len(rows) > limit else None
    return ComplaintPage(items, encode_cursor(last.received_at.isoformat(), last.id) if last else None)


def add_step(connection: Connection, *, id: str, status: str, public_text: str, at: datetime) -> None:
    """One more line of the public timeline."""
    row = {"complaint": id, "at": at, "status": status, "public_text": public_text}
    connection.execute(complaint_timeline.insert(), row)


def normalise_code(code: str) -> str:
    """Forgive small letters, spaces, missing hyphens and the letters Crockford's base 32 leaves out."""
    plain = re.sub(r"[\s-]", "", code.upper()).removeprefix("CX").translate(str.maketrans("OIL", "011"))
    groups = [plain[i : i + CODE_GROUP_LENGTH] for i in range(0, len(plain), CODE_GROUP_LENGTH)]
    return "-".join(["CX", *groups])


def _new_code() -> str:
    size = CODE_GROUPS * CODE_GROUP_LENGTH
    return normalise_code("".join(secrets.choice(CROCKFORD) for _ in range(size)))


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _check(kind: str, platform: str, text: str, contact: Contact, subject: str | None) -> None:
    errors = []
    if kind not in KINDS:
        errors.append(FieldError.of("kind", kind, "应为 complaint（投诉）或 report（举报）"))
    if not platform.strip():
        errors.append(FieldError.of("platform", platform, "请填写直播平台"))
    if not text.strip():
        errors.append(FieldError.of("text", text, "请写明发生了什么"))
    if "\0" in text:
        errors.append(FieldError.of("text", text, "不能含有空字符"))
    if len(text) > MAX_TEXT:
        errors.append(FieldError.of("text", text, f"不能超过 {MAX_TEXT} 字"))
    # The values of the contact are left out on purpose: error messages end up in logs.
    if not 1 <= len(contact.name.strip()) <= 60:
        errors.append(FieldError.of("contact.name", "（不显示）", "请填写真实姓名，不超过 60 字"))
    if not PHONE.match(contact.phone.strip()):
        errors.append(FieldError.of("contact.phone", "（不显示）", "请填写手机号码，或带区号的固定电话"))
    if subject:
        parse_id(subject)
    if errors:
        raise InvalidInput(*errors)


def _insert(
    connection: Connection, facts: ComplaintFacts, *, at: datetime, tracking_hash: str | None, vault_ref: str | None
) -> None:
    row = {
        "id": facts.id,
        "tracking_hash": tracking_hash,
        "vault_ref": vault_ref,
        "kind": facts.kind,
        "platform": facts.platform,
        "room": facts.room,
        "subject": facts.subject,
        "order_ref": facts.order,
        "occurred_at": facts.occurred_at,
        "text": facts.text,
        "request": facts.request,
        "status": RECEIVED,
        "received_at": at,
    }
    if insert_ignore(connection, complaints, [row]):
        noun = "投诉" if facts.kind == "complaint" else "举报"
        text = f"已收到您的{noun}，正在等待市场监管部门受理。"
        add_step(connection, id=facts.id, status=RECEIVED, public_text=text, at=at)
        similar.note(connection, id=facts.id, text=facts.text)


def _complaint(row: Row[Any]) -> Complaint:
    return Complaint(
        id=row.id,
        kind=row.kind,
        platform=row.platform,
        text=row.text,
        room=row.room,
        subject=row.subject,
        order=row.order_ref,
        occurred_at=row.occurred_at,
        request=row.request,
        status=row.status,
        triage=row.triage,
        received_at=row.received_at,
        has_contact=row.vault_ref is not None,
    )
