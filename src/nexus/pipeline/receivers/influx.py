"""InfluxDB's line protocol, at the paths of its versions 1 and 2: a field becomes the series `measurement_field`."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import msgspec

from nexus.errors import InvalidRequest, NexusError
from nexus.pipeline.decode import native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.intake import MetricIntake
from nexus.pipeline.metrics import raise_if_retryable
from nexus.pipeline.topology import Delivery
from nexus.security.permissions import Permission

JSON: Final = "application/json"
VERSION: Final = "1.8.10"
_V1: Final = ("/write", "/influx/write")
_V2: Final = ("/api/v2/write", "/influx/api/v2/write")
_PING: Final = ("/ping", "/influx/ping")
_QUERY: Final = "/influx/query"
"""At the root it is a page of the web UI."""
_KEYS: Final = (("query", "p"),)
_UNITS: Final = {
    "": 1, "n": 1, "ns": 1, "u": 10**3, "us": 10**3, "µ": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
    "h": 3600 * 10**9,
}  # fmt: skip
_PARAMETERS: Final = (
    ("precision", "Unit of times: ns (the default), us, ms, s, m or h."),
    ("db", "Becomes the label db."),
    ("bucket", "Becomes the label db."),
)
MAX_MESSAGE: Final = 2000


class Influx:
    """Receiver of line protocol."""

    name = "influx"
    endpoints = (
        Endpoint(_V2[0], "Send metrics in InfluxDB's line protocol", ("text/plain",), True, _PARAMETERS,
                 permission=Permission.METRICS_WRITE),
        *(
            Endpoint(path, "Send metrics in InfluxDB's line protocol", ("text/plain",), path == _V1[0], _PARAMETERS,
                     keys=_KEYS, permission=Permission.METRICS_WRITE)
            for path in (*_V1, *_V2[1:])
        ),
        *(Endpoint(path, "Is InfluxDB there?", (), False, method="GET", handshake=True, keys=_KEYS) for path in _PING),
        Endpoint(_QUERY, "What clients ask before they write: databases are not created", (), False, handshake=True,
                 keys=_KEYS),
    )  # fmt: skip

    def __init__(self, metrics: MetricIntake) -> None:
        """Deliver into this pipeline."""
        self._metrics = metrics

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the fields: 204 when all are, else 400 with the reasons, as InfluxDB does with a partial write."""
        if request.path in _PING:
            return Reply(204, b"", JSON, {"X-Influxdb-Version": VERSION})
        if request.path == _QUERY:
            return Reply(200, b'{"results":[{"statement_id":0}]}\n', JSON)
        arguments = dict(request.query)
        unit = _UNITS.get(arguments.get("precision", ""))
        if unit is None:
            raise InvalidRequest(
                f"the precision {arguments['precision'][:20]!r} is not known.", hint="Use ns, us, ms, s, m or h."
            )
        decoder = partial(
            native_module().decode_influx,
            now_ms=time.time_ns() // 1_000_000,
            unit_ns=unit,
            database=arguments.get("db") or arguments.get("bucket") or "",
        )
        outcome = await self._metrics.pipeline.deliver(delivery, decoder)
        raise_if_retryable(outcome)
        if not outcome.refused:
            return Reply(204, b"", JSON)
        text = f"partial write: {outcome.message[:MAX_MESSAGE]} dropped={outcome.refused}"
        return Reply(400, _error(request.path, "invalid", text), JSON)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """An error in the shape of the version that the path belongs to."""
        return Reply(error.http_status, _error(request.path, _code(error), str(error)), JSON, retry_headers(error))


def _error(path: str, code: str, message: str) -> bytes:
    if path in _V2:
        return msgspec.json.encode({"code": code, "message": message})
    return msgspec.json.encode({"error": message})


def _code(error: NexusError) -> str:
    """Version 2's vocabulary."""
    known = {401: "unauthorized", 403: "forbidden", 404: "not found", 413: "request too large", 429: "too many requests"}
    return known.get(error.http_status, "unavailable" if error.http_status == 503 else "invalid")
