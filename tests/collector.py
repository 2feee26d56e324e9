"""A small OpenTelemetry collector for tests: takes traces and metrics over HTTP, and keeps them."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)


@dataclass(frozen=True)
class Span:
    """One exported span."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    service: str
    attributes: tuple[tuple[str, str], ...]
    links: tuple[str, ...]

    def of(self, attribute: str) -> str:
        """An attribute, as text."""
        return dict(self.attributes)[attribute]


@dataclass
class Metric:
    """One exported metric: what Prometheus makes its names and labels of."""

    name: str
    unit: str
    kind: str
    monotonic: bool = False
    labels: set[str] = field(default_factory=set)
    values: dict[tuple[str, ...], float] = field(default_factory=dict)
    """The last of each series, by the service and the values of its attributes, in their order."""
    bounds: tuple[float, ...] = ()

    def in_prometheus(self) -> set[str]:
        """The names of its series, as Prometheus' OTLP receiver translates them."""
        name = self.name.replace(".", "_")
        unit = {"s": "seconds", "By": "bytes", "1": "ratio"}.get(self.unit)
        if unit and not name.endswith(f"_{unit}"):
            name = f"{name}_{unit}"
        if self.kind == "histogram":
            return {f"{name}_{part}" for part in ("bucket", "sum", "count")}
        return {f"{name}_total" if self.monotonic else name}


class Collector:
    """Takes what an OpenTelemetry collector takes, over HTTP, and keeps it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.metrics: set[tuple[str, str]] = set()
        self.measured: dict[str, Metric] = {}
        self.instances: set[str] = set()
        self.faults: list[str] = []
        self.bodies: list[bytes] = []

    def take(self, path: str, body: bytes) -> None:
        """One request's body."""
        self.bodies.append(body)
        if path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            for resource in traces.resource_spans:
                service = _attributes(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    self.spans += [_span(service, found) for found in scope.spans]
        elif path == "/v1/metrics":
            measured = ExportMetricsServiceRequest.FromString(body)
            for resource in measured.resource_metrics:
                about = _attributes(resource.resource.attributes)
                service = about["service.name"]
                self.instances.add(about["service.instance.id"])
                for scope in resource.scope_metrics:
                    self.metrics |= {(service, metric.name) for metric in scope.metrics}
                    for metric in scope.metrics:
                        self._measure(service, metric)
        else:
            self.faults.append(f"asked for {path}")

    def _measure(self, service: str, metric: Any) -> None:
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind)
        known = self.measured.setdefault(metric.name, Metric(metric.name, metric.unit, kind))
        known.monotonic = kind == "sum" and data.is_monotonic
        for point in data.data_points:
            attributes = _attributes(point.attributes)
            known.labels |= {name.replace(".", "_") for name in attributes}
            where = (service, *(attributes[name] for name in sorted(attributes)))
            if kind == "gauge":
                known.values[where] = point.as_double or float(point.as_int)
            if kind == "histogram":
                known.bounds = tuple(point.explicit_bounds)


def _attributes(found: Any) -> dict[str, str]:
    return {a.key: a.value.string_value or str(a.value.int_value) for a in found}


def _span(service: str, found: Any) -> Span:
    return Span(
        found.trace_id.hex(),
        found.span_id.hex(),
        found.parent_span_id.hex(),
        found.name,
        found.kind,
        service,
        tuple(_attributes(found.attributes).items()),
        tuple(link.span_id.hex() for link in found.links),
    )


@contextmanager
def collecting() -> Iterator[tuple[str, Collector]]:
    """A collector on a free port; its endpoint."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            try:
                collector.take(self.path, body)
            except Exception as error:
                collector.faults.append(repr(error))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
