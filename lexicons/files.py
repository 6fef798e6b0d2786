"""Where the lexicon's files are and what their content is called. It reads bytes, never YAML."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from infra.errors import ConfigurationError

ROOT = Path(__file__).parent
SINGLE_FILES = (
    "laws.yaml",
    "codes.yaml",
    "exemptions.yaml",
    "categories.yaml",
    "brands.yaml",
    "attributes.yaml",
    "triage.yaml",
    "disguises.yaml",
)
FOLDERS = ("concepts", "frames")
VERSION_LENGTH = 12


def source_files(root: Path) -> list[Path]:
    """All files the lexicon below ``root`` is made of, sorted.

    Raises:
        ConfigurationError: a file or folder is missing.
    """
    missing = [name for name in SINGLE_FILES if not (root / name).is_file()]
    missing += [f"{folder}/*.yaml" for folder in FOLDERS if not any((root / folder).glob("*.yaml"))]
    if missing:
        raise ConfigurationError(f"词库目录 {root} 缺少 {'、'.join(missing)}；请补齐或改用自带词库")
    return [root / name for name in SINGLE_FILES] + [p for f in FOLDERS for p in sorted((root / f).glob("*.yaml"))]


def read_files(root: Path) -> dict[str, bytes]:
    """The content of all files; keys are paths relative to ``root``."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in source_files(root)}


def content_version(files: Mapping[str, bytes]) -> str:
    """A short hash of names and content: the version of the lexicon."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name] + b"\0")
    return digest.hexdigest()[:VERSION_LENGTH]
