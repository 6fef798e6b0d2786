"""Imports the tables of every room, so that ``infra.database.metadata`` is whole. For migrations and tests only."""

from __future__ import annotations

import api.auth.tables
import casework.tables
import infra.audit
import infra.outbox
import infra.search.queue
import infra.vault
import rating.tables
import streams.tables

__all__ = ["api", "casework", "infra", "rating", "streams"]
