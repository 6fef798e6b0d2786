"""Every metric of the project in one place, and the set-up of structured logs. It measures; it never decides."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from infra import tracing
from infra.redaction import redact

REGISTRY = CollectorRegistry()

EVENTS_ACCEPTED = Counter("chengxin_events_accepted", "Events taken in, by topic", ["topic"], registry=REGISTRY)
EVENTS_REJECTED = Counter(
    "chengxin_events_rejected", "Events refused at the door, by topic", ["topic"], registry=REGISTRY
)
RECORDS_SENT = Counter(
    "chengxin_records_sent", "Records that Kafka has confirmed, by topic", ["topic"], registry=REGISTRY
)
SEND_SECONDS = Histogram(
    "chengxin_send_seconds", "Time until Kafka has confirmed what one caller sent", registry=REGISTRY
)
BROKER_AWAY = Gauge("chengxin_broker_away", "1 while Kafka does not take records", registry=REGISTRY)
EVENTS_HANDLED = Counter(
    "chengxin_events_handled", "Events whose effects are stored, by topic", ["topic"], registry=REGISTRY
)
DEAD_LETTERS = Counter(
    "chengxin_dead_letters", "Events sent to the dead letters, by topic", ["topic"], registry=REGISTRY
)
FLAGS_RAISED = Counter("chengxin_flags_raised", "Flags raised, by code", ["code"], registry=REGISTRY)
BATCH_SECONDS = Histogram(
    "chengxin_batch_seconds", "Time to handle and store one batch, by topic", ["topic"], registry=REGISTRY
)
BATCH_EVENTS = Histogram(
    "chengxin_batch_events",
    "Events handled and stored in one transaction, by topic",
    ["topic"],
    buckets=(1, 10, 50, 200, 500, 1000, 2000, 5000, 10_000, 50_000),
    registry=REGISTRY,
)
STAGE_SECONDS = Counter(
    "chengxin_stage_seconds",
    "Time spent decoding, handling (rules and model) and storing, by topic and stage",
    ["topic", "stage"],
    registry=REGISTRY,
)
STAGE_CPU_SECONDS = Counter(
    "chengxin_stage_cpu_seconds",
    "The same stages, counting only the time they were computing and not what they waited for",
    ["topic", "stage"],
    registry=REGISTRY,
)
REBALANCES = Counter("chengxin_rebalances", "Times partitions were shared out anew", registry=REGISTRY)
REBALANCE_SECONDS = Histogram(
    "chengxin_rebalance_seconds",
    "Time from the call to share out partitions anew until work goes on",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120),
    registry=REGISTRY,
)
PARTITIONS = Gauge(
    "chengxin_partitions", "Partitions this worker works on at present, by topic", ["topic"], registry=REGISTRY
)
LAG = Gauge(
    "chengxin_lag_records", "Records not yet handled, by topic and group", ["topic", "group"], registry=REGISTRY
)
DETECTOR_RELOADS = Counter(
    "chengxin_detector_reloads",
    "Lexicon and model loaded anew while at work, by outcome",
    ["outcome"],
    registry=REGISTRY,
)
DETECTOR_OUTDATED = Gauge(
    "chengxin_detector_outdated", "1 while newer lexicon or model files cannot be loaded", registry=REGISTRY
)
SEARCH_REJECTED = Counter(
    "chengxin_search_rejected", "Documents the search server will never take, by kind", ["kind"], registry=REGISTRY
)
REQUESTS = Histogram(
    "chengxin_http_seconds",
    "Time to answer, by route, method and status",
    ["route", "method", "status"],
    registry=REGISTRY,
)


@contextmanager
def stage(topic: str, name: str) -> Iterator[None]:
    """Count the time of the block towards a stage of a topic's work."""
    begun, computed = time.perf_counter(), time.thread_time()
    try:
        # A batch is decoded before its own span begins.
        with nullcontext() if name == "decode" else tracing.span(name, topic=topic):
            yield
    finally:
        STAGE_SECONDS.labels(topic, name).inc(time.perf_counter() - begun)
        STAGE_CPU_SECONDS.labels(topic, name).inc(time.thread_time() - computed)


def configure_logging(log_format: str) -> None:
    """Send all logs to stderr, as readable lines (``text``) or one JSON object each (``json``), without personal data.

    What libraries write through the standard ``logging`` goes the same way, from warnings upwards.
    """
    # Plain tracebacks only: the renderer's default prints local variables, which may hold a complainant's name.
    plain = structlog.dev.plain_traceback
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shared, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [old for old in root.handlers if not isinstance(old, _Stderr)] + [handler]


class _Stderr(logging.StreamHandler[Any]):
    """Writes to whatever stderr is at the moment of writing."""

    def __init__(self) -> None:
        logging.Handler.__init__(self, logging.WARNING)

    @property
    def stream(self) -> Any:
        return sys.stderr
