"""The rules by which a migration may run while the house is open, checked by reading its source. See docs/database.md.

From the third step on every file under ``versions`` is held to them by a test. One that cannot keep them says why in a module
variable ``offline``, and its release notes tell people to stop the service.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

UNCHECKED = ("0001", "0002")  # they make tables only, and were there before the rules
REWRITES = ("type_", "nullable", "new_column_name")
NEEDS_TWO_RELEASES = ("drop_column", "drop_table", "rename_table")
VALIDATES_EVERY_ROW = (
    "create_foreign_key",
    "create_unique_constraint",
    "create_check_constraint",
    "create_primary_key",
)
SLOW_SQL = ("UPDATE ", "DELETE ", "ALTER TABLE", "CREATE INDEX", "LOCK ", "VACUUM", "CLUSTER", "REINDEX")


@dataclass(frozen=True, slots=True)
class Breach:
    """One place where a migration would hold others up."""

    line: int
    reason: str


def breaches(source: str) -> list[Breach]:
    """What in the source of a migration breaks the rules; empty when it may run online, or says why it may not."""
    tree = ast.parse(source)
    if _offline_reason(tree):
        return []
    calls = list(_calls(tree))
    made = {_text(call.args[0]) for name, call in calls if name == "op.create_table" and call.args}
    found = [breach for name, call in calls for breach in _look_at(name, call, made)]
    online = [call for name, call in calls if name.startswith("online.")]
    others = [call for name, call in calls if name.startswith("op.") and name not in ("op.get_bind", "op.f")]
    if online and others:
        reason = "并行建索引的步骤要单独成一个迁移：它不在事务里，中断后从头再来，同一文件里别的改动就会重复"
        found.append(Breach(others[0].lineno, reason))
    return sorted(found, key=lambda breach: breach.line)


def _look_at(name: str, call: ast.Call, made: set[str | None]) -> Iterator[Breach]:
    target = _text(call.args[1]) if name == "op.create_index" and len(call.args) > 1 else None
    if name == "op.create_index" and target not in made:
        yield Breach(call.lineno, "在已有的表上建索引会挡住写入，请用 online.create_index")
    if name == "op.drop_index":
        yield Breach(call.lineno, "请用 online.drop_index，不挡住任何人")
    if name == "op.add_column" and not _is_nullable_or_has_default(call):
        yield Breach(call.lineno, "新列须允许为空，或带常量 server_default：旧程序还在写入，不认识这一列")
    if name == "op.alter_column":
        for keyword in call.keywords:
            if keyword.arg in REWRITES and not (keyword.arg == "nullable" and _is_true(keyword.value)):
                yield Breach(
                    call.lineno,
                    f"alter_column 的 {keyword.arg} 会改写或扫描全表、或让旧程序出错；请加新列、回填、再换用",
                )
    for forbidden in NEEDS_TWO_RELEASES:
        if name == f"op.{forbidden}":
            yield Breach(call.lineno, f"{forbidden} 会让还在运行的旧程序出错：先发布不再使用它的版本，下一版再删")
    for forbidden in VALIDATES_EVERY_ROW:
        if name == f"op.{forbidden}" and not (target in made or (len(call.args) > 1 and _text(call.args[1]) in made)):
            yield Breach(
                call.lineno, f"{forbidden} 会锁表检查每一行；请先建 NOT VALID 约束再 VALIDATE，或用 online.create_index"
            )
    if name in ("op.execute", "op.bulk_insert"):
        sql = (_text(call.args[0]) or "").upper() if call.args else ""
        if name == "op.execute" and (not sql or any(word in sql for word in SLOW_SQL)):
            yield Breach(call.lineno, "这条 SQL 可能长时间锁表；大批数据请由程序分批回填")


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            yield f"{node.func.value.id}.{node.func.attr}", node


def _offline_reason(tree: ast.Module) -> str:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "offline" for t in node.targets):
            return _text(node.value) or ""
    return ""


def _is_nullable_or_has_default(call: ast.Call) -> bool:
    column = next((arg for arg in call.args if isinstance(arg, ast.Call)), None)
    if column is None:
        return False
    given = {keyword.arg: keyword.value for keyword in column.keywords}
    default = given.get("server_default")
    if default is not None:
        return isinstance(default, ast.Constant)  # anything computed, such as now(), rewrites the table
    return "nullable" in given and _is_true(given["nullable"])


def _is_true(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _text(value: ast.expr) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
