"""The identity vault: names and phone numbers of complainants, encrypted at rest, every opening logged.

Nothing outside this module ever stores personal data; other tables keep only the vault's random reference.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Connection, Integer, LargeBinary, String, Table, select

from infra import secrets as keys
from infra.database import UtcDateTime, metadata
from infra.errors import NotFound
from infra.settings import Settings

KEY_ID = "1"
NONCE_BYTES = 12

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
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("ref", String(32), nullable=False, index=True),
    Column("actor", String(120), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


class Vault:
    """AES-256-GCM over one JSON object per record; the reference is bound in as associated data."""

    def __init__(self, settings: Settings) -> None:
        self._cipher = AESGCM(keys.derive(settings, f"vault/{KEY_ID}"))

    def put(self, connection: Connection, *, owner: str, fields: Mapping[str, str], at: datetime) -> str:
        """Seal the fields for ``owner`` (for example ``complaint:…``) and return the random reference."""
        ref = secrets.token_urlsafe(18)
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.json.encode(dict(fields)), ref.encode())
        row = {"ref": ref, "owner": owner, "key_id": KEY_ID, "sealed": sealed, "stored_at": at}
        connection.execute(vault_records.insert(), row)
        return ref

    def open(self, connection: Connection, *, ref: str, actor: str, reason: str, at: datetime) -> dict[str, str]:
        """Unseal one record and log who looked and why.

        Raises:
            NotFound: no such reference.
        """
        query = select(vault_records.c.sealed).where(vault_records.c.ref == ref)
        sealed = connection.execute(query).scalar()
        if sealed is None:
            raise NotFound("身份信息", ref)
        connection.execute(vault_access.insert(), {"ref": ref, "actor": actor, "reason": reason, "at": at})
        plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], ref.encode())
        return msgspec.json.decode(plain, type=dict[str, str])
