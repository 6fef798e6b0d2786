"""A document as lines of a bulk request: terms made here, pairs made by the server."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import msgspec

from infra.search import FACETS, Document, Hit, Kind
from infra.search.language import Fold, Language
from infra.search.plan import Plan, highlight
from infra.search.terms import initial_terms, runs, sound_terms, syllables, words

TIE_BITS: Final = 11
NO_TIME_BELOW: Final = 1 << TIE_BITS
FOLDED_TOGETHER: Final = 256
LONGEST_ID: Final = 512
"""Elasticsearch's limit for ``_id`` in bytes."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Change:
    """One line pair of a bulk request: which document, as of which version, and its encoded content."""

    kind: Kind
    id: str
    version: int
    content: bytes

    def lines(self, alias: str) -> tuple[bytes, bytes]:
        """The action and the content, addressed to an alias. An older version is refused by the server."""
        place = {"_index": alias, "_id": self.id, "version": self.version, "version_type": "external_gte"}
        return _encode({"index": place}), self.content


def changes(documents: Iterable[Document], language: Language) -> Iterator[Change]:
    """The documents as they are indexed."""
    given = iter(documents)
    while group := list(islice(given, FOLDED_TOGETHER)):
        for document, title, text in _folded(group, language.fold):
            key = _key(document.id)
            content = _content(document, key, runs(title), runs(text), language)
            yield Change(document.kind, key, document.version, _encode(content))


def tombstones(kind: Kind, ids: Iterable[str], version: int) -> Iterator[Change]:
    """Deletions as documents that no query finds.

    The server forgets the version of a really deleted document after a minute (``index.gc_deletes``), and an older
    document could come back; a tombstone keeps its version for good.
    """
    content = _encode({"deleted": True})
    return (Change(kind, _key(identifier), version, content) for identifier in ids)


def order_from(moment: datetime) -> int:
    """The lowest ``order`` a document of this moment can have."""
    return microseconds(moment) << TIE_BITS


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def hit(found: dict[str, Any], score: float, asked: Plan, language: Language) -> Hit:
    """A hit of the answer as the port gives it."""
    source = found["_source"]
    shown, moment = source["shown"], source["order"] >> TIE_BITS
    return Hit(
        kind=shown["kind"],
        id=shown["id"],
        title=shown["title"],
        highlight=highlight(shown["text"], asked, language),
        at=datetime.fromtimestamp(moment / 1_000_000, UTC) if moment else None,
        facets={name: source[name] for name in FACETS if name in source},
        extra=shown.get("extra", {}),
        score=round(score, 4),
    )


def _folded(group: Sequence[Document], fold: Fold) -> Iterator[tuple[Document, str, str]]:
    """Each document with its folded title and text. Folding keeps lengths, and one call for many texts costs far less."""
    together = fold("\n".join(part for document in group for part in (document.title, document.text)))
    place = 0
    for document in group:
        middle = place + len(document.title) + 1
        end = middle + len(document.text)
        yield document, together[place : middle - 1], together[middle:end]
        place = end + 1


def _content(document: Document, key: str, title: list[str], text: list[str], language: Language) -> dict[str, Any]:
    readings = language.readings
    names = list(syllables(title, readings))
    shown: dict[str, Any] = {
        "kind": document.kind,
        "id": document.id,
        "title": document.title,
        "text": document.text,
    }
    if document.extra:
        shown["extra"] = dict(document.extra)
    content: dict[str, Any] = {
        **{name: value for name, value in document.facets.items() if value and name in FACETS},
        "title": title,
        "text": text,
        "words": " ".join(words([*title, *text])),
        "sounds": " ".join(sound_terms([*names, *syllables(text, readings)])),
        "public": document.public,
        "order": _order(document.kind, key, document.at),
        "shown": shown,
    }
    if names:
        content["initials"] = " ".join(initial_terms(names))
    if document.at is not None:
        content["at"] = int(document.at.timestamp() * 1000)
    return content


def _key(identifier: str) -> str:
    """The ``_id``: the id itself, or its hash where it is too long for the server."""
    raw = identifier.encode()
    return identifier if len(raw) <= LONGEST_ID else "sha256-" + hashlib.sha256(raw).hexdigest()


def _order(kind: Kind, key: str, at: datetime | None) -> int:
    moment = 0 if at is None else microseconds(at)
    return (moment << TIE_BITS) | (zlib.crc32(f"{kind}:{key}".encode()) & (NO_TIME_BELOW - 1))
