"""From findings to a flag: which of them leads, and what is put before the officers. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from casework.flags import NewFlag
from casework.subjects import subject_id
from classifiers.finding import CheckResult, Finding
from streams.events import Utterance
from streams.known_listings import KnownListing


def joined(findings: Sequence[Finding], extra: Finding) -> list[Finding]:
    """The findings with one more, by confidence. One of the same code gives way: the extra one rests on the listing's facts.

    What the facts bear out (``exempt``) only takes the place of a finding on the same words.
    """
    if not extra.caught and not any(one.code == extra.code and _overlap(one, extra) for one in findings):
        return list(findings)
    ranked = [finding for finding in findings if finding.code != extra.code]
    at = next((i for i, finding in enumerate(ranked) if finding.confidence < extra.confidence), len(ranked))
    ranked.insert(at, extra)
    return ranked


def _overlap(one: Finding, other: Finding) -> bool:
    return not one.spans or any(a < d and c < b for a, b in one.spans for c, d in other.spans)


def best_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The finding to flag first, then the others; empty when none of them should be looked at now."""
    ranked = list(findings)
    first = next((i for i, finding in enumerate(ranked) if finding.caught), None)
    return () if first is None else (ranked[first], *ranked[:first], *ranked[first + 1 :])


def utterance_flag(
    said: Utterance, known: KnownListing | None, result: CheckResult, findings: tuple[Finding, ...]
) -> NewFlag:
    host = subject_id("host", said.platform, said.host)
    return NewFlag(
        event_id=said.id,
        source="transcript",
        platform=said.platform,
        subject=host,
        text=said.text,
        finding=findings[0],
        others=findings[1:],
        versions=result.versions,
        spoken_at=said.start,
        room=subject_id("room", said.platform, said.room),
        session=said.session,
        host=host,
        operator=subject_id("operator", said.platform, said.operator) if said.operator else None,
        seller=subject_id("seller", said.platform, known.listing.seller) if known else None,
        listing=known.listing.id if known else said.listing,
        category=said.category or (known.listing.category if known else None),
    )


def listing_flag(
    known: KnownListing, seller: str, room: str | None, result: CheckResult, findings: tuple[Finding, ...]
) -> NewFlag:
    listing = known.listing
    return NewFlag(
        event_id=known.event,
        source="listing",
        platform=listing.platform,
        subject=seller,
        text=result.text,
        finding=findings[0],
        others=findings[1:],
        versions=result.versions,
        spoken_at=listing.at,
        room=room,
        seller=seller,
        listing=listing.id,
        category=listing.category,
    )
