"""Datadog's logs intake: `/api/v2/logs`, the older `/v1/input`, and the check of an API key.

The key comes as `DD-API-KEY`, as the query argument `dd-api-key`, or in the path; it is a key of Nexus.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import msgspec

from nexus.errors import InvalidRequest, NexusError
from nexus.pipeline.decode import describe, native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.receivers.json_lines import MAPPING_PARAMETERS, native_mapping
from nexus.pipeline.topology import Delivery, Outcome, Topology

JSON: Final = "application/json"
_MEDIA: Final = (JSON, "text/plain")
_KEYS: Final = (("header", "dd-api-key"), ("query", "dd-api-key"), ("query", "api_key"))
_PATH_KEYS: Final = (("path", "key"), *_KEYS)
_VALIDATE: Final = "/api/v1/validate"
_ARGUMENTS: Final = {
    "ddsource": "datadog.log.source",
    "hostname": "host.name",
    "service": "service",
    "ddtags": "ddtags",
}
_PARAMETERS: Final = (
    *((name, f"{name} of records that have none.") for name in _ARGUMENTS),
    *MAPPING_PARAMETERS,
)


class Datadog:
    """Receiver of Datadog's logs."""

    name = "datadog"
    endpoints = (
        Endpoint("/api/v2/logs", "Send logs as to Datadog", _MEDIA, True, _PARAMETERS, keys=_KEYS),
        Endpoint("/v1/input", "Send logs as to Datadog, at its older path", _MEDIA, True, _PARAMETERS, keys=_KEYS),
        Endpoint("/v1/input/{key}", "Send logs, with the key in the path", _MEDIA, False, _PARAMETERS, keys=_PATH_KEYS),
        Endpoint(_VALIDATE, "Is the API key valid?", (), False, method="GET", keys=_KEYS, handshake=True),
    )

    def __init__(self, topology: Topology) -> None:
        """Deliver into this pipeline."""
        self._topology = topology

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the logs. 202 when there are good ones (v1: 200), 400 when there are none."""
        if request.path == _VALIDATE:
            return Reply(200, b'{"valid":true}', JSON)
        defaults = {_ARGUMENTS[name]: value for name, value in request.query if name in _ARGUMENTS and value}
        native = native_module()
        decoder = partial(native.decode_datadog, now_ns=time.time_ns(), mapping=native_mapping(request), defaults=defaults)
        outcome = await self._topology.deliver(delivery, decoder, _answer)
        if outcome.rejected and not outcome.accepted:
            return Reply(400, outcome.reply, JSON)
        return Reply(202 if request.path.startswith("/api/v2") else 200, outcome.reply, JSON)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """Datadog's shape of errors: a list, with the details of each."""
        if request.path == _VALIDATE and error.http_status == 401:
            return Reply(403, b'{"errors":["Forbidden"]}', JSON)
        return Reply(
            error.http_status, _errors(error.http_status, type(error).__name__, str(error)), JSON, retry_headers(error)
        )


def _errors(status: int, title: str, detail: str) -> bytes:
    return msgspec.json.encode({"errors": [{"status": str(status), "title": title, "detail": detail}]})


def _answer(outcome: Outcome) -> bytes:
    """`{}`; of bad records it says which, which clients do not look at after a 202."""
    if not outcome.rejected:
        return b"{}"
    return _errors(400, InvalidRequest.__name__, describe(outcome.errors, outcome.rejected, "record"))
