"""Alembic's entry point: runs the steps on the connection it is given. It never opens one itself."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from infra.database import UtcDateTime, WholeText, metadata


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Migrations are frozen history: they name plain column types, never classes that may change."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, WholeText):
        return "sa.Text()"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_item=render_item,
    # On PostgreSQL each step commits by itself, since indexes are built there beside the running business, in no
    # transaction; on SQLite all steps are one transaction, opened by whoever called.
    transaction_per_migration=connection.dialect.name == "postgresql",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
