"""OpenTelemetry traces, off unless the standard ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set. It measures; it never decides.

Spans carry routes, topics and counts, never texts, names or queries. Without the extra ``tracing`` every call here costs
one look at a variable and sends nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from infra import correlation
from infra.errors import ConfigurationError

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
Value = str | int | float | bool

_tracer: Any = None
_provider: Any = None


class Span:
    """What a traced block may add to its span; does nothing where there is none."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def note(self, **attributes: Value | None) -> None:
        """Attach facts, left out where None."""
        if self._span is not None:
            self._span.set_attributes({f"chengxin.{name}": v for name, v in attributes.items() if v is not None})

    def rename(self, name: str) -> None:
        """Give the span the name that was not known when it began."""
        if self._span is not None:
            self._span.update_name(name)


_SILENT: Final = Span()


def wanted() -> bool:
    """Whether the environment asks for traces, by OpenTelemetry's own variables."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(os.environ.get(name) for name in ENDPOINTS)


def configure(service: str) -> bool:
    """Start sending traces when they are wanted; True when they are. ``OTEL_SERVICE_NAME`` goes before ``service``.

    Raises:
        ConfigurationError: they are wanted and the extra ``tracing`` is not installed.
    """
    if not wanted() or _provider is not None:
        return _provider is not None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ModuleNotFoundError as error:
        name = next(name for name in ENDPOINTS if os.environ.get(name))
        raise ConfigurationError(
            f"{name} 已设，但没有安装 {error.name}：请安装附加组件 chengxin[tracing]，或去掉此变量"
        ) from None
    install(BatchSpanProcessor(OTLPSpanExporter()), service)
    return True


def install(processor: Any, service: str) -> None:
    """Send spans to a span processor (for ``configure`` and for tests)."""
    global _tracer, _provider  # noqa: PLW0603  one process has one place its traces go to
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    name = os.environ.get("OTEL_SERVICE_NAME", service)
    _provider = TracerProvider(resource=Resource.create({"service.name": name}))
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("chengxin")


def shut_down() -> None:
    """Send what is left and stop."""
    global _tracer, _provider  # noqa: PLW0603
    if _provider is not None:
        _provider.shutdown()
    _tracer = _provider = None


@contextmanager
def span(
    name: str, *, parent: Mapping[str, str] | None = None, server: bool = False, **attributes: Value
) -> Iterator[Span]:
    """Trace the block. ``parent`` holds W3C headers (``traceparent``) of whoever asked for it.

    An error that leaves the block is noted by its type alone: its message may quote what must not leave this machine.
    """
    if _tracer is None:
        yield _SILENT
        return
    from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    context = TraceContextTextMapPropagator().extract(parent) if parent else None
    kind = SpanKind.SERVER if server else SpanKind.INTERNAL
    with _tracer.start_as_current_span(
        name, context=context, kind=kind, record_exception=False, set_status_on_exception=False
    ) as made:
        traced = Span(made)
        traced.note(request_id=correlation.current(), **attributes)
        try:
            yield traced
        except BaseException as error:
            made.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
