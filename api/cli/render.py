"""Rich terminal output of findings, training and evaluation, in Chinese. It prints; it computes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from classifiers.evaluate import Report, Share
    from classifiers.finding import CheckResult, Finding, Span
    from classifiers.linear import LinearModel
    from classifiers.train import Trained

STATUS_NAMES = {"violation": "涉嫌违法", "needs_evidence": "待举证", "exempt": "法律允许", "corrected": "已更正"}
STATUS_STYLES = {"violation": "bold red", "needs_evidence": "bold yellow", "exempt": "green", "corrected": "cyan"}
MAX_BECAUSE = 4
REMAINDERS = frozenset({"rest", "bias"})
RANK = {"frame": 0, "price": 0, "brand": 0, "term": 1, "model": 2}
LONGEST_SHOWN = 240
AROUND = 40
MAX_WINDOWS = 6
MISSED = "missed"
MEGABYTE = 1024 * 1024
SMALL_MODELS = {"listings": "商品", "complaints": "投诉举报"}

console = Console(highlight=False, soft_wrap=True)


def render_result(result: CheckResult) -> None:
    """One text with its findings; a text without findings is one plain line."""
    if not result.findings:
        shown = result.text if len(result.text) <= LONGEST_SHOWN else result.text[:LONGEST_SHOWN] + "…"
        console.print(Text("  · ", style="dim") + Text(_printable(shown)))
        return
    console.print(Text("  ● ", style=STATUS_STYLES[result.findings[0].status]) + _marked(result))
    for finding in result.findings:
        _render_finding(finding)


def _marked(result: CheckResult) -> Text:
    text = Text(_printable(result.text))
    for finding in reversed(result.findings):
        for start, end in finding.spans:
            text.stylize(f"{STATUS_STYLES[finding.status]} underline", start, end)
    if len(text) <= LONGEST_SHOWN:
        return text
    windows = _windows([span for finding in result.findings for span in finding.spans], len(text))
    return Text("…").join(text[start:end] for start, end in windows)


def _windows(spans: list[Span], length: int) -> list[Span]:
    """What to show of a long text: the marked places with some words around, the beginning when nothing is marked."""
    result: list[Span] = []
    for start, end in sorted(spans) or [(0, AROUND)]:
        first, last = max(0, start - AROUND), min(length, end + AROUND)
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return [(first, min(last, first + LONGEST_SHOWN)) for first, last in result[:MAX_WINDOWS]]


def _printable(text: str) -> str:
    """Lone surrogates and control characters cannot be shown; the length stays, so that spans still fit."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "�" for char in text)


def _render_finding(finding: Finding) -> None:
    style = STATUS_STYLES[finding.status]
    head = Text.assemble(
        "    ",
        (f"{finding.code} {finding.name}", style),
        f"  {STATUS_NAMES[finding.status]}  {finding.severity}  可信度 {finding.confidence:.0%}",
    )
    console.print(head)
    console.print(f"      {escape(finding.explanation)}")
    reasons = _reasons(finding)
    if reasons:
        console.print(f"      [dim]理由：{escape('，'.join(reasons))}[/dim]")


def _reasons(finding: Finding) -> list[str]:
    """What speaks for the finding, each wording once: frames before words; single characters say nothing to a reader."""
    weights: dict[str, float] = {}
    for one in sorted(finding.because, key=lambda one: (RANK[one.kind], -one.weight)):
        text = one.text or one.id
        if one.weight > 0 and one.id not in REMAINDERS and len(text) > 1:
            weights[text] = weights.get(text, 0.0) + one.weight
    return [f"{text}（{weight:+.1f}）" for text, weight in weights.items()][:MAX_BECAUSE]


def render_training(trained: Trained, seconds: float, path: Path) -> None:
    """Sizes, time and cross-validated figures per code."""
    meta = trained.model.meta
    table = Table(title="交叉验证（每条例句都由没有见过它的模型判断）")
    for name in ("代码", "例句", "查出", "首选代码正确", "误报"):
        table.add_column(name, justify="left" if name == "代码" else "right")
    for one in trained.figures:
        caught, right = one.caught / max(1, one.lines), one.right / max(1, one.caught)
        table.add_row(one.code, str(one.lines), f"{caught:.0%}", f"{right:.0%}", str(one.false_alarms))
    console.print(table)
    console.print(
        f"语料 {meta.lines} 句（合法 {trained.lawful} 句），特征 {trained.columns} 个，用时 {seconds:.1f} 秒，"
        f"模型 {path.stat().st_size / MEGABYTE:.1f} MB"
    )
    console.print(
        f"查出 {meta.recall:.1%}，误报 {meta.false_alarms:.1%}，首选代码正确 {meta.right_code:.1%}；"
        f"模型版本 {meta.version}，词库版本 {meta.lexicon}，语料版本 {meta.corpus}"
    )


def render_small_model(model: LinearModel) -> None:
    """The figures of a small model, all questions together."""
    total = [sum(getattr(one, name) for one in model.figures.values()) for name in ("lines", "found", "false_alarms")]
    label = SMALL_MODELS.get(model.name, model.name)
    console.print(
        f"{label}模型 {len(model.questions)} 个问题，应认出 {total[0]} 处，认出 {total[1]} 处，误认 {total[2]} 处"
        f"（交叉验证）；模型版本 {model.version}"
    )


def render_report(report: Report) -> None:
    """An evaluation as tables."""
    console.print(f"共 {report.lines} 句")
    for name, share in (("查出", report.recall), ("误报", report.false_alarms), ("首选代码正确", report.right_code)):
        console.print(f"  {name} {_share(share)}")
    table = Table("代码", "查出", "首选代码正确")
    for one in report.codes:
        table.add_row(one.code, _share(one.caught), _share(one.right))
    console.print(table)
    rows = [(label, given) for label, given in report.matrix.items() if set(given) - {label, MISSED}]
    if rows:
        confusion = Table("标签", "被判为（首选代码，次数）", "未查出", title="混淆表")
        for label, given in rows:
            shown = "、".join(f"{code} {count}" for code, count in given.items() if code not in (label, MISSED))
            confusion.add_row(label, shown, str(given.get(MISSED, 0)))
        console.print(confusion)


def _share(share: Share) -> str:
    if not share.total:
        return "–"
    return f"{share.share:.1%}（{share.hits}/{share.total}，95% 区间 {share.low:.1%}–{share.high:.1%}）"
