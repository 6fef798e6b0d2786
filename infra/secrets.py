"""The root secret and the keys derived from it. The secret never leaves its file; each purpose gets a key of its own."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.errors import ConfigurationError
from infra.settings import Settings

SECRET_BYTES = 32


def root_secret(settings: Settings) -> bytes:
    """The 32-byte root secret; created with mode 600 when the file does not exist.

    Raises:
        ConfigurationError: the file is shorter than a secret or readable by others.
    """
    path = settings.secret_key_path
    if not path.exists():
        _create(path)
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"密钥文件 {path} 可被其他用户读取，请执行 chmod 600 后重试")
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise ConfigurationError(f"密钥文件 {path} 只有 {len(secret)} 字节，至少需要 {SECRET_BYTES} 字节")
    return secret


def derive(settings: Settings, purpose: str, length: int = 32) -> bytes:
    """A key for one purpose (HKDF-SHA256, RFC 5869); different purposes give unrelated keys."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose.encode()).derive(root_secret(settings))


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
    try:
        os.link(draft, path)  # fails when another process was first, whose secret then stands
    except FileExistsError:
        pass
    finally:
        draft.unlink()
