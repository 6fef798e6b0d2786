"""Polarity of a clause: is what stands in it asserted, or negated, asked, reported, warned about, legal talk?

Driven by concepts of the lexicon; it knows no words itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from classifiers.normalise import Batch
from lexicons.schema import Lexicon

# Concepts the engine reads by name. A negator must stand near; the others colour their whole clause.
NEGATION: Final = "negation"
DENIAL: Final = "denial"
COLOURING: Final = (DENIAL, "question", "reported", "warning", "legal_talk")
CORRECTION: Final = "correction"
NEGATION_REACH: Final = 6

Spans = list[tuple[int, int]]


class Scope:
    """Answers for one batch whether a match is asserted."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.negation = lexicon.concepts.get(NEGATION) and NEGATION
        self.colouring = tuple(name for name in COLOURING if name in lexicon.concepts)

    def blocked_by(self, batch: Batch, hits: Mapping[str, Spans], match: Spans) -> str | None:
        """The concept (or ``question``) that takes the assertion away from ``match``; None when it is asserted.

        ``match`` holds the slots' ranges in text order; all positions are in ``batch.text``.
        """
        clauses = {int(batch.clause[start]) for start, _ in match}
        if batch.questions and not clauses.isdisjoint(batch.questions):
            return "question"
        for name in self.colouring:
            for span in hits.get(name, ()):
                if int(batch.clause[span[0]]) in clauses and not _inside(span, match):
                    return name
        begin, end = match[0][0], match[-1][1]
        for span in hits.get(NEGATION, ()) if self.negation else ():
            near = begin - NEGATION_REACH <= span[0] and span[1] <= end
            if near and int(batch.clause[span[0]]) in clauses and not _overlaps(span, match):
                return NEGATION
        return None


def _inside(span: tuple[int, int], match: Spans) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in match)


def _overlaps(span: tuple[int, int], match: Spans) -> bool:
    return any(start < span[1] and span[0] < end for start, end in match)
