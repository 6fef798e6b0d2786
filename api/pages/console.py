"""The officers' console: the queue of flags, one flag with all that is needed to decide, complaints, search."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.auth.accounts import Actor
from api.context import reading, services, writing
from api.guard import check_csrf_form, current_actor
from api.problems import Refused
from api.templating import page
from api.wording import reasons
from casework import complaints, flags, listings, review, similar, subjects
from casework.complaints import Complaint
from casework.flags import FlagView
from infra.clock import BEIJING
from infra.errors import InvalidInput
from infra.search import KINDS
from infra.search import Page as SearchPage
from infra.search import Query as SearchQuery
from rating.score import score as compute_score

router = APIRouter(prefix="/console")
PAGE_SIZE: Final = 30
OPEN: Final = "open"
ALL: Final = "all"


class LoginFirst(Refused):
    """A page that needs an account was opened without one: off to the login form and back."""

    def __init__(self, request: Request) -> None:
        query = f"?{request.url.query}" if request.url.query else ""
        here = request.url.path + query if request.method == "GET" else "/console"
        super().__init__(303, "请先登录", {"Location": f"/login?{urlencode({'to': here})}"})


def officer(request: Request, actor: Annotated[Actor | None, Depends(current_actor)]) -> Actor:
    """Only officers with a session come in here."""
    if actor is None or actor.csrf is None:
        raise LoginFirst(request)
    if actor.role != "officer":
        raise Refused(403, "此页面仅供监管人员使用")
    return actor


Officer = Annotated[Actor, Depends(officer)]
Field = Annotated[str, Form(max_length=2500)]


@dataclass(frozen=True, slots=True)
class Filters:
    """How the queue is narrowed; travels in the address, so that “next” stays within it."""

    status: str = OPEN
    code: str = ""
    severity: str = ""
    platform: str = ""
    subject: str = ""

    def wanted(self) -> dict[str, str | None]:
        """As the queue wants them."""
        status = None if self.status == ALL else self.status
        rest = {"code": self.code, "severity": self.severity, "platform": self.platform, "subject": self.subject}
        return {"status": status, **{name: value or None for name, value in rest.items()}}

    def query(self, **more: str) -> str:
        """As an address query, without what is empty or usual."""
        wanted = {name: getattr(self, name) for name in self.__slots__} | more
        return urlencode({name: value for name, value in wanted.items() if value and (name, value) != ("status", OPEN)})


def filters(status: str = OPEN, code: str = "", severity: str = "", platform: str = "", subject: str = "") -> Filters:
    """FastAPI dependency: the filters in the address."""
    return Filters(status, code, severity, platform, subject)


Narrowed = Annotated[Filters, Depends(filters)]


@router.get("")
def queue(request: Request, actor: Officer, narrowed: Narrowed, after: str | None = None, undo: str = "") -> Response:
    """The flags that wait, gravest first."""
    with reading(request) as connection:
        found = flags.queue(connection, limit=PAGE_SIZE, after=after, **narrowed.wanted())
        counts = flags.counts(connection)
        ids = {
            value
            for flag in found.items
            for value in (flag.subject, flag.operator, f"platform:{flag.platform}")
            if value
        }
        names = subjects.names(connection, ids=ids | {f"platform:{name}" for name in counts["platform"]})
    return page(
        request,
        "console/queue.html",
        actor=actor,
        now=services(request).clock.now(),
        flags=found.items,
        next=found.next,
        filters=narrowed,
        counts=counts,
        names=names,
        codes=services(request).lexicon.codes,
        undo=undo,
        undo_seconds=services(request).settings.undo_seconds,
    )


@router.get("/flags/{flag_id}")
def flag(request: Request, flag_id: str, actor: Officer, narrowed: Narrowed, undo: str = "") -> Response:
    """One flag: its words in their surroundings, why it was flagged, the law, the exemptions, the record."""
    return _flag_page(request, actor, flag_id, narrowed, undo=undo)


@router.post("/flags/{flag_id}/decision")
def decide(
    *,
    request: Request,
    flag_id: str,
    actor: Officer,
    narrowed: Narrowed,
    outcome: Field = "",
    note: Field = "",
    code: Field = "",
    severity: Field = "",
    corrects: Field = "",
    csrf: Field = "",
) -> Response:
    """Decide, then open the next flag of the same queue; the decision can be undone for some seconds."""
    check_csrf_form(actor.csrf or "", csrf)
    if code and code not in services(request).lexicon.codes:
        raise InvalidInput.one("code", code, "未知的违规类别")
    hold = timedelta(seconds=services(request).settings.undo_seconds)
    with writing(request) as connection:
        before = flags.get(connection, id=flag_id)
        _, following = flags.neighbours(connection, flag=before.flag, **narrowed.wanted())
        review.decide_flag(
            connection,
            id=flag_id,
            outcome=outcome,
            officer=actor.name,
            note=note.strip(),
            code=code or None,
            severity=severity or None,
            corrects=corrects or None,
            at=services(request).clock.now(),
            hold=hold,
        )
        first = following or (_first(connection, narrowed) if narrowed.status == OPEN else None)
    return RedirectResponse(_place(first, narrowed, undo=flag_id), 303)


@router.post("/flags/{flag_id}/undo")
def undo(request: Request, flag_id: str, actor: Officer, narrowed: Narrowed, csrf: Field = "") -> Response:
    """Take back one's own decision while it is held, and open that flag again."""
    check_csrf_form(actor.csrf or "", csrf)
    with writing(request) as connection:
        review.undo_flag(connection, id=flag_id, officer=actor.name, at=services(request).clock.now())
    return RedirectResponse(_place(flag_id, narrowed), 303)


@router.get("/complaints")
def complaint_queue(request: Request, actor: Officer, status: str = "received", after: str | None = None) -> Response:
    """Complaints and reports, longest waiting first."""
    with reading(request) as connection:
        found = complaints.queue(connection, status=None if status == ALL else status, limit=PAGE_SIZE, after=after)
        names = subjects.names(connection, ids=set().union(*(_subjects_of_case(case) for case in found.items)))
        alike = similar.similar(connection, texts={case.id: case.text for case in found.items})
    return page(
        request,
        "console/complaints.html",
        actor=actor,
        now=services(request).clock.now(),
        complaints=found.items,
        alike=alike,
        names=names,
        next=found.next,
        chosen=status,
        codes=services(request).lexicon.codes,
    )


@router.get("/complaints/{complaint_id}")
def complaint(request: Request, complaint_id: str, actor: Officer) -> Response:
    """One complaint with its triage and the flags of the same subject."""
    return _complaint_page(request, actor, complaint_id, {}, {})


@router.post("/complaints/{complaint_id}/contact")
def complaint_contact(
    *, request: Request, complaint_id: str, actor: Officer, reason: Field = "", csrf: Field = ""
) -> Response:
    """Show who complained, this once; who looked and why is on record."""
    check_csrf_form(actor.csrf or "", csrf)
    try:
        with writing(request) as connection:
            contact = complaints.open_contact(
                connection,
                vault=services(request).vault,
                id=complaint_id,
                officer=actor.name,
                reason=reason.strip(),
                at=services(request).clock.now(),
            )
    except InvalidInput as error:
        errors = {one.field: one.message for one in error.errors}
        return _complaint_page(request, actor, complaint_id, {}, errors, status=422)
    return _complaint_page(request, actor, complaint_id, {}, {}, contact=contact)


@router.post("/complaints/{complaint_id}/decision")
def decide_complaint(
    *,
    request: Request,
    complaint_id: str,
    actor: Officer,
    outcome: Field = "",
    note: Field = "",
    public_text: Field = "",
    subject: Field = "",
    code: Field = "",
    severity: Field = "",
    csrf: Field = "",
) -> Response:
    """Decide on a complaint; the complainant reads ``public_text``. Wrong fields come back with what was typed."""
    check_csrf_form(actor.csrf or "", csrf)
    values = {"note": note, "public_text": public_text, "subject": subject, "code": code, "severity": severity}
    try:
        if not public_text.strip():
            raise InvalidInput.one("public_text", public_text, "请写明给投诉举报人的答复")
        with writing(request) as connection:
            review.decide_complaint(
                connection,
                id=complaint_id,
                outcome=outcome,
                officer=actor.name,
                note=note.strip(),
                public_text=public_text.strip(),
                subject=subject.strip() or None,
                code=code or None,
                severity=severity or None,
                at=services(request).clock.now(),
            )
    except InvalidInput as error:
        errors = {one.field: one.message for one in error.errors}
        return _complaint_page(request, actor, complaint_id, values, errors, status=422)
    return RedirectResponse(f"/console/complaints/{complaint_id}", 303)


@router.get("/search")
def search(
    *,
    request: Request,
    actor: Officer,
    q: Annotated[str, Query(max_length=200)] = "",
    kind: str = "",
    platform: str = "",
    code: str = "",
    cursor: str | None = None,
) -> Response:
    """Search transcripts, flags, subjects and listings."""
    query = SearchQuery(
        text=q.strip(),
        kinds=frozenset(known for known in KINDS if kind in ("", known)),
        filters={name: value for name, value in (("platform", platform), ("code", code)) if value},
        public_only=False,
        cursor=cursor,
        facets=("platform", "code"),
    )
    found = services(request).search.search(query) if q.strip() else None
    return page(
        request,
        "console/search.html",
        actor=actor,
        q=q,
        kind=kind,
        platform=platform,
        code=code,
        found=found,
        labels=_labels(request, found) if found else {},
    )


def _labels(request: Request, found: SearchPage) -> dict[str, dict[str, str]]:
    """Names for what the hits and facets carry as ids."""
    platforms = {hit.facets["platform"] for hit in found.hits} | set(found.facets.get("platform", ()))
    others = {hit.facets["subject"] for hit in found.hits if "subject" in hit.facets}
    with reading(request) as connection:
        names = subjects.names(connection, ids=others | {f"platform:{name}" for name in platforms})
    return {
        "platform": {name: names.get(f"platform:{name}", name) for name in platforms},
        "subject": names,
        "code": {name: known.name for name, known in services(request).lexicon.codes.items()},
    }


def _complaint_page(
    request: Request,
    actor: Actor,
    complaint_id: str,
    values: dict[str, str],
    errors: dict[str, str],
    *,
    status: int = 200,
    contact: dict[str, str] | None = None,
) -> Response:
    with reading(request) as connection:
        case = complaints.get(connection, id=complaint_id)
        related = flags.queue(connection, subject=case.subject, limit=10).items if case.subject else ()
        decision = flags.standing_decision(connection, complaint=complaint_id)
        names = subjects.names(connection, ids=_subjects_of_case(case))
        alike = similar.similar(connection, texts={case.id: case.text}).get(case.id, [])
    suggested = (case.triage or {}).get("code") or ""
    given = {"note": "", "public_text": "", "subject": case.subject or "", "code": suggested, "severity": ""}
    return page(
        request,
        "console/complaint.html",
        actor=actor,
        status=status,
        now=services(request).clock.now(),
        case=case,
        related=related,
        alike=alike[: similar.MOST_SHOWN],
        alike_count=len(alike),
        decision=decision,
        names=names,
        values=given | values,
        contact=contact,
        errors=errors,
        codes=services(request).lexicon.codes,
    )


def _subjects_of_case(case: Complaint) -> set[str]:
    room = f"room:{case.platform}:{case.room}" if case.room else None
    return {identifier for identifier in (case.subject, room, f"platform:{case.platform}") if identifier}


def _flag_page(request: Request, actor: Actor, flag_id: str, narrowed: Filters, *, undo: str) -> Response:
    clock, lexicon = services(request).clock, services(request).lexicon
    with reading(request) as connection:
        view = flags.get(connection, id=flag_id)
        before, following = flags.neighbours(connection, flag=view.flag, **narrowed.wanted())
        subject_score = compute_score(connection, subject=view.flag.subject, clock=clock)
        record = flags.queue(connection, subject=view.flag.subject, limit=12).items
        names = subjects.names(connection, ids=_subjects_of(view))
        listing = _listing(connection, view)
    day = view.flag.spoken_at.astimezone(BEIJING).date()
    return page(
        request,
        "console/flag.html",
        actor=actor,
        now=clock.now(),
        view=view,
        flag=view.flag,
        before=before,
        following=following,
        filters=narrowed,
        score=subject_score,
        record=[other for other in record if other.id != flag_id],
        names=names,
        listing=listing,
        law={finding.code: lexicon.basis_on(finding.code, day) for finding in view.flag.findings},
        reasons={finding.code: reasons(finding, lexicon) for finding in view.flag.findings},
        codes=lexicon.codes,
        categories=lexicon.categories,
        undo=undo,
        undo_seconds=services(request).settings.undo_seconds,
    )


def _subjects_of(view: FlagView) -> set[str]:
    flag = view.flag
    known = (flag.subject, flag.room, flag.host, flag.operator, flag.seller, f"platform:{flag.platform}")
    return {identifier for identifier in known if identifier}


def _listing(connection: Connection, view: FlagView) -> dict[str, Any] | None:
    flag = view.flag
    identifier = flag.listing or (flag.event_id if flag.source == "listing" else None)
    return listings.facts(connection, platform=flag.platform, id=identifier) if identifier else None


def _first(connection: Connection, narrowed: Filters) -> str | None:
    found = flags.queue(connection, limit=1, **narrowed.wanted()).items
    return found[0].id if found else None


def _place(flag_id: str | None, narrowed: Filters, **more: str) -> str:
    path = f"/console/flags/{flag_id}" if flag_id else "/console"
    query = narrowed.query(**more)
    return f"{path}?{query}" if query else path
