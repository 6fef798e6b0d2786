"""Sorts complaints by hints: complaint or report, product, violation, money, urgency. It masks persons and refuses nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from msgspec import Struct

from classifiers.cache import bundled_reader
from classifiers.finding import Item
from classifiers.match import CATEGORY_PREFIX
from classifiers.money import amounts
from classifiers.normalise import squeeze
from classifiers.privacy import mask
from classifiers.reading import Reader
from lexicons.schema import Lexicon

MAX_QUOTED = 4
KIND_NAMES = {"complaint": "投诉（要求处理自己的消费纠纷）", "report": "举报（反映违法线索）"}
Key = TypeVar("Key", bound=str)
Evidence = Sequence[str]


class Triage(Struct, frozen=True, kw_only=True):
    """Hints about one complaint; None where nothing in the words gives one.

    ``amounts``: money in yuan as decimal strings, in the order of the text; ``masked``: the text without personal data.
    """

    kind: Literal["complaint", "report"] | None
    category: str | None
    code: str | None
    amounts: tuple[str, ...]
    urgent: bool
    masked: str
    explanation: str


def triage(texts: Sequence[str], *, reader: Reader | None = None) -> list[Triage]:
    """One triage per text, in order."""
    known = reader or bundled_reader()
    reading = known.read([Item(text=text) for text in texts])
    claims: list[dict[str, list[str]]] = [{} for _ in texts]
    for one in reading.fired:
        # A complaint reports what was claimed, so a frame counts here whether the writer asserts it or not.
        start, end = one.spans[0][0], one.spans[-1][1]
        code = known.frames.frames[one.frame].code
        claims[one.row].setdefault(code, []).append(reading.batch.text[start:end])
    return [
        _triage(text, set(known.hits_by_name(reading, row)), claims[row], known.lexicon)
        for row, text in enumerate(texts)
    ]


def _triage(text: str, concepts: set[str], claims: Mapping[str, Evidence], lexicon: Lexicon) -> Triage:
    words, squeezed = lexicon.triage, squeeze(text)
    kinds = {kind: _present(terms, squeezed) for kind, terms in words.kinds.items()}
    codes = {
        code: _present((*words.codes.get(code, ()), *claims.get(code, ())), squeezed)
        for code in dict.fromkeys((*words.codes, *claims))
    }
    urgent = _present(words.urgent, squeezed)
    kind, code, category = _strongest(kinds), _strongest(codes), _category(concepts, squeezed, lexicon)
    money = tuple(amounts(text))
    parts = [
        f"{_quoted(kinds[kind])}像{KIND_NAMES[kind]}" if kind else "看不出是投诉还是举报",
        f"{_quoted(codes[code])}可能涉及“{lexicon.codes[code].name}”" if code else "",
        f"商品像是{lexicon.categories[category].name}" if category else "",
        f"提到金额{'、'.join(money)}元" if money else "",
        f"{_quoted(urgent)}情况可能紧急" if urgent else "",
    ]
    return Triage(
        kind=kind,
        category=category,
        code=code,
        amounts=money,
        urgent=bool(urgent),
        masked=mask(text),
        explanation=f"{'；'.join(filter(None, parts))}。",
    )


def _quoted(words: Evidence) -> str:
    return "“" + "”“".join(words[:MAX_QUOTED]) + "”"


def _present(terms: Iterable[str], squeezed: str) -> list[str]:
    """The terms in the text, longest first, without those that only stand inside a longer one."""
    found: list[str] = []
    for term in sorted({squeeze(term) for term in terms}, key=lambda term: (-len(term), term)):
        if term in squeezed and not any(term in longer for longer in found):
            found.append(term)
    return found


def _strongest(found: Mapping[Key, Evidence]) -> Key | None:
    """The key with the most characters of evidence; the earlier one when equal; None when there is none."""
    best = max(found, key=lambda key: sum(map(len, found[key])), default=None)
    return best if best is not None and found[best] else None


def _category(concepts: set[str], squeezed: str, lexicon: Lexicon) -> str | None:
    named = {name: lexicon.categories[name].words for name in lexicon.categories if CATEGORY_PREFIX + name in concepts}
    return _strongest({name: _present(words, squeezed) for name, words in named.items()})
