"""Indexes in the order in which the lists of flags and complaints are read.

Revision: 0004
Follows: 0003
"""

from __future__ import annotations

import sqlalchemy as sa

from infra.migrations import online

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    online.create_index("ix_flags_worklist", "flags", ["status", sa.text("severity DESC"), "spoken_at", "id"])
    online.create_index("ix_flags_all", "flags", [sa.text("severity DESC"), "spoken_at", "id"])
    online.create_index("ix_flags_operator", "flags", ["operator"])
    online.create_index("ix_flags_room", "flags", ["room"])
    online.drop_index("ix_flags_queue", "flags")
    online.create_index("ix_complaints_worklist", "complaints", ["status", "received_at", "id"])
    online.create_index("ix_complaints_all", "complaints", ["received_at", "id"])
    online.drop_index("ix_complaints_queue", "complaints")
