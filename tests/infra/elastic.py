"""Opens the Elasticsearch adapter for a test and removes its indices afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from elasticsearch import Elasticsearch

from infra.search.elastic.adapter import ElasticSearch
from infra.search.language import Language
from infra.settings import Settings

ELASTIC = pytest.param("elasticsearch", marks=pytest.mark.services)


@contextmanager
def opened_elastic(settings: Settings) -> Iterator[Callable[[Language], ElasticSearch]]:
    """A function that opens an adapter on indices of the settings' own prefix."""
    opened: list[ElasticSearch] = []

    def open_one(language: Language) -> ElasticSearch:
        opened.append(ElasticSearch(settings, language=language))
        opened[-1].prepare()
        return opened[-1]

    try:
        yield open_one
    finally:
        for index in opened:
            index.close()
        remove(settings)


def remove(settings: Settings) -> None:
    """Delete all indices of a prefix."""
    with Elasticsearch(settings.search_url) as client:
        names = list(client.indices.get(index=f"{settings.search_prefix}-*", filter_path="*.settings.index.uuid"))
        if names:
            client.indices.delete(index=names)


def client_of(settings: Settings) -> Elasticsearch:
    """A plain client, to do behind the adapter's back what an administrator would."""
    return Elasticsearch(settings.search_url)
