"""The same texts under two lexicons: what appeared, disappeared, got another code or another status."""

from __future__ import annotations

import msgspec
import pytest

from classifiers.backtest import What, backtest
from classifiers.finding import CheckResult, Finding
from tests.factories import VERSIONS, finding

FOUND = finding()
EXEMPT = msgspec.structs.replace(FOUND, status="exempt")


def result(*findings: Finding) -> CheckResult:
    return CheckResult(text="一句话", findings=findings, versions=VERSIONS)


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ([], [FOUND], "appeared"),
        ([FOUND], [], "disappeared"),
        ([FOUND], [EXEMPT], "disappeared"),
        ([EXEMPT], [FOUND], "appeared"),
        ([FOUND], [msgspec.structs.replace(FOUND, code="ABS")], "recoded"),
        ([FOUND], [msgspec.structs.replace(FOUND, status="needs_evidence")], "restatused"),
        ([FOUND], [msgspec.structs.replace(FOUND, severity="S1")], "restatused"),
        ([], [EXEMPT], "restatused"),
    ],
)
def test_what_happened_to_a_text(before: list[Finding], after: list[Finding], what: What) -> None:
    found = backtest([result(*before)], [result(*after)], old=VERSIONS, new=VERSIONS)
    assert [shift.what for shift in found.shifts] == [what]
    assert found.counts == {what: 1}


def test_confidence_alone_is_no_change() -> None:
    surer = msgspec.structs.replace(FOUND, confidence=0.99)
    found = backtest([result(FOUND), result()], [result(surer), result()], old=VERSIONS, new=VERSIONS)
    assert found.shifts == ()
    assert (found.lines, found.old_caught, found.new_caught) == (2, 1, 1)


def test_shifts_carry_the_number_of_the_text_and_both_verdicts() -> None:
    found = backtest([result(), result()], [result(), result(FOUND)], old=VERSIONS, new=VERSIONS)
    (shift,) = found.shifts
    assert shift.line == 2
    assert shift.old is None
    assert shift.new is not None
    assert shift.new.code == FOUND.code
