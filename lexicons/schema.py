"""The shape of every lexicon file as frozen structs. It describes and answers questions; it never reads files."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct, field

Severity = Literal["S1", "S2", "S3", "S4"]
DefaultStatus = Literal["violation", "needs_evidence"]
Role = Literal["seller", "operator", "host", "mcn", "platform"]


class LawVersion(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One text of a law, in force from ``from_`` to ``to`` (both inclusive; ``to`` None = still in force)."""

    from_: date = field(name="from")
    to: date | None = None
    number: str = ""
    articles: dict[str, str | dict[str, str]]

    def covers(self, day: date) -> bool:
        """Whether this text was in force on ``day``."""
        return self.from_ <= day and (self.to is None or day <= self.to)

    def text_of(self, article: str) -> str | None:
        """The one-line paraphrase of ``17`` or ``9(3)``; None when this version has no such article."""
        number, bracket, item = article.partition("(")
        entry = self.articles.get(article, self.articles.get(number))
        if isinstance(entry, dict):
            return entry.get(f"({item}") if bracket else "；".join(entry.values())
        return entry


class Law(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A law or regulation with all its versions."""

    id: str
    name: str
    short: str
    versions: tuple[LawVersion, ...]
    source: str = ""

    def on(self, day: date) -> LawVersion | None:
        """The version in force on ``day``."""
        return next((version for version in self.versions if version.covers(day)), None)


class Citation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A pointer to an article, limited to acts between ``from_`` and ``to`` (inclusive) when those are given."""

    law: str
    article: str
    from_: date | None = field(name="from", default=None)
    to: date | None = None
    text: str = ""

    def covers(self, day: date) -> bool:
        """Whether the pointer holds for an act of ``day``."""
        return (self.from_ is None or self.from_ <= day) and (self.to is None or day <= self.to)


class Code(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One violation code of the taxonomy."""

    code: str
    name: str
    severity: Severity
    liable: tuple[Role, ...]
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

    ``mask``: shorter hits of other concepts inside a hit of this one do not count (``第一次`` hides ``第一``).
    """

    about: str
    terms: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    pinyin: bool = False
    homophones: tuple[str, ...] = ()
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
    """Words that hint at the kind, the code and the urgency of a complaint."""

    kinds: dict[Literal["complaint", "report"], tuple[str, ...]]
    codes: dict[str, tuple[str, ...]]
    urgent: tuple[str, ...]


class CitedRule(Struct, frozen=True):
    """A citation resolved for a day: law id, article, law name, short name and the paraphrased text."""

    law: str
    article: str
    name: str
    short: str
    text: str


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

    def basis_on(self, code: str, day: date) -> tuple[CitedRule, ...]:
        """The rules that ``code`` broke if the act was done on ``day``: only texts in force on that day."""
        return tuple(rule for cited in self.codes[code].basis if (rule := self.resolve(cited, day)))

    def resolve(self, cited: Citation, day: date) -> CitedRule | None:
        """The cited article as it stood on ``day``; None when the citation or the law does not cover that day."""
        law = self.laws[cited.law]
        version = law.on(day)
        if version is None or not cited.covers(day):
            return None
        text = version.text_of(cited.article)
        return None if text is None else CitedRule(law.id, cited.article, law.name, law.short, text)
