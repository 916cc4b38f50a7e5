"""Sends what happened in the shop through the OpenTelemetry SDK: spans, lines that name them, measurements with exemplars.

Each instance of a service has providers and exporters of its own, as a real process would.
"""

from __future__ import annotations

import time
from random import Random
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from demo.journey import Line, Measure, Span, measures
from demo.services import SERVICES

SEVERITIES = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warn": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "fatal": SeverityNumber.FATAL,
}
KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
SCOPES = {
    "server": "opentelemetry.instrumentation.http",
    "client": "opentelemetry.instrumentation.http",
    "producer": "opentelemetry.instrumentation.kafka",
    "consumer": "opentelemetry.instrumentation.kafka",
    "internal": "shop",
}
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Buckets that the semantic conventions name for durations of requests, in seconds."""


class _Ids(IdGenerator):
    """Ids of the demo's own randomness, so that a seed makes the same ones."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128) or 1


class Instance:
    """One process of a service, in one version."""

    def __init__(self, service: str, version: str, number: int, endpoint: str, token: str, random: Random) -> None:
        resource = Resource.create(
            {
                "service.name": service,
                "service.version": version,
                "service.namespace": "shop",
                "service.instance.id": f"{service}-{version}-{number}",
                "host.name": f"node-{number}",
                "deployment.environment.name": "demo",
            }
        )
        access: dict[str, Any] = {"endpoint": endpoint, "insecure": True, "headers": {"authorization": f"Bearer {token}"}}
        self._traces = TracerProvider(resource=resource, id_generator=_Ids(random), shutdown_on_exit=False)
        self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(**access), schedule_delay_millis=500))
        self._logs = LoggerProvider(resource, shutdown_on_exit=False)
        self._logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(**access), schedule_delay_millis=500))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(**access), export_interval_millis=5_000)
        self._metrics = MeterProvider([reader], resource, shutdown_on_exit=False)
        self._meter = self._metrics.get_meter("shop", version)
        self._instruments: dict[str, Any] = {}
        self._version = version

    def start_span(self, span: Span, parent: Context | None, began_ns: int) -> trace.Span:
        """Begin a span; its parent may be of another process."""
        links = [Link(trace.get_current_span(parent).get_span_context())] if span.linked and parent is not None else []
        scope = "opentelemetry.instrumentation.dbapi" if "db.system.name" in span.attributes else SCOPES[span.kind]
        return self._traces.get_tracer(scope, "0.66b2").start_span(
            span.name,
            context=parent if parent is not None else Context(),
            kind=KINDS[span.kind],
            attributes=span.attributes,
            links=links,
            start_time=began_ns + int(span.start * 1e9),
        )

    def log(self, line: Line, began_ns: int, about: SpanContext | None) -> None:
        """Send a line; `about` is the span in which it was written."""
        severity = SEVERITIES[line.severity]
        self._logs.get_logger("shop", self._version).emit(
            LogRecord(
                timestamp=began_ns + int(line.at * 1e9),
                observed_timestamp=time.time_ns(),
                trace_id=about.trace_id if about else 0,
                span_id=about.span_id if about else 0,
                trace_flags=about.trace_flags if about else TraceFlags(0),
                severity_number=severity,
                severity_text=severity.name,
                body=line.body,
                attributes=line.attributes,
            )
        )

    def measure(self, measure: Measure, context: Context | None) -> None:
        """Take a measurement; within a span it may become an exemplar."""
        instrument = self._instruments.get(measure.name)
        if instrument is None:
            instrument = self._instruments[measure.name] = self._create(measure)
        match measure.instrument:
            case "histogram":
                instrument.record(measure.value, measure.attributes, context)
            case "counter":
                instrument.add(measure.value, measure.attributes, context)
            case "gauge":
                instrument.set(measure.value, measure.attributes, context)

    def _create(self, measure: Measure) -> Any:
        match measure.instrument:
            case "histogram":
                return self._meter.create_histogram(measure.name, measure.unit, explicit_bucket_boundaries_advisory=BOUNDS)
            case "counter":
                return self._meter.create_counter(measure.name, measure.unit)
            case "gauge":
                return self._meter.create_gauge(measure.name, measure.unit)

    def close(self) -> None:
        """Send what is waiting."""
        self._traces.shutdown()
        self._logs.shutdown()
        self._metrics.shutdown()


class Shop:
    """All instances, `replicas` of each service. Those of a new version start with its first request."""

    def __init__(self, endpoint: str, token: str, random: Random, replicas: int = 2) -> None:
        """`endpoint` is the OTLP gRPC address."""
        self._access = (endpoint, token)
        self._random = random
        self._replicas = replicas
        self._instances: dict[tuple[str, str, int], Instance] = {}
        self.spans = 0
        self.lines = 0

    def _instance(self, service: str, version: str, number: int) -> Instance:
        key = (service, version, number)
        instance = self._instances.get(key)
        if instance is None:
            instance = self._instances[key] = Instance(*key, *self._access, self._random)
        return instance

    def send(self, root: Span) -> None:
        """Send a request that has just ended, with all that it caused."""
        took = max(span.end for span in root.walk())
        # A service answers one request with one instance, however often it is asked.
        chosen = {service: self._random.randrange(self._replicas) for service in SERVICES}
        self._send(root, None, time.time_ns() - int(took * 1e9), chosen)

    def _send(self, span: Span, parent: Context | None, began_ns: int, chosen: dict[str, int]) -> None:
        instance = self._instance(span.service, span.version, chosen[span.service])
        sent = instance.start_span(span, parent, began_ns)
        about = sent.get_span_context()
        own = trace.set_span_in_context(sent, Context())
        for line in span.lines:
            instance.log(line, began_ns, about)
        for child in span.children:
            remote = child.service != span.service
            context = _received(about) if remote else own
            self._send(child, context, began_ns, chosen)
        if span.exception is not None:
            failure = span.exception
            facts = {"exception.type": failure.kind, "exception.message": failure.message}
            sent.add_event("exception", facts, began_ns + int(span.end * 1e9))
        if span.failure:
            sent.set_status(Status(StatusCode.ERROR, span.failure))
        for measure in measures(span):
            instance.measure(measure, own)
        sent.end(began_ns + int(span.end * 1e9))
        self.spans += 1
        self.lines += len(span.lines)

    def tell(self, item: Line | Measure) -> None:
        """Send what belongs to no request."""
        instance = self._instance(item.service, SERVICES[item.service], 0)
        if isinstance(item, Line):
            instance.log(item, time.time_ns(), None)
            self.lines += 1
        else:
            instance.measure(item, None)

    def close(self) -> None:
        """Send what is waiting."""
        for instance in self._instances.values():
            instance.close()


def _received(sender: SpanContext) -> Context:
    """The context of a span as another process reads it from a request's headers."""
    context = SpanContext(sender.trace_id, sender.span_id, is_remote=True, trace_flags=sender.trace_flags)
    return trace.set_span_in_context(NonRecordingSpan(context), Context())
