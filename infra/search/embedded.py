"""The embedded search adapter on Tantivy: one index directory beside the database, no server."""

from __future__ import annotations

import json
import shutil
import threading
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import tantivy
from tantivy import FieldType, Index, Occur, Order, SchemaBuilder
from tantivy import Query as TantivyQuery

from infra.clock import BEIJING
from infra.errors import ConfigurationError, InvalidInput
from infra.search import FACETS, MAX_REACH, PUSHED, Bucket, Document, Hit, Interval, Kind, Page, Query
from infra.search.language import Language
from infra.search.plan import AllOf, AnyOf, Clause, Phrase, Plan, Sound, Word, highlight, plan
from infra.search.terms import initial_terms, pairs, runs, sound_terms, syllables, words

LAYOUT: Final = "3"
"""Changes whenever the schema below changes; an index of another layout is rebuilt from the database."""
WRITER_HEAP: Final = 64_000_000
FACET_SIZE: Final = 100
TITLE_BOOST: Final = 2.0
NO_TIME: Final = -(2**62)
TIE_BITS: Final = 11
MICROSECONDS: Final[dict[Interval, int]] = {"hour": 3_600_000_000, "day": 86_400_000_000}
BEIJING_OFFSET: Final = 8 * MICROSECONDS["hour"]


class EmbeddedSearch:
    """One Tantivy index. Safe to use from several threads of one process; a second process may only read."""

    remote = False

    def __init__(self, directory: Path, *, language: Language | None = None) -> None:
        self._language = language or Language()
        self._directory = directory / f"v{LAYOUT}"
        self._directory.mkdir(parents=True, exist_ok=True)
        self._schema = _schema()
        self._index = Index(self._schema, str(self._directory))
        self._lock = threading.Lock()
        self._writer: Any = None
        self._pending: dict[str, int] = {}
        dead = TantivyQuery.term_query(self._schema, "tombstone", True)
        self._tombstones = bool(self._index.searcher().search(dead, limit=1).hits)

    def prepare(self) -> bool:
        """Whether the index is empty: new, or of an older layout that nobody reads any more."""
        return int(self._index.searcher().num_docs) == 0

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

    def delete(self, kind: Kind, ids: Iterable[str], *, version: int) -> None:
        """Take documents out. What stays is a tombstone without kind: no query finds it, and nothing older comes back."""
        with self._lock:
            writer = self._open_writer()
            for identifier in ids:
                key = _key(kind, identifier)
                if version < self._known_version(key, version):
                    continue
                writer.delete_documents_by_term("key", key)
                tombstone = tantivy.Document()
                tombstone.add_text("key", key)
                tombstone.add_boolean("tombstone", True)
                tombstone.add_integer("version", version)
                writer.add_document(tombstone)
                self._pending[key] = version
                self._tombstones = True

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
        asked = plan(query.text, self._language)
        wanted = self._query(query, asked)
        last, offset = _read_cursor(query.cursor)
        reach = min(offset + query.limit + 1 + (PUSHED if offset else 0), MAX_REACH)
        order = None if asked.text else "order"
        found = searcher.search(wanted, limit=reach, order_by_field=order, order=Order.Desc)
        keyed = [(score, searcher.doc(address)) for score, address in found.hits]
        start = _place_after(last, offset, [doc["key"][0] for _, doc in keyed])
        shown = keyed[start : start + query.limit]
        hits = tuple(self._hit(doc, score if asked.text else 0.0, asked) for score, doc in shown)
        more = len(keyed) > start + query.limit and start + query.limit < MAX_REACH
        return Page(
            hits=hits,
            total=int(getattr(found, "count", None) or 0),
            facets=_facets(searcher, wanted, query.facets),
            next=_write_cursor(shown[-1][1]["key"][0], start + query.limit) if more and shown else None,
            histogram=_histogram(searcher, self._timed(wanted), query.histogram) if query.histogram else (),
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
        """The version in the index or on its way there; what is offered when there is none."""
        if key in self._pending:
            return self._pending[key]
        if offered == 0 and not self._tombstones:  # transcripts never change, so nothing newer can be there
            return 0
        searcher = self._index.searcher()
        hits = searcher.search(TantivyQuery.term_query(self._schema, "key", key), limit=1).hits
        return int(searcher.doc(hits[0][1])["version"][0]) if hits else offered

    def _as_tantivy(self, key: str, document: Document) -> tantivy.Document:
        fold, readings = self._language.fold, self._language.readings
        title, text = runs(fold(document.title)), runs(fold(document.text))
        names = list(syllables(title, readings))
        made = tantivy.Document()
        made.add_text("key", key)
        made.add_text("kind", document.kind)
        made.add_text("title_pairs", " ".join(term for run in title for term in pairs(run)))
        made.add_text("pairs", " ".join(term for run in text for term in pairs(run)))
        made.add_text("words", " ".join(words(title + text)))
        made.add_text("sounds", " ".join(sound_terms([*names, *syllables(text, readings)])))
        made.add_text("initials", " ".join(initial_terms(names)))
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

    def _query(self, query: Query, asked: Plan) -> TantivyQuery:
        schema = self._schema
        must = [TantivyQuery.term_set_query(schema, "kind", sorted(query.kinds))]
        must += [self._clause(clause) for clause in asked.clauses]
        if asked.text and not asked.clauses:
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

    def _timed(self, query: TantivyQuery) -> TantivyQuery:
        known = TantivyQuery.range_query(self._schema, "at", FieldType.Integer, NO_TIME + 1, 2**62)
        return TantivyQuery.boolean_query([(Occur.Must, query), (Occur.Must, known)])

    def _clause(self, clause: Clause) -> TantivyQuery:
        schema = self._schema
        match clause:
            case AnyOf(clauses):
                return TantivyQuery.boolean_query([(Occur.Should, self._clause(part)) for part in clauses])
            case AllOf(clauses):
                return TantivyQuery.boolean_query([(Occur.Must, self._clause(part)) for part in clauses])
            case Phrase(text, boost):
                title = TantivyQuery.boost_query(_phrase(schema, "title_pairs", pairs(text)), TITLE_BOOST * boost)
                body = TantivyQuery.boost_query(_phrase(schema, "pairs", pairs(text)), boost)
                return TantivyQuery.boolean_query([(Occur.Should, title), (Occur.Should, body)])
            case Word(text, score):
                return TantivyQuery.const_score_query(TantivyQuery.term_query(schema, "words", text), score)
            case Sound():
                field = "initials" if clause.initials else "sounds"
                terms = [(Occur.Must, TantivyQuery.term_query(schema, field, term)) for term in clause.terms]
                return TantivyQuery.const_score_query(TantivyQuery.boolean_query(terms), clause.score)

    def _hit(self, doc: tantivy.Document, score: float, asked: Plan) -> Hit:
        stored = json.loads(doc["stored"][0])
        at = int(doc["at"][0])
        return Hit(
            kind=doc["kind"][0],
            id=stored["id"],
            title=stored["title"],
            highlight=highlight(stored["text"], asked, self._language),
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
    for name in ("words", "sounds", "initials"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    builder.add_boolean_field("public", indexed=True)
    builder.add_boolean_field("tombstone", indexed=True)
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


def _histogram(searcher: Any, query: TantivyQuery, interval: Interval) -> tuple[Bucket, ...]:
    width = MICROSECONDS[interval]
    wanted = {"field": "at", "interval": width, "offset": -BEIJING_OFFSET % width, "min_doc_count": 1}
    buckets = searcher.aggregate(query, {"times": {"histogram": wanted}})["times"]["buckets"]
    return tuple(
        Bucket(datetime.fromtimestamp(bucket["key"] / 1_000_000, BEIJING), int(bucket["doc_count"]))
        for bucket in buckets
    )


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
