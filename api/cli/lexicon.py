"""``chengxin lexicon``: compare lexicons, check one, see what a change does to real texts, look a code up. It changes no file."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.texts import batches, day_of, items_of, numbered_lines

if TYPE_CHECKING:
    from classifiers.detector import Detector
    from classifiers.finding import Item

EXIT_FOUND = 1
BUNDLED = "bundled"
KINDS = ("transcript", "listing")

commands = typer.Typer(
    help="词库：比较、检查、回测、查代码。文件夹写 bundled 表示自带词库。\n\n例：`chengxin lexicon check`",
    no_args_is_help=True,
)
JsonOption = Annotated[bool, typer.Option("--json", help="输出一个 JSON 对象")]
Folder = Annotated[str, typer.Argument(metavar="文件夹", help="词库文件夹；bundled 为自带词库")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(commands, name="lexicon")


@commands.command("diff")
def diff(old: Folder, new: Folder = BUNDLED, as_json: JsonOption = False) -> None:
    """比较两个词库：哪些法律、代码、概念（逐词）、句式、豁免增加、删除、改变。退出码：0 相同，1 不同，2 读不出。

    例：`chengxin lexicon diff ../old/lexicons bundled`
    """
    from lexicons.diff import diff as compare
    from lexicons.loader import load_lexicon

    found = compare(load_lexicon(_folder(old)), load_lexicon(_folder(new)))
    if as_json:
        _json(found)
    else:
        from api.cli.render_lexicon import render_difference

        render_difference(found)
    raise typer.Exit(EXIT_FOUND if found.changes else 0)


@commands.command("check")
def check(
    folder: Annotated[str, typer.Argument(metavar="[文件夹]", help="词库文件夹；默认自带词库")] = BUNDLED,
    strict: Annotated[bool, typer.Option("--strict", help="有提示也算没有通过")] = False,
    as_json: JsonOption = False,
) -> None:
    """检查词库：格式、引用、逐条运行例句，找出永远不会成立、从未用到、重复和被包含的条目。

    “问题”须改正，“提示”可改可不改。退出码：0 没有问题，1 有问题（加 --strict 时有提示也是），2 读不出词库。

    例：`chengxin lexicon check ./my-lexicons`
    """
    from classifiers.audit import audit
    from classifiers.reading import Reader
    from lexicons import check as checks
    from lexicons.files import ROOT
    from lexicons.loader import assemble, located, read_sources

    sources = read_sources(_folder(folder) or ROOT)
    lexicon = assemble(sources)
    problems = list(checks.problems(lexicon))
    if not problems:
        # Patterns with unknown names cannot even be compiled; the rest is looked at only when the names are right.
        problems = list(audit(Reader(lexicon)))
    lines = [{"hint": one.hint, "entry": one.entry, "message": str(located(sources, one))} for one in problems]
    counts = {"frames": len(lexicon.frames), "concepts": len(lexicon.concepts), "codes": len(lexicon.codes)}
    if as_json:
        _json({"lexicon": lexicon.version, **counts, "problems": lines})
    else:
        from api.cli.render_lexicon import render_check

        render_check(lexicon, lines)
    failed = any(strict or not one.hint for one in problems)
    raise typer.Exit(EXIT_FOUND if failed else 0)


@commands.command("backtest")
def backtest(
    file: Annotated[str, typer.Argument(metavar="文件|-", help="一行一条文本，或一行一个 JSON 对象；- 为标准输入")],
    *,
    new: Annotated[str, typer.Option("--new", metavar="文件夹", help="新词库")] = BUNDLED,
    old: Annotated[str, typer.Option("--old", metavar="文件夹", help="旧词库")] = BUNDLED,
    new_model: Annotated[Path | None, typer.Option("--new-model", metavar="文件夹", help="新词库的模型")] = None,
    old_model: Annotated[Path | None, typer.Option("--old-model", metavar="文件夹", help="旧词库的模型")] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="日期", help="按哪一天的法律；默认今天")] = None,
    kind: Annotated[str, typer.Option("--kind", help="transcript（口播）或 listing（商品）")] = "transcript",
    as_json: JsonOption = False,
) -> None:
    """同一批文本用新旧词库各查一遍：哪些识别结果出现、消失、改判、改状态。退出码：0 一致，1 有差别，2 用法或输入有误。

    模型属于一版词库，不能混用：给了 --old-model / --new-model 就用它；没给时，词库与已安装的模型相配就用已安装的，
    否则用自带语料在内存里为该词库训练一个（约半分钟，不写入任何文件）。要反复使用，先 `chengxin train --lexicon 文件夹 --model 文件夹`。

    例：`chengxin lexicon backtest --old bundled --new ./my-lexicons 话术.txt`
    """
    from classifiers.backtest import backtest as compare
    from infra.errors import InvalidInput

    if kind not in KINDS:
        raise InvalidInput.one("--kind", kind, "应为 transcript 或 listing")
    day = day_of("--on", on)
    items = list(items_of(numbered_lines(file), category=None, kind=kind))
    before, after = _detector(old, old_model, "旧词库"), _detector(new, new_model, "新词库")
    results = [_results(detector, items, day) for detector in (before, after)]
    found = compare(*results, old=before.versions, new=after.versions)
    if as_json:
        _json(found)
    else:
        from api.cli.render_lexicon import render_backtest

        render_backtest(found)
    raise typer.Exit(EXIT_FOUND if found.shifts else 0)


@commands.command("show")
def show(
    code: Annotated[str, typer.Argument(metavar="代码", help="违法行为代码，如 MEDICAL")],
    act: Annotated[str | None, typer.Option("--act", metavar="日期", help="行为日；默认今天")] = None,
    decided: Annotated[str | None, typer.Option("--decided", metavar="日期", help="决定日；默认今天")] = None,
    folder: Annotated[str, typer.Option("--lexicon", metavar="文件夹", help="词库文件夹")] = BUNDLED,
    as_json: JsonOption = False,
) -> None:
    """一个代码在行为日的依据与罚款幅度、谁担责、什么证据能说明问题；决定日已有较轻的新规定时指出（行政处罚法第三十七条）。

    例：`chengxin lexicon show FAKE-TRADE --act 2025-09-01 --decided 2026-03-01`
    """
    from infra.clock import SystemClock, today
    from lexicons.loader import load_lexicon

    now = today(SystemClock())
    lexicon = load_lexicon(_folder(folder))
    judged = lexicon.judged(code, act=day_of("--act", act) or now, decided=day_of("--decided", decided) or now)
    if as_json:
        _json({"code": lexicon.codes[code], "judged": judged})
    else:
        from api.cli.render_lexicon import render_judgement

        render_judgement(lexicon.codes[code], judged)


def _folder(name: str) -> Path | None:
    """The folder that was named; None for the bundled lexicon."""
    from infra.errors import InvalidInput

    if name == BUNDLED:
        return None
    if not Path(name).is_dir():
        raise InvalidInput.one("词库文件夹", name, "没有这个文件夹；自带词库写 bundled")
    return Path(name)


def _detector(folder: str, model: Path | None, name: str) -> Detector:
    """The detector of a lexicon with the model that belongs to it: the one given, the installed one, or one trained now."""
    from classifiers.cache import bundled_reader, load_reader
    from classifiers.detector import Detector
    from classifiers.freshness import fresh_version
    from infra.clock import SystemClock, today
    from lexicons.files import ROOT

    root = _folder(folder)
    if model is not None or fresh_version(lexicon=root or ROOT):
        return Detector.load(lexicon=root, model=model)
    from api.cli.training import trained_with_progress

    reader = load_reader(root) if root else bundled_reader()
    typer.echo(f"{name} {reader.lexicon.version} 没有现成的模型，正在内存中训练……", err=True)
    trained, _ = trained_with_progress(reader)
    return Detector(reader, trained.model, on=today(SystemClock()))


def _results(detector: Detector, items: list[Item], day: date | None) -> list[Any]:
    return [result for batch in batches(items) for result in detector.check(batch, on=day)]


def _json(value: Any) -> None:
    from infra.encoding import json_bytes

    sys.stdout.buffer.write(json_bytes(value) + b"\n")
