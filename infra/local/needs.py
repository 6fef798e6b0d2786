"""What must be on the machine before local servers can run; what is missing is said in one line with the command that mends it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from infra.errors import ConfigurationError

JAVA_MINIMUM: Final = 17
POSTGRES_MINIMUM: Final = 14


class MissingProgram(ConfigurationError):
    """A program is not on this machine. ``packages`` are the Debian packages that bring it."""

    title = "缺少程序"

    def __init__(self, *missing: tuple[str, str]) -> None:
        self.missing = missing
        packages = " ".join(package for _, package in missing)
        names = "、".join(name for name, _ in missing)
        super().__init__(f"本机没有 {names}，请运行：sudo apt-get install -y {packages}")


def java() -> Path:
    """A Java runtime of version 17 or newer."""
    for program in _java_candidates():
        if _version_of(program, "-version") >= JAVA_MINIMUM:
            return program
    raise MissingProgram(("Java 17", "openjdk-17-jre-headless"))


def maven() -> Path:
    """Maven, which fetches the servers' files."""
    found = shutil.which("mvn")
    if found is None:
        raise MissingProgram(("Maven", "maven"))
    return Path(found)


def postgres_programs() -> Path:
    """The folder with ``initdb`` and ``postgres`` of version 14 or newer."""
    for folder in _postgres_candidates():
        if (folder / "initdb").is_file() and _version_of(folder / "postgres", "--version") >= POSTGRES_MINIMUM:
            return folder
    raise MissingProgram(("PostgreSQL 14", "postgresql"))


def require(*needs: Callable[[], Path]) -> None:
    """Check several needs at once.

    Raises:
        MissingProgram: names all that are missing, in one line.
    """
    missing: list[tuple[str, str]] = []
    for need in needs:
        try:
            need()
        except MissingProgram as error:
            missing += [item for item in error.missing if item not in missing]
    if missing:
        raise MissingProgram(*missing)


def _java_candidates() -> Iterator[Path]:
    found = shutil.which("java")
    if found:
        yield Path(found).resolve()
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"))


def _postgres_candidates() -> Iterator[Path]:
    found = shutil.which("postgres")
    if found:
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number, reverse=True)


def _number(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _version_of(program: Path, option: str) -> int:
    """The first number a program says of itself; 0 when it cannot be run."""
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return 0
    number = re.search(r"(\d+)[.\w]*", done.stdout + done.stderr)
    text = re.search(r'(?:version "|\) )(\d+)', done.stdout + done.stderr) or number
    return int(text.group(1)) if text else 0
