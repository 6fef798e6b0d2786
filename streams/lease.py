"""A lease in the database: one of several processes does a job, and another takes over when it is gone.

It saves work; it proves nothing. A process that was paused may believe it still holds the lease, so the job itself must stand
being done twice.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select, update

from infra.database import Database, insert_ignore
from streams.tables import handler_state

SCOPE: Final = "lease"


class _Held(Struct, frozen=True):
    owner: str
    until: datetime


class Lease:
    """The right to one job, held for ``seconds`` at a time and renewed after half of them."""

    def __init__(self, database: Database, job: str, *, seconds: float) -> None:
        self._database = database
        self._where = (handler_state.c.scope == SCOPE) & (handler_state.c.key == job)
        self._job = job
        self._term = timedelta(seconds=seconds)
        self._owner = secrets.token_hex(8)

    def held(self, now: datetime) -> bool:
        """Whether this process may do the job now; takes the lease when it is free or has run out."""
        with self._database.read() as connection:
            stored = self._stored(connection)
        held = msgspec.msgpack.decode(stored, type=_Held) if stored else None
        # A lease that runs for much longer than any is given for comes from a clock that was ahead: it counts for nothing.
        if held is not None and now < held.until <= now + self._term * 2:
            if held.owner != self._owner:
                return False
            if held.until - now > self._term / 2:
                return True
        return self._take(stored, _Held(self._owner, now + self._term))

    def give_up(self) -> None:
        """Let the next process begin at once."""
        with self._database.write() as connection:
            stored = self._stored(connection)
            if stored and msgspec.msgpack.decode(stored, type=_Held).owner == self._owner:
                connection.execute(handler_state.delete().where(self._where))

    def _stored(self, connection: Connection) -> bytes | None:
        return connection.execute(select(handler_state.c.value).where(self._where)).scalar()

    def _take(self, before: bytes | None, mine: _Held) -> bool:
        value = msgspec.msgpack.encode(mine)
        with self._database.write() as connection:
            if before is None:
                row = {"scope": SCOPE, "key": self._job, "value": value}
                return insert_ignore(connection, handler_state, [row]) == 1
            # Only in place of what was read: of two who find it run out, one wins.
            exchange = update(handler_state).where(self._where, handler_state.c.value == before).values(value=value)
            return connection.execute(exchange).rowcount == 1
