"""Checks laws and the citations of them: versions, fines, references. It reports; it mends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise

from msgspec.structs import replace

from lexicons.fines import Fine
from lexicons.problem import Problem, unknown
from lexicons.statutes import Citation, Laws, LawVersion


def law_problems(laws: Laws) -> Iterator[Problem]:
    """Versions that overlap or end before they begin, fines and references that point at nothing."""
    for law in laws.values():
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
        for before, version in zip([None, *ordered], ordered, strict=False):
            for text in _version_problems(version, before, laws):
                yield Problem("laws.yaml", law.id, f"{version.from_} 版：{text}")


def _version_problems(version: LawVersion, before: LawVersion | None, laws: Laws) -> Iterator[str]:
    for kind, articles in (("fines", version.fines), ("refers", version.refers), ("doubtful", version.doubtful)):
        for article in articles:
            if version.text_of(article) is None:
                yield f"{kind} 写了第 {article} 条，articles 中却没有；请补上该条或改正条号"
    for new, old in version.replaces.items():
        if version.text_of(new) is None:
            yield f"replaces 的新条号 {new} 不在 articles 中"
        if before is None or before.text_of(old) is None:
            yield f"replaces 的旧条号 {old} 不在前一版的 articles 中"
    for article, fines in version.fines.items():
        yield from _fine_problems(article, fines)
    for article, referred in version.refers.items():
        for cited in referred:
            if cited.law not in laws:
                yield from unknown("法律", [cited.law], laws)
            elif dead_citation(_within(cited, version), laws):
                yield f"第 {article} 条指向的 {cited.law} {cited.article} 在本版施行期间不存在；请改正条号或 from/to"
            elif any(v.refers_of(cited.article) for v in laws[cited.law].versions):
                yield f"第 {article} 条指向的 {cited.law} {cited.article} 又指向别处；请直接写最终的处罚条款"


def _fine_problems(article: str, fines: tuple[Fine, ...]) -> Iterator[str]:
    rungs = [fine.rung for fine in fines]
    if len(rungs) != len(set(rungs)):
        yield f"第 {article} 条有两档罚款的情节、基数、对象相同，无法比较轻重；请合并或区分"
    for fine in fines:
        if fine.least > fine.most or (fine.known != "gap" and fine.most <= 0):
            yield f"第 {article} 条罚款幅度 {fine.least:g} 至 {fine.most:g} 不成立；应 0 ≤ least ≤ most，most 大于 0"


def _within(cited: Citation, version: LawVersion) -> Citation:
    """The citation for the days only on which this version is in force."""
    first = max(cited.from_ or version.from_, version.from_)
    last = min((day for day in (cited.to, version.to) if day is not None), default=None)
    return replace(cited, from_=first, to=last)


def dead_citation(cited: Citation, laws: Laws) -> str | None:
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


def citation_problems(laws: Laws, cited: Iterable[Citation], file: str, entry: str) -> Iterator[Problem]:
    """Citations of unknown laws, or of articles that do not stand on a day the citation covers."""
    for one in cited:
        for text in unknown("法律", [one.law], laws):
            yield Problem(file, entry, text)
            return
        dead = dead_citation(one, laws)
        if dead:
            yield Problem(file, entry, dead)
