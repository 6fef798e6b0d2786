"""Reads the lexicon files and checks every name in them. A wrong entry stops the start with file, line and what to do."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from infra.errors import ConfigurationError
from lexicons import check
from lexicons.files import ROOT, content_version, read_files
from lexicons.schema import (
    Attribute,
    Brand,
    Category,
    Code,
    Concept,
    Disguises,
    Exemption,
    Frame,
    Law,
    Lexicon,
    TriageWords,
)

__all__ = ["Lexicon", "Source", "assemble", "load_lexicon", "located", "read_sources"]

T = TypeVar("T")


class _Loader(yaml.CSafeLoader):
    """Safe YAML that refuses a key given twice (the second would silently replace the first) and reads ``yes`` as a word."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way of configuring a loader
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        result: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in result:
                raise yaml.MarkedYAMLError(problem=f"键 {key!r} 重复", problem_mark=key_node.start_mark)
            result[key] = self.construct_object(value_node, deep=deep)
        return result


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


@dataclass(frozen=True, slots=True)
class Source:
    """One lexicon file: its path, its bytes, and the parsed YAML."""

    path: Path
    name: str
    content: bytes
    data: Any

    def line_of(self, index: int | str) -> int:
        """The 1-based line of the entry with this list index or mapping key (only needed for error messages)."""
        root = yaml.compose(self.content.decode("utf-8"), Loader=yaml.CSafeLoader)
        if isinstance(root, yaml.SequenceNode) and isinstance(index, int):
            return int(root.value[index].start_mark.line) + 1
        if isinstance(root, yaml.MappingNode):
            return next((int(k.start_mark.line) + 1 for k, _ in root.value if k.value == str(index)), 1)
        return 1

    def error(self, index: int | str, problem: str) -> ConfigurationError:
        """A typed error that points at one entry of this file."""
        return ConfigurationError(f"词库 {self.name} 第 {self.line_of(index)} 行（条目 {index}）：{problem}")


def load_lexicon(root: Path | None = None) -> Lexicon:
    """Load and check all files below ``root`` (default: the bundled lexicon).

    Raises:
        ConfigurationError: with file, line, entry and what to do.
    """
    sources = read_sources(root or ROOT)
    lexicon = assemble(sources)
    for problem in check.problems(lexicon):
        raise located(sources, problem)
    return lexicon


def assemble(sources: dict[str, Source]) -> Lexicon:
    """The lexicon of parsed files, its names not yet cross-checked (``lexicons.check``).

    Raises:
        ConfigurationError: an entry has not the shape of ``lexicons.schema``.
    """
    return Lexicon(
        version=content_version({name: source.content for name, source in sources.items()}),
        laws=_keyed(sources["laws.yaml"], Law, "id"),
        codes=_keyed(sources["codes.yaml"], Code, "code"),
        exemptions=_keyed(sources["exemptions.yaml"], Exemption, "id"),
        categories=_keyed(sources["categories.yaml"], Category, "id"),
        brands=tuple(entry for _, entry in _entries(sources["brands.yaml"], Brand)),
        attributes=_keyed(sources["attributes.yaml"], Attribute, "id"),
        triage=_convert(sources["triage.yaml"], "kinds", sources["triage.yaml"].data, TriageWords),
        disguises=_convert(sources["disguises.yaml"], "split", sources["disguises.yaml"].data, Disguises),
        concepts=dict(_concepts(sources)),
        frames=tuple(_frames(sources)),
    )


def read_sources(root: Path) -> dict[str, Source]:
    """Parse all files; keys are paths relative to ``root``."""
    return {name: _parse(root / name, name, content) for name, content in read_files(root).items()}


def _parse(path: Path, name: str, content: bytes) -> Source:
    try:
        data = yaml.load(content.decode("utf-8"), Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"词库 {name}：第 {error.start} 字节不是 UTF-8，请另存为 UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"词库 {name} 第 {line} 行：YAML 写法有误（{error.problem}）") from None
    return Source(path, name, content, data)


def _entries(source: Source, kind: type[T]) -> Iterator[tuple[int, T]]:
    if not isinstance(source.data, list):
        raise ConfigurationError(f"词库 {source.name}：应是列表，每条以“- ”开头")
    for index, raw in enumerate(source.data):
        yield index, _convert(source, index, raw, kind)


def _convert(source: Source, index: int | str, raw: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(_texts(raw), kind, strict=True)
    except msgspec.ValidationError as error:
        raise source.error(index, f"{error}；请对照 lexicons/schema.py 中的 {kind.__name__}") from None


def _texts(raw: Any) -> Any:
    """Numbers that YAML read out of unquoted words (``618``, article ``17``) back to text where they are keys or items."""
    if isinstance(raw, dict):
        return {str(key): _texts(value) if key != "article" else str(value) for key, value in raw.items()}
    if isinstance(raw, list):
        return [str(v) if isinstance(v, int) and not isinstance(v, bool) else _texts(v) for v in raw]
    return raw


def _keyed(source: Source, kind: type[T], key: str) -> dict[str, T]:
    result: dict[str, T] = {}
    for index, entry in _entries(source, kind):
        name = getattr(entry, key)
        if name in result:
            raise source.error(index, f"{name} 重复；每个 {key} 只能出现一次")
        result[name] = entry
    return result


def _concepts(sources: dict[str, Source]) -> Iterator[tuple[str, Concept]]:
    seen: dict[str, str] = {}
    for source in _in(sources, "concepts"):
        if not isinstance(source.data, dict):
            raise ConfigurationError(f"词库 {source.name}：应是“概念名: 内容”的映射")
        for name, raw in source.data.items():
            if name in seen:
                raise source.error(name, f"概念 {name} 已在 {seen[name]} 中定义；请合并或改名")
            seen[name] = source.name
            yield name, _convert(source, name, raw, Concept)


def _frames(sources: dict[str, Source]) -> Iterator[Frame]:
    for source in _in(sources, "frames"):
        code = Path(source.name).stem
        for _, frame in _entries(source, Frame):
            yield msgspec.structs.replace(frame, code=code)


def _in(sources: dict[str, Source], folder: str) -> Sequence[Source]:
    return [source for name, source in sources.items() if name.startswith(f"{folder}/")]


def located(sources: dict[str, Source], problem: check.Problem) -> ConfigurationError:
    """A cross-check problem as an error that names the file and line of its entry."""
    for name, source in sources.items():
        if not name.startswith(problem.file):
            continue
        if isinstance(source.data, dict) and problem.entry in source.data:
            return source.error(problem.entry, problem.text)
        if isinstance(source.data, list):
            for index, raw in enumerate(source.data):
                if problem.entry in (raw.get("id"), raw.get("code"), raw.get("brand")):
                    return ConfigurationError(
                        f"词库 {name} 第 {source.line_of(index)} 行（条目 {problem.entry}）：{problem.text}"
                    )
    return ConfigurationError(f"词库 {problem.file}（条目 {problem.entry}）：{problem.text}")
