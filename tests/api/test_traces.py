"""One request's trace, and a batch's with its stages inside; neither tells what was searched for or said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.context import Services
from infra import tracing
from tests.api.conftest import Run


@pytest.fixture
def spans(public: TestClient) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.install(SimpleSpanProcessor(exporter), "chengxin-test")
    yield exporter
    tracing.shut_down()


def test_a_request_is_named_by_its_route_and_holds_its_search(public: TestClient, spans: InMemorySpanExporter) -> None:
    public.get("/api/v1/search?q=某女士", headers={"X-Request-ID": "gateway-000017"})
    inner, outer = spans.get_finished_spans()
    assert (inner.name, outer.name) == ("search", "GET /api/v1/search")
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert outer.attributes is not None
    assert outer.attributes["chengxin.status"] == 200
    assert outer.attributes["chengxin.request_id"] == "gateway-000017"
    assert "某女士" not in inner.to_json() + outer.to_json()


def test_a_batch_holds_its_stages(
    gateway: TestClient, services: Services, run: Run, spans: InMemorySpanExporter
) -> None:
    said = {
        "id": "e-1",
        "platform": "yunjian",
        "room": "r1",
        "session": "s1",
        "host": "h1",
        "start": services.clock.now().isoformat(),
        "text": "这款五谷粉能根治糖尿病",
    }
    gateway.post("/api/v1/events/transcripts", json=[said])
    run()
    found = {span.name: span for span in spans.get_finished_spans()}
    batch = found["batch transcripts"]
    for stage in ("handle", "store"):
        parent = found[stage].parent
        assert parent is not None
        assert parent.span_id == batch.context.span_id
    assert "五谷粉" not in "".join(span.to_json() for span in found.values())
