"""Rows of a table (CSV, XLSX) → listings and complaints: header names, and the ways people write money and times in tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

import msgspec

from infra.clock import BEIJING
from infra.errors import InvalidInput
from streams.sources.source import Row, Wanted, all_fields, guess_topic, required, row_of

TOPICS: Final = ("listings", "complaints")
ALIASES: Final[dict[str, dict[str, str]]] = {
    "listings": {
        "商品编号": "id", "商品id": "id", "编号": "id", "货号": "id",
        "平台": "platform", "直播平台": "platform",
        "直播间": "room", "直播间编号": "room",
        "商家": "seller", "卖家": "seller", "店铺": "seller", "商家编号": "seller",
        "标题": "title", "商品标题": "title", "商品名称": "title", "名称": "title",
        "描述": "description", "商品描述": "description", "详情": "description", "商品详情": "description",
        "类目": "category", "品类": "category", "分类": "category",
        "品牌": "brand",
        "价格": "price", "现价": "price", "售价": "price", "单价": "price",
        "原价": "list_price", "划线价": "list_price", "市场价": "list_price",
        "价格依据": "price_basis", "划线价依据": "price_basis", "价格说明": "price_basis",
        "许可证": "licence", "许可证号": "licence", "批准文号": "licence", "备案号": "licence",
        "时间": "at", "采集时间": "at", "上架时间": "at",
    },
    "complaints": {
        "编号": "id", "投诉编号": "id", "工单号": "id",
        "类型": "kind", "类别": "kind",
        "平台": "platform", "直播平台": "platform",
        "直播间": "room", "直播间编号": "room",
        "主体": "subject", "被投诉主体": "subject", "被举报主体": "subject", "被投诉对象": "subject",
        "订单": "order", "订单号": "order", "订单编号": "order",
        "发生时间": "occurred_at", "时间": "occurred_at",
        "内容": "text", "投诉内容": "text", "举报内容": "text", "事实": "text",
        "诉求": "request", "要求": "request",
    },
}  # fmt: skip
KINDS: Final = {"投诉": "complaint", "举报": "report"}
MONEY: Final = ("price", "list_price")
MOMENTS: Final = ("at", "occurred_at")
FORMATS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")

_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_CURRENCY: Final = re.compile(r"^[¥￥]\s*|\s*元$")


@dataclass(frozen=True, slots=True)
class Header:
    """Which column holds which field of the topic; columns that are not ours are left out and named in ``ignored``."""

    topic: str
    fields: tuple[str | None, ...]
    ignored: tuple[str, ...]


def read_header(wanted: Wanted, cells: Sequence[Any]) -> Header:
    """Understand the first row of a table.

    Raises:
        InvalidInput: the topic cannot be told or is not one that comes in tables; a needed column is missing or doubled.
    """
    names = [str(cell).strip().lstrip("\ufeff") if cell is not None else "" for cell in cells]
    topic = wanted.topic or _guess(wanted, names)
    if topic not in TOPICS:
        raise InvalidInput.one("topic", topic, f"表格只能导入 {'、'.join(TOPICS)}")
    fields = tuple(_field(topic, name) for name in names)
    given = [field for field in fields if field]
    doubled = {field for field in given if given.count(field) > 1}
    if doubled:
        raise InvalidInput.one("header", "、".join(names), f"有多列都表示 {'、'.join(sorted(doubled))}")
    missing = required(topic) - set(given) - set(wanted.defaults)
    if missing:
        raise InvalidInput.one("header", "、".join(names), f"缺少列 {'、'.join(sorted(missing))}（第一行应为列名）")
    ignored = tuple(name for name, field in zip(names, fields, strict=True) if name and not field)
    return Header(topic, fields, ignored)


def rows(wanted: Wanted, header: Header, numbered: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[Row]:
    """The table's rows as events; empty rows are passed over."""
    for number, cells in numbered:
        # Only known columns are kept, in the rejects too: a complaint's table may hold names and phone numbers beside.
        given = {field: cell for field, cell in zip(header.fields, cells, strict=False) if field and not _empty(cell)}
        if given:
            values = {field: _value(field, cell) for field, cell in given.items()}
            raw = msgspec.json.encode(given, enc_hook=str).decode()
            yield row_of(wanted, header.topic, number, values, raw)


def _guess(wanted: Wanted, names: Sequence[str]) -> str:
    fields = {field for topic in TOPICS for name in names if (field := _field(topic, name))}
    return guess_topic(wanted.path, fields | set(wanted.defaults))


def _field(topic: str, name: str) -> str | None:
    plain = name.strip().lower()
    return plain if plain in all_fields(topic) else ALIASES[topic].get(plain)


def _empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _value(field: str, cell: Any) -> Any:
    if field in MOMENTS:
        return _moment(cell)
    text = _plain(cell)
    if field in MONEY:
        return _money(text)
    return KINDS.get(text, text) if field == "kind" else text


def _plain(cell: Any) -> str:
    # Spreadsheets keep numbers as binary fractions; 15 digits are what they show and what was typed.
    return format(cell, ".15g") if isinstance(cell, float) else str(cell).strip()


def _money(text: str) -> str:
    amount = _CURRENCY.sub("", text)
    return amount.replace(",", "") if _THOUSANDS.fullmatch(amount) else amount


def _moment(cell: Any) -> str:
    """ISO 8601. A table's time without a zone is Beijing time; what cannot be read is left as it is and refused later."""
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=BEIJING)).isoformat()
    if isinstance(cell, date):
        return datetime.combine(cell, time(), BEIJING).isoformat()
    text = str(cell).strip().replace("/", "-")
    for form in FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=BEIJING).isoformat()
        except ValueError:
            continue
    return str(cell).strip()
