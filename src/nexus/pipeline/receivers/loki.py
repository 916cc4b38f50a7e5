"""Loki's push API: snappy protobuf (the default) and JSON, at Loki's path, its old one, and below the base `/loki`."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final

from nexus.errors import NexusError, UnsupportedEncoding
from nexus.pipeline.decode import decompress, describe, native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.receivers.json_lines import MAPPING_PARAMETERS, native_mapping
from nexus.pipeline.topology import Delivery, Outcome, Topology

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
_PUSH: Final = ("/loki/api/v1/push", "/api/prom/push", "/loki/loki/api/v1/push")
_READY: Final = ("/ready", "/loki/ready")
_PARAMETERS: Final = tuple(pair for pair in MAPPING_PARAMETERS if pair[0] in ("ignore_fields", "extra_fields"))


class Loki:
    """Receiver of Loki's push requests."""

    name = "loki"
    endpoints = (
        Endpoint(_PUSH[0], "Send logs as to Loki", (PROTOBUF, JSON), True, _PARAMETERS),
        Endpoint(_PUSH[1], "Send logs as to Loki, at its old path", (PROTOBUF, JSON), False, _PARAMETERS),
        Endpoint(_PUSH[2], "Send logs as to Loki, below /loki", (PROTOBUF, JSON), False, _PARAMETERS, base="/loki/"),
        *(Endpoint(path, "Is Loki ready?", (), False, method="GET", handshake=True) for path in _READY),
    )

    def __init__(self, topology: Topology) -> None:
        """Deliver into this pipeline."""
        self._topology = topology

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the entries. 204 when all are good; 400 with the reasons when some are not, as Loki does."""
        if request.path in _READY:
            return Reply(200, b"ready\n", TEXT)
        outcome = await self._topology.deliver(delivery, self._decoder(request, delivery), _answer)
        if outcome.reply:
            return Reply(400, outcome.reply, TEXT)
        return Reply(204, b"", TEXT)

    def _decoder(self, request: Request, delivery: Delivery) -> Any:
        native = native_module()
        options = {"now_ns": time.time_ns(), "mapping": native_mapping(request)}
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type == JSON:
            return partial(native.decode_loki_json, **options)
        if content_type not in ("", PROTOBUF, "application/protobuf", "application/octet-stream"):
            raise UnsupportedEncoding(
                f"the content type {content_type[:60]!r} is not one of Loki's push API.", hint=f"Use {PROTOBUF} or {JSON}."
            )
        if delivery.encoding.strip().lower() in ("", "identity", "snappy"):
            # Senders do not say so, but protobuf always comes in snappy's block format.
            delivery.encoding = "snappy"
            return partial(native.decode_loki_protobuf, **options)
        limit = self._topology.max_body_bytes

        def unpack(body: bytes) -> Any:
            return native.decode_loki_protobuf(decompress(body, "snappy", limit), **options)

        return unpack

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """A line of text, as Loki's errors are."""
        headers = retry_headers(error)
        if error.http_status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="nexus"'
        return Reply(error.http_status, f"{error}\n".encode(), TEXT, headers)


def _answer(outcome: Outcome) -> bytes:
    text = describe(outcome.errors, outcome.rejected, "entry")
    return f"{text}; {outcome.accepted} stored\n".encode() if text else b""
