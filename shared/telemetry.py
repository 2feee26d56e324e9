"""Traces, metrics and logs (OpenTelemetry). Off unless an OTLP endpoint is set.

One trace runs from the HTTP request through every service to the SMTP hand-over: an event keeps
the `traceparent` of the command that recorded it, the relay's and each consumer's span are its
children. Span names follow the messaging conventions (development status, 2026); what is measured
stands in metrics.py.
Logs are JSON lines with trace and event ids, and no personal data: what is logged are ids.
"""

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Link, Span, SpanKind
from pythonjsonlogger.json import JsonFormatter

log = logging.getLogger("alliance")

STOP_SECONDS = 3.0
SELDOM_SECONDS = 60.0

_tracer = trace.get_tracer("alliance")
_event: ContextVar[str | None] = ContextVar("event", default=None)


def start(service: str, endpoint: str | None, level: str = "INFO") -> None:
    """Set up logs, and export traces and metrics to `endpoint` (OTLP over HTTP) if it is given."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_ids)
    handler.addFilter(_Seldom("opentelemetry"))  # a collector that is away is no reason to shout
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            static_fields={"service": service},
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for server in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(server).handlers.clear()
        logging.getLogger(server).propagate = True
    for noisy in ("aiokafka", "pymongo", "alliance.faststream", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(
        {
            "service.name": service,
            "service.namespace": "alliance",
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        }
    )
    tracer_provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracer_provider.add_span_processor(
        BatchSpanProcessor(
            OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"),
            schedule_delay_millis=1000,
        )
    )
    trace.set_tracer_provider(tracer_provider)
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics"),
        export_interval_millis=10_000,
    )
    metrics.set_meter_provider(
        MeterProvider(resource=resource, metric_readers=[reader], shutdown_on_exit=False)
    )


def stop() -> None:
    """Export what is left, if the collector takes it within STOP_SECONDS.

    Returns at once when telemetry is off.
    """
    providers = (trace.get_tracer_provider(), metrics.get_meter_provider())
    found = [end for p in providers if (end := getattr(p, "shutdown", None))]
    ending = [threading.Thread(target=end, daemon=True) for end in found]
    for thread in ending:
        thread.start()
    deadline = time.monotonic() + STOP_SECONDS
    for thread in ending:
        thread.join(max(0.0, deadline - time.monotonic()))


def instrument(app: Any) -> None:
    """A server span for each HTTP request, if traces are exported; not for health checks,
    and not for links that hold a token."""
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")  # seconds, http.route
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        FastAPIInstrumentor.instrument_app(app, excluded_urls="/health/.*,/verifications/.*")


def traceparent() -> str | None:
    """W3C Trace Context of the current span, None outside one."""
    if not trace.get_current_span().get_span_context().is_valid:
        return None
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: str | None = None,
    event_id: str | None = None,
    **attributes: Any,
) -> Iterator[Span]:
    """A span under `parent` (a traceparent) or the current one; logs inside carry `event_id`.

    Attribute names are given with `__` for the dot: `messaging__system="kafka"`.
    """
    context = propagate.extract({"traceparent": parent}) if parent else None
    links = []
    if context is not None:
        remote = trace.get_current_span(context).get_span_context()
        links = [Link(remote)] if remote.is_valid else []
    token = _event.set(event_id or _event.get())
    try:
        with _tracer.start_as_current_span(
            name,
            context=context,
            kind=kind,
            links=links,
            attributes={k.replace("__", "."): v for k, v in attributes.items() if v is not None},
        ) as current:
            yield current
    finally:
        _event.reset(token)


def _add_ids(record: logging.LogRecord) -> bool:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id = format(context.trace_id, "032x")
        record.span_id = format(context.span_id, "016x")
    if event_id := _event.get():
        record.event_id = event_id
    return True


class _Seldom(logging.Filter):
    """Lets one line in SELDOM_SECONDS of a logger, and of those below it, through."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):  # another logger's
            return True
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + SELDOM_SECONDS
        return True
