"""Traces: off by default, switched on by OpenTelemetry's own variables, silent about what was said and by whom."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from infra import tracing
from infra.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    yield
    tracing.shut_down()


@pytest.fixture
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    tracing.install(SimpleSpanProcessor(exporter), "chengxin-test")
    return exporter


def test_nothing_is_sent_unless_asked_for() -> None:
    assert not tracing.wanted()
    assert not tracing.configure("x")
    with tracing.span("x", topic="t") as span:
        span.note(n=1)
        span.rename("y")


@pytest.mark.parametrize(("name", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_the_standard_switches_turn_it_off(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert tracing.wanted()
    monkeypatch.setenv(name, value)
    assert not tracing.wanted()


def test_a_missing_extra_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigurationError, match=r"OTEL_EXPORTER_OTLP_ENDPOINT.*chengxin\[tracing\]"):
        tracing.configure("x")


def test_spans_nest_and_continue_the_callers_trace(spans: InMemorySpanExporter) -> None:
    parent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with tracing.span("GET", parent=parent, server=True) as span:
        span.rename("GET /x")
        with tracing.span("store", topic="transcripts"):
            pass
    inner, outer = spans.get_finished_spans()
    assert (inner.name, outer.name) == ("store", "GET /x")
    assert inner.attributes is not None
    assert inner.attributes["chengxin.topic"] == "transcripts"
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert f"{outer.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"


def test_an_errors_message_stays_here(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="某女士"), tracing.span("store"):
        raise ValueError("某女士 13912345678")
    (span,) = spans.get_finished_spans()
    assert not span.status.is_ok
    assert span.status.description == "ValueError"
    assert "某女士" not in span.to_json()


def test_traces_reach_the_endpoint_of_the_standard_variable(tmp_path: Path) -> None:
    bodies: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    root = Path(__file__).parents[2]
    code = (
        "from infra import tracing\nassert tracing.configure('chengxin-api')\n"
        "with tracing.span('batch transcripts', events=200): pass\ntracing.shut_down()\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
    }
    try:
        subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True, timeout=60)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    ((path, body),) = bodies
    assert path == "/v1/traces"
    assert b"batch transcripts" in body
    assert b"chengxin-api" in body
