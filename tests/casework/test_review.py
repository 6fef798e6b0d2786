"""An officer's decision: one transaction, one audit line, one event; undo while it is held; conflicts said plainly."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import func, select

from casework import complaints, flags, review
from casework.complaints import Contact
from infra import audit, outbox
from infra.clock import FixedClock
from infra.database import Database
from infra.errors import Conflict, InvalidInput, NotFound
from infra.settings import Settings
from infra.vault import Vault
from tests.factories import finding, new_flag

HOLD = timedelta(seconds=8)


@pytest.fixture
def flag(database: Database, clock: FixedClock) -> str:
    new = new_flag()
    with database.write() as connection:
        assert flags.raise_flag(connection, new, at=clock.now())
    return new.id


def decide(
    database: Database, clock: FixedClock, flag: str, outcome: str = "confirmed", **more: object
) -> flags.FlagView:
    with database.write() as connection:
        return review.decide_flag(
            connection, id=flag, outcome=outcome, officer="officer-1", note="话术属实", at=clock.now(), **more
        )


def waiting_events(database: Database) -> list[dict[str, object]]:
    with database.read() as connection:
        return [msgspec.json.decode(row.value) for row in connection.execute(select(outbox.outbox))]


def test_the_same_event_and_code_are_flagged_once(database: Database, clock: FixedClock, flag: str) -> None:
    with database.write() as connection:
        assert not flags.raise_flag(connection, new_flag(text="换了文字"), at=clock.now())
        assert flags.raise_flag(connection, new_flag(finding=finding(code="ABS")), at=clock.now())
        assert flags.raise_flag(connection, new_flag(platform="binglan"), at=clock.now())


def test_a_decision_writes_status_audit_and_event_together(database: Database, clock: FixedClock, flag: str) -> None:
    view = decide(database, clock, flag)
    assert view.flag.status == "confirmed"
    assert view.decision is not None
    (event,) = waiting_events(database)
    assert event["id"] == view.decision.id
    assert (event["subject"], event["code"], event["severity"]) == ("host:yunjian:h1", "MEDICAL", "S3")
    with database.read() as connection:
        line = connection.execute(select(audit.audit_log)).one()
        assert (line.actor, line.action, line.target) == ("officer-1", "flag.decide", f"flag:{flag}")


def test_a_failure_after_the_decision_leaves_nothing_behind(database: Database, clock: FixedClock, flag: str) -> None:
    def decide_and_fail() -> None:
        with database.write() as connection:
            review.decide_flag(connection, id=flag, outcome="confirmed", officer="o", note="", at=clock.now())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decide_and_fail()
    with database.read() as connection:
        assert flags.get(connection, id=flag).flag.status == "open"
        assert connection.execute(select(func.count()).select_from(audit.audit_log)).scalar() == 0
    assert waiting_events(database) == []


def test_deciding_the_same_again_changes_nothing(database: Database, clock: FixedClock, flag: str) -> None:
    first = decide(database, clock, flag)
    again = decide(database, clock, flag)
    assert again.decision == first.decision
    assert len(waiting_events(database)) == 1


def test_deciding_otherwise_is_a_conflict_unless_it_says_what_it_corrects(
    database: Database, clock: FixedClock, flag: str
) -> None:
    first = decide(database, clock, flag).decision
    assert first is not None
    with pytest.raises(Conflict, match=first.id):
        decide(database, clock, flag, "dismissed")
    view = decide(database, clock, flag, "dismissed", corrects=first.id)
    assert view.flag.status == "dismissed"
    assert waiting_events(database)[-1]["corrects"] == first.id


def test_undo_works_only_while_the_event_is_held(database: Database, clock: FixedClock, flag: str) -> None:
    decide(database, clock, flag, hold=HOLD)
    with database.write() as connection:
        assert outbox.take_due(connection, now=clock.now()) == []
        view = review.undo_flag(connection, id=flag, officer="officer-1", at=clock.now())
    assert view.flag.status == "open"
    assert view.decision is None
    decide(database, clock, flag, "dismissed", hold=HOLD)
    clock.advance(HOLD)
    with database.write() as connection:
        assert len(outbox.take_due(connection, now=clock.now())) == 1
    with pytest.raises(Conflict, match="已经生效"), database.write() as connection:
        review.undo_flag(connection, id=flag, officer="officer-1", at=clock.now())


def test_nobody_undoes_a_colleagues_decision(database: Database, clock: FixedClock, flag: str) -> None:
    decide(database, clock, flag, hold=HOLD)
    with pytest.raises(Conflict, match="officer-2"), database.write() as connection:
        review.undo_flag(connection, id=flag, officer="officer-2", at=clock.now())


@pytest.mark.parametrize(
    ("change", "field"),
    [({"outcome": "maybe"}, "outcome"), ({"severity": "S9"}, "severity"), ({"note": "长" * 2001}, "note")],
)
def test_wrong_input_names_its_field(
    database: Database, clock: FixedClock, flag: str, change: dict, field: str
) -> None:
    values = {"outcome": "confirmed", "note": "", "officer": "o", "at": clock.now()} | change
    with pytest.raises(InvalidInput) as caught, database.write() as connection:
        review.decide_flag(connection, id=flag, **values)
    assert caught.value.errors[0].field == field


def test_an_unknown_flag_is_not_found(database: Database, clock: FixedClock) -> None:
    with pytest.raises(NotFound, match="nope"):
        decide(database, clock, "nope")


def test_a_confirmed_complaint_needs_a_subject_and_tells_the_complainant(
    database: Database, clock: FixedClock, settings: Settings
) -> None:
    with database.write() as connection:
        code = complaints.submit(
            connection,
            vault=Vault(settings),
            kind="complaint",
            platform="yunjian",
            text="主播说这米能降糖，吃了没用，不给退",
            contact=Contact("林一", "13800138000"),
            at=clock.now(),
        )
        case = complaints.queue(connection).items[0]
    decision = {"id": case.id, "outcome": "confirmed", "officer": "o", "note": "", "at": clock.now()}
    with pytest.raises(InvalidInput, match="被投诉主体"), database.write() as connection:
        review.decide_complaint(connection, **decision, public_text="属实")
    with database.write() as connection:
        facts = {"subject": "host:yunjian:h1", "code": "MEDICAL", "severity": "S3"}
        review.decide_complaint(connection, **decision, **facts, public_text="经核查情况属实，已责令改正。")
        public = complaints.lookup(connection, tracking_code=code)
    assert public.status == "confirmed"
    assert [step.text for step in public.timeline][-1] == "经核查情况属实，已责令改正。"
    assert waiting_events(database)[-1]["complaint"] == case.id
