"""Makes findings of what prices, brands and product pages say. Every such finding is a lead: it asks for evidence and accuses nobody."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from classifiers.explain import explain
from classifiers.finding import Basis, Because, Finding, Span, Status
from lexicons.schema import Lexicon


@dataclass(slots=True)
class Signal:
    """What prices, brands or a page say for a code; ``facts`` is how it is told."""

    code: str
    because: tuple[Because, ...]
    facts: str
    status: Status = "needs_evidence"
    spans: tuple[Span, ...] = field(default=())


def finding_of(signal: Signal, lexicon: Lexicon, day: date) -> Finding:
    """The signal as a finding by itself, under the law of ``day``."""
    code, rules = lexicon.codes[signal.code], lexicon.basis_on(signal.code, day)
    return Finding(
        code=code.code,
        name=code.name,
        status=signal.status,
        confidence=confidence(signal.because),
        severity=code.severity,
        spans=signal.spans,
        because=signal.because,
        basis=tuple(Basis(rule.law, rule.article, rule.name) for rule in rules),
        exemptions=(),
        liable=code.liable,
        explanation=explain(code=code, status=signal.status, quotes=(), rules=rules, checks=(), facts=signal.facts),
    )


def strengthened(finding: Finding, signal: Signal) -> Finding:
    """A finding with what a signal for the same code adds to it.

    The status is the signal's where that is graver, or where the finding rests on single words and no frame: then the
    comparison is the better evidence, and says what is still to be proved.
    """
    because = (*finding.because, *signal.because)
    graver = signal.status == "violation" and finding.caught
    words_only = finding.caught and not any(one.kind == "frame" for one in finding.because)
    return replace(
        finding,
        because=because,
        status=signal.status if graver or words_only else finding.status,
        confidence=confidence(because),
        spans=tuple(sorted({*finding.spans, *signal.spans})),
        explanation=f"{finding.explanation}另外，{signal.facts}。",
    )


def relieved(finding: Finding, because: Sequence[Because], facts: str) -> Finding:
    """A finding that known facts speak against: it stays on record, but nobody needs to look at it now."""
    whole = (*finding.because, *because)
    return replace(
        finding,
        because=whole,
        status="exempt",
        confidence=confidence(whole),
        explanation=f"{finding.explanation}但{facts}。",
    )


def confidence(because: Sequence[Because]) -> float:
    """The probability that the weights of ``because`` stand for."""
    total = sum(one.weight for one in because)
    return round(1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, total)))), 4)


def yuan(amount: Decimal) -> str:
    """``69.90`` → ``69.9元``."""
    return f"{amount.normalize():f}元"
