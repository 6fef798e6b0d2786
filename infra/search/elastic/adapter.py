"""The search port on Elasticsearch."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final

from elasticsearch import BadRequestError, NotFoundError

from infra.search import KINDS, MAX_REACH, PUSHED, Document, Kind, Page, Query
from infra.search.elastic import paging, queries
from infra.search.elastic.build import IndexBuild
from infra.search.elastic.bulk import BulkSender
from infra.search.elastic.documents import Change, changes, hit, tombstones
from infra.search.elastic.indices import Indices
from infra.search.elastic.layout import Names
from infra.search.elastic.paging import AfterFirst, AfterSorted, Cursor
from infra.search.elastic.server import PING_SECONDS, asking, check_server, connect
from infra.search.language import Language
from infra.search.plan import Plan, plan
from infra.settings import Settings

KEEP_ALIVE: Final = "2m"
TEXT_SEARCH: Final = "dfs_query_then_fetch"
"""Counts words over all indices first, so that hits of different kinds and shards compare."""

Answer = dict[str, Any]


class ElasticSearch:
    """One installation's indices on a server. Safe to use from several threads and processes."""

    remote = True

    def __init__(self, settings: Settings, *, language: Language | None = None) -> None:
        self._settings = settings
        self._language = language or Language()
        self._client = connect(settings)
        self._indices = Indices(self._client, Names(settings.search_prefix), shards=settings.search_shards)
        self._sender = BulkSender(self._client)
        self._lock = threading.Lock()
        self._written: set[str] = set()
        self._sharded = settings.search_shards > 1

    def prepare(self) -> bool:
        check_server(self._client, self._settings)
        with asking():
            made = self._indices.make_missing()
            self._indices.check_mappings()
            return made or self._client.count(index=self._every_alias())["count"] == 0

    def upsert(self, documents: Iterable[Document]) -> None:
        """Add or replace documents; those older than what is there are passed over. A build of their kind gets them too."""
        self._send(changes(documents, self._language))

    def delete(self, kind: Kind, ids: Iterable[str], *, version: int) -> None:
        self._send(tombstones(kind, ids, version))

    def commit(self) -> None:
        with self._lock:
            written, self._written = self._written, set()
        if written:
            with asking():
                self._client.indices.refresh(index=sorted(written), ignore_unavailable=True)

    def clear(self) -> None:
        """Put empty indices in the place of all."""
        with asking():
            self._indices.make_missing()
            for kind in KINDS:
                self._indices.replace_by_empty(kind)

    def build(self, kind: Kind, *, fresh: bool = False) -> IndexBuild:
        """Take up the unfinished build of a kind, or begin a new one (``fresh``: in any case).

        Raises:
            ConfigurationError: see ``check_server``. What the index in use looks like does not matter here.
        """
        check_server(self._client, self._settings)
        return IndexBuild(kind, indices=self._indices, sender=self._sender, language=self._language, fresh=fresh)

    def ping(self) -> None:
        with asking():
            self._client.options(request_timeout=PING_SECONDS).search(index=self._every_alias(), size=0)

    def close(self) -> None:
        self._sender.close()
        self._client.close()

    def search(self, query: Query) -> Page:
        """Hits by relevance (by time when there is no text), with facets over all of them."""
        asked, cursor = plan(query.text, self._language), paging.read(query.cursor)
        if not query.kinds:
            return Page(hits=(), total=0, facets={name: {} for name in query.facets}, next=None)
        with asking():
            if cursor is None:
                return self._first(query, asked)
            if isinstance(cursor, AfterSorted):
                return self._further(query, asked, cursor)
            return self._second(query, asked, cursor)

    def _first(self, query: Query, asked: Plan) -> Page:
        answer = self._ask(queries.request(query, asked, size=query.limit + 1), asked, index=self._aliases(query))
        found = answer["hits"]["hits"]
        shown, rest = found[: query.limit], found[query.limit :]
        following = None
        if rest and shown:
            last = shown[-1]["_source"]["shown"]
            following = AfterFirst(last["kind"], last["id"], len(shown))
        return self._page(answer, shown, query, asked, following)

    def _second(self, query: Query, asked: Plan, cursor: AfterFirst) -> Page:
        """Hold the documents still from here on, and find the place after the last hit, wherever new ones have pushed it."""
        pit = self._client.open_point_in_time(index=self._aliases(query), keep_alive=KEEP_ALIVE)["id"]
        body = queries.request(query, asked, size=min(cursor.offset + query.limit + PUSHED, MAX_REACH))
        answer = self._ask(body, asked, pit=pit)
        found = answer["hits"]["hits"]
        keys = [(one["_source"]["shown"]["kind"], one["_source"]["shown"]["id"]) for one in found]
        place = (cursor.kind, cursor.id)
        start = keys.index(place) + 1 if place in keys else cursor.offset
        return self._slice(answer, found[start:], query, asked)

    def _further(self, query: Query, asked: Plan, cursor: AfterSorted) -> Page:
        body = queries.request(query, asked, size=query.limit + 1) | {"search_after": cursor.after}
        try:
            answer = self._ask(body, asked, pit=cursor.pit)
        except NotFoundError:  # looked at for too long: go on in the documents of now, at the same place
            pit = self._client.open_point_in_time(index=self._aliases(query), keep_alive=KEEP_ALIVE)["id"]
            answer = self._ask(body, asked, pit=pit)
        except BadRequestError:
            raise paging.made_up(query.cursor or "") from None
        return self._slice(answer, answer["hits"]["hits"], query, asked)

    def _slice(self, answer: Answer, found: list[Answer], query: Query, asked: Plan) -> Page:
        shown, pit = found[: query.limit], answer["pit_id"]
        if len(found) > len(shown):
            return self._page(answer, shown, query, asked, AfterSorted(pit, shown[-1]["sort"]))
        self._client.options(ignore_status=404).close_point_in_time(id=pit)
        return self._page(answer, shown, query, asked, None)

    def _page(self, answer: Answer, shown: list[Answer], query: Query, asked: Plan, following: Cursor | None) -> Page:
        return Page(
            hits=tuple(hit(one, one["sort"][0] if asked.text else 0.0, asked, self._language) for one in shown),
            total=answer["hits"]["total"]["value"],
            facets=queries.facets(answer, query),
            next=None if following is None else paging.write(following),
            histogram=queries.histogram(answer, query),
        )

    def _ask(self, body: Answer, asked: Plan, *, index: Sequence[str] = (), pit: str | None = None) -> Answer:
        place: dict[str, Any] = {"index": index, "body": body}
        if pit is not None:
            place = {"body": {**body, "pit": {"id": pit, "keep_alive": KEEP_ALIVE}}}
        counted = TEXT_SEARCH if asked.text and (pit is not None or len(index) > 1 or self._sharded) else None
        # A part of the answer is no answer: who gets 0 hits must be sure that there are none.
        return dict(self._client.search(**place, search_type=counted, allow_partial_search_results=False))

    def _every_alias(self) -> list[str]:
        return [self._indices.names.alias(kind) for kind in KINDS]

    def _aliases(self, query: Query) -> list[str]:
        return [self._indices.names.alias(kind) for kind in sorted(query.kinds)]

    def _send(self, given: Iterable[Change]) -> None:
        # Asked after the documents were read from the database: a build that begins later reads at least what these hold.
        with asking():
            standing = self._indices.standing()
        names = self._indices.names
        places = {
            kind: (names.alias(kind), names.building(kind)) if found.building else (names.alias(kind),)
            for kind, found in standing.items()
        }
        self._sender.send(given, places.__getitem__)
        with self._lock:
            self._written |= {alias for aliases in places.values() for alias in aliases[:1]}
