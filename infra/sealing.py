"""Seals small things for storage (AES-256-GCM) with a key derived from the root secret, and follows a change of key.

Every process looks at the key files each time, so that an exchange by ``chengxin rotate-key`` needs no restart.
"""

from __future__ import annotations

import os
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.errors import ChengxinError, ConfigurationError
from infra.secrets import key_ring, previous_path
from infra.settings import Settings

log = structlog.get_logger()

NONCE_BYTES: Final = 12


class Unreadable(ChengxinError):
    """No key at hand opens it: the wrong key file, or a changed record."""

    title = "无法解密"

    def __init__(self, key_id: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"没有能打开它的密钥（需要 {key_id or '未知'}，现有 {'、'.join(known)}）："
            "请检查 CHENGXIN_SECRET_KEY_FILE 是否为原来的密钥文件，更换密钥期间旧密钥须以 .previous 放在它旁边"
        )


class Sealer:
    """Seals with the current key for one purpose and opens with any key of the ring.

    ``bound`` is authenticated and not stored: a sealed thing opens only in the place it was sealed for.
    """

    def __init__(self, settings: Settings, purpose: str) -> None:
        self._settings = settings
        self._purpose = purpose
        self._seen: tuple[object, ...] = ()
        self._ciphers: dict[str, AESGCM] = {}
        self._ring()

    @property
    def key_id(self) -> str:
        """The id of the key that seals from now on."""
        return next(iter(self._ring()))

    def seal(self, plain: bytes, bound: bytes) -> tuple[str, bytes]:
        """The id of the key used, and the sealed bytes."""
        key_id, cipher = next(iter(self._ring().items()))
        nonce = os.urandom(NONCE_BYTES)
        return key_id, nonce + cipher.encrypt(nonce, plain, bound)

    def open(self, sealed: bytes, bound: bytes, key_id: str = "") -> bytes:
        """The plain bytes. Where the key's id is unknown (``""`` or from an older version) every key is tried.

        Raises:
            Unreadable: no key opens it.
        """
        ring = self._ring()
        for cipher in [ring[key_id]] if key_id in ring else ring.values():
            try:
                return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
            except InvalidTag:
                continue
        raise Unreadable(key_id, tuple(ring))

    def _ring(self) -> dict[str, AESGCM]:
        seen = (_stamp(str(self._settings.secret_key_path)), _stamp(str(previous_path(self._settings))))
        if seen == self._seen and self._ciphers:
            return self._ciphers
        if self._ciphers and not seen[0]:
            return self._ciphers  # taken away for a moment; a process at work must not make up a new one in its place
        try:
            self._ciphers = {key.id: AESGCM(key.derive(self._purpose)) for key in key_ring(self._settings)}
            self._seen = seen
        except ConfigurationError as error:
            if not self._ciphers:
                raise
            log.error("key file cannot be used, going on with the keys at hand", error=str(error))
        return self._ciphers


def _stamp(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116  called for every sealed thing; a Path would cost more than the call
    except FileNotFoundError:
        return ()
    return (found.st_ino, found.st_mtime_ns, found.st_size)
