"""Many rows in one statement on PostgreSQL: each column is sent as one array, and the server puts the rows together.

The statement stays the same however many rows there are, so that both sides prepare it once; it tells exactly how many rows
were new, and which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Column, String, Table, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.types import TypeEngine

FROM_ROWS: Final = 4  # below, a statement per row is as quick


def insert_arrays(table: Table, names: Sequence[str]) -> Insert:
    """``INSERT … SELECT … FROM unnest(…)`` for these columns; takes the parameters that ``arrays`` makes."""
    return _insert_arrays(table, tuple(names))


def arrays(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The rows' columns as the parameters of ``insert_arrays``. All rows must have the same columns."""
    return {_key(name): [row[name] for row in rows] for name in rows[0]}


@lru_cache(maxsize=200)
def _insert_arrays(table: Table, names: tuple[str, ...]) -> Insert:
    given = func.unnest(*(bindparam(_key(name), type_=_array_of(table.c[name])) for name in names))
    rows = given.table_valued(*(column(name, table.c[name].type) for name in names), name="given").render_derived()
    return insert(table).from_select(list(names), select(*(rows.c[name] for name in names)), include_defaults=False)


def _array_of(column: Column[Any]) -> ARRAY[Any]:
    # Without the length: a cast to VARCHAR(n) would cut what is too long, where the column itself refuses it.
    kind: TypeEngine[Any] = String() if type(column.type) is String else column.type
    return ARRAY(kind, dimensions=1)  # a JSON value may itself be a list


def _key(name: str) -> str:
    return f"all_{name}"
