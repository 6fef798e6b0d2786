"""Groups complaints that tell nearly the same, so that officers see them together. It refuses, merges and closes none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from casework.tables import complaint_bands, complaints
from classifiers.near import SIMILAR, bands, likeness, shingles
from infra.database import insert_ignore

MOST_CANDIDATES: Final = 500
MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class SimilarCase:
    """Another complaint that tells nearly the same; ``likeness`` from 0 to 1."""

    id: str
    kind: str
    text: str
    status: str
    received_at: datetime
    likeness: float


def note(connection: Connection, *, id: str, text: str) -> None:
    """Take down what a complaint can be found again by. Safe to repeat."""
    rows = [{"complaint": id, "band": band} for band in dict.fromkeys(bands(text))]
    if rows:
        insert_ignore(connection, complaint_bands, rows)


def similar(connection: Connection, *, texts: Mapping[str, str]) -> dict[str, list[SimilarCase]]:
    """For each complaint (id → text) the others that tell nearly the same, likest first; those without any are left out."""
    candidates = _candidates(connection, texts)
    wanted = {other for others in candidates.values() for other in others}
    if not wanted:
        return {}
    query = select(complaints).where(complaints.c.id.in_(wanted))
    others = {row.id: (row, shingles(row.text)) for row in connection.execute(query)}
    found: dict[str, list[SimilarCase]] = {}
    for id, ids in candidates.items():
        own = shingles(texts[id])
        near = [(likeness(own, others[other][1]), others[other][0]) for other in ids if other in others]
        cases = [
            SimilarCase(row.id, row.kind, row.text, row.status, row.received_at, round(share, 2))
            for share, row in near
            if share >= SIMILAR
        ]
        if cases:
            found[id] = sorted(cases, key=lambda case: (-case.likeness, case.received_at, case.id))
    return found


def _candidates(connection: Connection, texts: Collection[str]) -> dict[str, list[str]]:
    """For each id the complaints that share a band with it, those that share most first."""
    mine, others = complaint_bands.alias("mine"), complaint_bands.alias("others")
    query = (
        select(mine.c.complaint, others.c.complaint.label("other"))
        .join(others, mine.c.band == others.c.band)
        .where(mine.c.complaint.in_(list(texts)), others.c.complaint != mine.c.complaint)
    )
    shared: dict[str, dict[str, int]] = {}
    for id, other in connection.execute(query):
        counts = shared.setdefault(id, {})
        counts[other] = counts.get(other, 0) + 1
    return {
        id: sorted(counts, key=lambda other: (-counts[other], other))[:MOST_CANDIDATES] for id, counts in shared.items()
    }
