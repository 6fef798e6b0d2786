"""Steps of a migration that may run while the house is open. Used by the files under ``versions``; see docs/database.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic import op
from sqlalchemy import text


def create_index(name: str, table: str, columns: Sequence[Any]) -> None:
    """An index beside the running business: on PostgreSQL CONCURRENTLY, which blocks no writer.

    Taken up again after it was broken off: a half-made index, which PostgreSQL keeps but does not use, is made anew.
    """
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, columns)
        return
    with op.get_context().autocommit_block():
        broken = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"
        if op.get_bind().execute(text(broken), {"name": name}).first():
            op.drop_index(name, table, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, if_not_exists=True)


def drop_index(name: str, table: str) -> None:
    """Drop an index without blocking anybody; nothing happens when it is gone already."""
    if op.get_bind().dialect.name != "postgresql":
        op.drop_index(name, table)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
