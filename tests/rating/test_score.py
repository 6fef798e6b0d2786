"""The score: only decisions move it, every past moment can be computed again, every item is explained."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework import flags, review
from infra.clock import BEIJING, FixedClock
from infra.database import Database
from infra.errors import InvalidInput
from rating import ledger
from rating.ledger import DecisionFacts, Entry
from rating.score import compute, score
from rating.standard import load_standards, standard_on
from tests.conftest import NOON
from tests.factories import new_flag

HOST = "host:yunjian:h1"
OPERATOR = "operator:yunjian:o1"
STANDARD = load_standards()[-1]
START = sum(dimension.start for dimension in STANDARD.dimensions)


def facts(number: int = 1, outcome: str = "confirmed", severity: str = "S3", **changes: object) -> DecisionFacts:
    values = {"id": f"d{number}", "subject": HOST, "outcome": outcome, "decided_at": NOON, "severity": severity}
    return DecisionFacts(**(values | {"code": "MEDICAL", "flag": f"f{number}"} | changes))


def post(database: Database, clock: FixedClock, *decisions: DecisionFacts) -> None:
    with database.write() as connection:
        for decision in decisions:
            ledger.post(connection, decision, at=clock.now())


def score_now(database: Database, clock: FixedClock, subject: str = HOST, **more: object) -> int:
    with database.read() as connection:
        return score(connection, subject=subject, clock=clock, **more).score


def test_an_undecided_flag_never_moves_a_score(database: Database, clock: FixedClock) -> None:
    with database.write() as connection:
        flags.raise_flag(connection, new_flag(), at=clock.now())
    assert score_now(database, clock) == START


@pytest.mark.parametrize("severity", ["S1", "S2", "S3", "S4"])
def test_a_confirmed_finding_costs_what_the_standard_says(database: Database, clock: FixedClock, severity: str) -> None:
    post(database, clock, facts(severity=severity))
    assert score_now(database, clock) == START - STANDARD.deductions[severity].points


@pytest.mark.parametrize("outcome", ["dismissed", "transferred", "corrected"])
def test_other_outcomes_cost_nothing(database: Database, clock: FixedClock, outcome: str) -> None:
    post(database, clock, facts(outcome=outcome))
    assert score_now(database, clock) == START


def test_posting_twice_counts_once(database: Database, clock: FixedClock) -> None:
    post(database, clock, facts(), facts())
    assert score_now(database, clock) == START - STANDARD.deductions["S3"].points


def test_the_operator_shares_in_what_its_host_said(database: Database, clock: FixedClock) -> None:
    new = new_flag()
    with database.write() as connection:
        flags.raise_flag(connection, new, at=clock.now())
        review.decide_flag(connection, id=new.id, outcome="confirmed", officer="o", note="", at=clock.now())
    post(database, clock, facts(flag=new.id))
    share = STANDARD.deductions["S3"].points * STANDARD.operator_share
    assert score_now(database, clock, OPERATOR) == START - share


def test_the_same_thing_said_thirty_times_in_one_show_costs_once(database: Database, clock: FixedClock) -> None:
    said = [new_flag(event_id=f"u{n}") for n in range(30)]
    with database.write() as connection:
        for new in said:
            flags.raise_flag(connection, new, at=clock.now())
    post(database, clock, *(facts(n, flag=new.id) for n, new in enumerate(said)))
    assert score_now(database, clock) == START - STANDARD.deductions["S3"].points


def test_points_come_back_when_the_term_ends(database: Database, clock: FixedClock) -> None:
    post(database, clock, facts(severity="S1"))
    clock.advance(timedelta(days=STANDARD.deductions["S1"].days))
    assert score_now(database, clock) < START
    clock.advance(timedelta(days=1))
    assert score_now(database, clock) == START


def test_a_correction_gives_the_points_back_but_not_for_the_past(database: Database, clock: FixedClock) -> None:
    post(database, clock, facts())
    yesterday = NOON.date()
    clock.advance(timedelta(days=1))
    post(database, clock, facts(2, outcome="dismissed", corrects="d1"))
    assert score_now(database, clock) == START
    assert score_now(database, clock, on=yesterday) == START - STANDARD.deductions["S3"].points


def test_every_item_says_why_until_when_and_how_to_mend_it(database: Database, clock: FixedClock) -> None:
    post(database, clock, facts())
    with database.read() as connection:
        (item,) = score(connection, subject=HOST, clock=clock).items
    assert item.points == -80
    assert "属实" in item.reason
    assert item.until == NOON.date() + timedelta(days=1095)
    assert "信用修复" in item.restore


def test_the_future_has_no_score(database: Database, clock: FixedClock) -> None:
    with pytest.raises(InvalidInput, match="不能晚于今天"):
        score_now(database, clock, on=NOON.date() + timedelta(days=1))


def test_scores_stay_between_nothing_and_the_full_score(database: Database, clock: FixedClock) -> None:
    post(database, clock, *(facts(n, severity="S4", flag=None, complaint=f"c{n}") for n in range(12)))
    assert score_now(database, clock) == START - STANDARD.dimensions[0].points


entry_lists = st.lists(
    st.tuples(
        st.sampled_from(["confirmed", "dismissed", "corrected", "transferred"]),
        st.sampled_from(["S1", "S2", "S3", "S4"]),
        st.sampled_from(["MEDICAL", "ABS", "PRICE", "COUNTERFEIT"]),
        st.integers(0, 2000),
        st.integers(0, 30),
        st.booleans(),
        st.sampled_from(["show-1", "show-2", "show-3"]),
    ),
    max_size=25,
)


def build(raw: list[tuple]) -> list[Entry]:
    entries: list[Entry] = []
    moment = NOON
    for number, (outcome, severity, code, days, late, corrects, occasion) in enumerate(raw):
        decided = NOON + timedelta(days=days)
        moment = max(moment, decided + timedelta(days=late))  # postings follow one another in time
        standard = standard_on(decided.date())
        counts = outcome == "confirmed"
        entries.append(
            Entry(
                subject=HOST,
                decision=f"d{number}",
                corrects=f"d{number - 1}" if corrects and number else None,
                outcome=outcome,
                code=code,
                severity=severity,
                dimension=standard.dimension_of(code),
                points=-float(standard.deductions[severity].points) if counts else 0.0,
                reason="测试",
                occasion=occasion,
                standard=standard.id,
                decided_at=decided,
                posted_at=moment,
                until=standard.until(severity, decided.date()) if counts else None,
            )
        )
    return entries


@given(entry_lists, st.integers(0, 2500))
def test_what_was_shown_on_a_day_is_what_is_computed_for_it_later(raw: list[tuple], day: int) -> None:
    entries = build(raw)
    at = NOON + timedelta(days=day)
    shown_then = compute(HOST, [entry for entry in entries if entry.posted_at <= at], at=at)
    assert compute(HOST, entries, at=at) == shown_then
    assert 0 <= shown_then.score <= STANDARD.total
    assert shown_then.score == round(sum(dimension.points for dimension in shown_then.dimensions))


@given(entry_lists)
def test_the_order_of_decisions_posted_at_one_moment_does_not_matter(raw: list[tuple]) -> None:
    entries = build(raw)
    at = NOON + timedelta(days=3000)
    assert compute(HOST, entries, at=at).score == compute(HOST, list(reversed(entries)), at=at).score


def test_the_day_is_counted_in_beijing(database: Database, clock: FixedClock) -> None:
    late = NOON.replace(hour=23, minute=59)
    clock.advance(late - NOON)
    post(database, clock, facts(decided_at=late))
    with database.read() as connection:
        assert score(connection, subject=HOST, clock=clock).on == late.astimezone(BEIJING).date()
