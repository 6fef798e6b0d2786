"""Cross-checks of a loaded lexicon: unknown names, dead citations, empty or endless patterns. It reports; it mends nothing."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from itertools import pairwise

from lexicons.schema import Citation, Concept, Frame, Law, Lexicon

MIN_EXAMPLES = 2
# A repeated group that itself holds an open-ended repeat backtracks exponentially.
NESTED_REPEAT = re.compile(r"\([^()]*[+*][^()]*\)[+*]|\([^()]*\{\d+,\}[^()]*\)[+*]")
Names = Iterable[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: the file (or folder) it is in, the entry, and what to do in Chinese."""

    file: str
    entry: str
    text: str


def problems(lexicon: Lexicon) -> Iterator[Problem]:
    """All problems, the most basic first."""
    yield from _laws(lexicon)
    yield from _codes(lexicon)
    yield from _concepts(lexicon)
    yield from _exemptions(lexicon)
    yield from _frames(lexicon)
    yield from _categories(lexicon)
    yield from _attributes(lexicon)
    for text in _unknown("代码", lexicon.triage.codes, lexicon.codes):
        yield Problem("triage.yaml", "codes", text)


def _unknown(kind: str, names: Names, known: Names) -> Iterator[str]:
    pool = list(known)
    for name in names:
        if name not in pool:
            guess = get_close_matches(name, pool, n=1)
            yield f"未知的{kind} {name}" + (f"，是否想写 {guess[0]}？" if guess else "；请先定义它或改正拼写")


def _laws(lexicon: Lexicon) -> Iterator[Problem]:
    for law in lexicon.laws.values():
        ordered = sorted(law.versions, key=lambda version: version.from_)
        if not ordered:
            yield Problem("laws.yaml", law.id, "没有任何版本；至少写一个 versions 条目")
        for version in ordered:
            if version.to is not None and version.to < version.from_:
                yield Problem("laws.yaml", law.id, f"版本 {version.from_} 的 to 早于 from")
        for earlier, later in pairwise(ordered):
            if earlier.to is None or earlier.to >= later.from_:
                yield Problem(
                    "laws.yaml", law.id, f"版本 {earlier.from_} 与 {later.from_} 的施行期重叠；请写明前一版的 to"
                )


def _dead_citation(cited: Citation, laws: dict[str, Law]) -> str | None:
    """Why the citation would point at nothing on some day it claims to cover; None when it never does."""
    law = laws[cited.law]
    first, last = cited.from_ or date.min, cited.to or date.max
    touched = [v for v in law.versions if v.from_ <= last and (v.to or date.max) >= first]
    if not touched:
        return f"引用 {cited.law} {cited.article} 的期间内该法没有生效版本"
    for version in touched:
        if version.text_of(cited.article) is None:
            return (
                f"{law.short} {version.from_} 版没有第 {cited.article} 条；"
                "请在 laws.yaml 补上该条，或用 from/to 限定这条引用"
            )
    return None


def _citations(lexicon: Lexicon, cited: Iterable[Citation], file: str, entry: str) -> Iterator[Problem]:
    for one in cited:
        for text in _unknown("法律", [one.law], lexicon.laws):
            yield Problem(file, entry, text)
            return
        dead = _dead_citation(one, lexicon.laws)
        if dead:
            yield Problem(file, entry, dead)


def _codes(lexicon: Lexicon) -> Iterator[Problem]:
    for code in lexicon.codes.values():
        if not code.basis:
            yield Problem("codes.yaml", code.code, "没有法律依据 basis")
        yield from _citations(lexicon, (*code.basis, *code.penalty), "codes.yaml", code.code)
        for text in _unknown("豁免", code.exemptions, lexicon.exemptions):
            yield Problem("codes.yaml", code.code, text)
        for text in _unknown("代码", code.confusable, lexicon.codes):
            yield Problem("codes.yaml", code.code, text)


def _exemptions(lexicon: Lexicon) -> Iterator[Problem]:
    for exemption in lexicon.exemptions.values():
        file, entry, when = "exemptions.yaml", exemption.id, exemption.when
        for text in _unknown("代码", exemption.codes, lexicon.codes):
            yield Problem(file, entry, text)
        for text in _unknown("概念", (*when.any, *when.all, *when.unless), lexicon.concepts):
            yield Problem(file, entry, text)
        yield from _citations(lexicon, (exemption.basis,), file, entry)
        if not when.any and not when.all:
            yield Problem(file, entry, "when 里没有 any 或 all，会对所有文本成立；请写出条件概念")


def _concepts(lexicon: Lexicon) -> Iterator[Problem]:
    for name, concept in lexicon.concepts.items():
        if not (concept.terms or concept.regex or concept.include):
            yield Problem("concepts/", name, "概念是空的；请写 terms、regex 或 include")
        for text in _unknown("概念", concept.include, lexicon.concepts):
            yield Problem("concepts/", name, text)
        for pattern in concept.regex:
            bad = _bad_regex(pattern)
            if bad:
                yield Problem("concepts/", name, bad)
    yield from _cycles(lexicon.concepts)


def _bad_regex(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = re.compile(pattern)
    except (re.error, FutureWarning, DeprecationWarning) as error:
        return f"正则 {pattern!r} 写法有误：{error}"
    if NESTED_REPEAT.search(pattern):
        return f"正则 {pattern!r} 有嵌套的无限重复，会越跑越慢；请改成 {{0,8}} 这样的有限重复"
    if compiled.search(""):
        return f"正则 {pattern!r} 能匹配空串，会处处命中；请至少要求一个字"
    return None


def _cycles(concepts: dict[str, Concept]) -> Iterator[Problem]:
    done: set[str] = set()
    for start in concepts:
        stack: list[tuple[str, tuple[str, ...]]] = [(start, ())]
        while stack:
            name, path = stack.pop()
            if name in path:
                yield Problem("concepts/", start, f"include 成环：{' → '.join((*path, name))}")
                return
            if name in done or name not in concepts:
                continue
            stack.extend((child, (*path, name)) for child in concepts[name].include)
        done.add(start)


def _frames(lexicon: Lexicon) -> Iterator[Problem]:
    counts = Counter(frame.id for frame in lexicon.frames)
    for frame in lexicon.frames:
        file = f"frames/{frame.code}.yaml"
        for text in _frame_problems(frame, lexicon):
            yield Problem(file, frame.id, text)
        if counts[frame.id] > 1:
            yield Problem(file, frame.id, f"框架 {frame.id} 重复；每个 id 只能出现一次")


def _frame_problems(frame: Frame, lexicon: Lexicon) -> Iterator[str]:
    yield from _unknown("代码", [frame.code], lexicon.codes)
    if not frame.slots or not all(frame.slots):
        yield "有空的槽位 slots；每个槽位至少写一个概念"
    named = [name for slot in frame.slots for name in slot]
    yield from _unknown("概念", (*named, *frame.unless, *frame.unless_text), lexicon.concepts)
    yield from _unknown("类目", (*frame.categories, *frame.not_categories), lexicon.categories)
    if frame.gap < 0:
        yield f"gap {frame.gap} 不能为负"
    for kind, examples in (("yes", frame.examples.yes), ("no", frame.examples.no)):
        if len(examples) < MIN_EXAMPLES:
            yield f"例句 examples.{kind} 只有 {len(examples)} 条，至少要 {MIN_EXAMPLES} 条"


def _categories(lexicon: Lexicon) -> Iterator[Problem]:
    for category in lexicon.categories.values():
        for text in _unknown("代码", (*category.routes, *category.routes.values()), lexicon.codes):
            yield Problem("categories.yaml", category.id, text)
    for brand in lexicon.brands:
        for text in _unknown("类目", brand.categories, lexicon.categories):
            yield Problem("brands.yaml", brand.brand, text)


def _attributes(lexicon: Lexicon) -> Iterator[Problem]:
    for attribute in lexicon.attributes.values():
        file, entry = "attributes.yaml", attribute.id
        for text in _unknown("代码", [attribute.code], lexicon.codes):
            yield Problem(file, entry, text)
        wider = [value.within for value in attribute.values.values() if value.within]
        for text in _unknown("属性值", wider, attribute.values):
            yield Problem(file, entry, text)
        for name in attribute.values:
            seen = {name}
            at: str | None = name
            while at in attribute.values and (at := attribute.values[at].within) is not None:
                if at in seen:
                    yield Problem(file, entry, f"属性值 {name} 的 within 成环")
                    return
                seen.add(at)
