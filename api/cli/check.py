"""The commands ``check``, ``train`` and ``evaluate``: the detector without server or database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.texts import STDIN, batches, day_of, items_of, numbered_lines

if TYPE_CHECKING:
    from classifiers.finding import CheckResult

EXIT_FOUND = 1
KINDS = ("transcript", "listing")

FileArgument = Annotated[
    str, typer.Argument(metavar="[文件|-]", help="一行一条文本，或一行一个 JSON 对象；- 为标准输入")
]
JsonOption = Annotated[bool, typer.Option("--json", help="每个输入行输出一个 JSON 对象")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="check", epilog="例：echo 三天祛斑，无效退款 | chengxin check")(check)
    app.command(name="train", epilog="例：chengxin train")(train)
    app.command(name="evaluate", epilog="例：chengxin evaluate 例句.jsonl --json")(evaluate)


def check(
    file: FileArgument = STDIN,
    as_json: JsonOption = False,
    on: Annotated[
        str | None, typer.Option("--on", metavar="日期", help="按哪一天的法律，如 2026-11-20；默认今天")
    ] = None,
    category: Annotated[str | None, typer.Option("--category", help="商品类目，如 food、cosmetic")] = None,
    kind: Annotated[str, typer.Option("--kind", help="transcript（口播）或 listing（商品）")] = "transcript",
) -> None:
    """检查文本，不需要服务器和数据库。退出码：0 未发现，1 有发现，2 输入或用法有误。"""
    from classifiers.detector import Detector
    from infra.errors import InvalidInput

    day = day_of("--on", on)
    if kind not in KINDS:
        raise InvalidInput.one("--kind", kind, "应为 transcript 或 listing")
    lines = numbered_lines(file)
    detector = Detector.load()
    if category is not None and category not in detector.lexicon.categories:
        raise InvalidInput.one("--category", category, f"没有这个类目，可用：{'、'.join(detector.lexicon.categories)}")
    if file == STDIN and sys.stdin.isatty():
        typer.echo("从键盘读取：一行一条文本，Ctrl-D 结束。", err=True)
    found = False
    for batch in batches(items_of(lines, category=category, kind=kind)):
        for result in detector.check(batch, on=day):
            found |= any(finding.caught for finding in result.findings)
            _show(result, as_json)
    raise typer.Exit(EXIT_FOUND if found else 0)


def _show(result: CheckResult, as_json: bool) -> None:
    if as_json:
        from infra.encoding import json_bytes

        sys.stdout.buffer.write(json_bytes(result) + b"\n")
    else:
        from api.cli.render_findings import render_result

        render_result(result)


def train(
    if_needed: Annotated[bool, typer.Option("--if-needed", help="仅当语料、词库或特征代码有变化时才训练")] = False,
    lexicon: Annotated[Path | None, typer.Option("--lexicon", metavar="文件夹", help="词库；默认自带词库")] = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="文件夹", help="模型写到哪里；与 --lexicon 同用")
    ] = None,
) -> None:
    """用 classifiers/corpus 中的语料训练识别模型，写入 classifiers/model（或 --model 指定的文件夹）。"""
    from classifiers.freshness import CODES_FILE, MODEL_DIR, fresh_version
    from infra.errors import InvalidInput
    from lexicons.files import ROOT

    if lexicon is not None and model is None:
        raise InvalidInput.one("--model", "", "给了 --lexicon 就要写明模型存到哪里，免得盖掉自带词库的模型")
    target = model or MODEL_DIR
    version = fresh_version(target, lexicon=lexicon or ROOT) if if_needed else None
    if version:
        typer.echo(f"识别模型已是最新（版本 {version}）")
        if lexicon is None:
            _train_small(if_needed=True)
        return
    from api.cli.render import render_training
    from api.cli.training import trained_with_progress
    from classifiers import model as models
    from classifiers.cache import bundled_reader, load_reader

    trained, elapsed = trained_with_progress(load_reader(lexicon) if lexicon else bundled_reader())
    models.save(trained.model, target)
    render_training(trained, elapsed, target / CODES_FILE)
    if lexicon is None:
        _train_small(if_needed=if_needed)


def _train_small(*, if_needed: bool) -> None:
    """Train the models for product pages and complaints, which are made anew in seconds."""
    from api.cli.render import render_small_model
    from classifiers.cache import bundled_reader
    from classifiers.train_small import train_small

    for model in train_small(bundled_reader(), if_needed=if_needed):
        render_small_model(model)


def evaluate(
    file: Annotated[
        Path, typer.Argument(metavar="文件.jsonl", help='每行 {"text", "label", "alt"?}，label 为代码或 ok')
    ],
    as_json: Annotated[bool, typer.Option("--json", help="输出一个 JSON 对象")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="文件.html", help="另写一个离线网页，逐条浏览判错的句子")
    ] = None,
) -> None:
    """在带标签的句子上测量：查出率、误报率、首选代码正确率（附威尔逊 95% 区间）与混淆表。

    例：`chengxin evaluate 例句.jsonl --html 错例.html`
    """
    from classifiers.corpus import load_corpus
    from classifiers.detector import Detector
    from classifiers.evaluate import compare
    from infra.errors import InvalidInput

    if not file.is_file():
        raise InvalidInput.one("文件", str(file), "没有这个文件")
    if html is not None and not html.parent.is_dir():
        raise InvalidInput.one("--html", str(html), "所在的文件夹不存在")
    detector = Detector.load()
    lines = load_corpus([file], codes=detector.codes).lines
    results = detector.check([line.item() for line in lines])
    report = compare(lines, results)
    if html is not None:
        from api.evaluation.page import error_page

        html.write_bytes(error_page(file.name, lines, results, report=report, codes=detector.lexicon.codes))
        typer.echo(f"错例浏览页：{html}", err=True)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(report).decode())
    else:
        from api.cli.render import render_report

        render_report(report)
