"""Every metric of the project in one place, and the set-up of structured logs. It measures; it never decides."""

from __future__ import annotations

import logging
import sys

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

EVENTS_ACCEPTED = Counter("chengxin_events_accepted", "Events taken in, by topic", ["topic"], registry=REGISTRY)
EVENTS_REJECTED = Counter(
    "chengxin_events_rejected", "Events refused at the door, by topic", ["topic"], registry=REGISTRY
)
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
REQUESTS = Histogram(
    "chengxin_http_seconds",
    "Time to answer, by route, method and status",
    ["route", "method", "status"],
    registry=REGISTRY,
)


def configure_logging(log_format: str) -> None:
    """Send all logs to stderr, as readable lines (``text``) or one JSON object each (``json``)."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "json":
        tail: list[structlog.types.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        # Plain tracebacks only: the renderer's default prints local variables, which may hold a complainant's name.
        plain = structlog.dev.plain_traceback
        tail = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    structlog.configure(
        processors=[*shared, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
