"""The search port: documents in, queries out. Real and embedded adapters stand behind it; one contract suite tests both.

The index is derived and can be rebuilt at any time; nothing is decided by what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from infra.errors import ConfigurationError
from infra.settings import Settings

Kind = Literal["transcript", "flag", "subject", "listing"]
KINDS: tuple[Kind, ...] = ("transcript", "flag", "subject", "listing")
FACETS = ("platform", "subject", "code", "severity", "status", "category", "level")
MAX_REACH = 10_000
"""How deep a list of hits can be paged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One thing that can be found. An older ``version`` never overwrites a newer one; ``public`` decides who may see it."""

    kind: Kind
    id: str
    title: str
    text: str
    public: bool
    version: int = 0
    at: datetime | None = None
    facets: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for. An empty ``text`` finds everything that passes the filters, newest first."""

    text: str = ""
    kinds: frozenset[Kind] = frozenset(KINDS)
    filters: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    public_only: bool = True
    limit: int = 20
    cursor: str | None = None
    facets: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a highlighted text; never HTML."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One document found, with the place that matched."""

    kind: Kind
    id: str
    title: str
    highlight: tuple[Segment, ...]
    at: datetime | None
    facets: Mapping[str, str]
    extra: Mapping[str, str]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some hits, how many there are in all, and how they divide over the facets asked for."""

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, Mapping[str, int]]
    next: str | None


class SearchIndex(Protocol):
    """What every adapter does. Changes are visible after ``commit``."""

    def upsert(self, documents: Iterable[Document]) -> None: ...

    def delete(self, kind: Kind, ids: Iterable[str]) -> None: ...

    def commit(self) -> None: ...

    def search(self, query: Query) -> Page: ...

    def clear(self) -> None: ...

    def ping(self) -> None: ...

    def close(self) -> None: ...


def open_search(settings: Settings, *, fold: Callable[[str], str] | None = None) -> SearchIndex:
    """The adapter that ``CHENGXIN_SEARCH_URL`` names.

    ``fold`` maps a text to one of the same length in which spellings that mean the same are alike (for example traditional
    characters to simplified ones); texts and queries both go through it.

    Raises:
        ConfigurationError: the adapter is not part of this version.
    """
    if not settings.search_url.startswith("embedded://"):
        raise ConfigurationError(
            f"CHENGXIN_SEARCH_URL={settings.search_url}：当前版本只提供内置搜索，请设为 embedded://"
        )
    from infra.search.embedded import EmbeddedSearch  # noqa: PLC0415  the library loads only when it is used

    return EmbeddedSearch(settings.search_dir, fold=fold)
