"""OTLP over HTTP: logs, metrics and traces as protobuf or JSON, at the standard paths and at those that others use."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final

from nexus.errors import NexusError, NotFound, UnsupportedEncoding
from nexus.pipeline.decode import native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.intake import MetricIntake
from nexus.pipeline.metrics import raise_if_retryable
from nexus.pipeline.otlp import JSON, PROTOBUF, export_response, metrics_response, status, traces_response
from nexus.pipeline.topology import Delivery, Outcome, Topology
from nexus.pipeline.traces import TracePipeline
from nexus.security.permissions import Permission

_LOGS: Final = ("/v1/logs", "/otlp/v1/logs")
_METRICS: Final = ("/v1/metrics", "/otlp/v1/metrics", "/api/v1/otlp/v1/metrics", "/opentelemetry/v1/metrics")
_TRACES: Final = (
    "/v1/traces",
    "/otlp/v1/traces",
    "/api/v1/otlp/v1/traces",
    "/opentelemetry/v1/traces",
    "/insert/opentelemetry/v1/traces",
)
_OTHERS: Final = ("/v1development/profiles",)
_MEDIA: Final = (PROTOBUF, JSON)


class OtlpHttp:
    """Receiver of OTLP/HTTP. Answers in the request's content type."""

    name = "otlp_http"
    endpoints = (
        Endpoint(_LOGS[0], "Send logs by OTLP (ExportLogsServiceRequest)", _MEDIA),
        Endpoint(_LOGS[1], "Send logs by OTLP, at the prefix that other systems use", _MEDIA),
        Endpoint(
            _METRICS[0],
            "Send metrics by OTLP (ExportMetricsServiceRequest)",
            _MEDIA,
            permission=Permission.METRICS_WRITE,
        ),
        *(
            Endpoint(
                path, "Send metrics by OTLP, at a path that others use", _MEDIA, False, permission=Permission.METRICS_WRITE
            )
            for path in _METRICS[1:]
        ),
        Endpoint(_TRACES[0], "Send traces by OTLP (ExportTraceServiceRequest)", _MEDIA, permission=Permission.TRACES_WRITE),
        *(
            Endpoint(
                path, "Send traces by OTLP, at a path that others use", _MEDIA, False, permission=Permission.TRACES_WRITE
            )
            for path in _TRACES[1:]
        ),
        *(Endpoint(path, "A signal that is not accepted yet: always 404", _MEDIA, False) for path in _OTHERS),
    )

    def __init__(self, topology: Topology, metrics: MetricIntake, traces: TracePipeline) -> None:
        """Deliver into these pipelines."""
        self._topology = topology
        self._metrics = metrics
        self._traces = traces

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the records; the answer is an export response."""
        if request.path in _METRICS:
            return await self._receive_metrics(request, delivery)
        if request.path in _TRACES:
            return await self._receive_traces(request, delivery)
        if request.path not in _LOGS:
            signal = request.path.rpartition("/")[2]
            raise NotFound(f"OTLP {signal} are not accepted.", hint="Nexus accepts logs, metrics and traces.")
        content_type = _content_type(request)
        native = native_module()
        decode = _choose(content_type, native.decode_otlp_logs_protobuf, native.decode_otlp_logs_json)

        def answer(outcome: Outcome) -> bytes:
            return export_response(outcome, content_type)

        outcome = await self._topology.deliver(delivery, partial(decode, now_ns=time.time_ns()), answer)
        return Reply(200, outcome.reply, content_type)

    async def _receive_metrics(self, request: Request, delivery: Delivery) -> Reply:
        content_type = _content_type(request)
        decoder = self._metrics.otlp
        decode = _choose(content_type, decoder.decode_protobuf, decoder.decode_json)
        outcome = await self._metrics.pipeline.deliver(
            delivery, partial(decode, now_ns=time.time_ns(), tenant=delivery.tenant)
        )
        raise_if_retryable(outcome)
        return Reply(200, metrics_response(outcome, content_type), content_type)

    async def _receive_traces(self, request: Request, delivery: Delivery) -> Reply:
        content_type = _content_type(request)
        native = native_module()
        decode = _choose(content_type, native.decode_otlp_traces_protobuf, native.decode_otlp_traces_json)

        def answer(outcome: Outcome) -> bytes:
            return traces_response(outcome, content_type)

        outcome = await self._traces.deliver(delivery, partial(decode, now_ns=time.time_ns()), answer)
        return Reply(200, outcome.reply, content_type)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """A `google.rpc.Status` in the request's content type."""
        content_type = PROTOBUF if _content_type(request) == PROTOBUF else JSON
        return Reply(error.http_status, status(error, content_type), content_type, retry_headers(error))


def _choose(content_type: str, protobuf: Any, json: Any) -> Any:
    if content_type == PROTOBUF:
        return protobuf
    if content_type == JSON:
        return json
    raise UnsupportedEncoding(
        f"the content type {content_type[:60]!r} is not one of OTLP.", hint=f"Use {PROTOBUF} or {JSON}."
    )


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
