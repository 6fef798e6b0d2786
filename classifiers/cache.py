"""Keeps the compiled lexicon in a file, so that a cold start need not parse YAML and build automata. It never keeps results.

The file belongs to exactly one content of the lexicon and of the compiling code; anything else is built anew. It lies in
``CHENGXIN_DATA_DIR/cache`` or the user's cache folder, and is not used when others could have written it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from classifiers.fingerprint import compiling_code
from classifiers.match import MatcherParts, build
from classifiers.reading import Reader
from lexicons.files import ROOT, content_version, read_files
from lexicons.schema import Lexicon

MAGIC: Final = b"chengxin lexicon 3\n"
DIGEST_SIZE: Final = 16
OTHERS_MAY_WRITE: Final = 0o022
log = logging.getLogger(__name__)


class Compiled(Struct, frozen=True):
    """A lexicon with what was compiled from it; ``key`` tells from what."""

    key: str
    lexicon: Lexicon
    parts: MatcherParts


_bundled: list[Reader] = []
_making = threading.Lock()


def bundled_reader() -> Reader:
    """The reader of the bundled lexicon, made once per process (and exchanged by ``use_bundled``)."""
    if not _bundled:
        with _making:
            if not _bundled:
                _bundled.append(load_reader())
    return _bundled[0]


def use_bundled(reader: Reader) -> None:
    """From now on ``bundled_reader`` gives this one; who holds the old one keeps it until done."""
    _bundled[:1] = [reader]


def load_reader(root: Path | None = None, *, folder: Path | None = None) -> Reader:
    """The reader of the lexicon below ``root`` (default: the bundled one), from the cache ``folder`` when it fits.

    Without ``folder`` only the bundled lexicon is kept.

    Raises:
        ConfigurationError: the lexicon is wrong.
    """
    source = (root or ROOT).absolute()
    key = f"{content_version(read_files(source))}-{compiling_code()}"
    path = _path(source, folder or (cache_folder() if root is None else None))
    compiled = _read(path, key) if path else None
    if compiled is None:
        compiled = _compile(source, key)
        if path:
            _write(path, compiled)
    return Reader(compiled.lexicon, compiled.parts)


def cache_folder() -> Path | None:
    """Where compiled lexicons are kept; None when there is no home to keep them in."""
    data = os.environ.get("CHENGXIN_DATA_DIR")
    if data:
        return Path(data).expanduser() / "cache"
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "chengxin"
    except RuntimeError:
        return None


def _compile(source: Path, key: str) -> Compiled:
    from lexicons.loader import load_lexicon  # noqa: PLC0415 - a warm start needs no YAML

    lexicon = load_lexicon(source)
    return Compiled(key, lexicon, build(lexicon))


def _path(source: Path, folder: Path | None) -> Path | None:
    """One file per lexicon folder, so that two checkouts do not push each other out."""
    if folder is None:
        return None
    return folder / f"lexicon-{hashlib.sha256(os.fsencode(source)).hexdigest()[:12]}.bin"


def _read(path: Path, key: str) -> Compiled | None:
    """The compiled lexicon of a file; None when there is none, or it is damaged, foreign or of another content."""
    try:
        if not _ours(path.parent) or not _ours(path):
            return None
        content = path.read_bytes()
    except OSError:
        return None
    body = content[len(MAGIC) + DIGEST_SIZE :]
    if content[: len(MAGIC) + DIGEST_SIZE] != MAGIC + _digest(key, body):
        return None
    return msgspec.msgpack.decode(body, type=Compiled)


def _ours(path: Path) -> bool:
    """Whether nobody but this user can have written it. Automata are native structures: foreign ones must not be loaded."""
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & OTHERS_MAY_WRITE


def _write(path: Path, compiled: Compiled) -> None:
    """Write the file in one step; two processes that start together each leave a whole one."""
    body = msgspec.msgpack.encode(compiled)
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.touch(mode=0o600)
        temporary.write_bytes(MAGIC + _digest(compiled.key, body) + body)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        log.info("compiled lexicon is not kept: %s", error)


def _digest(key: str, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=DIGEST_SIZE, key=key.encode()).digest()
