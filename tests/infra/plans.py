"""Reads from the database itself how it carries out the queries of a block: which indexes it uses, what it reads whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event


@dataclass(frozen=True, slots=True)
class Plan:
    """One query: its SQL, the indexes it reads, the tables it reads from end to end, and whether it sorts."""

    sql: str
    indexes: frozenset[str]
    whole: frozenset[str]
    sorts: bool


def plans(connection: Connection, act: Callable[[], object]) -> list[Plan]:
    """The plans of the SELECTs that ``act`` sends over the connection, in their order."""
    with _heard(connection) as statements:
        act()
    explain = _explain_server if connection.dialect.name == "postgresql" else _explain_sqlite
    return [explain(connection, sql, parameters) for sql, parameters in statements]


@contextmanager
def _heard(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, sql: str, parameters: Any, _context: object, _many: bool) -> None:
        if sql.lstrip().upper().startswith("SELECT"):
            heard.append((sql, parameters))

    event.listen(connection, "before_cursor_execute", note)
    yield heard
    event.remove(connection, "before_cursor_execute", note)


def _explain_sqlite(connection: Connection, sql: str, parameters: Any) -> Plan:
    steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    words = [step.split() for step in steps]
    indexes = {w[w.index("INDEX") + 1] for w in words if "INDEX" in w and w[w.index("INDEX") + 1] != "(rowid=?)"}
    sorts = any("TEMP B-TREE" in step for step in steps)
    # A scan that is not sorted afterwards and has a LIMIT follows the row numbers and stops: that is their index.
    stops = "LIMIT" in sql and not sorts
    whole = {w[1] for w in words if w[0] == "SCAN" and "INDEX" not in w and not stops}
    return Plan(sql, frozenset(indexes), frozenset(whole), sorts)


def _explain_server(connection: Connection, sql: str, parameters: Any) -> Plan:
    answer = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", parameters).scalar_one()
    found = answer if isinstance(answer, list) else json.loads(answer)
    nodes = list(_nodes(found[0]["Plan"]))
    indexes = {node["Index Name"] for node in nodes if "Index Name" in node}
    whole = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
    return Plan(sql, frozenset(indexes), frozenset(whole), any(node["Node Type"] == "Sort" for node in nodes))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
