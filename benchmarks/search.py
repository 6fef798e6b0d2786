"""Chinese recall and speed of the embedded search: character pairs against jieba words, on one corpus and one set of queries.

A query is a piece cut out of a text at random; every text that contains the piece must be found.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

import jieba
import tantivy

from infra.search import Document, Query
from infra.search.embedded import EmbeddedSearch
from infra.search.language import plain_fold

SEED = 7
QUERIES = 400
LENGTHS = (2, 3, 4, 6)
CORPUS = Path("classifiers/corpus")
Find = Callable[[str], set[int]]


def main() -> None:
    """Print recall, precision and query times of both ways as one JSON line each."""
    jieba.setLogLevel(60)
    texts = [
        json.loads(line)["text"] for path in sorted(CORPUS.glob("*.jsonl")) for line in path.open(encoding="utf-8")
    ]
    folded = [plain_fold(text) for text in texts]
    queries = _queries(folded)
    truth = {query: {i for i, text in enumerate(folded) if query in text} for query in queries}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        index = EmbeddedSearch(Path(folder) / "pairs")
        index.upsert(Document(kind="listing", id=str(i), title="", text=t, public=True) for i, t in enumerate(texts))
        index.commit()
        build = time.perf_counter() - started
        _report("character pairs (ours)", _pairs(index), truth, build, len(texts))
        index.close()
        started = time.perf_counter()
        words = _words(folded, Path(folder) / "words")
        _report("jieba words (baseline)", words, truth, time.perf_counter() - started, len(texts))


def _queries(texts: list[str]) -> list[str]:
    rng = random.Random(SEED)
    found: set[str] = set()
    while len(found) < QUERIES:
        text, length = rng.choice(texts), rng.choice(LENGTHS)
        if len(text) >= length:
            start = rng.randrange(len(text) - length + 1)
            piece = text[start : start + length]
            if all("一" <= character <= "鿿" for character in piece):
                found.add(piece)
    return sorted(found)


def _pairs(index: EmbeddedSearch) -> Find:
    return lambda text: {int(hit.id) for hit in index.search(Query(text=text, limit=2000)).hits}


def _words(texts: list[str], folder: Path) -> Find:
    folder.mkdir()
    schema = (
        tantivy.SchemaBuilder()
        .add_integer_field("id", stored=True)
        .add_text_field("words", tokenizer_name="whitespace")
        .build()
    )
    index = tantivy.Index(schema, str(folder))
    writer = index.writer(64_000_000, 1)
    for number, text in enumerate(texts):
        document = tantivy.Document()
        document.add_integer("id", number)
        document.add_text("words", " ".join(jieba.cut_for_search(text)))
        writer.add_document(document)
    writer.commit()
    index.reload()
    searcher = index.searcher()

    def find(text: str) -> set[int]:
        terms = [word for word in jieba.cut(text) if word.strip()]
        query = tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, tantivy.Query.term_query(schema, "words", term)) for term in terms]
        )
        return {searcher.doc(address)["id"][0] for _, address in searcher.search(query, limit=2000).hits}

    return find


def _report(name: str, find: Find, truth: dict[str, set[int]], build: float, texts: int) -> None:
    recalled = wanted = right = given = 0
    times = []
    for query, expected in truth.items():
        started = time.perf_counter()
        got = find(query)
        times.append(time.perf_counter() - started)
        recalled += len(got & expected)
        wanted += len(expected)
        right += len(got & expected)
        given += len(got)
    line = {
        "way": name,
        "texts": texts,
        "queries": len(truth),
        "recall": round(recalled / wanted, 4),
        "precision": round(right / given, 4) if given else 0.0,
        "documents_per_second": round(texts / build),
        "query_p50_ms": round(1000 * median(times), 2),
        "query_p95_ms": round(1000 * quantiles(times, n=20)[-1], 2),
    }
    print(json.dumps(line, ensure_ascii=False))
