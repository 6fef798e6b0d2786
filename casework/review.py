"""Review: an officer's decision on a flag or complaint, its audit line and its event, all in the caller's transaction."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Connection, update

from casework import complaints as complaint_cases
from casework import flags as flag_cases
from casework.flags import DecisionView, FlagView
from casework.tables import complaints, decisions, flags
from infra import audit, outbox
from infra.database import lock
from infra.errors import Conflict, InvalidInput
from infra.search.queue import enqueue

Outcome = Literal["confirmed", "dismissed", "corrected", "transferred"]
OUTCOMES: Final = ("confirmed", "dismissed", "corrected", "transferred")
SEVERITIES: Final = ("S1", "S2", "S3", "S4")
OPEN: Final = "open"
TOPIC: Final = "decisions"
MAX_NOTE: Final = 2000
IMMEDIATELY: Final = timedelta(0)


def decide_flag(
    connection: Connection,
    *,
    id: str,
    outcome: str,
    officer: str,
    note: str,
    at: datetime,
    code: str | None = None,
    severity: str | None = None,
    corrects: str | None = None,
    hold: timedelta = IMMEDIATELY,
) -> FlagView:
    """Decide on a flag. The event goes out after ``hold``, until when ``undo_flag`` can take it back.

    ``code`` and ``severity`` default to the flag's own. Deciding the same again changes nothing. A decision that stands
    is replaced only by naming it in ``corrects``.

    Raises:
        NotFound: no such flag. InvalidInput: a wrong outcome, severity or note. Conflict: decided otherwise already.
    """
    _check(outcome, severity, note)
    lock(connection, f"flag/{id}")
    view = flag_cases.get(connection, id=id)
    code, severity = code or view.flag.code, severity or view.flag.severity
    if _stands(view.decision, outcome, code, severity, corrects):
        return view
    _write(
        connection,
        column="flag",
        case=id,
        subject=view.flag.subject,
        outcome=outcome,
        code=code,
        severity=severity,
        note=note,
        officer=officer,
        corrects=corrects,
        at=at,
        hold=hold,
    )
    _set_flag_status(connection, id, outcome)
    return flag_cases.get(connection, id=id)


def undo_flag(connection: Connection, *, id: str, officer: str, at: datetime) -> FlagView:
    """Take back one's own decision while its event is still held.

    Raises:
        Conflict: nothing to undo, somebody else's decision, or the event has gone out.
    """
    lock(connection, f"flag/{id}")
    view = flag_cases.get(connection, id=id)
    decision = view.decision
    if decision is None or decision.officer != officer:
        raise Conflict(f"线索 {id} 没有可由 {officer} 撤销的决定")
    if not outbox.withdraw(connection, event_id=decision.id):
        raise Conflict(f"线索 {id} 的决定已经生效，请提交更正决定")
    connection.execute(update(decisions).where(decisions.c.id == decision.id).values(withdrawn_at=at))
    before = flag_cases.standing_decision(connection, flag=id)
    _set_flag_status(connection, id, before.outcome if before else OPEN)
    audit.record(
        connection, actor=officer, action="flag.undo", target=f"flag:{id}", detail={"decision": decision.id}, at=at
    )
    return flag_cases.get(connection, id=id)


def decide_complaint(
    connection: Connection,
    *,
    id: str,
    outcome: str,
    officer: str,
    note: str,
    public_text: str,
    at: datetime,
    subject: str | None = None,
    code: str | None = None,
    severity: str | None = None,
    corrects: str | None = None,
) -> complaint_cases.Complaint:
    """Decide on a complaint. ``public_text`` is what the complainant reads; ``note`` stays inside.

    A confirmed complaint needs the subject it is about: the complaint's own or the one given here.

    Raises:
        NotFound, InvalidInput, Conflict: as for ``decide_flag``.
    """
    _check(outcome, severity, note)
    lock(connection, f"complaint/{id}")
    case = complaint_cases.get(connection, id=id)
    about = subject or case.subject
    if outcome == "confirmed" and not (about and code and severity):
        raise InvalidInput.one("subject", about, "认定属实时须写明被投诉主体、违规类别和严重程度")
    standing = flag_cases.standing_decision(connection, complaint=id)
    if _stands(standing, outcome, code, severity, corrects):
        return case
    _write(
        connection,
        column="complaint",
        case=id,
        subject=about or f"platform:{case.platform}",
        outcome=outcome,
        code=code,
        severity=severity,
        note=note,
        officer=officer,
        corrects=corrects,
        at=at,
        hold=IMMEDIATELY,
    )
    connection.execute(update(complaints).where(complaints.c.id == id).values(status=outcome))
    complaint_cases.add_step(connection, id=id, status=outcome, public_text=public_text, at=at)
    return complaint_cases.get(connection, id=id)


def _check(outcome: str, severity: str | None, note: str) -> None:
    if outcome not in OUTCOMES:
        raise InvalidInput.one("outcome", outcome, f"应为 {'、'.join(OUTCOMES)} 之一")
    if severity is not None and severity not in SEVERITIES:
        raise InvalidInput.one("severity", severity, f"应为 {'、'.join(SEVERITIES)} 之一")
    if "\0" in note:
        raise InvalidInput.one("note", note, "不能含有空字符")
    if len(note) > MAX_NOTE:
        raise InvalidInput.one("note", note, f"不能超过 {MAX_NOTE} 字")


def _stands(
    decision: DecisionView | None, outcome: str, code: str | None, severity: str | None, corrects: str | None
) -> bool:
    """True: the same decision stands already. False: the way is free. Otherwise a conflict."""
    if decision is None:
        if corrects:
            raise Conflict(f"没有可更正的决定 {corrects}")
        return False
    if (decision.outcome, decision.code, decision.severity) == (outcome, code, severity):
        return True
    if corrects == decision.id:
        return False
    raise Conflict(
        f"已由 {decision.officer} 作出决定“{decision.outcome}”（{decision.id}）；如需改变，请指明更正的决定编号"
    )


def _write(
    connection: Connection,
    *,
    column: Literal["flag", "complaint"],
    case: str,
    subject: str,
    outcome: str,
    code: str | None,
    severity: str | None,
    note: str,
    officer: str,
    corrects: str | None,
    at: datetime,
    hold: timedelta,
) -> None:
    identifier = secrets.token_hex(12)
    facts = {
        "id": identifier,
        column: case,
        "subject": subject,
        "outcome": outcome,
        "code": code,
        "severity": severity,
        "decided_at": at,
        "corrects": corrects,
    }
    connection.execute(decisions.insert(), {**facts, "note": note, "officer": officer})
    detail = {"decision": identifier, "outcome": outcome, "code": code, "severity": severity, "corrects": corrects}
    audit.record(connection, actor=officer, action=f"{column}.decide", target=f"{column}:{case}", detail=detail, at=at)
    event = {name: value for name, value in facts.items() if value is not None}
    outbox.append(connection, event_id=identifier, topic=TOPIC, key=subject, event=event, due=at + hold)


def _set_flag_status(connection: Connection, id: str, status: str) -> None:
    connection.execute(update(flags).where(flags.c.id == id).values(status=status))
    enqueue(connection, kind="flag", id=id)
