"""Reads registers that an authority keeps itself: its brands (YAML or CSV), and the wording of product pages.

A wrong row is refused with file, line and what to do; nothing is guessed, and no row is silently left out.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from infra.errors import ConfigurationError
from lexicons.files import ROOT, VERSION_LENGTH
from lexicons.schema import Brand

LISTING_WORDS: Final = ROOT / "listing_words.yaml"
CSV_COLUMNS: Final = ("brand", "aliases", "categories", "floor_price", "licensed_sellers")
LISTS: Final = ("aliases", "categories", "licensed_sellers")
MAX_BYTES: Final = 64 * 1024 * 1024
SCHEMA_HINT: Final = "写法见 docs/lexicons.md 的“品牌登记表”"


@dataclass(frozen=True, slots=True)
class BrandRegister:
    """Brands with a short hash of the file they came from: it goes into the versions of a finding."""

    brands: tuple[Brand, ...]
    version: str


def load_brands(path: Path, *, categories: Collection[str]) -> BrandRegister:
    """The brands of a ``.csv`` file, or of a YAML list.

    Raises:
        ConfigurationError: no file, or a wrong row; names file, line, value and what to do.
    """
    content = _content(path)
    rows = _csv_rows(path, content) if path.suffix.lower() == ".csv" else _yaml_rows(path, content)
    brands: list[Brand] = []
    owners: dict[str, str] = {}
    seen: set[str] = set()
    for line, raw in rows:
        brand = _brand(path, line, raw)
        repeated = f"品牌 {brand.brand} 重复；请合并成一行" if brand.brand in seen else None
        problem = repeated or _problem(brand, owners, categories)
        seen.add(brand.brand)
        if problem:
            raise _error(path, line, problem)
        brands.append(brand)
    if not brands:
        raise ConfigurationError(f"品牌登记表 {path} 是空的；请至少登记一个品牌，或去掉 CHENGXIN_BRANDS_FILE")
    return BrandRegister(tuple(brands), hashlib.sha256(content).hexdigest()[:VERSION_LENGTH])


def load_listing_words(path: Path = LISTING_WORDS) -> dict[str, tuple[str, ...]]:
    """Groups of words on product pages (``copy``, ``second_hand`` …).

    Raises:
        ConfigurationError: names file and group.
    """
    try:
        data = yaml.load(_content(path).decode("utf-8"), Loader=yaml.CSafeLoader)
        groups = msgspec.convert(data, dict[str, tuple[str, ...]], strict=True)
    except (UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{path} 写法有误：{error}；应为“组名: [词, 词]”，数字和冒号要加引号") from None
    empty = next((name for name, words in groups.items() if not words or not all(map(str.strip, words))), None)
    if empty is not None:
        raise ConfigurationError(f"{path} 的组 {empty} 是空的或含空词；请补上词或删去该组")
    return groups


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"读不了 {path}（{error.strerror}）；请检查路径和权限") from None
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"{path} 有 {len(content)} 字节，超过 {MAX_BYTES}；请拆分或精简")
    return content


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error(path, line, "不是 UTF-8 编码，请另存为 UTF-8") from None


def _error(path: Path, line: int, problem: str) -> ConfigurationError:
    return ConfigurationError(f"品牌登记表 {path} 第 {line} 行：{problem}")


def _csv_rows(path: Path, content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows with the line they end on; lists are separated by ``、`` or ``;``."""
    reader = csv.reader(io.StringIO(_text(path, content)), strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]
        unknown = [name for name in head if name not in CSV_COLUMNS]
        if unknown or "brand" not in head or len(set(head)) != len(head):
            raise _error(path, 1, f"表头应为 {','.join(CSV_COLUMNS)}（brand 必填，次序不限），收到 {','.join(head)!r}")
        for row in reader:
            if not any(map(str.strip, row)):
                continue
            if len(row) != len(head):
                raise _error(path, reader.line_num, f"有 {len(row)} 列，表头有 {len(head)} 列")
            given = {name: value.strip() for name, value in zip(head, row, strict=True) if value.strip()}
            yield reader.line_num, {name: _split(value) if name in LISTS else value for name, value in given.items()}
    except csv.Error as error:
        raise _error(path, reader.line_num, f"CSV 写法有误：{error}") from None


def _split(value: str) -> list[str]:
    parts = value.replace("；", ";").replace("、", ";").split(";")
    return [part.strip() for part in parts if part.strip()]


def _yaml_rows(path: Path, content: bytes) -> Iterator[tuple[int, Any]]:
    text = _text(path, content)
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _error(path, line, f"YAML 写法有误（{error.problem}）") from None
    except yaml.YAMLError as error:
        raise _error(path, 1, f"YAML 写法有误（{error}）") from None
    if not isinstance(root, yaml.SequenceNode) or not isinstance(data, list):
        raise _error(path, 1, f"应是列表，每个品牌以“- ”开头；{SCHEMA_HINT}")
    for node, raw in zip(root.value, data, strict=True):
        yield int(node.start_mark.line) + 1, raw


def _brand(path: Path, line: int, raw: Any) -> Brand:
    try:
        return msgspec.convert(raw, Brand, strict=True)
    except msgspec.ValidationError as error:
        raise _error(path, line, f'{error}；价格写成带引号的元数如 "59.90"，{SCHEMA_HINT}') from None


def _problem(brand: Brand, owners: dict[str, str], categories: Collection[str]) -> str | None:
    """What is wrong with a row, or None; takes note of its names in ``owners``."""
    names = (brand.brand, *brand.aliases)
    if not all(map(str.strip, names)) or not any(char.isalnum() for char in brand.brand):
        return "brand 和 aliases 不能是空的或只有符号"
    floor = brand.floor_price
    if floor is not None and (not floor.is_finite() or floor <= 0):
        return f"floor_price {floor} 应为大于零的元数；没有底价就不写"
    for name in brand.categories:
        if name not in categories:
            guess = get_close_matches(name, categories, n=1)
            return f"未知的类目 {name}" + (f"，是否想写 {guess[0]}？" if guess else f"，可用：{'、'.join(categories)}")
    for name in names:
        owner = owners.setdefault(name.strip().casefold(), brand.brand)
        if owner != brand.brand:
            return f"名称 {name} 已登记给品牌 {owner}；一个名称只能属于一个品牌"
    return None
