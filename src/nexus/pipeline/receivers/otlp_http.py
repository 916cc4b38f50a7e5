"""OTLP over HTTP: logs as protobuf or JSON, at the standard path and at the prefixed one that others use."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from nexus.errors import NexusError, NotFound, UnsupportedEncoding
from nexus.pipeline.decode import native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.otlp import JSON, PROTOBUF, export_response, status
from nexus.pipeline.topology import Delivery, Outcome, Topology

_LOGS: Final = ("/v1/logs", "/otlp/v1/logs")
_OTHERS: Final = ("/v1/traces", "/v1/metrics", "/v1development/profiles", "/otlp/v1/traces", "/otlp/v1/metrics")


class OtlpHttp:
    """Receiver of OTLP/HTTP. Answers in the request's content type."""

    name = "otlp_http"
    endpoints = (
        Endpoint(_LOGS[0], "Send logs by OTLP (ExportLogsServiceRequest)", (PROTOBUF, JSON)),
        Endpoint(_LOGS[1], "Send logs by OTLP, at the prefix that other systems use", (PROTOBUF, JSON)),
        *(Endpoint(path, "A signal that is not accepted yet: always 404", (PROTOBUF, JSON), False) for path in _OTHERS),
    )

    def __init__(self, topology: Topology) -> None:
        """Deliver into this pipeline."""
        self._topology = topology

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the logs; the answer is an `ExportLogsServiceResponse`."""
        if request.path not in _LOGS:
            signal = request.path.rpartition("/")[2]
            raise NotFound(f"OTLP {signal} are not accepted.", hint="Nexus accepts logs, at /v1/logs.")
        content_type = _content_type(request)
        native = native_module()
        if content_type == PROTOBUF:
            decoder = partial(native.decode_otlp_logs_protobuf, now_ns=time.time_ns())
        elif content_type == JSON:
            decoder = partial(native.decode_otlp_logs_json, now_ns=time.time_ns())
        else:
            raise UnsupportedEncoding(
                f"the content type {content_type[:60]!r} is not one of OTLP.", hint=f"Use {PROTOBUF} or {JSON}."
            )

        def answer(outcome: Outcome) -> bytes:
            return export_response(outcome, content_type)

        outcome = await self._topology.deliver(delivery, decoder, answer)
        return Reply(200, outcome.reply, content_type)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """A `google.rpc.Status` in the request's content type."""
        content_type = PROTOBUF if _content_type(request) == PROTOBUF else JSON
        return Reply(error.http_status, status(error, content_type), content_type, retry_headers(error))


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
