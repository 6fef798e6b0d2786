"""Stand-ins for slow parts, honest about what they do: a detector that knows exactly one claim."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from classifiers.finding import CheckResult, Finding, Item
from tests.factories import VERSIONS, finding

CLAIM = "根治糖尿病"


class OneClaimDetector:
    """Finds ``根治糖尿病`` and nothing else."""

    versions = VERSIONS

    def check(self, items: Sequence[Item], *, on: date | None = None) -> list[CheckResult]:
        return [CheckResult(text=item.text, findings=self._findings(item.text), versions=VERSIONS) for item in items]

    def _findings(self, text: str) -> tuple[Finding, ...]:
        start = text.find(CLAIM)
        return () if start < 0 else (finding(spans=((start, start + len(CLAIM)),)),)
