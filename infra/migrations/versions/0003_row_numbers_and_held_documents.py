"""Row numbers of 64 bits, and search documents that an indexer holds.

Revision: 0003
Follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
offline = "the type changes rewrite tables on PostgreSQL, where no installation is older than this step"

NUMBERED = {
    "audit_log": "id",
    "complaint_timeline": "number",
    "dead_letters": "id",
    "decisions": "number",
    "ledger_entries": "number",
    "outbox": "id",
    "search_queue": "number",
    "vault_access": "id",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # SQLite's integers have 64 bits
        for table, column in NUMBERED.items():
            op.alter_column(table, column, type_=sa.BigInteger())
            op.execute(f"ALTER SEQUENCE {table}_{column}_seq AS bigint")
    op.add_column("search_queue", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
