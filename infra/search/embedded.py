"""The embedded search adapter on Tantivy: one index directory beside the database, no server."""

from __future__ import annotations

import json
import shutil
import threading
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import tantivy
from tantivy import FieldType, Index, Occur, Order, SchemaBuilder
from tantivy import Query as TantivyQuery

from infra.errors import ConfigurationError, InvalidInput
from infra.search import FACETS, MAX_REACH, Document, Hit, Kind, Page, Query
from infra.search.terms import characters, highlight, pairs, plain_fold, query_parts

LAYOUT: Final = "2"
"""Changes whenever the schema below changes; an index of another layout is rebuilt from the database."""
WRITER_HEAP: Final = 64_000_000
FACET_SIZE: Final = 100
TITLE_BOOST: Final = 2.0
NO_TIME: Final = -(2**62)
TIE_BITS: Final = 11


class EmbeddedSearch:
    """One Tantivy index. Safe to use from several threads of one process; a second process may only read."""

    def __init__(self, directory: Path, *, fold: Callable[[str], str] | None = None) -> None:
        self._fold = fold or plain_fold
        self._directory = directory / f"v{LAYOUT}"
        self._directory.mkdir(parents=True, exist_ok=True)
        self._schema = _schema()
        self._index = Index(self._schema, str(self._directory))
        self._lock = threading.Lock()
        self._writer: Any = None
        self._pending: dict[str, int] = {}

    def upsert(self, documents: Iterable[Document]) -> None:
        """Add or replace documents; those older than what is there are passed over."""
        with self._lock:
            writer = self._open_writer()
            for document in documents:
                key = _key(document.kind, document.id)
                if document.version < self._known_version(key, document.version):
                    continue
                writer.delete_documents_by_term("key", key)
                writer.add_document(self._as_tantivy(key, document))
                self._pending[key] = document.version

    def delete(self, kind: Kind, ids: Iterable[str]) -> None:
        with self._lock:
            writer = self._open_writer()
            for identifier in ids:
                writer.delete_documents_by_term("key", _key(kind, identifier))

    def commit(self) -> None:
        with self._lock:
            if self._writer is not None:
                self._writer.commit()
                self._pending.clear()
            self._index.reload()

    def clear(self) -> None:
        with self._lock:
            self._open_writer().delete_all_documents()
            self._pending.clear()

    def ping(self) -> None:
        if not self._directory.exists():
            raise ConfigurationError(f"搜索索引目录 {self._directory} 不见了，请执行 chengxin reindex 重建")

    def close(self) -> None:
        with self._lock:
            if self._writer is not None:
                self._writer.commit()
                self._writer.wait_merging_threads()
                self._writer = None

    def destroy(self) -> None:
        """Delete the index directory; the object cannot be used afterwards."""
        self.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def search(self, query: Query) -> Page:
        """Hits by relevance (by time when there is no text), with facets over all of them."""
        searcher = self._index.searcher()
        parts = query_parts(self._fold(query.text))
        wanted = self._query(query, parts)
        last, offset = _read_cursor(query.cursor)
        reach = min(offset + query.limit + 1, MAX_REACH)
        order = None if parts else "order"
        found = searcher.search(wanted, limit=reach, order_by_field=order, order=Order.Desc)
        keyed = [(score, searcher.doc(address)) for score, address in found.hits]
        start = _place_after(last, offset, [doc["key"][0] for _, doc in keyed])
        shown = keyed[start : start + query.limit]
        hits = tuple(self._hit(doc, score if parts else 0.0, parts) for score, doc in shown)
        more = len(keyed) > start + query.limit and start + query.limit < MAX_REACH
        return Page(
            hits=hits,
            total=int(getattr(found, "count", None) or 0),
            facets=_facets(searcher, wanted, query.facets),
            next=_write_cursor(shown[-1][1]["key"][0], start + query.limit) if more and shown else None,
        )

    def _open_writer(self) -> Any:
        if self._writer is None:
            try:
                self._writer = self._index.writer(WRITER_HEAP, 1)
            except ValueError as error:
                raise ConfigurationError(
                    f"搜索索引 {self._directory} 正被另一个进程写入（多半是 chengxin serve），请先停止它：{error}"
                ) from error
        return self._writer

    def _known_version(self, key: str, offered: int) -> int:
        """The version in the index or on its way there; documents of version 0 never change and are not looked up."""
        if key in self._pending:
            return self._pending[key]
        if offered == 0:
            return 0
        searcher = self._index.searcher()
        hits = searcher.search(TantivyQuery.term_query(self._schema, "key", key), limit=1).hits
        return int(searcher.doc(hits[0][1])["version"][0]) if hits else 0

    def _as_tantivy(self, key: str, document: Document) -> tantivy.Document:
        title, text = self._fold(document.title), self._fold(document.text)
        made = tantivy.Document()
        made.add_text("key", key)
        made.add_text("kind", document.kind)
        made.add_text("title_pairs", " ".join(pairs(title)))
        made.add_text("pairs", " ".join(pairs(text)))
        made.add_text("characters", " ".join(characters(title + "\n" + text)))
        made.add_boolean("public", document.public)
        made.add_integer("version", document.version)
        made.add_integer("at", _microseconds(document.at))
        made.add_integer("order", _order(key, document.at))
        for name in FACETS:
            if document.facets.get(name):
                made.add_text(name, document.facets[name])
        stored = {"id": document.id, "title": document.title, "text": document.text}
        made.add_text("stored", json.dumps({**stored, "facets": {**document.facets}, "extra": {**document.extra}}))
        return made

    def _query(self, query: Query, parts: list[str]) -> TantivyQuery:
        schema = self._schema
        must = [TantivyQuery.term_set_query(schema, "kind", sorted(query.kinds))]
        must += [self._part(part) for part in parts]
        if query.text.strip() and not parts:
            must.append(TantivyQuery.empty_query())
        if query.public_only:
            must.append(TantivyQuery.term_query(schema, "public", True))
        for name, value in query.filters.items():
            if name not in FACETS:
                raise InvalidInput.one("filters", name, f"只能按 {'、'.join(FACETS)} 筛选")
            values = [value] if isinstance(value, str) else list(value)
            must.append(TantivyQuery.term_set_query(schema, name, values))
        if query.since or query.until:
            low = _microseconds(query.since) if query.since else NO_TIME + 1
            high = _microseconds(query.until) if query.until else 2**62
            must.append(TantivyQuery.range_query(schema, "at", FieldType.Integer, low, high))
        return TantivyQuery.boolean_query([(Occur.Must, part) for part in must])

    def _part(self, part: str) -> TantivyQuery:
        schema, terms = self._schema, pairs(part)
        if len(part) == 1 and not part.isascii():
            return TantivyQuery.term_query(schema, "characters", part)
        return TantivyQuery.boolean_query(
            [
                (Occur.Should, TantivyQuery.boost_query(_phrase(schema, "title_pairs", terms), TITLE_BOOST)),
                (Occur.Should, _phrase(schema, "pairs", terms)),
            ]
        )

    def _hit(self, doc: tantivy.Document, score: float, parts: list[str]) -> Hit:
        stored = json.loads(doc["stored"][0])
        at = int(doc["at"][0])
        return Hit(
            kind=doc["kind"][0],
            id=stored["id"],
            title=stored["title"],
            highlight=highlight(stored["text"], parts, self._fold),
            at=None if at == NO_TIME else datetime.fromtimestamp(at / 1_000_000, UTC),
            facets=stored["facets"],
            extra=stored["extra"],
            score=round(float(score), 4),
        )


def _schema() -> tantivy.Schema:
    builder = SchemaBuilder()
    builder.add_text_field("key", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("kind", stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title_pairs", tokenizer_name="whitespace")
    builder.add_text_field("pairs", tokenizer_name="whitespace")
    builder.add_text_field("characters", tokenizer_name="whitespace", index_option="basic")
    builder.add_boolean_field("public", indexed=True)
    builder.add_integer_field("version", stored=True)
    builder.add_integer_field("at", stored=True, indexed=True, fast=True)
    builder.add_integer_field("order", fast=True)
    for name in FACETS:
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("stored", stored=True, tokenizer_name="raw", index_option="basic")
    return builder.build()


def _phrase(schema: tantivy.Schema, field: str, terms: list[str]) -> TantivyQuery:
    if len(terms) == 1:
        return TantivyQuery.term_query(schema, field, terms[0])
    return TantivyQuery.phrase_query(schema, field, list(terms))


def _facets(searcher: Any, query: TantivyQuery, names: Iterable[str]) -> dict[str, dict[str, int]]:
    wanted = {name: {"terms": {"field": name, "size": FACET_SIZE}} for name in names}
    if not wanted:
        return {}
    result = searcher.aggregate(query, wanted)
    return {name: {bucket["key"]: int(bucket["doc_count"]) for bucket in result[name]["buckets"]} for name in wanted}


def _key(kind: str, identifier: str) -> str:
    return f"{kind}:{identifier}"


def _microseconds(at: datetime | None) -> int:
    return NO_TIME if at is None else int(at.timestamp() * 1_000_000)


def _order(key: str, at: datetime | None) -> int:
    """The time with a few bits of the key behind it, so that documents of one moment keep their order between pages."""
    moment = 0 if at is None else int(at.timestamp() * 1_000_000)
    return (moment << TIE_BITS) | (zlib.crc32(key.encode()) & (2**TIE_BITS - 1))


def _write_cursor(key: str, offset: int) -> str:
    return json.dumps([key, offset]).encode().hex()


def _read_cursor(cursor: str | None) -> tuple[str | None, int]:
    if cursor is None:
        return None, 0
    try:
        key, offset = json.loads(bytes.fromhex(cursor))
        if isinstance(key, str) and isinstance(offset, int) and 0 < offset <= MAX_REACH:
            return key, offset
    except (ValueError, TypeError):
        pass
    raise InvalidInput.one("cursor", cursor, "不是本系统给出的翻页标记，请从第一页重新开始")


def _place_after(last: str | None, offset: int, keys: list[str]) -> int:
    """Where to go on: after the last hit shown, wherever new documents have pushed it; else at the old place."""
    if last is None:
        return 0
    return keys.index(last) + 1 if last in keys else offset
