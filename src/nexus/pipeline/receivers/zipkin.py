"""Zipkin over HTTP: spans as JSON, version 2 and version 1, which are told apart span by span."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from nexus.errors import NexusError, UnsupportedEncoding
from nexus.pipeline.decode import describe, native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.rows import Delivery, Outcome
from nexus.pipeline.traces import TracePipeline
from nexus.security.permissions import Permission

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
_PATHS: Final = ("/api/v2/spans", "/api/v1/spans")


class Zipkin:
    """Receiver of Zipkin's spans. Answers 202 as Zipkin does; what was refused of a list is told in the body."""

    name = "zipkin"
    endpoints = (
        Endpoint(_PATHS[0], "Send spans in Zipkin's JSON", (JSON,), permission=Permission.TRACES_WRITE),
        Endpoint(_PATHS[1], "Send spans in Zipkin's JSON of version 1", (JSON,), permission=Permission.TRACES_WRITE),
    )

    def __init__(self, traces: TracePipeline) -> None:
        """Deliver into this pipeline."""
        self._traces = traces

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the good spans. 202 when there are any or none at all were sent, else 400."""
        content_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if content_type not in (JSON, "text/json", "text/plain", ""):
            raise UnsupportedEncoding(
                f"the content type {content_type[:60]!r} is not read here.", hint="Send spans as JSON: application/json."
            )
        decoder = partial(native_module().decode_zipkin_json, now_ns=time.time_ns())
        return accepted(await self._traces.deliver(delivery, decoder, refusals))

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """A line of text, which clients write into their log."""
        return refused_text(error)


def refusals(outcome: Outcome) -> bytes:
    """A line about spans that were refused; nothing when all were taken."""
    text = describe(outcome.errors, outcome.rejected, "span")
    return f"{text}\n".encode() if text else b""


def accepted(outcome: Outcome) -> Reply:
    """The answer of Zipkin and Jaeger: 202, or 400 when no span of a body was good."""
    nothing = outcome.rejected and not outcome.accepted and not outcome.replayed
    return Reply(400 if nothing else 202, outcome.reply, TEXT)


def refused_text(error: NexusError) -> Reply:
    """A line of text about a request that failed."""
    headers = retry_headers(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="nexus"'
    return Reply(error.http_status, f"{error}\n".encode(), TEXT, headers)
