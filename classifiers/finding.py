"""What the detector takes and gives. Plain frozen values; the JSON form of ``CheckResult`` is the line of ``chengxin check --json``."""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import Struct

Kind = Literal["transcript", "listing"]
Status = Literal["violation", "needs_evidence", "exempt", "corrected"]
Severity = Literal["S1", "S2", "S3", "S4"]
ExemptionResult = Literal["yes", "no", "needs_proof"]
BecauseKind = Literal["frame", "term", "model", "price", "brand"]
Span = tuple[int, int]

CAUGHT: frozenset[Status] = frozenset({"violation", "needs_evidence"})


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One text to check. ``before`` and ``after`` are neighbouring texts of the same speaker, nearest to the text first."""

    text: str
    kind: Kind = "transcript"
    category: str | None = None
    at: date | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Because(Struct, frozen=True):
    """One thing that speaks for a finding. The weights of all ``because`` of a finding sum to its score (log-odds)."""

    kind: BecauseKind
    id: str
    text: str
    weight: float


class Basis(Struct, frozen=True):
    """A rule of law valid on the day of the act."""

    law: str
    article: str
    name: str


class ExemptionCheck(Struct, frozen=True):
    """One exemption that was tested, and how it came out."""

    id: str
    result: ExemptionResult
    name: str


class Finding(Struct, frozen=True, kw_only=True):
    """A lead, never a violation by itself. Spans are ``[start, end)`` in code points of the text as it was given."""

    code: str
    name: str
    status: Status
    confidence: float
    severity: Severity
    spans: tuple[Span, ...]
    because: tuple[Because, ...]
    basis: tuple[Basis, ...]
    exemptions: tuple[ExemptionCheck, ...]
    liable: tuple[str, ...]
    explanation: str

    @property
    def caught(self) -> bool:
        """Whether a regulator should look at it now."""
        return self.status in CAUGHT


class Versions(Struct, frozen=True):
    """Which lexicon, model and law a finding was made with; the same three give the same finding again."""

    lexicon: str
    model: str
    law: str


class CheckResult(Struct, frozen=True, kw_only=True):
    """All findings of one text, best first."""

    text: str
    findings: tuple[Finding, ...]
    versions: Versions
