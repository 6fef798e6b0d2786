"""Reads labelled sentences (JSON Lines) and checks every line. It changes nothing and guesses nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from classifiers import fingerprint
from classifiers.context import split_context
from classifiers.finding import Item, Kind
from classifiers.freshness import corpus_files
from infra.errors import ConfigurationError

LAWFUL = "ok"


class Line(Struct, frozen=True, kw_only=True):
    """One labelled sentence. ``label`` is a code or ``ok``; ``alt`` lists codes that would also be right."""

    text: str
    label: str
    alt: tuple[str, ...] = ()
    category: str | None = None
    kind: Kind = "transcript"
    context: list[str | list[str] | None] | None = None
    note: str = ""

    @property
    def lawful(self) -> bool:
        """Whether the sentence is labelled lawful."""
        return self.label == LAWFUL

    def item(self) -> Item:
        """The sentence as the detector takes it."""
        before, after = split_context(self.context)
        return Item(text=self.text, kind=self.kind, category=self.category, before=before, after=after)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Checked lines of one or more files, and a short hash of their content."""

    lines: tuple[Line, ...]
    version: str


def load_corpus(paths: Collection[Path] | None = None, *, codes: Collection[str]) -> Corpus:
    """Read the files (default: the bundled corpus).

    Raises:
        ConfigurationError: with file, line and what to do.
    """
    files = corpus_files() if paths is None else list(paths)
    lines = [line for path in files for line in parse(path.read_bytes(), path.name, codes)]
    return Corpus(tuple(lines), fingerprint.of_files(files))


def parse(content: bytes, name: str, codes: Collection[str]) -> Iterator[Line]:
    """The lines of one file; blank lines are skipped. Raises ConfigurationError with file and line."""
    decoder = msgspec.json.Decoder(Line)
    for number, raw in enumerate(content.split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            line = decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"语料 {name} 第 {number} 行写法有误：{error}") from None
        for label in (line.label, *line.alt):
            if label != LAWFUL and label not in codes:
                raise ConfigurationError(
                    f"语料 {name} 第 {number} 行：未知的标签 {label!r}；应为 ok 或 codes.yaml 中的代码"
                )
        yield line
