"""The ledger: every decision that touches a subject, append-only and in two times (when decided, when posted).

A correction never edits: it is a later entry that names the decision it replaces, so any past moment can be computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from casework.tables import flags
from infra.clock import BEIJING
from infra.database import insert_ignore
from rating.standard import Standard, standard_on
from rating.tables import ledger_entries

CONFIRMED: Final = "confirmed"
CORRECTED: Final = "corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFacts:
    """A decision as it came from the topic ``decisions``."""

    id: str
    subject: str
    outcome: str
    decided_at: datetime
    flag: str | None = None
    complaint: str | None = None
    code: str | None = None
    severity: str | None = None
    corrects: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger. ``points`` is what the subject loses (negative) or 0; ``until`` the last day it counts."""

    subject: str
    decision: str
    corrects: str | None
    outcome: str
    code: str | None
    severity: str | None
    dimension: str
    points: float
    reason: str
    occasion: str
    standard: str
    decided_at: datetime
    posted_at: datetime
    until: date | None


def post(connection: Connection, decision: DecisionFacts, *, at: datetime) -> int:
    """Post a decision to its subject and, for a host's flag, to the room's operator. Safe to repeat.

    Confirmed findings cost points by the standard in force on the day of the decision; every other outcome is posted with
    0 points, so that a correction is on record and replaces what it corrects. Returns how many entries were new.
    """
    standard = standard_on(decision.decided_at.astimezone(BEIJING).date())
    flag = _flag(connection, decision.flag)
    shares = {decision.subject: 1.0}
    if flag is not None and flag.operator and flag.operator != decision.subject:
        shares[flag.operator] = standard.operator_share
    rows = [
        _row(decision, subject=subject, share=share, standard=standard, session=flag.session if flag else None, at=at)
        for subject, share in shares.items()
    ]
    return insert_ignore(connection, ledger_entries, rows)


def entries(connection: Connection, *, subject: str, at: datetime) -> list[Entry]:
    """All entries of a subject that were posted at ``at`` or before, in the order of posting."""
    query = (
        select(ledger_entries)
        .where(ledger_entries.c.subject == subject, ledger_entries.c.posted_at <= at)
        .order_by(ledger_entries.c.number)
    )
    return [Entry(**{k: v for k, v in row._mapping.items() if k != "number"}) for row in connection.execute(query)]


def _flag(connection: Connection, identifier: str | None) -> Any:
    if identifier is None:
        return None
    query = select(flags.c.operator, flags.c.session).where(flags.c.id == identifier)
    return connection.execute(query).one_or_none()


def _row(
    decision: DecisionFacts, *, subject: str, share: float, standard: Standard, session: str | None, at: datetime
) -> dict[str, Any]:
    counts = decision.outcome == CONFIRMED and decision.severity in standard.deductions
    points = -share * standard.deductions[decision.severity].points if counts and decision.severity else 0.0
    if decision.outcome == CORRECTED:
        points = -share * standard.corrected_points
    day = decision.decided_at.astimezone(BEIJING).date()
    return {
        "subject": subject,
        "decision": decision.id,
        "corrects": decision.corrects,
        "outcome": decision.outcome,
        "code": decision.code,
        "severity": decision.severity,
        "dimension": standard.dimension_of(decision.code or ""),
        "points": round(points, 2),
        "reason": _reason(decision, share),
        "occasion": session or decision.flag or decision.complaint or decision.id,
        "standard": standard.id,
        "decided_at": decision.decided_at,
        "posted_at": at,
        "until": standard.until(decision.severity, day) if counts and decision.severity else None,
    }


def _reason(decision: DecisionFacts, share: float) -> str:
    source = "投诉举报" if decision.complaint else "直播线索"
    outcome = {CONFIRMED: "经认定属实", CORRECTED: "当场更正", "transferred": "已移送"}.get(
        decision.outcome, "不予认定"
    )
    suffix = f"（作为直播间运营者按 {share:.0%} 计）" if share < 1 else ""
    return f"{source}{outcome}{suffix}"
