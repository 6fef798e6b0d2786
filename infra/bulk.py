"""Many rows in one statement on PostgreSQL: each column is sent as one array, and the server puts the rows together.

The statement stays the same however many rows there are, so that both sides prepare it once; it tells exactly how many rows
were new, and which. The arrays are written here, as the text PostgreSQL reads: the driver takes ten times as long for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import JSON, Column, Dialect, LargeBinary, String, Table, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert, psycopg
from sqlalchemy.types import TypeEngine

from infra.encoding import json_text
from infra.postgresql import storable

FROM_ROWS: Final = 4  # below, a statement per row is as quick
_DIALECT: Final[Dialect] = psycopg.dialect()  # type: ignore[no-untyped-call]


def insert_arrays(table: Table, names: Sequence[str]) -> Insert:
    """``INSERT … SELECT … FROM unnest(…)`` for these columns; takes the parameters that ``arrays`` makes."""
    return _insert_arrays(table, tuple(names))


def arrays(table: Table, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The rows' columns as the parameters of ``insert_arrays``. All rows must have the same columns.

    Raises:
        TypeError: a value that is no text, number, moment, day or bytes.
    """
    made = {}
    for name in rows[0]:
        values: Iterable[Any] = [row[name] for row in rows]
        prepare = _preparing(table.c[name])
        made[_key(name)] = _literal(map(prepare, values) if prepare else values)
    return made


@lru_cache(maxsize=200)
def _insert_arrays(table: Table, names: tuple[str, ...]) -> Insert:
    given = func.unnest(*(cast(bindparam(_key(name), type_=String()), _array_of(table.c[name])) for name in names))
    rows = given.table_valued(*(column(name, table.c[name].type) for name in names), name="given").render_derived()
    return insert(table).from_select(list(names), select(*(rows.c[name] for name in names)), include_defaults=False)


def _array_of(column: Column[Any]) -> ARRAY[Any]:
    # Without the length: a cast to VARCHAR(n) would cut what is too long, where the column itself refuses it.
    kind: TypeEngine[Any] = String() if type(column.type) is String else column.type
    return ARRAY(kind, dimensions=1)  # a JSON value may itself be a list


@lru_cache(maxsize=500)
def _preparing(column: Column[Any]) -> Callable[[Any], Any] | None:
    """What makes a value of the column plain; SQLAlchemy's own way wraps JSON and bytes for the driver."""
    match column.type:
        case LargeBinary():
            return None
        case JSON():
            return json_text
    return column.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)


def _literal(values: Iterable[Any]) -> str:
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    match value:
        case str():
            text = storable(value)
        case None:
            return "NULL"
        case float():
            return float.__repr__(value)  # also of what NumPy derives from it
        case bool() | int():
            return repr(value)
        case date():
            return f'"{value.isoformat()}"'
        case bytes():
            text = f"\\x{value.hex()}"
        case _:
            raise TypeError(f"no array element: {type(value).__name__}")
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return '"' + (text.replace('"', '\\"') if '"' in text else text) + '"'


def _key(name: str) -> str:
    return f"all_{name}"
