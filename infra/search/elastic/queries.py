"""A query as a search request, and its answer as a page. Pure: it talks to nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from infra.clock import BEIJING
from infra.errors import InvalidInput
from infra.search import FACETS, Bucket, Interval, Query
from infra.search.elastic.documents import NO_TIME_BELOW, TIE_BITS, order_from
from infra.search.elastic.layout import SHOWN
from infra.search.plan import AllOf, AnyOf, Clause, Phrase, Plan, Sound, Word

TITLE_BOOST: Final = 2.0
BM25_SCALE: Final = 2.2
"""Lucene leaves the constant factor ``k1 + 1`` out of BM25, Tantivy keeps it: so both adapters score alike."""
FACET_SIZE: Final = 100
WIDTHS: Final[dict[Interval, str]] = {"hour": "1h", "day": "1d"}

Body = dict[str, Any]


def request(query: Query, asked: Plan, *, size: int) -> Body:
    """The request for the first ``size`` hits, best first, or newest first when there is no text.

    Raises:
        InvalidInput: a filter that is none.
    """
    sort: list[Body] = [{"order": {"order": "desc"}}]
    body: Body = {
        "size": size,
        "query": {"bool": {"must": _must(asked), "filter": _filters(query, asked)}},
        "sort": [{"_score": {"order": "desc"}}, *sort] if asked.text else sort,
        "track_total_hits": True,
        "_source": SHOWN,
    }
    aggregations = _aggregations(query)
    return body | {"aggs": aggregations} if aggregations else body


def facets(answer: Body, query: Query) -> dict[str, dict[str, int]]:
    """How the documents divide over the facets asked for."""
    found = answer.get("aggregations", {})
    return {
        name: {bucket["key"]: bucket["doc_count"] for bucket in found[name]["buckets"]}
        for name in query.facets
        if name in found
    }


def histogram(answer: Body, query: Query) -> tuple[Bucket, ...]:
    """How they divide over time, where asked for."""
    if query.histogram is None:
        return ()
    buckets = answer["aggregations"]["times"]["buckets"]
    return tuple(
        Bucket(datetime.fromtimestamp(bucket["key"] / 1000, BEIJING), bucket["doc_count"]) for bucket in buckets
    )


def _must(asked: Plan) -> list[Body]:
    if asked.text and not asked.clauses:
        return [{"match_none": {}}]
    return [_clause(clause) for clause in asked.clauses]


def _clause(clause: Clause) -> Body:
    match clause:
        case AnyOf(parts):
            return {"bool": {"should": [_clause(part) for part in parts], "minimum_should_match": 1}}
        case AllOf(parts):
            return {"bool": {"must": [_clause(part) for part in parts]}}
        case Phrase(text, boost):
            scale = boost * BM25_SCALE
            title, body = _phrase("title", text, scale * TITLE_BOOST), _phrase("text", text, scale)
            return {"bool": {"should": [title, body], "minimum_should_match": 1}}
        case Word(text, score):
            return {"constant_score": {"filter": {"term": {"words": text}}, "boost": score}}
        case Sound():
            field = "initials" if clause.initials else "sounds"
            terms = [{"term": {field: term}} for term in clause.terms]
            return {"constant_score": {"filter": {"bool": {"filter": terms}}, "boost": clause.score}}


def _phrase(field: str, text: str, boost: float) -> Body:
    return {"match_phrase": {field: {"query": text, "boost": boost}}}


def _filters(query: Query, asked: Plan) -> list[Body]:
    filters: list[Body] = []
    if query.public_only:
        filters.append({"term": {"public": True}})
    elif not asked.text:  # no text finds everything, tombstones too
        filters.append({"bool": {"must_not": [{"term": {"deleted": True}}]}})
    for name, value in query.filters.items():
        if name not in FACETS:
            raise InvalidInput.one("filters", name, f"只能按 {'、'.join(FACETS)} 筛选")
        filters.append({"terms": {name: [value] if isinstance(value, str) else list(value)}})
    if query.since or query.until:
        span = {"gte": order_from(query.since) if query.since else NO_TIME_BELOW}
        if query.until:
            span["lt"] = order_from(query.until) + (1 << TIE_BITS)
        filters.append({"range": {"order": span}})
    return filters


def _aggregations(query: Query) -> Body:
    wanted: Body = {name: {"terms": {"field": name, "size": FACET_SIZE}} for name in query.facets}
    if query.histogram is not None:
        width = WIDTHS[query.histogram]
        wanted["times"] = {
            "date_histogram": {"field": "at", "fixed_interval": width, "time_zone": "+08:00", "min_doc_count": 1}
        }
    return wanted
