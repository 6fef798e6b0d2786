"""Migrations run while the house is open: one that would hold others up is refused, with the reason."""

from __future__ import annotations

import pytest

from infra import migrate
from infra.migrations import rules

VERSIONS = sorted((migrate.FOLDER / "versions").glob("*.py"))


def migration(step: str) -> str:
    return f"def upgrade() -> None:\n    {step}\n"


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.name)
def test_every_migration_keeps_the_rules_or_says_why_not(path) -> None:  # type: ignore[no-untyped-def]
    if not path.name.startswith(rules.UNCHECKED):
        assert rules.breaches(path.read_text()) == []


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ('op.create_index("ix_flags_x", "flags", ["x"])', "online.create_index"),
        ('op.drop_index("ix_flags_x", "flags")', "online.drop_index"),
        ('op.add_column("flags", sa.Column("x", sa.Text(), nullable=False))', "允许为空"),
        ('op.add_column("flags", sa.Column("x", sa.Text()))', "允许为空"),
        ('op.add_column("flags", sa.Column("x", sa.DateTime(), nullable=False, server_default=sa.func.now()))', "常量"),
        ('op.alter_column("flags", "x", type_=sa.BigInteger())', "type_"),
        ('op.alter_column("flags", "x", nullable=False)', "nullable"),
        ('op.alter_column("flags", "x", new_column_name="y")', "new_column_name"),
        ('op.drop_column("flags", "x")', "下一版再删"),
        ('op.drop_table("flags")', "下一版再删"),
        ('op.create_unique_constraint("uq", "flags", ["x"])', "NOT VALID"),
        ('op.create_foreign_key("fk", "flags", "complaints", ["x"], ["id"])', "NOT VALID"),
        ('op.execute("UPDATE flags SET x = 1")', "分批"),
        ("op.execute(sql)", "分批"),
        ('op.add_column("a", sa.Column("b", sa.Text(), nullable=True)); online.create_index("i", "a", ["b"])', "单独"),
    ],
)
def test_a_step_that_would_hold_others_up_is_refused(step: str, reason: str) -> None:
    (breach,) = rules.breaches(migration(step))
    assert breach.line == 2
    assert reason in breach.reason


@pytest.mark.parametrize(
    "step",
    [
        'op.add_column("flags", sa.Column("x", sa.Text(), nullable=True))',
        'op.add_column("flags", sa.Column("x", sa.Integer(), nullable=False, server_default="0"))',
        'op.alter_column("flags", "x", nullable=True)',
        'online.create_index("ix_flags_x", "flags", ["x"])',
        'op.create_table("new", sa.Column("x", sa.Text())); op.create_index("ix_new_x", "new", ["x"])',
        'op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")',
    ],
)
def test_a_step_that_holds_nobody_up_is_let_through(step: str) -> None:
    assert rules.breaches(migration(step)) == []


def test_a_migration_that_needs_the_service_stopped_must_say_why() -> None:
    step = migration('op.drop_column("flags", "x")')
    assert rules.breaches('offline = "the column is rewritten"\n' + step) == []
    assert len(rules.breaches('offline = ""\n' + step)) == 1
