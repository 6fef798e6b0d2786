"""Alembic's entry point: runs the steps on the connection it is given. It never opens one itself."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from infra.database import UtcDateTime, metadata


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Migrations are frozen history: they name plain column types, never classes that may change."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render_item,
    transactional_ddl=True,
)
context.run_migrations()
