"""The shape of every lexicon file as frozen structs. It describes and answers questions; it never reads files."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from infra.errors import InvalidInput
from lexicons import statutes
from lexicons.statutes import Citation, CitedRule, Judgement, Law, LawVersion, PenaltyRule

__all__ = [
    "Aggravation",
    "Attribute",
    "AttributeValue",
    "Brand",
    "Category",
    "Citation",
    "CitedRule",
    "Code",
    "Concept",
    "Disguises",
    "Examples",
    "Exemption",
    "ExemptionWhen",
    "Frame",
    "Judgement",
    "Law",
    "LawVersion",
    "Lexicon",
    "PenaltyRule",
    "TriageWords",
]

Severity = Literal["S1", "S2", "S3", "S4"]
DefaultStatus = Literal["violation", "needs_evidence"]
Role = Literal["seller", "operator", "host", "mcn", "platform"]


class Aggravation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a code weighs more than usual."""

    severity: Severity
    when: str


class Code(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One violation code of the taxonomy. ``liability``: role → when it answers, where that is not self-evident."""

    code: str
    name: str
    severity: Severity
    aggravated: tuple[Aggravation, ...] = ()
    liable: tuple[Role, ...]
    liability: dict[Role, str] = {}
    status: DefaultStatus
    basis: tuple[Citation, ...]
    penalty: tuple[Citation, ...] = ()
    evidence: str = ""
    exemptions: tuple[str, ...] = ()
    confusable: tuple[str, ...] = ()


class ExemptionWhen(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When an exemption applies, as concept ids."""

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    within: Literal["clause", "text"] = "clause"


class Examples(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sentences that must and must not match."""

    yes: tuple[str, ...]
    no: tuple[str, ...]


class Exemption(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A situation in which the law allows what a code would otherwise catch."""

    id: str
    codes: tuple[str, ...]
    name: str
    basis: Citation
    result: Literal["yes", "needs_proof"]
    when: ExemptionWhen
    examples: Examples | None = None


class Concept(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A set of expressions that mean the same thing for the law: plain terms, regexes, other concepts.

    ``pinyin``: its terms are also read when they are written by sound (letters, or other characters of the same sound);
    ``mask``: shorter hits of other concepts inside a hit of this one do not count (``第一次`` hides ``第一``).
    """

    about: str
    terms: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    pinyin: bool = False
    mask: bool = False


class Frame(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A pattern over concepts that speaks for a code."""

    id: str
    about: str
    slots: tuple[tuple[str, ...], ...]
    order: Literal["any", "given"] = "any"
    gap: int = 6
    scope: Literal["clause", "text"] = "clause"
    polarity: Literal["affirmative", "any"] = "affirmative"
    unless: tuple[str, ...] = ()
    unless_text: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    not_categories: tuple[str, ...] = ()
    status: DefaultStatus | None = None
    severity: Severity | None = None
    weight: float = 1.5
    examples: Examples
    code: str = ""


class Category(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A product category, the words it is inferred from, and codes that become others for such goods."""

    id: str
    name: str
    words: tuple[str, ...] = ()
    routes: dict[str, str] = {}


class Brand(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A registered brand: how else it is written, what it sells, its lowest honest price, who may sell it."""

    brand: str
    aliases: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    floor_price: Decimal | None = None
    licensed_sellers: tuple[str, ...] = ()


class AttributeValue(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value of an attribute: how it is written, the wider value it lies in, what on the page contradicts it."""

    names: tuple[str, ...]
    within: str | None = None
    contradicted_by: tuple[str, ...] = ()


class Attribute(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A property that is both said and listed (origin, material) and may be compared."""

    id: str
    name: str
    code: str
    said_cues: tuple[str, ...] = ()
    listed_cues: tuple[str, ...] = ()
    values: dict[str, AttributeValue]

    def related(self, one: str, other: str) -> bool:
        """Whether one value is the other or lies in it."""
        return one in self.lineage(other) or other in self.lineage(one)

    def lineage(self, value: str) -> list[str]:
        """A value and all wider ones."""
        line = [value]
        while (wider := self.values[line[-1]].within) is not None:
            line.append(wider)
        return line


class TriageWords(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Words that hint at the kind, the code and the urgency of a complaint; ``platforms``: usual name → other spellings."""

    kinds: dict[Literal["complaint", "report"], tuple[str, ...]]
    codes: dict[str, tuple[str, ...]]
    urgent: tuple[str, ...]
    platforms: dict[str, tuple[str, ...]] = {}


class Disguises(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ways to hide a word, and the words they are read as.

    ``split``: word → its characters written in parts; ``forms``: word → other spellings; ``initials``: letters → word, read
    only where a character of ``initials_near`` stands in the same text; ``contact``, ``contact_near``: likewise, for
    messengers; ``sound``: two-syllable words whose homophones are read, unless the changed character is one of ``common``;
    ``sound_of``: concepts whose two-syllable terms are read likewise, except ``not_sound``; ``latin_words``: letters that are
    words of other languages, never pinyin; ``alike``: character → look-alikes; ``signs``: character → emoji.
    """

    split: dict[str, tuple[str, ...]] = {}
    forms: dict[str, tuple[str, ...]] = {}
    initials: dict[str, str] = {}
    initials_near: str = ""
    contact: dict[str, str] = {}
    contact_near: str = ""
    sound: tuple[str, ...] = ()
    sound_of: tuple[str, ...] = ()
    not_sound: tuple[str, ...] = ()
    common: str = ""
    latin_words: tuple[str, ...] = ()
    alike: dict[str, str] = {}
    signs: dict[str, str] = {}


class Lexicon(Struct, frozen=True, kw_only=True):
    """All files together, cross-checked. ``version`` is a short hash of their content."""

    version: str
    laws: dict[str, Law]
    codes: dict[str, Code]
    exemptions: dict[str, Exemption]
    concepts: dict[str, Concept]
    frames: tuple[Frame, ...]
    categories: dict[str, Category]
    brands: tuple[Brand, ...]
    attributes: dict[str, Attribute]
    triage: TriageWords
    disguises: Disguises

    def basis_on(self, code: str, day: date) -> tuple[CitedRule, ...]:
        """The rules that ``code`` broke if the act was done on ``day``: only texts in force on that day."""
        return statutes.rules_on(self.laws, self.codes[code].basis, day)

    def penalty_on(self, code: str, day: date) -> tuple[PenaltyRule, ...]:
        """What the law of ``day`` threatens for ``code``, with the fines of the rules it refers to."""
        return statutes.penalties_on(self.laws, self.codes[code].penalty, day)

    def judged(self, code: str, *, act: date, decided: date) -> Judgement:
        """The law of the day of the act, and what changed until the decision (行政处罚法 art. 37: the new rule when it is lighter).

        Raises:
            InvalidInput: an unknown code, or a decision before the act.
        """
        if code not in self.codes:
            raise InvalidInput.one("代码", code, f"没有这个代码，可用：{'、'.join(self.codes)}")
        if decided < act:
            raise InvalidInput.one("决定日", decided.isoformat(), f"早于行为日 {act.isoformat()}；请核对两个日期")
        known = self.codes[code]
        return statutes.judge(self.laws, known.basis, known.penalty, act=act, decided=decided)

    def resolve(self, cited: Citation, day: date) -> CitedRule | None:
        """The cited article as it stood on ``day``; None when the citation or the law does not cover that day."""
        return statutes.resolve(self.laws, cited, day)
