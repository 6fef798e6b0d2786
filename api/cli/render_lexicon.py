"""Terminal output of ``chengxin lexicon``, in Chinese. It prints; it compares nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.text import Text

from api.cli.render import console
from api.cli.render_findings import STATUS_NAMES
from api.templating import ROLES
from classifiers.explain import article_name
from lexicons.diff import KIND_NAMES

if TYPE_CHECKING:
    from classifiers.backtest import Backtest, Verdict, What
    from lexicons.diff import Difference, FieldChange
    from lexicons.schema import CitedRule, Code, Judgement, Lexicon

SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
SHIFT_NAMES: dict[What, tuple[str, str]] = {
    "appeared": ("新查出", "red"),
    "disappeared": ("不再查出", "green"),
    "recoded": ("改判为别的代码", "yellow"),
    "restatused": ("状态或轻重改变", "cyan"),
}
LONGEST = 100
MOST_SHIFTS = 200
WEIGHT_NAMES = {
    "lighter": "较轻，适用新规定",
    "heavier": "较重，仍适用行为时的规定",
    "same": "轻重相同，适用行为时的规定",
    "unclear": "轻重须由办案人员比较",
}


def render_difference(found: Difference) -> None:
    """All changes by kind, one line per entry, its fields below."""
    if not found.changes:
        console.print(f"两个词库内容相同（版本 {found.old} 与 {found.new}）")
        return
    console.print(f"词库 {found.old} → {found.new}：{len(found.changes)} 处不同")
    for kind, name in KIND_NAMES.items():
        changes = [change for change in found.changes if change.kind == kind]
        if changes:
            console.print(f"\n[bold]{name}[/bold]（{len(changes)}）")
        for change in changes:
            sign, style = SIGNS[change.what]
            console.print(Text(f"  {sign} {change.name}", style=style))
            for field in change.fields:
                for line, look in _field_lines(field):
                    console.print(Text("      " + line, style=look))


def _field_lines(field: FieldChange) -> list[tuple[str, str]]:
    lines = []
    for sign, look, items in (("+", "green", field.added), ("-", "red", field.removed)):
        if items:
            lines.append((f"{field.field} {sign} {'、'.join(map(_shown, items))}", look))
    if not lines:
        lines.append((f"{field.field}：{_shown(field.old)} → {_shown(field.new)}", "dim"))
    return lines


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "（无）"
    if isinstance(value, dict):
        return "{" + "，".join(f"{key}: {_shown(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + "、".join(map(_shown, value)) + "]"
    return str(value)


def render_check(lexicon: Lexicon, problems: Sequence[Mapping[str, Any]]) -> None:
    """Problems first, then hints, then what was looked at."""
    for hint, name, style in ((False, "问题", "bold red"), (True, "提示", "yellow")):
        for one in problems:
            if one["hint"] == hint:
                console.print(Text.assemble((name, style), " ", one["message"]))
    hints = sum(bool(one["hint"]) for one in problems)
    examples = sum(len(frame.examples.yes) + len(frame.examples.no) for frame in lexicon.frames)
    console.print(
        f"词库 {lexicon.version}：{len(lexicon.codes)} 个代码、{len(lexicon.concepts)} 个概念、"
        f"{len(lexicon.frames)} 个句式（例句 {examples} 条）；问题 {len(problems) - hints} 个，提示 {hints} 个"
    )


def render_backtest(found: Backtest) -> None:
    """Counts, then every text judged differently, grouped by what happened to it."""
    console.print(f"旧：词库 {found.old.lexicon}，模型 {found.old.model}；查出 {found.old_caught}/{found.lines}")
    console.print(f"新：词库 {found.new.lexicon}，模型 {found.new.model}；查出 {found.new_caught}/{found.lines}")
    if not found.shifts:
        console.print("没有差别")
    for what, (name, style) in SHIFT_NAMES.items():
        shifts = [shift for shift in found.shifts if shift.what == what]
        if not shifts:
            continue
        console.print(Text(f"\n{name}（{len(shifts)}）", style=f"bold {style}"))
        for shift in shifts[:MOST_SHIFTS]:
            text = shift.text if len(shift.text) <= LONGEST else shift.text[: LONGEST - 1] + "…"
            console.print(Text(f"  第 {shift.line} 条  {_printable(text)}"))
            console.print(Text(f"      {_verdict(shift.old)} → {_verdict(shift.new)}", style="dim"))
        if len(shifts) > MOST_SHIFTS:
            console.print(f"  ……另有 {len(shifts) - MOST_SHIFTS} 条，用 --json 看全部")


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return "未查出"
    return f"{verdict.code} {STATUS_NAMES[verdict.status]} {verdict.severity}（{verdict.confidence:.0%}）"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def render_judgement(code: Code, judged: Judgement) -> None:
    """A code on the day of the act, and what changed until the decision."""
    console.print(f"[bold]{code.code} {escape(code.name)}[/bold]  {code.severity}")
    for more in code.aggravated:
        console.print(f"  {more.severity}：{escape(more.when)}")
    roles = [ROLES[role] + (f"（{code.liability[role]}）" if role in code.liability else "") for role in code.liable]
    console.print(f"  责任主体：{escape('、'.join(roles))}")
    console.print(f"  需要的证据：{escape(code.evidence)}")
    console.print(f"\n依据（行为日 {judged.act}）")
    for rule in judged.basis:
        console.print(f"  {escape(_rule(rule))}：{escape(rule.text)}")
    console.print("处罚")
    for penalty in judged.penalty:
        via = "，依 " + "、".join(map(_rule, penalty.via)) if penalty.via else ""
        console.print(f"  {escape(_rule(penalty.rule) + via)}")
        for fine in penalty.fines:
            mark = "" if fine.known == "read" else "［待核］"
            console.print(f"    {escape(fine.shown())}{mark}")
        if penalty.note:
            console.print(f"    {escape(penalty.note)}")
    if judged.changed:
        console.print(f"\n至决定日 {judged.decided} 的变化（行政处罚法第三十七条）")
    for one in judged.changed:
        later = article_name(one.later.article) if one.later else "未见对应条款"
        console.print(f"  {escape(_rule(one.earlier))} → {later}（{one.since} 起）：{WEIGHT_NAMES[one.weight]}")


def _rule(rule: CitedRule) -> str:
    return f"《{rule.short}》{article_name(rule.article)}" + ("" if rule.verified else "［待核］")
