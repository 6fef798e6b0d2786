"""The lists officers and the public read come along an index, at any page, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import msgspec
import pytest
from sqlalchemy import Connection, text

from casework import complaints, flags, subjects
from casework.paging import encode_cursor
from casework.tables import complaints as complaint_rows
from casework.tables import decisions, flag_contexts, subject_links
from casework.tables import flags as flag_rows
from casework.tables import subjects as subject_rows
from infra import audit, outbox
from infra.database import Database, insert_many
from infra.search import queue
from rating import ledger
from rating.tables import ledger_entries
from streams import deadletters, log
from streams.tables import dead_letters, log_records
from tests.conftest import NOON
from tests.factories import VERSIONS, finding
from tests.infra.plans import plans

ROWS = 3000
FLAG = {
    "code": "MEDICAL", "source": "transcript", "platform": "yunjian", "category": None, "session": "s", "listing": None,
    "seller": None, "machine_status": "violation", "confidence": 0.9, "text": "能治",
    "finding": msgspec.to_builtins(finding()), "others": [],
    "versions": msgspec.to_builtins(VERSIONS), "correction": None, "raised_at": NOON,
}  # fmt: skip
Act = Callable[[Connection], object]


@pytest.fixture
def full(database: Database) -> Database:
    """Some thousand rows of everything, and statistics of them."""
    numbers = range(ROWS)
    with database.write() as connection:
        insert_many(connection, flag_rows, [_flag(n) for n in numbers])
        insert_many(connection, flag_contexts, [_context(n) for n in numbers])
        insert_many(connection, complaint_rows, [_complaint(n) for n in numbers])
        insert_many(connection, subject_rows, [_subject(n) for n in numbers])
        insert_many(connection, subject_links, [_link(n) for n in numbers])
        insert_many(connection, decisions, [_decision(n) for n in numbers])
        insert_many(connection, ledger_entries, [_entry(n) for n in numbers])
        insert_many(connection, log_records, [_record(n) for n in numbers])
        insert_many(connection, dead_letters, [_letter(n) for n in numbers])
        queue.enqueue_many(connection, [("flag", f"f{n}") for n in numbers])
        for n in range(300):
            due = NOON + timedelta(n)
            outbox.append(connection, event_id=f"e{n}", topic="decisions", key="k", event={}, due=due)
            audit.record(connection, actor="a", action="x", target=f"t{n}", detail={}, at=NOON)
    with database.write() as connection:
        connection.execute(text("ANALYZE"))
    return database


def _flag(n: int) -> dict[str, object]:
    status = "dismissed" if n % 10 else "open"
    who = {
        "subject": f"host:yunjian:h{n % 500}",
        "room": f"room:yunjian:r{n % 500}",
        "host": f"host:yunjian:h{n % 500}",
    }
    place = {
        "id": f"f{n:06}",
        "event_id": f"u{n}",
        "severity": f"S{n % 4 + 1}",
        "spoken_at": NOON + timedelta(minutes=n),
    }
    return {**FLAG, **who, **place, "operator": f"operator:yunjian:o{n % 500}", "status": status}


def _context(n: int) -> dict[str, object]:
    return {"flag": f"f{n:06}", "digest": n, "lines": [[f"u{n}", NOON, None, "host", "x"]]}


def _complaint(n: int) -> dict[str, object]:
    at = NOON + timedelta(minutes=n)
    status = "dismissed" if n % 10 else "received"
    row = {"id": f"c{n:06}", "kind": "report", "platform": "yunjian", "text": "x", "status": status, "received_at": at}
    return row | {"tracking_hash": f"h{n}"}


def _subject(n: int) -> dict[str, object]:
    return {"id": f"host:yunjian:h{n}", "kind": "host", "platform": "yunjian", "name": f"h{n}", "first_seen": NOON}


def _link(n: int) -> dict[str, object]:
    return {"subject": f"host:yunjian:h{n}", "other": f"host:yunjian:h{(n + 1) % ROWS}", "first_seen": NOON}


def _decision(n: int) -> dict[str, object]:
    row = {"id": f"d{n}", "flag": f"f{n:06}", "complaint": f"c{n:06}", "subject": "s", "outcome": "dismissed"}
    return {**row, "note": "", "officer": "o", "decided_at": NOON}


def _entry(n: int) -> dict[str, object]:
    row = {"subject": f"host:yunjian:h{n % 500}", "decision": f"d{n}", "outcome": "confirmed", "dimension": "x"}
    row |= {"points": 0.0, "reason": "", "occasion": "", "standard": "s"}
    return {**row, "decided_at": NOON, "posted_at": NOON + timedelta(minutes=n)}


def _record(n: int) -> dict[str, object]:
    return {"topic": "transcripts", "offset": n + 1, "key": "k", "value": b"x", "at": NOON}


def _letter(n: int) -> dict[str, object]:
    place = {"topic": "transcripts", "partition": 0, "offset": n, "index": 0, "key": "k"}
    return {**place, "reason": "", "errors": [], "raw": b"", "at": NOON}


FLAG_PLACE = encode_cursor("S3", (NOON + timedelta(minutes=1000)).isoformat(), "f001000")
CASE_PLACE = encode_cursor((NOON + timedelta(minutes=1000)).isoformat(), "c001000")
LISTS: dict[str, tuple[Act, str]] = {
    "flags": (flags.queue, "ix_flags_all"),
    "flags, a later page": (lambda c: flags.queue(c, after=FLAG_PLACE), "ix_flags_all"),
    "open flags": (lambda c: flags.queue(c, status="open"), "ix_flags_worklist"),
    "open flags, a later page": (lambda c: flags.queue(c, status="open", after=FLAG_PLACE), "ix_flags_worklist"),
    "complaints": (complaints.queue, "ix_complaints_all"),
    "complaints, a later page": (lambda c: complaints.queue(c, after=CASE_PLACE), "ix_complaints_all"),
    "waiting complaints": (lambda c: complaints.queue(c, status="received"), "ix_complaints_worklist"),
    "waiting complaints, a later page": (
        lambda c: complaints.queue(c, status="received", after=CASE_PLACE),
        "ix_complaints_worklist",
    ),
}
LOOKED_UP: dict[str, Act] = {
    "flags of a subject": lambda c: flags.queue(c, subject="host:yunjian:h7"),
    "one flag": lambda c: flags.get(c, id="f000007"),
    "the flags before and after": lambda c: flags.neighbours(
        c, flag=flags.queue(c, subject="host:yunjian:h7").items[0], status="open"
    ),
    "one complaint": lambda c: complaints.get(c, id="c000007"),
    "a decision": lambda c: flags.standing_decision(c, complaint="c000007"),
    "subjects": lambda c: subjects.find(c, after="host:yunjian:h2"),
    "related subjects": lambda c: subjects.related(c, id="host:yunjian:h7"),
    "a ledger": lambda c: ledger.entries(c, subject="host:yunjian:h7", at=NOON + timedelta(1)),
    "records of the log": lambda c: list(log.read(c, "transcripts", 1500, 10)),
    "dead letters": lambda c: deadletters.list_(c, after=1500),
    "documents to index": lambda c: queue.waiting(c, limit=100),
}


def test_a_list_is_read_in_the_order_of_its_index_and_never_sorted(full: Database) -> None:
    odd = {}
    with full.read() as connection:
        for name, (act, index) in LISTS.items():
            found = plans(connection, partial(act, connection))
            assert found, name
            odd[name] = [plan for plan in found if plan.indexes != {index} or plan.whole or plan.sorts]
    assert {name: plans for name, plans in odd.items() if plans} == {}


def test_nothing_that_is_looked_up_reads_a_table_from_end_to_end(full: Database) -> None:
    odd = {}
    with full.read() as connection:
        for name, act in LOOKED_UP.items():
            found = plans(connection, partial(act, connection))
            assert found, name
            odd[name] = [plan for plan in found if plan.whole]
    assert {name: plans for name, plans in odd.items() if plans} == {}


def test_pages_put_together_are_the_whole_list(full: Database) -> None:
    with full.read() as connection:
        for status in (None, "open"):
            seen, cursor = [], None
            while True:
                page = flags.queue(connection, status=status, limit=170, after=cursor)
                seen += [(flag.severity, flag.spoken_at, flag.id) for flag in page.items]
                cursor = page.next
                if cursor is None:
                    break
            assert len(set(seen)) == len(seen) == (ROWS if status is None else ROWS // 10)
            assert seen == sorted(seen, key=lambda place: (-int(place[0][1]), place[1], place[2]))
