"""The detector: texts in, explained findings out. Pure; it loads the lexicon and the model once and keeps no state.

A lexicon hit alone is never a finding: the model weighs frames, concepts and words, and only a score above the threshold
of its code is reported. A finding is a lead for an officer, never a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from classifiers import model as models
from classifiers.accounts import Account, RowSums, Span, account
from classifiers.cache import bundled_reader, load_reader
from classifiers.correction import Claim, is_correction, is_denial_before, words_of
from classifiers.exempt import Exemptions, status_after
from classifiers.explain import explain
from classifiers.features import FeatureSpace
from classifiers.finding import Basis, CheckResult, Finding, Item, Status, Versions
from classifiers.frames import Fired
from classifiers.freshness import MODEL_DIR
from classifiers.match import CATEGORY_PREFIX
from classifiers.model import Model, Scored
from classifiers.reading import Reader, Reading
from classifiers.scope import Spans
from classifiers.units import Unit, units
from infra.clock import SystemClock, today
from lexicons.schema import CitedRule, Code, Lexicon

CHUNK = 2048
# How often a category inferred from words is the given one: 1,881 of 2,297 lines of the corpus that carry a category.
INFERRED_RIGHT = 0.82


class _Evidence(Struct, frozen=True):
    """What speaks for one finding: the scored code, what was read, the account of the score, the frames of the row.

    ``part`` is the piece of ``item`` it was found in, ``spans`` its places in the item's text.
    """

    scored: Scored
    reading: Reading
    account: Account
    fired: Sequence[Fired]
    item: Item
    part: Unit
    spans: tuple[Span, ...]

    @property
    def quotes(self) -> tuple[str, ...]:
        return tuple(self.item.text[start:end] for start, end in self.spans)


class Detector:
    """Checks texts with one lexicon and one model."""

    def __init__(self, reader: Reader, model: Model, *, on: date) -> None:
        self._reader = reader
        self._lexicon: Lexicon = reader.lexicon
        self._model = model
        self._space = FeatureSpace(reader.lexicon, reader.matcher, reader.frames, model.vocabulary)
        self._exemptions = Exemptions(reader.lexicon)
        self._codes = list(reader.lexicon.codes.values())
        categories = reader.lexicon.categories.values()
        self._categories = {name: one.id for one in categories for name in (one.id, one.name)}
        self._rules: dict[tuple[str, date], tuple[CitedRule, ...]] = {}
        self.versions = Versions(lexicon=reader.lexicon.version, model=model.meta.version, law=on.isoformat())

    @classmethod
    def load(cls, *, lexicon: Path | None = None, model: Path | None = None) -> Detector:
        """The detector with the bundled lexicon and the trained model (or those of other folders).

        Raises:
            ConfigurationError: a lexicon file is wrong, or the model is missing or was trained for another lexicon.
        """
        reader = load_reader(lexicon) if lexicon else bundled_reader()
        known = reader.lexicon
        trained = models.load(model or MODEL_DIR, lexicon_version=known.version, codes=list(known.codes))
        return cls(reader, trained, on=today(SystemClock()))

    @property
    def lexicon(self) -> Lexicon:
        """The lexicon it checks with."""
        return self._lexicon

    @property
    def codes(self) -> list[str]:
        """The violation codes it knows."""
        return list(self._lexicon.codes)

    def check(self, items: Sequence[Item], *, on: date | None = None) -> list[CheckResult]:
        """One result per item, in order. The law is that of ``item.at``, else of ``on``, else of today."""
        default = on or today(SystemClock())
        results: list[CheckResult] = []
        for first in range(0, len(items), CHUNK):
            chunk = items[first : first + CHUNK]
            found = self._findings(chunk, default)
            versions = {day: self._versions(day) for day in {item.at or default for item in chunk}}
            results += [
                CheckResult(
                    text=item.text, findings=tuple(found.get(number, ())), versions=versions[item.at or default]
                )
                for number, item in enumerate(chunk)
            ]
        return results

    def _versions(self, day: date) -> Versions:
        return msgspec.structs.replace(self.versions, law=day.isoformat())

    def _findings(self, items: Sequence[Item], default: date) -> dict[int, list[Finding]]:
        """Findings by item number, best first."""
        parts = units([item.text for item in items])
        batch = self._reader.plain([part.text for part in parts])
        passing = self._model.screen.passing(batch)
        if not passing:
            return {}
        parts = [parts[row] for row in passing]
        reading = self._reader.read([self._piece(items[part.item], part) for part in parts], batch.chosen(passing))
        rows = self._space.extract(reading)
        fired: dict[int, list[Fired]] = {}
        framed = np.zeros(len(parts), dtype=bool)
        for one in reading.fired:
            fired.setdefault(one.row, []).append(one)
            framed[one.row] |= one.blocked is None
        caution = self._model.caution(framed=framed, pieces=np.array([part.of for part in parts], dtype=np.float64))
        evidence: list[_Evidence] = []
        sums: dict[int, RowSums] = {}
        for scored in self._model.score(rows, caution):
            own, part = fired.get(scored.row, []), parts[scored.row]
            if scored.row not in sums:
                sums[scored.row] = RowSums(rows, scored.row)
            made = account(self._model, self._space, reading.batch, sums[scored.row], fired=own, scored=scored)
            spans = tuple(_shifted(reading.batch.span(*place), part.offset) for place in made.places)
            evidence.append(_Evidence(scored, reading, made, own, items[part.item], part, spans))
        self._hear_what_is_near(evidence)
        found: dict[int, dict[str, list[Finding]]] = {}
        for proof in evidence:
            finding = self._finding(proof, proof.item.at or default)
            found.setdefault(proof.part.item, {}).setdefault(finding.code, []).append(finding)
        return {number: _best_first(map(_merged, by_code.values())) for number, by_code in found.items()}

    def _hear_what_is_near(self, evidence: Sequence[_Evidence]) -> None:
        """Read what is about to be held against the claims, all of it at once, which costs a tenth."""
        texts: list[str] = []
        for one in evidence:
            if one.item.before or one.item.after:
                texts += (*one.item.before, *one.item.after, words_of(one.quotes))
        self._reader.hear_all(texts)

    def _piece(self, item: Item, part: Unit) -> Item:
        """The part of an item as it is read: its own text, and a category the lexicon knows (or none)."""
        if part.text is item.text and (item.category is None or item.category in self._lexicon.categories):
            return item
        category = self._categories.get(item.category) if item.category else None
        return msgspec.structs.replace(item, text=part.text, category=category)

    def _finding(self, evidence: _Evidence, day: date) -> Finding:
        scored, batch, made, item = evidence.scored, evidence.reading.batch, evidence.account, evidence.item
        hits = evidence.reading.hits_by_name(scored.row)
        given = self._categories.get(item.category) if item.category else None
        category = given or _inferred(hits)
        code = self._routed(self._codes[scored.code], category)
        frames = [self._reader.frames.frames[one.frame] for one in evidence.fired if not one.blocked]
        frames = [frame for frame in frames if frame.code == self._codes[scored.code].code]
        checks = self._exemptions.check(code.code, batch, hits, made.places)
        default: Status = next((frame.status for frame in frames if frame.status), code.status)
        status = self._status(status_after(default, checks), Claim(code.code, evidence.quotes), item)
        rules = self._rules_on(code.code, day)
        return Finding(
            code=code.code,
            name=code.name,
            status=status,
            confidence=round(_logistic(scored.score), 4),
            severity=max([frame.severity for frame in frames if frame.severity], default=code.severity),
            spans=evidence.spans,
            because=made.because,
            basis=tuple(Basis(rule.law, rule.article, rule.name) for rule in rules),
            exemptions=checks,
            liable=code.liable,
            explanation=explain(
                code=code,
                status=status,
                quotes=evidence.quotes,
                rules=rules,
                checks=checks,
                note=self._guess(category) if not given and code.code != self._codes[scored.code].code else "",
            ),
        )

    def _status(self, status: Status, claim: Claim, item: Item) -> Status:
        """``corrected`` when the speaker took the claim back afterwards or had denied it just before."""
        taken_back = any(is_correction(text, claim, reader=self._reader) for text in item.after)
        if taken_back or (item.before and is_denial_before(item.before, claim, reader=self._reader)):
            return "corrected"
        return status

    def _guess(self, category: str | None) -> str:
        name = self._lexicon.categories[category].name if category else ""
        return f"商品类目未提供，按用词推断为{name}（把握约{INFERRED_RIGHT:.0%}）"

    def _routed(self, code: Code, category: str | None) -> Code:
        """The code that the same words fall under for goods of this category (a drug's claim is not MEDICAL)."""
        known = self._lexicon.categories.get(category) if category else None
        return self._lexicon.codes[known.routes.get(code.code, code.code)] if known else code

    def _rules_on(self, code: str, day: date) -> tuple[CitedRule, ...]:
        if (code, day) not in self._rules:
            self._rules[code, day] = self._lexicon.basis_on(code, day)
        return self._rules[code, day]


def _inferred(hits: Mapping[str, Spans]) -> str | None:
    """The category whose goods the text names; None when it names none, or goods of several."""
    named = [name for name in hits if name.startswith(CATEGORY_PREFIX)]
    return named[0].removeprefix(CATEGORY_PREFIX) if len(named) == 1 else None


def _shifted(span: Span, offset: int) -> Span:
    return span[0] + offset, span[1] + offset


def _merged(findings: Sequence[Finding]) -> Finding:
    """One finding per code and text: the surest keeps its words, the spans of all units are joined."""
    surest = max(findings, key=lambda finding: (finding.caught, finding.confidence))
    if len(findings) == 1:
        return surest
    spans = {span for finding in findings if finding.caught == surest.caught for span in finding.spans}
    return msgspec.structs.replace(surest, spans=tuple(sorted(spans)))


def _best_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (not finding.caught, -finding.confidence))


def _logistic(score: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, score))))
