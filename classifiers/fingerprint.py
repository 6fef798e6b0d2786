"""Short hashes of the files that a model or a compiled lexicon was made from. It imports nothing that is slow to load."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
LENGTH = 12
# Everything that decides which features a text has, or how they are learned: a change of these needs a new model.
FEATURE_MODULES = (
    "context",
    "corpus",
    "disguise",
    "features",
    "finding",
    "frames",
    "learn",
    "match",
    "model",
    "normalise",
    "reading",
    "regexes",
    "scope",
    "screen",
    "segment",
    "spelling",
    "train",
    "vocabulary",
)
FEATURE_LIBRARIES = ("jieba", "numpy", "rjieba", "scikit-learn")
COMPILING_MODULES = ("cache", "disguise", "match", "normalise", "regexes", "spelling")
# The shape of what a compiled lexicon holds.
LEXICON_MODULES = ("schema.py", "statutes.py", "fines.py")
COMPILING_LIBRARIES = ("daachorse", "msgspec")


def of_files(paths: Iterable[Path]) -> str:
    """A hash of the names and content of files, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:LENGTH]


def feature_code() -> str:
    """The code, tables and libraries that a trained model depends on."""
    return _code(FEATURE_MODULES, FEATURE_LIBRARIES)


def compiling_code() -> str:
    """The code, tables and libraries that a compiled lexicon depends on."""
    return _code(COMPILING_MODULES, COMPILING_LIBRARIES)


def _code(modules: Iterable[str], libraries: Iterable[str]) -> str:
    files = [HERE / f"{name}.py" for name in modules]
    files += [*sorted((HERE / "tables").glob("*.tsv")), *(HERE.parent / "lexicons" / name for name in LEXICON_MODULES)]
    libraries_used = " ".join(f"{name}=={version(name)}" for name in libraries)
    return hashlib.sha256(f"{of_files(files)} {libraries_used}".encode()).hexdigest()[:LENGTH]
