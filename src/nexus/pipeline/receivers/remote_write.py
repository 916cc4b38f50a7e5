"""Prometheus remote write, 1.0 and 2.0: the schema by `Content-Type` alone, what was written in headers of every answer."""

from __future__ import annotations

from email.message import Message
from typing import Any, Final

from nexus.errors import NexusError, UnsupportedEncoding
from nexus.pipeline.decode import native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.intake import MetricIntake
from nexus.pipeline.metrics import RETRY_AFTER, MetricOutcome
from nexus.pipeline.topology import Delivery
from nexus.security.permissions import Permission

TEXT: Final = "text/plain; charset=utf-8"
PROTOBUF: Final = "application/x-protobuf"
V1: Final = "prometheus.WriteRequest"
V2: Final = "io.prometheus.write.v2.Request"
_PATHS: Final = ("/api/v1/write", "/prometheus/api/v1/write", "/api/v1/push")
MAX_MESSAGE: Final = 4000


class RemoteWrite:
    """Receiver of remote write."""

    name = "remote_write"
    endpoints = (
        Endpoint(_PATHS[0], "Send samples by Prometheus remote write 1.0 or 2.0", (PROTOBUF,),
                 permission=Permission.METRICS_WRITE),
        *(
            Endpoint(path, "Send samples by remote write, at a path that others use", (PROTOBUF,), False,
                     permission=Permission.METRICS_WRITE)
            for path in _PATHS[1:]
        ),
    )  # fmt: skip

    def __init__(self, metrics: MetricIntake) -> None:
        """Deliver into this pipeline."""
        self._metrics = metrics

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the samples: 204 when all are, else 400 with the reasons (429 when a retry may help)."""
        decoder = _decoder(request)
        if not delivery.encoding.strip():
            # The specification knows no other encoding, and some senders do not say so.
            delivery.encoding = "snappy"
        outcome = await self._metrics.pipeline.deliver(delivery, decoder)
        headers = written(outcome)
        if not outcome.refused:
            return Reply(204, b"", TEXT, headers)
        text = outcome.message
        if len(text) > MAX_MESSAGE:
            text = f"{text[:MAX_MESSAGE]}..."
        body = f"{text}; {outcome.receipt.samples + outcome.receipt.histograms} stored\n".encode()
        if outcome.retryable:
            return Reply(429, body, TEXT, {**headers, "Retry-After": str(int(RETRY_AFTER))})
        return Reply(400, body, TEXT, headers)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """A line of text; nothing was written."""
        headers = {**written(MetricOutcome()), **retry_headers(error)}
        if error.http_status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="nexus"'
        return Reply(error.http_status, f"{error}\n".encode(), TEXT, headers)


def written(outcome: MetricOutcome) -> dict[str, str]:
    """The headers of 2.0 that say what was written; senders of 1.0 pass over them."""
    receipt = outcome.receipt
    return {
        "X-Prometheus-Remote-Write-Samples-Written": str(receipt.samples),
        "X-Prometheus-Remote-Write-Histograms-Written": str(receipt.histograms),
        "X-Prometheus-Remote-Write-Exemplars-Written": str(receipt.exemplars),
    }


def _decoder(request: Request) -> Any:
    given = request.headers.get("content-type", "")
    header = Message()
    header["content-type"] = given or PROTOBUF
    schema = header.get_param("proto", V1)
    if header.get_content_type() == PROTOBUF and schema in (V1, V2):
        native = native_module()
        return native.decode_remote_write_v1 if schema == V1 else native.decode_remote_write_v2
    raise UnsupportedEncoding(
        f"the content type {given[:80]!r} is not one of remote write.",
        hint=f"Use {PROTOBUF} with proto={V1} (1.0) or proto={V2} (2.0).",
    )
