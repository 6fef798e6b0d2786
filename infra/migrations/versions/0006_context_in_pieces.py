"""What was said around a flag, some lines to a row instead of one.

Revision: 0006
Follows: 0005
"""

from __future__ import annotations

import hashlib
from itertools import groupby

import msgspec
import sqlalchemy as sa
from alembic import op

from infra.database import UtcDateTime, WholeText

revision = "0006"
down_revision = "0005"
offline = "the old table is emptied into the new one and dropped; nothing has been released that writes to it"

OLD = sa.table(
    "flag_context",
    sa.column("flag", sa.String),
    sa.column("event_id", sa.String),
    sa.column("start", UtcDateTime),
    sa.column("end", UtcDateTime),
    sa.column("speaker", sa.String),
    sa.column("text", WholeText),
)


def upgrade() -> None:
    new = op.create_table(
        "flag_contexts",
        sa.Column("flag", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["flag"], ["flags.id"], name=op.f("fk_flag_contexts_flag")),
        sa.PrimaryKeyConstraint("flag", "digest", name=op.f("pk_flag_contexts")),
    )
    connection = op.get_bind()
    rows = connection.execute(sa.select(OLD).order_by(OLD.c.flag, OLD.c.start, OLD.c.event_id))
    for flag, said in groupby(rows, lambda row: row.flag):
        lines = msgspec.to_builtins([(row.event_id, row.start, row.end, row.speaker, row.text) for row in said])
        digest = int.from_bytes(hashlib.sha256(msgspec.json.encode(lines)).digest()[:8], signed=True)
        connection.execute(new.insert().values(flag=flag, digest=digest, lines=lines))
    op.drop_table("flag_context")
