"""Fetches the servers' files with Maven, once, and checks every one of them against the checksums in ``pinned.yaml``."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from infra.errors import ChengxinError
from infra.local import needs
from infra.local.process import is_reachable

PINNED: Final = Path(__file__).with_name("pinned.yaml")
FOLDER_VARIABLE: Final = "TEST_SERVICES_SOFTWARE"


class DownloadFailed(ChengxinError):
    """Maven could not fetch the files, or a file is not the one that was pinned."""

    title = "下载失败"


class Kafka(msgspec.Struct, frozen=True):
    version: str
    artifacts: list[str]
    files: dict[str, str]


class Elasticsearch(msgspec.Struct, frozen=True):
    version: str
    artifact: str
    file: str
    sha256: str


class Pinned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of ``pinned.yaml``."""

    maven_plugin: str
    kafka: Kafka
    elasticsearch: Elasticsearch


@cache
def pinned() -> Pinned:
    """The versions and checksums this code was tested with."""
    return msgspec.yaml.decode(PINNED.read_bytes(), type=Pinned)


def default_folder() -> Path:
    """Where the files are kept: given by the test run, else inside the data directory."""
    given = os.environ.get(FOLDER_VARIABLE)
    return (
        Path(given) if given else Path(os.environ.get("CHENGXIN_DATA_DIR") or "data").absolute() / "services/software"
    )


def kafka_jars(folder: Path | None = None) -> Path:
    """The folder with Kafka's jars, fetched when they are not all there.

    Raises:
        DownloadFailed, MissingProgram
    """
    wanted = pinned().kafka
    target = (folder or default_folder()) / f"kafka-{wanted.version}"
    if not _has(target, wanted.files):
        with _workplace(target.parent) as work:
            (work / "pom.xml").write_text(_pom(wanted.artifacts))
            _maven(work, "copy-dependencies", f"-DoutputDirectory={work / 'jars'}", "-DincludeScope=runtime")
            _verify(work / "jars", wanted.files)
            _replace(work / "jars", target)
    return target


def elasticsearch_home(folder: Path | None = None) -> Path:
    """The unpacked Elasticsearch, fetched when it is not there.

    Raises:
        DownloadFailed, MissingProgram
    """
    wanted = pinned().elasticsearch
    target = (folder or default_folder()) / f"elasticsearch-{wanted.version}"
    if not (target / "bin" / "elasticsearch").is_file():
        with _workplace(target.parent) as work:
            _maven(work, "copy", f"-Dartifact={wanted.artifact}", f"-DoutputDirectory={work}")
            _verify(work, {wanted.file: wanted.sha256})
            _unpack(work / wanted.file, work)
            _replace(work / f"elasticsearch-{wanted.version}", target)
    return target


def _maven(work: Path, goal: str, *options: str) -> None:
    command = [str(needs.maven()), "-B", "-q", f"{pinned().maven_plugin}:{goal}", *options]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line] or ["没有输出"]
        raise DownloadFailed(f"Maven 未能取得服务程序，请检查网络与 Maven 设置后重试：{lines[0][:300]}")


def _verify(folder: Path, expected: dict[str, str]) -> None:
    found = {path.name: path for path in folder.iterdir() if path.suffix in {".jar", ".zip"}}
    if set(found) != set(expected):
        odd = sorted(set(found) ^ set(expected))
        raise DownloadFailed(f"取得的文件与 {PINNED.name} 所列不同：{'、'.join(odd)}")
    for name, path in sorted(found.items()):
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != expected[name]:
            raise DownloadFailed(f"{name} 的 SHA-256 是 {digest}，应为 {expected[name]}：文件已损坏或被替换，未使用")


def _has(folder: Path, files: dict[str, str]) -> bool:
    return folder.is_dir() and {path.name for path in folder.iterdir()} == set(files)


class _workplace:  # noqa: N801  reads as a verb in its only place: with _workplace(...)
    """A folder beside the target, so that the finished files are moved into place in one step."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder))

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *_raised: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as files:
        for item in files.infolist():
            path = Path(files.extract(item, folder))
            # The archive's modes are lost by extract(); the programs must be runnable, everything readable by the plain user.
            path.chmod(0o755 if item.is_dir() or (item.external_attr >> 16) & 0o100 else 0o644)


def _replace(finished: Path, target: Path) -> None:
    finished.chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    finished.rename(target)


def _pom(artifacts: list[str]) -> str:
    dependencies = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *artifact.split(":")
        )
        for artifact in artifacts
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>chengxin.local</groupId><artifactId>servers</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def reachable_folder(preferred: Path, other: Path) -> Path:
    """``preferred`` where the servers' user can read it, else ``other``."""
    return preferred if is_reachable(preferred / "any") else other
