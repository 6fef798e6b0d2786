"""The root secret and the keys derived from it. The secret never leaves its file; each purpose gets a key of its own.

While a key is being exchanged there are two: the current one and, beside it in ``<file>.previous``, the one before. New
things are sealed with the current one; old things can still be opened until ``chengxin rotate-key --finish``.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.errors import ConfigurationError
from infra.settings import Settings

SECRET_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
OTHERS: Final = 0o077
OTHERS_BUT_GROUP_READ: Final = 0o037


@dataclass(frozen=True, slots=True)
class RootKey:
    """One root secret; ``id`` (16 hex digits) is derived from it and tells nothing about it."""

    id: str
    secret: bytes

    @classmethod
    def of(cls, secret: bytes) -> RootKey:
        return cls(_expand(secret, "key-id", KEY_ID_BYTES).hex(), secret)

    def derive(self, purpose: str, length: int = 32) -> bytes:
        """A key for one purpose (HKDF-SHA256, RFC 5869); different purposes give unrelated keys."""
        return _expand(self.secret, purpose, length)

    def __repr__(self) -> str:
        return f"RootKey({self.id})"


def previous_path(settings: Settings) -> Path:
    """Where the key before the current one waits until nothing needs it any more."""
    return settings.secret_key_path.with_name(settings.secret_key_path.name + ".previous")


def next_path(settings: Settings) -> Path:
    """Where a new key lies between being made and taking its place."""
    return settings.secret_key_path.with_name(settings.secret_key_path.name + ".next")


def root_secret(settings: Settings) -> bytes:
    """The 32-byte root secret; created with mode 600 when the file does not exist.

    Raises:
        ConfigurationError: the file is shorter than a secret or readable by others.
    """
    path = settings.secret_key_path
    if not path.exists():
        create(path)
    return read(path)


def key_ring(settings: Settings) -> tuple[RootKey, ...]:
    """The current key first, then the one before, where there still is one.

    Raises:
        ConfigurationError: a key file is shorter than a secret or readable by others.
    """
    current = RootKey.of(root_secret(settings))
    path = previous_path(settings)
    try:
        before = RootKey.of(read(path))
    except FileNotFoundError:
        return (current,)
    return (current,) if before == current else (current, before)


def derive(settings: Settings, purpose: str, length: int = 32) -> bytes:
    """A key for one purpose from the current root secret."""
    return RootKey.of(root_secret(settings)).derive(purpose, length)


def read(path: Path) -> bytes:
    """The secret in a file.

    Raises:
        FileNotFoundError. ConfigurationError: the file is shorter than a secret or readable by others.
    """
    found = path.stat()
    # A file that belongs to somebody else (a mounted Kubernetes secret belongs to root) reaches us through its group only.
    forbidden = OTHERS if found.st_uid == os.geteuid() else OTHERS_BUT_GROUP_READ
    if found.st_mode & forbidden:
        raise ConfigurationError(f"密钥文件 {path} 可被其他用户读取，请执行 chmod 600 后重试")
    try:
        secret = path.read_bytes()
    except PermissionError:
        raise ConfigurationError(
            f"密钥文件 {path} 当前用户无权读取，请把它交给运行本程序的用户（chown），权限 600"
        ) from None
    if len(secret) < SECRET_BYTES:
        raise ConfigurationError(f"密钥文件 {path} 只有 {len(secret)} 字节，至少需要 {SECRET_BYTES} 字节")
    return secret


def create(path: Path) -> None:
    """Make a file with a new random secret (mode 600), complete or not at all; a file that is there already stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # fails when another process was first, whose secret then stands
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _expand(secret: bytes, purpose: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose.encode()).derive(secret)
