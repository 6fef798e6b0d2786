"""Exchanges the root secret's file, in steps that may be killed anywhere and taken up again.

``<file>.next`` is made whole; ``<file>`` is linked as ``<file>.previous``; ``.next`` is renamed over ``<file>``. At every
moment both the old secret and everything sealed with it can be read.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from infra import secrets
from infra.errors import ConfigurationError, Conflict
from infra.settings import Settings

_CANNOT_WRITE: Final = frozenset({errno.EROFS, errno.EPERM, errno.EACCES})


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold off other exchanges on this machine while the block runs; the hold ends with the process.

    Raises:
        Conflict: another one is at work.
    """
    folder = settings.secret_key_path.parent
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Conflict("另一个 rotate-key 正在运行，请等它结束") from None
    finally:
        os.close(descriptor)


def exchange(settings: Settings) -> bool:
    """Put a new secret in place and keep the old one as ``.previous``. False: an exchange begun before stands as it is.

    Raises:
        ConfigurationError: the folder cannot be written, or the files are not as an exchange leaves them.
    """
    current, fresh, before = (
        settings.secret_key_path,
        secrets.next_path(settings),
        secrets.previous_path(settings),
    )
    old = secrets.root_secret(settings)
    try:
        if not before.exists():
            secrets.create(fresh)
            os.link(current, before)
            secrets.sync_folder(current.parent)
        elif not fresh.exists():
            return False
        elif secrets.read(before) != old:
            raise ConfigurationError(f"{before} 与 {fresh} 同时存在而 {current} 已是第三个密钥，请先人工核对这三个文件")
        fresh.replace(current)
        secrets.sync_folder(current.parent)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise ConfigurationError(
            f"密钥所在目录 {current.parent} 不可写（{error.strerror}）：请自行放入新密钥 {current.name}，"
            f"把旧密钥放为 {before.name}（Kubernetes 中即 Secret 的两个条目），再运行本命令"
        ) from None
    return True


def drop_previous(settings: Settings) -> bool:
    """Delete the old secret. False: there is none.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    path = secrets.previous_path(settings)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigurationError(
            f"无法删除旧密钥 {path}（{error.strerror}）：已无记录需要它，请自行从 Secret 或挂载目录中移除"
        ) from None
    secrets.sync_folder(path.parent)
    return True
