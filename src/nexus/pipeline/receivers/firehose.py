"""Amazon Data Firehose's HTTP endpoint destination, with CloudWatch Logs' subscription payloads.

The access key is a key of Nexus; the request id is the idempotency key, so that a delivery that is tried again counts once.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from nexus.errors import InvalidRequest, NexusError
from nexus.pipeline.decode import describe, native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.receivers.json_lines import MAPPING_PARAMETERS, native_mapping
from nexus.pipeline.topology import Delivery, Outcome, Topology

JSON: Final = "application/json"
_PATHS: Final = ("/aws/firehose", "/aws/firehose/logs")
_KEYS: Final = (("header", "x-amz-firehose-access-key"),)
REQUEST_ID: Final = "x-amz-firehose-request-id"
_COMMON: Final = "x-amz-firehose-common-attributes"


class CommonAttributes(Struct):
    """What Firehose is configured to send with every delivery."""

    commonAttributes: dict[str, str] = {}


class Firehose:
    """Receiver of Firehose's deliveries."""

    name = "firehose"
    endpoints = tuple(
        Endpoint(path, "Deliver from Amazon Data Firehose", (JSON,), index == 0, MAPPING_PARAMETERS, keys=_KEYS)
        for index, path in enumerate(_PATHS)
    )

    def __init__(self, topology: Topology) -> None:
        """Deliver into this pipeline."""
        self._topology = topology

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the records; 400, after which Firehose backs up to S3, when none of them is good."""
        request_id = request.headers.get(REQUEST_ID, "")
        delivery.key = delivery.key or request_id
        decoder = partial(
            native_module().decode_firehose,
            now_ns=time.time_ns(),
            mapping=native_mapping(request),
            limit=self._topology.max_body_bytes,
            common=_common_attributes(request),
        )

        def answer(outcome: Outcome) -> bytes:
            return _answer(request_id, describe(outcome.errors, outcome.rejected, "record"))

        outcome = await self._topology.deliver(delivery, decoder, answer)
        return Reply(400 if outcome.rejected and not outcome.accepted else 200, outcome.reply, JSON)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """The same shape, with the reason."""
        body = _answer(request.headers.get(REQUEST_ID, ""), str(error))
        return Reply(error.http_status, body, JSON, retry_headers(error))


def _answer(request_id: str, message: str) -> bytes:
    document: dict[str, str | int] = {"requestId": request_id, "timestamp": time.time_ns() // 1_000_000}
    if message:
        document["errorMessage"] = message[:8192]
    return msgspec.json.encode(document)


def _common_attributes(request: Request) -> dict[str, str]:
    text = request.headers.get(_COMMON)
    if not text:
        return {}
    try:
        return msgspec.json.decode(text.encode("latin-1"), type=CommonAttributes).commonAttributes
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"the header X-Amz-Firehose-Common-Attributes cannot be read: {error}.",
            hint='It holds {"commonAttributes": {"name": "text"}}.',
        ) from error
