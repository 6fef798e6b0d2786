"""Elasticsearch at scale: bulk loading, search times, disk and alias swaps, against default mappings in the same run.

Set ``TEST_SEARCH_URL`` to a server (``make services-up`` prints one) and ``BENCH_TRANSCRIPTS`` to the number of transcripts
(default 100,000). The baseline is the obvious way: dynamic mappings, ``helpers.bulk``, ``match_phrase`` with the server's
own highlights.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from elasticsearch import Elasticsearch, helpers

from api.context import Services
from infra.clock import SystemClock
from infra.search import Document, Query
from infra.search.elastic.adapter import ElasticSearch
from infra.settings import Settings

CORPUS: Final = Path("classifiers/corpus")
SEED: Final = 11
QUERIES: Final = 400
WARM_UP: Final = 40
WARM_DOCUMENTS: Final = 20_000
LENGTHS: Final = (2, 3, 4, 6)
FACETS: Final = ("platform", "code", "severity", "status", "category")
SWAPS: Final = 5
SWAP_DOCUMENTS: Final = 20_000
START: Final = datetime(2026, 11, 1, tzinfo=UTC)


def main() -> None:
    """Print one JSON line per measurement."""
    url = os.environ.get("TEST_SEARCH_URL", "")
    if not url:
        print("跳过：没有 Elasticsearch。先 make services-up，再以 TEST_SEARCH_URL=http://… 运行")
        return
    count = int(os.environ.get("BENCH_TRANSCRIPTS", "100000"))
    prefix = f"bench{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory() as folder, Elasticsearch(url, request_timeout=120) as client:
        settings = Settings(data_dir=Path(folder), search_url=url, search_prefix=prefix, search_timeout=120)
        services = Services(settings, SystemClock())
        index = services.search
        assert isinstance(index, ElasticSearch)
        try:
            _measure(index, client, prefix, count)
        finally:
            services.close()
            for name in client.indices.get(index=f"{prefix}*", filter_path="*.settings.index.uuid"):
                client.indices.delete(index=name)


def _measure(index: ElasticSearch, client: Elasticsearch, prefix: str, count: int) -> None:
    sentences = [
        json.loads(line)["text"] for path in sorted(CORPUS.glob("*.jsonl")) for line in path.open(encoding="utf-8")
    ]
    default, plain = f"{prefix}-default", f"{prefix}-default-sender"
    index.prepare()
    _load_default(client, f"{prefix}-warm", transcripts(sentences, WARM_DOCUMENTS))
    index.upsert(transcripts(sentences, WARM_DOCUMENTS))
    index.clear()
    ours = _timed(lambda: (index.upsert(transcripts(sentences, count)), index.commit()))
    _tell("bulk: ours", documents=count, documents_per_second=round(count / ours))
    theirs = _timed(lambda: _load_default(client, default, transcripts(sentences, count)))
    _tell(
        "bulk: default mappings, helpers.bulk (baseline)", documents=count, documents_per_second=round(count / theirs)
    )
    some = min(count, 100_000)
    alone = _timed(lambda: _load_default_parallel(client, plain, transcripts(sentences, some)))
    _tell("bulk: default mappings, parallel_bulk", documents=some, documents_per_second=round(some / alone))
    client.indices.delete(index=plain)
    for way, name in (("ours", f"{prefix}-transcript"), ("default mappings (baseline)", default)):
        client.indices.forcemerge(index=name, max_num_segments=1, request_timeout=600)
        client.indices.flush(index=name)
        time.sleep(1)
        stats = client.indices.stats(index=name, metric="store")["_all"]["primaries"]["store"]
        _tell(f"disk: {way}", megabytes_per_million=round(stats["size_in_bytes"] / count))
    queries = _queries(sentences)
    for _ in range(2):  # the second pass shows what is left of the order in which they ran
        _times("search: ours, facets, highlights, synonyms and sounds", lambda text: _ours(index, text), queries)
        _times("search: default mappings (baseline)", lambda text: _theirs(client, default, text), queries)
    _times("search: ours, newest first without text", lambda _text: _ours(index, ""), queries[:100])
    _swaps(index, sentences, queries)


def transcripts(sentences: Sequence[str], count: int) -> Iterator[Document]:
    """Invented utterances: one to three sentences of the corpus, 300 rooms on 3 platforms, over 30 days."""
    rng = random.Random(SEED)
    step = timedelta(days=30) / max(count, 1)
    for number in range(count):
        room = rng.randrange(300)
        platform = f"p{room % 3}"
        yield Document(
            kind="transcript",
            id=f"{platform}-{number:09d}",
            title=f"r{room}",
            text="，".join(rng.choices(sentences, k=rng.choice((1, 1, 2, 3)))),
            public=False,
            at=START + step * number,
            facets={"platform": platform, "subject": f"host:{platform}:h{room}", "category": f"c{room % 20}"},
            extra={"room": f"r{room}", "session": f"s{number // 2000}", "speaker": "host"},
        )


def _as_default(document: Document) -> dict[str, Any]:
    return {
        "kind": document.kind,
        "id": document.id,
        "title": document.title,
        "text": document.text,
        "public": document.public,
        "version": document.version,
        "at": document.at.isoformat() if document.at else None,
        "facets": dict(document.facets),
        "extra": dict(document.extra),
    }


def _load_default(client: Elasticsearch, name: str, documents: Iterable[Document]) -> None:
    _create_default(client, name)
    helpers.bulk(client, ({"_index": name, "_id": d.id, "_source": _as_default(d)} for d in documents), chunk_size=2000)
    client.indices.refresh(index=name)


def _load_default_parallel(client: Elasticsearch, name: str, documents: Iterable[Document]) -> None:
    _create_default(client, name)
    actions = ({"_index": name, "_id": d.id, "_source": _as_default(d)} for d in documents)
    for good, answer in helpers.parallel_bulk(client, actions, thread_count=2, chunk_size=2000):
        assert good, answer
    client.indices.refresh(index=name)


def _create_default(client: Elasticsearch, name: str) -> None:
    client.indices.create(index=name, settings={"number_of_shards": 1, "number_of_replicas": 0})


def _queries(sentences: Sequence[str]) -> list[str]:
    """Pieces cut out of sentences at random, as somebody who heard them would type."""
    rng = random.Random(SEED)
    found: set[str] = set()
    while len(found) < QUERIES + WARM_UP:
        text, length = rng.choice(sentences), rng.choice(LENGTHS)
        start = rng.randrange(max(1, len(text) - length + 1))
        piece = text[start : start + length]
        if len(piece) == length and all("一" <= character <= "鿿" for character in piece):
            found.add(piece)
    pieces = sorted(found)
    rng.shuffle(pieces)
    return pieces


def _ours(index: ElasticSearch, text: str) -> None:
    index.search(Query(text=text, kinds=frozenset({"transcript"}), public_only=False, facets=FACETS))


def _theirs(client: Elasticsearch, name: str, text: str) -> None:
    client.search(
        index=name,
        size=20,
        query={"match_phrase": {"text": text}},
        highlight={"fields": {"text": {}}},
        aggs={facet: {"terms": {"field": f"facets.{facet}.keyword", "size": 100}} for facet in FACETS},
        track_total_hits=True,
    )


def _times(name: str, ask: Callable[[str], None], queries: Sequence[str]) -> None:
    for query in queries[:WARM_UP]:
        ask(query)
    times = [_timed(lambda query=query: ask(query)) for query in queries[WARM_UP:]]
    cuts = quantiles(times, n=20)
    _tell(name, queries=len(times), p50_ms=round(1000 * median(times), 1), p95_ms=round(1000 * cuts[-1], 1))


def _swaps(index: ElasticSearch, sentences: Sequence[str], queries: Sequence[str]) -> None:
    """Swap the index under searches: how many were asked, how many failed, how long a swap took."""
    stop, asked, failed = threading.Event(), [0], [0]

    def ask_on() -> None:
        while not stop.is_set():
            for query in queries:
                if stop.is_set():
                    return
                try:
                    _ours(index, query)
                except Exception as error:
                    failed[0] += 1
                    print(f"failed: {error!r}")
                asked[0] += 1

    thread = threading.Thread(target=ask_on)
    thread.start()
    times = []
    for _ in range(SWAPS):
        build = index.build("transcript", fresh=True)
        build.upsert(transcripts(sentences, SWAP_DOCUMENTS))
        times.append(_timed(build.finish))
    stop.set()
    thread.join()
    _tell("alias swap under searches", swaps=SWAPS, searches=asked[0], failed=failed[0], swap_s=round(max(times), 2))


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _tell(way: str, **figures: object) -> None:
    print(json.dumps({"way": way, **figures}, ensure_ascii=False), flush=True)
