"""Laws in their versions: which article held on a day, what it threatened, and whether a later text is lighter.

It judges nobody: which of two laws applies to a case is the officer's to say, and what is not a number is not weighed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from msgspec import Struct, field

from lexicons.fines import Fine, Known, Weight, compare


class Citation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A pointer to an article, limited to acts between ``from_`` and ``to`` (inclusive) when those are given.

    ``9(3)`` is item 3 of article 9, ``34.1`` its first paragraph.
    """

    law: str
    article: str
    from_: date | None = field(name="from", default=None)
    to: date | None = None
    text: str = ""

    def covers(self, day: date) -> bool:
        """Whether the pointer holds for an act of ``day``."""
        return (self.from_ is None or self.from_ <= day) and (self.to is None or day <= self.to)


def number_of(article: str) -> str:
    """The article itself, without item or paragraph: ``9`` of ``9(3)``, ``34`` of ``34.1``."""
    return article.partition("(")[0].partition(".")[0]


class LawVersion(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One text of a law, in force from ``from_`` to ``to`` (both inclusive; ``to`` None = still in force).

    ``fines``: article → its rungs. ``refers``: article → the rules it sends to for the fine. ``replaces``: article → what the
    version before called it. ``known``: how this text is known; ``doubtful``: article → what about it is not verified.
    """

    from_: date = field(name="from")
    to: date | None = None
    number: str = ""
    known: Known = "read"
    articles: dict[str, str | dict[str, str]]
    fines: dict[str, tuple[Fine, ...]] = {}
    refers: dict[str, tuple[Citation, ...]] = {}
    replaces: dict[str, str] = {}
    doubtful: dict[str, str] = {}

    def covers(self, day: date) -> bool:
        """Whether this text was in force on ``day``."""
        return self.from_ <= day and (self.to is None or day <= self.to)

    def text_of(self, article: str) -> str | None:
        """The one-line paraphrase of ``17``, ``9(3)`` or ``34.1``; None when this version has no such article."""
        number = number_of(article)
        part = article[len(number) :]
        entry = self.articles.get(article, self.articles.get(number))
        if isinstance(entry, dict):
            return entry.get(part) if part else "；".join(entry.values())
        return entry

    def fines_of(self, article: str) -> tuple[Fine, ...]:
        """The rungs of an article; an item without its own has those of its article."""
        return self.fines.get(article, self.fines.get(number_of(article), ()))

    def refers_of(self, article: str) -> tuple[Citation, ...]:
        """Where an article sends to for the penalty."""
        return self.refers.get(article, self.refers.get(number_of(article), ()))

    def verified(self, article: str) -> bool:
        """Whether number and content of the article were read in the text itself."""
        return self.known == "read" and self.doubtful.keys().isdisjoint({article, number_of(article)})


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


class CitedRule(Struct, frozen=True):
    """A citation resolved for a day: law id, article, law name, short name and the paraphrased text.

    ``verified``: whether number and content were read in the law's own text.
    """

    law: str
    article: str
    name: str
    short: str
    text: str
    verified: bool = True


class PenaltyRule(Struct, frozen=True):
    """A penalty article of a day with its rungs; ``via``: the rules it refers to, whose fines are among them."""

    rule: CitedRule
    fines: tuple[Fine, ...]
    via: tuple[CitedRule, ...] = ()
    note: str = ""


class LaterRule(Struct, frozen=True):
    """An article that another text had replaced by the day of the decision (``later`` None: no counterpart is known)."""

    earlier: CitedRule
    later: CitedRule | None
    since: date
    weight: Weight


class Judgement(Struct, frozen=True, kw_only=True):
    """The law of an act that is decided on another day."""

    act: date
    decided: date
    basis: tuple[CitedRule, ...]
    penalty: tuple[PenaltyRule, ...]
    changed: tuple[LaterRule, ...]

    @property
    def lighter(self) -> tuple[LaterRule, ...]:
        """The later rules that apply instead, because they are lighter (行政处罚法 art. 37)."""
        return tuple(one for one in self.changed if one.weight == "lighter")

    @property
    def unclear(self) -> tuple[LaterRule, ...]:
        """Changes that numbers cannot weigh; an officer has to."""
        return tuple(one for one in self.changed if one.weight == "unclear")


Laws = Mapping[str, Law]


def resolve(laws: Laws, cited: Citation, day: date) -> CitedRule | None:
    """The cited article as it stood on ``day``; None when the citation or the law does not cover that day."""
    law = laws[cited.law]
    version = law.on(day)
    if version is None or not cited.covers(day):
        return None
    return _rule(law, version, cited.article)


def rules_on(laws: Laws, cited: Iterable[Citation], day: date) -> tuple[CitedRule, ...]:
    """All citations that hold on ``day``, resolved."""
    return tuple(rule for one in cited if (rule := resolve(laws, one, day)))


def penalties_on(laws: Laws, cited: Iterable[Citation], day: date) -> tuple[PenaltyRule, ...]:
    """All penalty citations that hold on ``day``, with their fines."""
    found = []
    for one in cited:
        rule = resolve(laws, one, day)
        if rule is not None:
            via = tuple(_referred(laws, rule, day))
            fines = [fine for each in (rule, *via) for fine in _fines(laws, each, day)]
            found.append(PenaltyRule(rule, tuple(dict.fromkeys(fines)), via, one.text))
    return tuple(found)


def judge(laws: Laws, basis: Iterable[Citation], penalty: Iterable[Citation], *, act: date, decided: date) -> Judgement:
    """The law of ``act`` with every article that was another one by ``decided``."""
    broken, threatened = rules_on(laws, basis, act), penalties_on(laws, penalty, act)
    changed = {(one.earlier.law, one.earlier.article): one for one in _changed(laws, broken, act, decided)}
    fined = [each for one in threatened for each in (one.rule, *one.via)]
    changed |= {(one.earlier.law, one.earlier.article): one for one in _changed(laws, fined, act, decided)}
    return Judgement(act=act, decided=decided, basis=broken, penalty=threatened, changed=tuple(changed.values()))


def _changed(laws: Laws, rules: Iterable[CitedRule], act: date, decided: date) -> Iterator[LaterRule]:
    for rule in rules:
        law = laws[rule.law]
        before, after = law.on(act), law.on(decided)
        if before is None or before is after:
            continue
        if after is None:
            yield LaterRule(rule, None, _end(law, act), "unclear")
            continue
        article = _followed(law, rule.article, before, after)
        later = _rule(law, after, article) if article else None
        fines = before.fines_of(rule.article), after.fines_of(article) if article else ()
        # A ban has no fines of its own: that it stands under another number changes nothing for the offender.
        weight: Weight = compare(*fines) if any(fines) else ("same" if later else "unclear")
        yield LaterRule(rule, later, after.from_, weight)


def _followed(law: Law, article: str, before: LawVersion, after: LawVersion) -> str | None:
    """What an article of one text is called in a later one; None when it is not known."""
    name: str | None = article
    for version in sorted(law.versions, key=lambda version: version.from_):
        if name is None or not before.from_ < version.from_ <= after.from_:
            continue
        follower = next((new for new, old in version.replaces.items() if old == name), None)
        name = follower or (name if not version.replaces and version.text_of(name) else None)
    return name


def _end(law: Law, day: date) -> date:
    version = law.on(day)
    return version.to if version and version.to else day


def _rule(law: Law, version: LawVersion, article: str) -> CitedRule | None:
    text = version.text_of(article)
    return None if text is None else CitedRule(law.id, article, law.name, law.short, text, version.verified(article))


def _referred(laws: Laws, rule: CitedRule, day: date) -> Iterator[CitedRule]:
    """The rules a rule sends to, and those they send to."""
    version = laws[rule.law].on(day)
    for cited in version.refers_of(rule.article) if version else ():
        found = resolve(laws, cited, day)
        if found is not None:
            yield found
            yield from _referred(laws, found, day)


def _fines(laws: Laws, rule: CitedRule, day: date) -> tuple[Fine, ...]:
    version = laws[rule.law].on(day)
    return version.fines_of(rule.article) if version else ()
