"""Puts findings into an officer's words: how sure the machine is and what it went by. It judges nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from classifiers.finding import Because, Finding
from lexicons.schema import Lexicon

SURENESS: Final = ((0.9, "很有把握"), (0.75, "较有把握"), (0.6, "有些把握"))
UNSURE: Final = "把握不大"
LABELS: Final = {"price": "价格", "brand": "品牌", "frame": "说法", "term": "提到", "model": "用词"}
RULES: Final = ("price", "brand", "frame")
MAX_REASONS: Final = 5
MAX_WORDS: Final = 2
LEAST_WORD: Final = 2


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for a finding (or, when ``against``, against it); ``about`` says what it means."""

    label: str
    text: str
    about: str
    against: bool


def sureness(confidence: float) -> str:
    """How sure the machine is, in words: an officer should weigh the sentence, not a decimal."""
    return next((words for least, words in SURENESS if confidence >= least), UNSURE)


def reasons(finding: Finding, lexicon: Lexicon) -> tuple[Reason, ...]:
    """What the finding rests on in at most five lines: rules first, then what was mentioned, then words, then what speaks against it.

    The model weighs single characters and fragments too; they mean nothing to a reader and are left out.
    """
    abouts = {frame.id: frame.about for frame in lexicon.frames}
    heaviest = sorted(finding.because, key=lambda one: -abs(one.weight))
    speaking = [one for one in heaviest if one.weight > 0]
    against = [one for one in heaviest if one.weight < 0 and one.kind in ("frame", "term")]
    ranked = [
        *(one for one in speaking if one.kind in RULES and one.id in _own(finding, speaking)),
        *(one for one in speaking if one.kind == "term"),
        *[one for one in speaking if one.kind == "model" and _is_word(one)][:MAX_WORDS],
        *against[:1],
    ]
    found: dict[str, Reason] = {}
    for one in ranked:
        reason = _reason(one, lexicon, abouts)
        if len(reason.text) >= LEAST_WORD and (reason.about or one.kind != "term"):
            found.setdefault(reason.text, reason)
    return tuple(found.values())[:MAX_REASONS]


def _own(finding: Finding, speaking: Iterable[Because]) -> set[str]:
    """The rules to name: those of the finding's own code; those of others only when there are none (a code can be rerouted)."""
    rules = [one.id for one in speaking if one.kind in RULES]
    own = {one for one in rules if one.startswith(f"{finding.code}.") or "." not in one}
    return own or set(rules)


def _is_word(one: Because) -> bool:
    return ":" not in one.id and one.id not in ("rest", "bias") and len(one.text) >= LEAST_WORD


def _reason(one: Because, lexicon: Lexicon, abouts: dict[str, str]) -> Reason:
    concept = lexicon.concepts.get(one.id)
    about = abouts.get(one.id) or (concept.about if concept else "")
    return Reason(LABELS[one.kind], one.text.strip(), about, one.weight < 0)
