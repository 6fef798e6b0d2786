"""The Elasticsearch adapter on a real server: its indices, builds, cursors, and what an administrator may do to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from infra.errors import ConfigurationError, InvalidInput
from infra.search import KINDS, Query, SearchUnavailable
from infra.search.elastic import paging
from infra.search.elastic.adapter import ElasticSearch
from infra.search.elastic.layout import PROPERTIES
from infra.search.elastic.paging import AfterSorted
from infra.search.language import Language
from infra.settings import Settings
from tests.infra.elastic import client_of, opened_elastic
from tests.infra.test_search_contract import DAY, OFFICER, fill, ids, transcript

pytestmark = pytest.mark.services


@pytest.fixture
def settings(elasticsearch_url: str, unique_name: str) -> Settings:
    return Settings(search_url=elasticsearch_url, search_prefix=unique_name)


@pytest.fixture
def index(settings: Settings) -> Iterator[ElasticSearch]:
    with opened_elastic(settings) as open_one:
        yield open_one(Language())


@pytest.fixture
def client(settings: Settings) -> Iterator[Elasticsearch]:
    with client_of(settings) as client:
        yield client


def in_use(client: Elasticsearch, settings: Settings, kind: str = "transcript") -> str:
    (name,) = client.indices.get_alias(name=f"{settings.search_prefix}-{kind}")
    return str(name)


def test_an_index_is_new_once(index: ElasticSearch) -> None:
    assert index.prepare()  # still empty
    fill(index, transcript(1, "大米"))
    assert not index.prepare()


def test_mappings_are_explicit_strict_and_versioned(
    index: ElasticSearch, client: Elasticsearch, settings: Settings
) -> None:
    name = in_use(client, settings)
    assert name == f"{settings.search_prefix}-transcript-v1-000001"
    mapping = client.indices.get_mapping(index=name)[name]["mappings"]
    assert mapping["dynamic"] == "strict"
    assert mapping["properties"] == PROPERTIES


def test_an_index_with_another_field_is_refused_by_name(
    index: ElasticSearch, client: Elasticsearch, settings: Settings
) -> None:
    client.indices.put_mapping(index=in_use(client, settings), properties={"phone": {"type": "keyword"}})
    with pytest.raises(ConfigurationError, match=f"{settings.search_prefix}-transcript-v1-.*多出字段 phone.*reindex"):
        index.prepare()


def test_an_index_of_another_layout_is_refused_and_reindexing_mends_it(
    index: ElasticSearch, client: Elasticsearch, settings: Settings
) -> None:
    client.indices.put_mapping(index=in_use(client, settings), meta={"layout": 99})
    with pytest.raises(ConfigurationError, match=r"CHENGXIN_SEARCH_PREFIX=.*是第 99 版结构.*chengxin reindex"):
        index.prepare()
    index.build("transcript").finish()
    index.prepare()


def test_somebody_elses_index_is_left_alone(elasticsearch_url: str, unique_name: str) -> None:
    settings = Settings(search_url=elasticsearch_url, search_prefix=unique_name)
    with client_of(settings) as client, opened_elastic(settings) as open_one:
        client.indices.create(index=f"{unique_name}-flag")
        with pytest.raises(ConfigurationError, match=f"{unique_name}-flag 是别人的索引.*前缀"):
            open_one(Language())


def test_processes_that_start_together_make_one_index_of_each_kind(elasticsearch_url: str, unique_name: str) -> None:
    settings = Settings(search_url=elasticsearch_url, search_prefix=unique_name)
    with client_of(settings) as client, opened_elastic(settings) as open_one, ThreadPoolExecutor(6) as pool:
        for started in [pool.submit(open_one, Language()) for _ in range(6)]:
            started.result()
        assert len(client.indices.get_alias(index=f"{unique_name}-*")) == len(KINDS)


def test_a_read_only_index_is_told_and_nothing_is_lost(
    index: ElasticSearch, client: Elasticsearch, settings: Settings
) -> None:
    fill(index, transcript(1, "大米"))
    name = in_use(client, settings)
    client.indices.put_settings(index=name, settings={"blocks.write": True})
    with pytest.raises(SearchUnavailable, match="只读"):
        index.upsert([transcript(2, "大米")])
    assert ids(index, "大米") == ["u1"]  # searches go on
    client.indices.put_settings(index=name, settings={"blocks.write": None})
    fill(index, transcript(2, "大米"))
    assert sorted(ids(index, "大米")) == ["u1", "u2"]


def test_a_lost_index_is_told_and_comes_back_new(
    index: ElasticSearch, client: Elasticsearch, settings: Settings
) -> None:
    client.indices.delete(index=in_use(client, settings))
    for act in (lambda: ids(index, "大米"), lambda: index.upsert([transcript(1, "大米")]), index.ping):
        with pytest.raises(SearchUnavailable, match="chengxin reindex"):
            act()
    assert index.prepare()


def test_the_longest_id_and_text_are_taken(index: ElasticSearch) -> None:
    long = replace(transcript(1, "大" * 20_000), id="长" * 400, title="a" * 400, facets={"category": "类" * 2000})
    fill(index, long, transcript(2, "a" * 20_000))
    assert sorted(ids(index)) == ["u2", "长" * 400]
    assert ids(index, "大大") == ["长" * 400]


def test_what_is_written_during_a_build_is_in_the_old_index_and_in_the_new(
    index: ElasticSearch, client: Elasticsearch, settings: Settings
) -> None:
    fill(index, transcript(1, "大米", version=1))
    before = in_use(client, settings)
    build = index.build("transcript")
    fill(index, transcript(1, "新米", version=3), transcript(2, "大米"))
    build.upsert([transcript(1, "大米", version=2)])  # what the build read before the change
    assert sorted(ids(index)) == ["u1", "u2"]
    build.finish()
    assert in_use(client, settings) != before
    assert not client.indices.exists(index=before)
    assert (ids(index, "新米"), ids(index, "大米")) == (["u1"], ["u2"])
    fill(index, transcript(3, "大米"))
    assert sorted(ids(index, "大米")) == ["u2", "u3"]


def test_a_stopped_build_is_taken_up_where_it_was(index: ElasticSearch) -> None:
    first = index.build("transcript")
    first.upsert([transcript(1, "大米")])
    first.checkpoint("17", 1)
    again = index.build("transcript")
    assert (again.index, again.position, again.documents) == (first.index, "17", 1)
    fresh = index.build("transcript", fresh=True)
    assert (fresh.position, fresh.documents) == ("", 0)
    fresh.finish()
    assert ids(index) == []


def test_no_search_fails_while_indices_are_swapped(index: ElasticSearch) -> None:
    fill(index, *(transcript(n, "大米") for n in range(20)))
    stop, answers, failures = threading.Event(), [], []

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(index.search(Query(text="大米", **OFFICER)).total)
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        build = index.build("transcript")
        build.upsert([transcript(n, "大米") for n in range(20)])
        build.finish()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(answers) == {20}


@pytest.mark.parametrize("text", ["", "大米"])
def test_pages_hold_still_while_documents_arrive_and_nothing_is_left_open(
    index: ElasticSearch, client: Elasticsearch, text: str
) -> None:
    fill(index, *(transcript(n, "大米" + "好" * n) for n in range(9)))
    before, seen, cursor, number = ids(index, text, limit=50), [], None, 100
    while True:
        page = index.search(Query(text=text, limit=2, cursor=cursor, **OFFICER))
        seen += [hit.id for hit in page.hits]
        cursor = page.next
        if cursor is None:
            break
        number += 1
        fill(index, transcript(number, "大米", at=DAY + timedelta(days=number)))
    assert seen == before
    assert open_contexts(client) == 0


def test_a_page_asked_for_too_late_goes_on_at_the_same_place(index: ElasticSearch, client: Elasticsearch) -> None:
    fill(index, *(transcript(n, "大米") for n in range(7)))
    first = index.search(Query(limit=2, **OFFICER))
    second = index.search(Query(limit=2, cursor=first.next, **OFFICER))
    held = paging.read(second.next)
    assert isinstance(held, AfterSorted)
    client.close_point_in_time(id=held.pit)
    third = index.search(Query(limit=3, cursor=second.next, **OFFICER))
    assert [hit.id for page in (first, second, third) for hit in page.hits] == [f"u{n}" for n in (6, 5, 4, 3, 2, 1, 0)]


def test_a_made_up_point_in_time_is_refused(index: ElasticSearch) -> None:
    with pytest.raises(InvalidInput, match="翻页标记"):
        ids(index, cursor=paging.write(AfterSorted("abc", [1])))


def open_contexts(client: Elasticsearch) -> int:
    stats = client.nodes.stats(metric="indices", index_metric="search")["nodes"]
    return sum(int(node["indices"]["search"]["open_contexts"]) for node in stats.values())
