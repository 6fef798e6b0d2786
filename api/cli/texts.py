"""Reads the texts a command is given: one per line, or JSON objects with category, day and context. It checks nothing in them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classifiers.finding import Item

STDIN = "-"
BATCH = 2000


def day_of(option: str, text: str | None) -> date | None:
    """The day an option names, None when it is not given. Raises InvalidInput."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        from infra.errors import InvalidInput

        raise InvalidInput.one(option, text, "不是日期；应写成 2026-11-20") from None


def numbered_lines(file: str) -> Iterator[tuple[int, str]]:
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


def items_of(lines: Iterator[tuple[int, str]], *, category: str | None, kind: str) -> Iterator[Item]:
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


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in lists of at most ``BATCH``."""
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
