"""Cross-checks of a loaded lexicon: unknown names, dead citations, empty or endless patterns. It reports; it mends nothing."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator

from lexicons.lawcheck import citation_problems, law_problems
from lexicons.problem import Problem, unknown
from lexicons.schema import Concept, Frame, Lexicon

__all__ = ["Problem", "problems"]

MIN_EXAMPLES = 2
# A repeated group that itself holds an open-ended repeat backtracks exponentially.
NESTED_REPEAT = re.compile(r"\([^()]*[+*][^()]*\)[+*]|\([^()]*\{\d+,\}[^()]*\)[+*]")


def problems(lexicon: Lexicon) -> Iterator[Problem]:
    """All problems, the most basic first."""
    yield from law_problems(lexicon.laws)
    yield from _codes(lexicon)
    yield from _concepts(lexicon)
    yield from _exemptions(lexicon)
    yield from _frames(lexicon)
    yield from _categories(lexicon)
    yield from _attributes(lexicon)
    for text in unknown("代码", lexicon.triage.codes, lexicon.codes):
        yield Problem("triage.yaml", "codes", text)


def _codes(lexicon: Lexicon) -> Iterator[Problem]:
    for code in lexicon.codes.values():
        if not code.basis:
            yield Problem("codes.yaml", code.code, "没有法律依据 basis")
        yield from citation_problems(lexicon.laws, (*code.basis, *code.penalty), "codes.yaml", code.code)
        for text in unknown("豁免", code.exemptions, lexicon.exemptions):
            yield Problem("codes.yaml", code.code, text)
        for text in unknown("代码", code.confusable, lexicon.codes):
            yield Problem("codes.yaml", code.code, text)


def _exemptions(lexicon: Lexicon) -> Iterator[Problem]:
    for exemption in lexicon.exemptions.values():
        file, entry, when = "exemptions.yaml", exemption.id, exemption.when
        for text in unknown("代码", exemption.codes, lexicon.codes):
            yield Problem(file, entry, text)
        for text in unknown("概念", (*when.any, *when.all, *when.unless), lexicon.concepts):
            yield Problem(file, entry, text)
        yield from citation_problems(lexicon.laws, (exemption.basis,), file, entry)
        if not when.any and not when.all:
            yield Problem(file, entry, "when 里没有 any 或 all，会对所有文本成立；请写出条件概念")


def _concepts(lexicon: Lexicon) -> Iterator[Problem]:
    for name, concept in lexicon.concepts.items():
        if not (concept.terms or concept.regex or concept.include):
            yield Problem("concepts/", name, "概念是空的；请写 terms、regex 或 include")
        for text in unknown("概念", concept.include, lexicon.concepts):
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
    yield from unknown("代码", [frame.code], lexicon.codes)
    if not frame.slots or not all(frame.slots):
        yield "有空的槽位 slots；每个槽位至少写一个概念"
    named = [name for slot in frame.slots for name in slot]
    yield from unknown("概念", (*named, *frame.unless, *frame.unless_text), lexicon.concepts)
    yield from unknown("类目", (*frame.categories, *frame.not_categories), lexicon.categories)
    if frame.gap < 0:
        yield f"gap {frame.gap} 不能为负"
    for kind, examples in (("yes", frame.examples.yes), ("no", frame.examples.no)):
        if len(examples) < MIN_EXAMPLES:
            yield f"例句 examples.{kind} 只有 {len(examples)} 条，至少要 {MIN_EXAMPLES} 条"
    for text in sorted(set(frame.examples.yes) & set(frame.examples.no)):
        yield f"例句“{text}”同时在 yes 与 no 中；请只留一处"


def _categories(lexicon: Lexicon) -> Iterator[Problem]:
    for category in lexicon.categories.values():
        for text in unknown("代码", (*category.routes, *category.routes.values()), lexicon.codes):
            yield Problem("categories.yaml", category.id, text)
    for brand in lexicon.brands:
        for text in unknown("类目", brand.categories, lexicon.categories):
            yield Problem("brands.yaml", brand.brand, text)


def _attributes(lexicon: Lexicon) -> Iterator[Problem]:
    for attribute in lexicon.attributes.values():
        file, entry = "attributes.yaml", attribute.id
        for text in unknown("代码", [attribute.code], lexicon.codes):
            yield Problem(file, entry, text)
        wider = [value.within for value in attribute.values.values() if value.within]
        for text in unknown("属性值", wider, attribute.values):
            yield Problem(file, entry, text)
        for name in attribute.values:
            seen = {name}
            at: str | None = name
            while at in attribute.values and (at := attribute.values[at].within) is not None:
                if at in seen:
                    yield Problem(file, entry, f"属性值 {name} 的 within 成环")
                    return
                seen.add(at)
