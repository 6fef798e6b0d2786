"""Rich terminal output of training and evaluation, in Chinese. It prints; it computes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from classifiers.evaluate import Report, Share
    from classifiers.linear import LinearModel
    from classifiers.train import Trained

MISSED = "missed"
MEGABYTE = 1024 * 1024
SMALL_MODELS = {"listings": "商品", "complaints": "投诉举报"}

console = Console(highlight=False, soft_wrap=True)


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
