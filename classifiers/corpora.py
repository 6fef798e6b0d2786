"""Reads the labelled product pages and complaints that the small models learn from, and checks every line. It guesses nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from infra.errors import ConfigurationError

HERE: Final = Path(__file__).parent
LISTINGS: Final = HERE / "corpus_listings"
COMPLAINTS: Final = HERE / "corpus_complaints"
LISTING_LABELS: Final = ("COUNTERFEIT", "CONFUSION")
LAWFUL: Final = "ok"
T = TypeVar("T")


class ListingLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One labelled product page. ``price`` in yuan."""

    title: str
    price: Decimal
    seller: str
    label: Literal["COUNTERFEIT", "CONFUSION", "ok"]
    category: str | None = None
    brand: str | None = None
    description: str | None = None

    @property
    def page(self) -> str:
        """Title and description as one text, as ``classifiers.listings`` reads them."""
        return f"{self.title}\n{self.description}" if self.description else self.title


class ComplaintLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One labelled complaint. ``code``, ``category``: None where the words give no hint; ``alt``: codes that are right as well."""

    text: str
    kind: Literal["complaint", "report"]
    code: str | None = None
    alt: tuple[str, ...] = ()
    category: str | None = None
    urgent: bool = False


def load_listings(folder: Path = LISTINGS) -> list[ListingLine]:
    """All labelled product pages; raises ConfigurationError with file, line and what to do."""

    def problem(line: ListingLine) -> str | None:
        if not line.title.strip():
            return "title 是空的；请写商品标题"
        return None if line.price.is_finite() and line.price >= 0 else f"price {line.price} 应为不小于零的元数"

    return _read(folder, ListingLine, problem)


def load_complaints(
    folder: Path = COMPLAINTS, *, codes: Collection[str], categories: Collection[str]
) -> list[ComplaintLine]:
    """All labelled complaints; raises ConfigurationError with file, line and what to do."""

    def problem(line: ComplaintLine) -> str | None:
        if not line.text.strip():
            return "text 是空的；请写投诉内容"
        unknown = [code for code in (line.code, *line.alt) if code is not None and code not in codes]
        if unknown:
            return f"未知的代码 {unknown[0]}；应为 codes.yaml 中的代码，看不出就不写 code"
        if line.category is not None and line.category not in categories:
            return f"未知的类目 {line.category}；应为 categories.yaml 中的编号，看不出就不写 category"
        return None

    return _read(folder, ComplaintLine, problem)


def corpus_files(folder: Path) -> list[Path]:
    """Everything in the folder that a model is made of, sorted; raises ConfigurationError when there are no lines."""
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise ConfigurationError(f"语料目录 {folder} 没有 .jsonl 文件；请先写入带标签的例子")
    return files + sorted(folder.glob("*.yaml"))


def _read(folder: Path, kind: type[T], problem: Callable[[T], str | None]) -> list[T]:
    decoder = msgspec.json.Decoder(kind)
    lines: list[T] = []
    for path in corpus_files(folder):
        if path.suffix != ".jsonl":
            continue
        for number, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
            if not raw.strip():
                continue
            try:
                line = decoder.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"语料 {path.name} 第 {number} 行写法有误：{error}") from None
            wrong = problem(line)
            if wrong:
                raise ConfigurationError(f"语料 {path.name} 第 {number} 行：{wrong}")
            lines.append(line)
    return lines
