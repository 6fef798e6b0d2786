"""Tests the situations in which the law allows what a code would catch. It answers yes, no or needs_proof, nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from classifiers.finding import ExemptionCheck, Status
from classifiers.normalise import Batch
from classifiers.scope import Spans
from lexicons.schema import Exemption, Lexicon

Places = Sequence[tuple[int, int]]


class Exemptions:
    """The exemptions of a lexicon, by code."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._by_code: dict[str, list[Exemption]] = {code: [] for code in lexicon.codes}
        for exemption in lexicon.exemptions.values():
            for code in exemption.codes:
                self._by_code[code].append(exemption)

    def check(self, code: str, batch: Batch, hits: Mapping[str, Spans], places: Places) -> tuple[ExemptionCheck, ...]:
        """All exemptions of ``code`` against a finding at ``places`` (ranges in ``batch.text``; empty = whole row)."""
        clauses = {int(clause) for start, end in places for clause in batch.clause[[start, end - 1]]}
        return tuple(
            ExemptionCheck(one.id, one.result if _applies(one, batch, hits, clauses) else "no", one.name)
            for one in self._by_code[code]
        )


def _applies(one: Exemption, batch: Batch, hits: Mapping[str, Spans], clauses: set[int]) -> bool:
    def present(concept: str) -> bool:
        spans = hits.get(concept, [])
        if one.when.within == "text" or not clauses:
            return bool(spans)
        return any(int(batch.clause[start]) in clauses for start, _ in spans)

    when = one.when
    return (
        (not when.any or any(map(present, when.any)))
        and all(map(present, when.all))
        and not any(map(present, when.unless))
    )


def status_after(default: Status, checks: Sequence[ExemptionCheck]) -> Status:
    """What the exemptions leave of a status: exempt if one holds, needs_evidence if one could."""
    results = {check.result for check in checks}
    if "yes" in results:
        return "exempt"
    return "needs_evidence" if "needs_proof" in results else default
