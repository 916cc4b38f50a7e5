"""Answers of the Prometheus API: its envelope around what the store encoded, its error types and statuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from starlette.responses import Response

from nexus.errors import NexusError, PermissionDenied, QuerySyntaxError
from nexus.pipeline.http import retry_headers
from nexus.storage.metric_api import SeriesAnswer, SeriesStatistics

JSON: Final = "application/json"
TRUNCATED: Final = "results truncated due to limit"
MAX_NOTES: Final = 10
"""Most warnings, and most infos, that an answer shows."""

_TYPES: Final = {
    400: "bad_data", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "bad_data", 406: "not_acceptable",
    409: "canceled", 413: "bad_data", 415: "bad_data", 422: "execution", 429: "too_many_requests", 499: "canceled",
    500: "internal", 503: "unavailable",
}  # fmt: skip


class PrometheusError(NexusError):
    """An error that has a type of its own in this API."""

    code = "prometheus"

    def __init__(self, kind: str, status: int, message: str, *, hint: str = "") -> None:
        """`kind` is the `errorType`."""
        super().__init__(message, hint=hint)
        self.kind = kind
        self.http_status = status  # type: ignore[misc]


def not_found(message: str) -> PrometheusError:
    """There is no such thing."""
    return PrometheusError("not_found", 404, message)


def refuse(error: NexusError) -> Response:
    """An error in Prometheus' envelope; the hint is part of the text, unless that is Prometheus' own."""
    kind = error.kind if isinstance(error, PrometheusError) else _TYPES.get(error.http_status, "internal")
    headers = retry_headers(error)
    status = error.http_status
    if error.code == "query_timeout":
        kind = "timeout"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 409 and error.code == "cancelled":
        kind, status = "canceled", 499
    body: dict[str, Any] = {
        "status": "error",
        "errorType": kind,
        "error": error.message + (f" {error.hint}" if error.hint else ""),
    }
    if isinstance(error, QuerySyntaxError):
        body["position"] = {"offset": error.offset, "length": error.length}
    if isinstance(error, PermissionDenied) and error.code != "permission_denied":
        body["code"] = error.code
    return Response(msgspec.json.encode(body), status, headers, media_type=JSON)


def success(data: Any, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Response:
    """`{"status":"success","data":...}`; `bytes` are JSON already."""
    encoded = data if isinstance(data, bytes) else msgspec.json.encode(data)
    return Response(
        b'{"status":"success","data":%s%s%s}' % (encoded, _notes("warnings", warnings), _notes("infos", infos)),
        media_type=JSON,
    )


def nothing() -> Response:
    """What Prometheus answers where there is nothing to say."""
    return Response(status_code=204)


def listed(answer: SeriesAnswer, limit: int) -> Response:
    """An array, of at most `limit` elements (0: all)."""
    data, cut = cut_array(answer.data, limit)
    warnings = [*answer.warnings, *([TRUNCATED] if cut or answer.limited else [])]
    return success(data, warnings, answer.infos)


def result(answer: SeriesAnswer, limit: int, statistics: bytes, warnings: Sequence[str]) -> Response:
    """The answer of a query, of at most `limit` series (0: all), with what it cost."""
    data, cut = (answer.data, False) if not limit else cut_result(answer.data, limit)
    if statistics:
        data = data.rstrip()[:-1] + b',"stats":' + statistics + b"}"
    notes = [*answer.warnings, *([TRUNCATED] if cut or answer.limited else []), *warnings]
    return success(data, notes, answer.infos)


class _Result(Struct):
    resultType: str
    result: Raw


_RESULT: Final = msgspec.json.Decoder(_Result)
_ARRAY: Final = msgspec.json.Decoder(list[Raw])


def cut_array(data: bytes, limit: int) -> tuple[bytes, bool]:
    """The first elements of an array; and whether there were more. Elements are not looked into."""
    if not limit:
        return data, False
    found = _ARRAY.decode(data)
    if len(found) <= limit:
        return data, False
    return b"[" + b",".join(bytes(one) for one in found[:limit]) + b"]", True


def cut_result(data: bytes, limit: int) -> tuple[bytes, bool]:
    """A query's result of at most so many series; and whether there were more."""
    found = _RESULT.decode(data)
    if found.resultType not in ("vector", "matrix"):
        return data, False
    kept, cut = cut_array(bytes(found.result), limit)
    if not cut:
        return data, False
    return b'{"resultType":"%s","result":%s}' % (found.resultType.encode(), kept), True


def statistics(spent: SeriesStatistics, seconds: float) -> bytes:
    """What a query cost, in the places that Prometheus has; what is not measured apart is part of the evaluation."""
    return msgspec.json.encode(
        {
            "timings": {
                "evalTotalTime": round(seconds, 9),
                "resultSortTime": 0,
                "queryPreparationTime": 0,
                "innerEvalTime": round(spent.elapsed_ms / 1000, 9),
                "execQueueTime": 0,
                "execTotalTime": round(seconds, 9),
            },
            "samples": {
                "totalQueryableSamples": spent.samples,
                "samplesRead": spent.samples_read,
                "peakSamples": spent.peak_samples,
            },
            "seriesFetched": str(spent.series),
        }
    )


def _notes(name: str, notes: Sequence[str]) -> bytes:
    if not notes:
        return b""
    shown = list(dict.fromkeys(notes))
    if len(shown) > MAX_NOTES:
        left = len(shown) - MAX_NOTES
        word = "warning" if name == "warnings" else "info"
        shown = [*shown[:MAX_NOTES], f"{left} more {word} annotations omitted"]
    return b',"%s":%s' % (name.encode(), msgspec.json.encode(shown))
