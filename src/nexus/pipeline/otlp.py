"""The answers of OTLP on the wire, protobuf and JSON: export responses and `google.rpc.Status`.

The messages are four small ones, so they are written here by hand; tests compare them with the generated code.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from nexus.errors import NexusError, TooManyAttempts, Unavailable
from nexus.pipeline.decode import describe
from nexus.pipeline.metrics import MetricOutcome
from nexus.pipeline.topology import Outcome

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

RETRY_INFO_TYPE: Final = "type.googleapis.com/google.rpc.RetryInfo"

_CODES: Final = {
    400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 422: 3, 429: 8, 503: 14,
}  # fmt: skip
MAX_MESSAGE: Final = 2000


def rpc_code(error: NexusError) -> int:
    """The `google.rpc.Code` of an error: INVALID_ARGUMENT, UNAUTHENTICATED, UNAVAILABLE and so on; INTERNAL if none."""
    return _CODES.get(error.http_status, 13)


def retry_seconds(error: NexusError) -> float | None:
    """How long to wait before the same request may succeed; None when it never will."""
    return max(0.1, error.retry_after) if isinstance(error, Unavailable | TooManyAttempts) else None


def export_response(outcome: Outcome, content_type: str) -> bytes:
    """`ExportLogsServiceResponse`; `partial_success` is unset when every record was accepted."""
    message = describe(outcome.errors, outcome.rejected, "record")
    return _response("rejectedLogRecords", outcome.rejected, message, content_type)


def traces_response(outcome: Outcome, content_type: str) -> bytes:
    """`ExportTraceServiceResponse`; `partial_success` is unset when every span was accepted."""
    message = describe(outcome.errors, outcome.rejected, "span")
    return _response("rejectedSpans", outcome.rejected, message, content_type)


def metrics_response(outcome: MetricOutcome, content_type: str) -> bytes:
    """`ExportMetricsServiceResponse`; `partial_success` is unset when every data point was accepted."""
    return _response("rejectedDataPoints", outcome.refused, outcome.message, content_type)


def _response(name: str, rejected: int, message: str, content_type: str) -> bytes:
    message = message[:MAX_MESSAGE]
    if content_type == JSON:
        if not rejected:
            return b"{}"
        return msgspec.json.encode({"partialSuccess": {name: str(rejected), "errorMessage": message}})
    if not rejected:
        return b""
    return _bytes_field(1, _varint_field(1, rejected) + _bytes_field(2, message.encode()))


def status(error: NexusError, content_type: str) -> bytes:
    """`google.rpc.Status` with `RetryInfo` where a retry makes sense."""
    wait = retry_seconds(error)
    if content_type == JSON:
        document: dict[str, Any] = {"code": rpc_code(error), "message": str(error)}
        if wait is not None:
            document["details"] = [{"@type": RETRY_INFO_TYPE, "retryDelay": f"{wait:.3f}s"}]
        return msgspec.json.encode(document)
    encoded = _varint_field(1, rpc_code(error)) + _bytes_field(2, str(error).encode())
    if wait is not None:
        duration = _varint_field(1, int(wait)) + _varint_field(2, int(wait % 1 * 1e9))
        retry_info = _bytes_field(1, duration)
        encoded += _bytes_field(3, _bytes_field(1, RETRY_INFO_TYPE.encode()) + _bytes_field(2, retry_info))
    return encoded


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _varint_field(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number) if number else b""


def _bytes_field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content
