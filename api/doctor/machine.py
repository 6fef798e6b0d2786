"""The machine under an installation: data directory, disk, key file."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from api.doctor.finding import Finding, error, guarded, ok, warning
from infra import secrets
from infra.clock import Clock
from infra.settings import Settings

GIB: Final = 1024**3
WARN_BELOW: Final = 10 * GIB
STOP_BELOW: Final = 1 * GIB
WARN_SHARE: Final = 0.1


def examine(settings: Settings, _clock: Clock) -> Iterator[Finding]:
    """Data directory, disk space, key file."""
    yield from data_dir(settings)
    yield from disk(settings)
    yield from secret_key(settings)


@guarded("data_dir", "检查 CHENGXIN_DATA_DIR 指向的目录及其权限")
def data_dir(settings: Settings) -> Iterator[Finding]:
    """Whether the data directory can be used, and who else can write there."""
    path = settings.data_dir
    if not path.exists():
        parent = _nearest(path)
        if os.access(parent, os.W_OK | os.X_OK):
            yield ok("data_dir", f"{path} 还没有，首次启动时建立")
        else:
            yield error(
                "data_dir",
                f"{path} 还没有，而 {parent} 不可写",
                "建好目录并交给运行本程序的用户（chown），或改 CHENGXIN_DATA_DIR",
            )
        return
    if not path.is_dir():
        yield error("data_dir", f"{path} 不是目录", "把 CHENGXIN_DATA_DIR 指向一个目录")
        return
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield error("data_dir", f"当前用户不能读写 {path}", f"把目录交给运行本程序的用户：chown -R 用户 {path}")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o002:
        yield warning("data_dir", f"{path} 任何人可写（{mode:o}）", "若不是容器的临时目录，请执行 chmod o-w")
        return
    yield ok("data_dir", f"{path} 可读写（{mode:o}）")


@guarded("disk", "检查数据目录所在的磁盘")
def disk(settings: Settings) -> Iterator[Finding]:
    """Room left where the data directory is."""
    usage = shutil.disk_usage(_nearest(settings.data_dir))
    found = f"剩余 {usage.free / GIB:.1f} GiB，共 {usage.total / GIB:.1f} GiB"
    if usage.free < STOP_BELOW:
        yield error("disk", found, "立即腾出空间或扩容，见 docs/runbooks/disk-full.md")
    elif usage.free < WARN_BELOW and usage.free < usage.total * WARN_SHARE:
        yield warning("disk", found, "尽快腾出空间或扩容，见 docs/runbooks/disk-full.md")
    else:
        yield ok("disk", found)


@guarded("secret_key", "检查 CHENGXIN_SECRET_KEY_FILE；没有备份的密钥丢失后，保险库无法解密")
def secret_key(settings: Settings) -> Iterator[Finding]:
    """The key file can be used by us and by nobody else, and no exchange of keys is left half done."""
    path = settings.secret_key_path
    if not path.exists():
        how = "设了 CHENGXIN_SECRET_KEY_FILE 却没有这个文件，请放入原来的密钥" if settings.secret_key_file else ""
        line = f"{path} 还没有，首次启动时生成"
        yield warning("secret_key", line, how) if how else ok("secret_key", line)
        return
    ring = secrets.key_ring(settings)  # the file exists, so nothing is created
    if secrets.next_path(settings).exists():
        yield warning("secret_key", "密钥更换中途被打断", "重新运行 chengxin rotate-key")
    elif secrets.previous_path(settings).exists():
        yield warning(
            "secret_key",
            f"密钥更换尚未收尾，旧密钥 {ring[-1].id} 还在",
            "全部进程用上新密钥后运行 chengxin rotate-key --finish",
        )
    else:
        yield ok("secret_key", f"{path}（编号 {ring[0].id}）")


def _nearest(path: Path) -> Path:
    """The path, or its closest ancestor that exists."""
    return next(found for found in (path, *path.parents) if found.exists())
