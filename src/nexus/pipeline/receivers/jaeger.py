"""Jaeger: batches in Thrift over HTTP, as its collector takes them, and over UDP, as its agent did. (Its gRPC service is
part of `otlp_grpc`.)

UDP knows no acknowledgement and no credentials: a listener is off until it is given a tenant and networks; what finds no
room is dropped and counted. Datagrams of all senders are stored together.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nexus.errors import InvalidRequest, NexusError, UnsupportedEncoding
from nexus.pipeline.decode import native_module
from nexus.pipeline.http import Endpoint, Reply, Request
from nexus.pipeline.receivers.collect import Collector, CollectorOptions
from nexus.pipeline.receivers.datagrams import (
    DATAGRAMS,
    LARGEST_DATAGRAM,
    UDP_PATIENCE,
    DatagramOptions,
    DatagramSocket,
)
from nexus.pipeline.receivers.listener import OneSocketReceiver
from nexus.pipeline.receivers.zipkin import accepted, refusals, refused_text
from nexus.pipeline.rows import Delivery
from nexus.pipeline.traces import TracePipeline
from nexus.security.permissions import Permission

if TYPE_CHECKING:
    from nexus.config import JaegerConfig

THRIFT: Final = ("application/x-thrift", "application/vnd.apache.thrift.binary")
FORMATS: Final = ("jaeger.thrift", "")

_LENGTH: Final = struct.Struct("<I")


class JaegerHttp:
    """Receiver of `POST /api/traces` in the binary protocol."""

    name = "jaeger_http"
    endpoints = (
        Endpoint(
            "/api/traces",
            "Send a batch of spans in Jaeger's Thrift",
            THRIFT,
            parameters=(("format", "jaeger.thrift, which is also meant without it."),),
            permission=Permission.TRACES_WRITE,
        ),
    )

    def __init__(self, traces: TracePipeline) -> None:
        """Deliver into this pipeline."""
        self._traces = traces

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the good spans. 202, or 400 when there are only others."""
        form = next((value for name, value in request.query if name == "format"), "")
        if form not in FORMATS:
            raise InvalidRequest(f"the format {form[:60]!r} is not read here.", hint="Use format=jaeger.thrift.")
        content_type = request.headers.get("content-type", THRIFT[0]).partition(";")[0].strip().lower()
        if content_type not in THRIFT:
            raise UnsupportedEncoding(
                f"the content type {content_type[:60]!r} is not Jaeger's.", hint=f"Use {' or '.join(THRIFT)}."
            )
        decoder = partial(native_module().decode_jaeger_thrift_binary, now_ns=time.time_ns())
        return accepted(await self._traces.deliver(delivery, decoder, refusals))

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """A line of text, which clients write into their log."""
        return refused_text(error)


class JaegerReceiver(OneSocketReceiver):
    """One configured UDP listener."""

    def __init__(self, config: JaegerConfig, host: str, traces: TracePipeline) -> None:
        """`host` is where to listen. Nothing is opened yet."""
        super().__init__(f"jaeger_{config.protocol}", config.tenant)
        options = CollectorOptions(self.name, config.tenant, int(config.buffer_bytes), UDP_PATIENCE)
        self._collector = Collector(traces, options, decoder_of(config.protocol))
        self._datagrams = Datagrams(
            DatagramOptions.of(config, self.name, host),
            traces,
            self._collector,
        )

    async def stop(self, grace: float) -> None:
        """Listen no more and store what was read."""
        await super().stop(grace)
        await self._collector.close(grace / 2)


class Datagrams(DatagramSocket):
    """The UDP socket: datagrams become one body, each behind its length."""

    def __init__(self, options: DatagramOptions, traces: TracePipeline, collector: Collector) -> None:
        """Nothing is opened yet."""
        super().__init__(options, lambda reason, count: collector.drop(count, reason))
        self._statistics = traces.statistics
        self._collector = collector

    def _readable(self) -> int:
        assert self._sock is not None
        receive, admit = self._sock.recvfrom, self._options.networks.admit
        pieces: list[bytes] = []
        refused = taken = 0
        while taken < DATAGRAMS:
            try:
                piece, address = receive(LARGEST_DATAGRAM)
            except OSError:
                # Nothing there; or an earlier answer of ours that found nobody, which is no concern of this socket.
                break
            taken += 1
            if admit(address[0]):
                pieces += (_LENGTH.pack(len(piece)), piece)
            else:
                refused += 1
        if refused:
            self._statistics.refused(self._options.name, "network_not_allowed", refused)
        if pieces and self._collector.full:
            self._collector.drop(len(pieces) // 2, "buffer_full")
        elif pieces:
            self._collector.add(b"".join(pieces), len(pieces) // 2)
        return taken


def decoder_of(protocol: str) -> Callable[[], Any]:
    """Makes the decoder of datagrams that arrive now."""
    compact = protocol == "compact"
    return lambda: partial(native_module().decode_jaeger_datagrams, now_ns=time.time_ns(), compact=compact)
