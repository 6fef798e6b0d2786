"""What complaints that tell nearly the same are found by.

Revision: 0002
Follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "complaint_bands",
        sa.Column("complaint", sa.String(length=200), nullable=False),
        sa.Column("band", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["complaint"], ["complaints.id"], name=op.f("fk_complaint_bands_complaint")),
        sa.PrimaryKeyConstraint("complaint", "band", name=op.f("pk_complaint_bands")),
    )
    op.create_index("ix_complaint_bands_band", "complaint_bands", ["band"], unique=False)
