"""Sorts complaints by hints: complaint or report, product, violation, money, days, whom it is about, urgency. It refuses nobody.

The small model weighs words and hints of the lexicon; every code it suggests comes with what made it, summing to its score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from classifiers import complaint_model, linear
from classifiers.cache import bundled_reader
from classifiers.complaint_model import features, read_hints, told
from classifiers.dates import Day, days
from classifiers.finding import Because
from classifiers.linear import Line, LinearModel
from classifiers.mentions import Mentions, mentions
from classifiers.money import amounts
from classifiers.normalise import squeeze
from classifiers.privacy import mask
from classifiers.reading import Reader
from lexicons.schema import Lexicon

MAX_QUOTED: Final = 4
MAX_SHOWN: Final = 8
MAX_DAYS: Final = 10
UNDECIDED: Final = 0.4
KIND_NAMES: Final = {"complaint": "投诉（要求处理自己的消费纠纷）", "report": "举报（反映违法线索）"}
Kind = Literal["complaint", "report"]
Hints = Mapping[str, Sequence[str]]


class Triage(Struct, frozen=True, kw_only=True):
    """Hints about one complaint; None where nothing in the words gives one.

    ``amounts``: money in yuan as decimal strings, in the order of the text; ``days``: days named; ``mentions``: whom it is
    about; ``masked``: the text without personal data; ``confidence``: of ``code``; the weights of ``because`` sum to the
    log-odds of ``code``; ``model``: version of the model.
    """

    kind: Kind | None
    category: str | None
    code: str | None
    confidence: float | None
    because: tuple[Because, ...]
    amounts: tuple[str, ...]
    days: tuple[Day, ...]
    mentions: Mentions
    urgent: bool
    masked: str
    explanation: str
    model: str


def triage(texts: Sequence[str], *, on: date | None = None, reader: Reader | None = None) -> list[Triage]:
    """One triage per text, in order. ``on``: the day they were written (None: days like “昨天” stay words).

    Raises:
        ConfigurationError: the model is missing or was trained for another lexicon.
    """
    if not texts:
        return []
    known = reader or bundled_reader()
    model = complaint_model.bundled(known.lexicon)
    stories = [told(text) for text in texts]
    return [
        _triage(text, story, hints, model=model, lexicon=known.lexicon, on=on)
        for text, story, hints in zip(texts, stories, read_hints(known, stories), strict=True)
    ]


def _triage(text: str, story: str, hints: Hints, *, model: LinearModel, lexicon: Lexicon, on: date | None) -> Triage:
    found = features(squeeze(story), hints)
    best = _best(model, "code:", found, lexicon.codes)
    code = best and best.removeprefix("code:")
    category = _best(model, "category:", found, lexicon.categories)
    kind, urgent = _kind(model, found, hints), _urgent(model, found, hints)
    because = _because(model.questions[best], found, hints) if best else ()
    result = Triage(
        kind=kind,
        category=category and category.removeprefix("category:"),
        code=code,
        confidence=round(linear.probability(model.questions[best].score(found)), 4) if best else None,
        because=because,
        amounts=tuple(amounts(text)),
        days=tuple(days(text, on=on))[:MAX_DAYS],
        mentions=mentions(story, lexicon.triage.platforms),
        urgent=urgent,
        masked=mask(text),
        explanation="",
        model=model.version,
    )
    return _explained(result, hints, lexicon)


def _best(model: LinearModel, prefix: str, found: Mapping[str, float], known: Mapping[str, object]) -> str | None:
    """The question with the highest score, when it is at its threshold."""
    names = [name for name in model.questions if name.startswith(prefix) and name.removeprefix(prefix) in known]
    scores = {name: model.questions[name].score(found) for name in names}
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] >= model.questions[best].threshold else None


def _kind(model: LinearModel, found: Mapping[str, float], hints: Hints) -> Kind | None:
    score = model.questions["kind:report"].score(found)
    hinted = any(name.startswith("kind:") for name in hints)
    if not hinted and abs(score) < UNDECIDED:
        return None
    return "report" if score >= 0 else "complaint"


def _urgent(model: LinearModel, found: Mapping[str, float], hints: Hints) -> bool:
    """A word for danger is enough: to look once too often costs little."""
    line = model.questions["urgent"]
    return "urgent" in hints or line.score(found) >= max(line.threshold, 0.0)


def _because(line: Line, found: Mapping[str, float], hints: Hints) -> tuple[Because, ...]:
    parts = line.contributions(found)
    shown = [_part(name, weight, hints) for name, weight in parts[:MAX_SHOWN]]
    if len(parts) > MAX_SHOWN:
        rest = sum(weight for _, weight in parts[MAX_SHOWN:])
        shown.append(Because("model", "rest", f"其余{len(parts) - MAX_SHOWN}项", rest))
    return (*shown, Because("model", "bias", "起始值", line.bias))


def _part(name: str, weight: float, hints: Hints) -> Because:
    kind, _, rest = name.partition(":")
    if kind == "h":
        return Because("term", rest, "、".join(hints.get(rest, ())[:MAX_QUOTED]), weight)
    return Because("model", name, rest, weight)


def _explained(one: Triage, hints: Hints, lexicon: Lexicon) -> Triage:
    code_words = [*hints.get(f"code:{one.code}", ()), *hints.get(f"frame:{one.code}", ())]
    code_words = code_words or [part.text for part in one.because if part.weight > 0 and part.id.startswith("w:")]
    about = (*one.mentions.platforms, *one.mentions.rooms, *one.mentions.hosts, *one.mentions.shops)
    parts = [
        f"{_quoted(hints.get(f'kind:{one.kind}', ()))}像{KIND_NAMES[one.kind]}" if one.kind else "看不出是投诉还是举报",
        f"{_quoted(code_words)}可能涉及“{lexicon.codes[one.code].name}”" if one.code else "",
        f"商品像是{lexicon.categories[one.category].name}" if one.category else "",
        f"提到金额{'、'.join(one.amounts)}元" if one.amounts else "",
        f"提到时间{'、'.join(_told_day(day) for day in one.days)}" if one.days else "",
        f"提到{_quoted(about)}" if about else "",
        f"{_quoted(hints.get('urgent', ()))}情况可能紧急" if one.urgent else "",
    ]
    return replace(one, explanation=f"{'；'.join(filter(None, parts))}。")


def _told_day(day: Day) -> str:
    return f"{day.text}（{day.day.isoformat()}）" if day.day and day.text != day.day.isoformat() else day.text


def _quoted(words: Sequence[str]) -> str:
    shown = list(dict.fromkeys(words))[:MAX_QUOTED]
    return "“" + "”“".join(shown) + "”" if shown else ""
