"""The search port: documents in, queries out. Real and embedded adapters stand behind it; one contract suite tests both.

The index is derived and can be rebuilt at any time; nothing is decided by what it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from infra.errors import Unavailable
from infra.search.language import Language
from infra.settings import Settings

Kind = Literal["transcript", "flag", "subject", "listing"]
KINDS: tuple[Kind, ...] = ("transcript", "flag", "subject", "listing")
FACETS = ("platform", "subject", "code", "severity", "status", "category", "level")
MAX_REACH = 10_000
"""How deep a list of hits can be paged."""
PUSHED = 200
"""How many new documents may push a hit down between two pages before the next one repeats some."""
RETRY_AFTER = 10
"""Seconds after which somebody whose search was refused may well try again."""
Interval = Literal["hour", "day"]


class SearchUnavailable(Unavailable):
    """The search server cannot be asked just now. Nothing is lost: what it lacks waits in the database and catches up."""

    title = "检索暂不可用"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"检索暂不可用（{reason}）。事件处理与处置照常进行，恢复后自动补齐，请稍后再试", retry_after=RETRY_AFTER
        )
        self.reason = reason


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
    histogram: Interval | None = None


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


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many documents fall into the hour or day (Beijing time) that begins at ``at``."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some hits, how many there are in all, and how they divide over the facets and over time where asked for."""

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, Mapping[str, int]]
    next: str | None
    histogram: tuple[Bucket, ...] = ()


class SearchIndex(Protocol):
    """What every adapter does. Changes are visible after ``commit``.

    A deletion has a version like a document: what is older never comes back, what is at least as new does. Every call may
    raise ``SearchUnavailable``; what was not committed must be given again.
    """

    remote: bool
    """Whether calls go to a server, which may be slow."""

    def prepare(self) -> bool:
        """Check the server and make what is missing; called at start. True: the index is new or empty.

        Raises:
            ConfigurationError: the setting, what was found and what to do.
        """

    def upsert(self, documents: Iterable[Document]) -> None: ...

    def delete(self, kind: Kind, ids: Iterable[str], *, version: int) -> None: ...

    def commit(self) -> None: ...

    def search(self, query: Query) -> Page: ...

    def clear(self) -> None: ...

    def ping(self) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class Rebuilds(Protocol):
    """An adapter that can build a kind's index anew beside the one in use."""

    def build(self, kind: Kind, *, fresh: bool = False) -> Build: ...


class Build(Protocol):
    """An index being built. It takes the live changes too; ``finish`` puts it in the place of the old one at once."""

    @property
    def position(self) -> str:
        """Where the source was at the last checkpoint; empty at the beginning."""

    @property
    def documents(self) -> int:
        """How many documents had been given at the last checkpoint."""

    def upsert(self, documents: Iterable[Document]) -> None: ...

    def checkpoint(self, position: str, documents: int) -> None: ...

    def finish(self) -> None: ...


def open_search(settings: Settings, *, language: Language | None = None) -> SearchIndex:
    """The adapter that ``CHENGXIN_SEARCH_URL`` names; nothing is connected to before it is used."""
    spoken = language or Language()
    if settings.search_url.startswith("embedded://"):
        from infra.search.embedded import EmbeddedSearch  # noqa: PLC0415  the library loads only when it is used

        return EmbeddedSearch(settings.search_dir, language=spoken)
    from infra.search.elastic.adapter import ElasticSearch  # noqa: PLC0415

    return ElasticSearch(settings, language=spoken)
