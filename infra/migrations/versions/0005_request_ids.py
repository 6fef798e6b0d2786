"""Which request a record of the log came in with.

Revision: 0005
Follows: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("log_records", sa.Column("request_id", sa.String(length=64), nullable=True))
