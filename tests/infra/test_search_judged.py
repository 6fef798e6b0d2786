"""Both adapters on one judged corpus, with the language as the program itself opens them: same documents, same top hits."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.context import Services
from infra.clock import FixedClock
from infra.search import Document, Kind, Page, Query, SearchIndex
from infra.settings import Settings
from tests.infra.elastic import ELASTIC, remove

JUDGED: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "judged.yaml").read_text(encoding="utf-8"))
KINDS: dict[str, Kind] = {"t": "transcript", "f": "flag", "s": "subject", "l": "listing"}
QUERIES: list[dict[str, Any]] = JUDGED["queries"]
START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
PREFIX = f"judged{secrets.token_hex(5)}"
Open = Callable[[str], SearchIndex]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Settings], SearchIndex]]:
    """Opens and fills an index as the program does; once for the module, because nothing is changed."""
    indexes: dict[str, tuple[Services, Settings]] = {}

    def open_one(settings: Settings) -> SearchIndex:
        if settings.search_url not in indexes:
            services = Services(settings, FixedClock(START))
            indexes[settings.search_url] = (services, settings)
            services.search.prepare()
            services.search.upsert(map(document, range(len(JUDGED["documents"]))))
            services.search.commit()
        return indexes[settings.search_url][0].search

    yield open_one
    for services, settings in indexes.values():
        services.close()
        if services.search.remote:
            remove(settings)


@pytest.fixture
def adapter(
    opened: Callable[[Settings], SearchIndex], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Open:
    def open_one(name: str) -> SearchIndex:
        data = tmp_path_factory.getbasetemp() / "judged"
        if name == "embedded":
            return opened(Settings(data_dir=data))
        url = request.getfixturevalue("elasticsearch_url")
        return opened(Settings(data_dir=data, search_url=url, search_prefix=PREFIX))

    return open_one


def document(number: int) -> Document:
    given = JUDGED["documents"][number]
    return Document(
        kind=KINDS[given["kind"]],
        id=given["id"],
        title=given.get("title", "r1"),
        text=given["text"],
        public=given["kind"] in "sl",
        at=START + timedelta(minutes=number),
        facets={"platform": "yunjian"},
    )


def ask(index: SearchIndex, query: dict[str, Any], limit: int = 100) -> Page:
    return index.search(Query(text=query["text"], public_only=False, limit=limit, facets=("platform",)))


@pytest.mark.parametrize("name", ["embedded", ELASTIC])
def test_of_the_judged_documents_95_in_100_are_among_the_first_ten(adapter: Open, name: str) -> None:
    found = wanted = 0
    missed: dict[str, set[str]] = {}
    for query in QUERIES:
        first = {hit.id for hit in ask(adapter(name), query, limit=10).hits}
        judged = set(query["judged"])
        found, wanted = found + len(judged & first), wanted + len(judged)
        if judged - first:
            missed[query["text"]] = judged - first
    assert wanted > 60
    assert found / wanted >= 0.95, f"{found}/{wanted}: {missed}"


@pytest.mark.parametrize("name", ["embedded", ELASTIC])
def test_what_should_come_first_comes_first(adapter: Open, name: str) -> None:
    first = {query["text"]: ask(adapter(name), query).hits[:1] for query in QUERIES if "top" in query}
    wrong = {text: [hit.id for hit in hits] for text, hits in first.items() if [h.id for h in hits] != [top_of(text)]}
    assert wrong == {}


@pytest.mark.parametrize("name", ["embedded", ELASTIC])
def test_nothing_is_found_where_nothing_is(adapter: Open, name: str) -> None:
    for query in QUERIES:
        if not query["judged"]:
            assert ask(adapter(name), query).total == 0


@pytest.mark.services
@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query["text"])
def test_both_adapters_give_the_same_documents_marks_and_best_hits(adapter: Open, query: dict[str, Any]) -> None:
    here, there = ask(adapter("embedded"), query), ask(adapter("elasticsearch"), query)
    assert here.total == there.total
    assert here.facets == there.facets
    assert {hit.id: (hit.highlight, hit.title, hit.at) for hit in here.hits} == {
        hit.id: (hit.highlight, hit.title, hit.at) for hit in there.hits
    }
    assert best(here) == best(there)


def top_of(text: str) -> str:
    return next(str(query["top"]) for query in QUERIES if query["text"] == text)


def best(page: Page) -> set[str]:
    """The hits nobody is clearly better than: within 2 % of the best score, for the statistics behind it differ a little."""
    return {hit.id for hit in page.hits if hit.score >= 0.98 * page.hits[0].score}
