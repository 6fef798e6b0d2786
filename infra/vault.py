"""The identity vault: names and phone numbers of complainants, encrypted at rest, every opening logged.

Nothing outside this module ever stores personal data; other tables keep only the vault's random reference.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Column, Connection, LargeBinary, String, Table, func, select, update

from infra.database import RowNumber, UtcDateTime, metadata
from infra.errors import NotFound
from infra.sealing import Sealer, Unreadable
from infra.settings import Settings

PURPOSE: Final = "vault/1"

vault_records = Table(
    "vault_records",
    metadata,
    Column("ref", String(32), primary_key=True),
    Column("owner", String(120), nullable=False, index=True),
    Column("key_id", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
)

vault_access = Table(
    "vault_access",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("ref", String(32), nullable=False, index=True),
    Column("actor", String(120), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Resealed:
    """One step of a change of key: how many records were sealed anew, which cannot be opened, and where to go on.

    ``last`` is None when there was nothing left.
    """

    count: int
    unreadable: tuple[str, ...]
    last: str | None


class Vault:
    """AES-256-GCM over one JSON object per record; the reference is bound in as associated data."""

    def __init__(self, settings: Settings) -> None:
        self._sealer = Sealer(settings, PURPOSE)

    @property
    def key_id(self) -> str:
        """The id of the key that seals from now on."""
        return self._sealer.key_id

    def put(self, connection: Connection, *, owner: str, fields: Mapping[str, str], at: datetime) -> str:
        """Seal the fields for ``owner`` (for example ``complaint:…``) and return the random reference."""
        ref = secrets.token_urlsafe(18)
        key_id, sealed = self._sealer.seal(msgspec.json.encode(dict(fields)), ref.encode())
        row = {"ref": ref, "owner": owner, "key_id": key_id, "sealed": sealed, "stored_at": at}
        connection.execute(vault_records.insert(), row)
        return ref

    def open(self, connection: Connection, *, ref: str, actor: str, reason: str, at: datetime) -> dict[str, str]:
        """Unseal one record and log who looked and why.

        Raises:
            NotFound: no such reference. Unreadable: no key at hand opens it.
        """
        query = select(vault_records.c.sealed, vault_records.c.key_id).where(vault_records.c.ref == ref)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("身份信息", ref)
        connection.execute(vault_access.insert(), {"ref": ref, "actor": actor, "reason": reason, "at": at})
        return msgspec.json.decode(self._sealer.open(row.sealed, ref.encode(), row.key_id), type=dict[str, str])

    def reseal(self, connection: Connection, *, after: str = "", limit: int = 200) -> Resealed:
        """Seal anew, with the current key, up to ``limit`` records that another key sealed, in order of reference.

        It tells nobody anything, so it is no access; what cannot be opened is named and left as it is.
        """
        current = self._sealer.key_id
        query = select(vault_records).where(vault_records.c.key_id != current, vault_records.c.ref > after)
        rows = connection.execute(query.order_by(vault_records.c.ref).limit(limit)).all()
        unreadable = []
        for row in rows:
            try:
                plain = self._sealer.open(row.sealed, row.ref.encode(), row.key_id)
            except Unreadable:
                unreadable.append(row.ref)
                continue
            key_id, sealed = self._sealer.seal(plain, row.ref.encode())
            same = (vault_records.c.ref == row.ref) & (vault_records.c.key_id == row.key_id)
            connection.execute(update(vault_records).where(same).values(key_id=key_id, sealed=sealed))
        return Resealed(len(rows) - len(unreadable), tuple(unreadable), rows[-1].ref if rows else None)


def keys_in_use(connection: Connection) -> dict[str, int]:
    """How many records each key id seals."""
    query = select(vault_records.c.key_id, func.count().label("records")).group_by(vault_records.c.key_id)
    return {row.key_id: row.records for row in connection.execute(query)}
