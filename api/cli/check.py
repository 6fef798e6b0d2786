"""The commands ``check``, ``train`` and ``evaluate``: the detector without server or database."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from classifiers.finding import CheckResult, Item

EXIT_FOUND = 1
STDIN = "-"
BATCH = 2000
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

    day = _day(on)
    if kind not in KINDS:
        raise InvalidInput.one("--kind", kind, "应为 transcript 或 listing")
    lines = _lines(file)
    detector = Detector.load()
    if category is not None and category not in detector.lexicon.categories:
        raise InvalidInput.one("--category", category, f"没有这个类目，可用：{'、'.join(detector.lexicon.categories)}")
    if file == STDIN and sys.stdin.isatty():
        typer.echo("从键盘读取：一行一条文本，Ctrl-D 结束。", err=True)
    found = False
    for batch in _batches(_items(lines, category, kind)):
        for result in detector.check(batch, on=day):
            found |= any(finding.caught for finding in result.findings)
            _show(result, as_json)
    raise typer.Exit(EXIT_FOUND if found else 0)


def _show(result: CheckResult, as_json: bool) -> None:
    if as_json:
        from infra.encoding import json_bytes

        sys.stdout.buffer.write(json_bytes(result) + b"\n")
    else:
        from api.cli.render import render_result

        render_result(result)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        from infra.errors import InvalidInput

        raise InvalidInput.one("--on", text, "不是日期；应写成 2026-11-20") from None


def _lines(file: str) -> Iterator[tuple[int, str]]:
    """The input lines with their numbers; bytes that are not UTF-8 are an error with the line number."""
    from infra.errors import InvalidInput

    if file != STDIN and not Path(file).is_file():
        raise InvalidInput.one("文件", file, "没有这个文件")
    with nullcontext(sys.stdin.buffer) if file == STDIN else Path(file).open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            content = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            try:
                yield number, content.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                raise InvalidInput.one(f"第 {number} 行", repr(raw[:40]), "不是 UTF-8 编码，请另存为 UTF-8") from None


def _items(lines: Iterator[tuple[int, str]], category: str | None, kind: str) -> Iterator[Item]:
    """Items of text or JSONL lines. A file is JSONL when its first line that is not empty begins with ``{``."""
    import msgspec

    from classifiers.finding import Item

    objects: bool | None = None
    for number, text in lines:
        if objects is None and text.strip():
            objects = text.lstrip().startswith("{")
        if objects and text.strip():
            yield _item_of(number, text, category, kind)
        else:
            yield msgspec.convert({"text": text, "kind": kind, "category": category}, Item)


def _item_of(number: int, text: str, category: str | None, kind: str) -> Item:
    import msgspec

    from classifiers.context import split_context
    from classifiers.finding import Item
    from infra.errors import InvalidInput

    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput.one(f"第 {number} 行", text, f"不是完整的 JSON：{error}") from None
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        raise InvalidInput.one(f"第 {number} 行", text, "应为含有字符串字段 text 的 JSON 对象")
    before, after = split_context(given.get("context"), field=f"第 {number} 行 context")
    fields = {
        "text": given["text"],
        "kind": given.get("kind") or kind,
        "category": given.get("category") or category,
        "at": _moment_day(number, given.get("at")),
        "before": before,
        "after": after,
    }
    try:
        return msgspec.convert(fields, Item)
    except msgspec.ValidationError as error:
        raise InvalidInput.one(f"第 {number} 行", text, str(error)) from None


def _moment_day(number: int, value: Any) -> date | None:
    """The Beijing day of ``at``: a date, or a moment with offset."""
    from infra.clock import BEIJING
    from infra.errors import InvalidInput

    if value is None:
        return None
    try:
        if len(value) == len("2026-11-20"):
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(value)
        return (moment.astimezone(BEIJING) if moment.tzinfo else moment).date()
    except (TypeError, ValueError):
        raise InvalidInput.one(f"第 {number} 行 at", value, "不是时间；应写成 2026-11-20T20:00:00+08:00") from None


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def train(
    if_needed: Annotated[bool, typer.Option("--if-needed", help="仅当语料、词库或特征代码有变化时才训练")] = False,
) -> None:
    """用 classifiers/corpus 中的语料训练识别模型，写入 classifiers/model。"""
    from classifiers.freshness import MODEL_DIR, WEIGHTS_FILE, fresh_version

    version = fresh_version() if if_needed else None
    if version:
        typer.echo(f"识别模型已是最新（版本 {version}）")
        return
    from rich.progress import Progress

    from api.cli.render import render_training
    from classifiers import model as models
    from classifiers.cache import bundled_reader
    from classifiers.corpus import load_corpus
    from classifiers.train import train as fit

    reader = bundled_reader()
    corpus = load_corpus(codes=reader.lexicon.codes)
    with Progress(transient=True) as bar:
        task = bar.add_task("训练", total=1.0)
        trained = fit(reader, corpus, progress=lambda step, done: bar.update(task, completed=done, description=step))
        elapsed = bar.tasks[0].elapsed or 0.0
    models.save(trained.model, MODEL_DIR)
    render_training(trained, elapsed, MODEL_DIR / WEIGHTS_FILE)


def evaluate(
    file: Annotated[
        Path, typer.Argument(metavar="文件.jsonl", help='每行 {"text", "label", "alt"?}，label 为代码或 ok')
    ],
    as_json: Annotated[bool, typer.Option("--json", help="输出一个 JSON 对象")] = False,
) -> None:
    """在带标签的句子上测量：查出率、误报率、首选代码正确率，附威尔逊 95% 区间。"""
    from classifiers.corpus import load_corpus
    from classifiers.detector import Detector
    from classifiers.evaluate import evaluate as measure
    from infra.errors import InvalidInput

    if not file.is_file():
        raise InvalidInput.one("文件", str(file), "没有这个文件")
    detector = Detector.load()
    report = measure(detector, load_corpus([file], codes=detector.codes).lines)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(report).decode())
    else:
        from api.cli.render import render_report

        render_report(report)
