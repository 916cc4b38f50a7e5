"""Graphite's plaintext protocol over TCP, TLS and UDP: `path;tag=value 12.5 1700000000`, a line each."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from nexus.pipeline.decode import native_module
from nexus.pipeline.metrics import MetricPipeline, raise_if_retryable
from nexus.pipeline.receivers.collect import Collector, CollectorOptions
from nexus.pipeline.receivers.datagrams import DatagramOptions, LineDatagrams
from nexus.pipeline.receivers.line_streams import MAX_LINE, serve_lines
from nexus.pipeline.receivers.listener import Connection, Networks, StreamListener, StreamOptions
from nexus.pipeline.receivers.syslog import UDP_PATIENCE
from nexus.pipeline.topology import Delivery

if TYPE_CHECKING:
    from nexus.config import GraphiteConfig


class GraphiteReceiver:
    """One configured listener."""

    def __init__(self, config: GraphiteConfig, host: str, pipeline: MetricPipeline) -> None:
        """`host` is where to listen. Nothing is opened yet."""
        self.name = f"graphite_{config.protocol}"
        self.tenant = config.tenant
        self._statistics = pipeline.statistics
        udp = config.protocol == "udp"
        options = CollectorOptions(self.name, config.tenant, int(config.buffer_bytes), UDP_PATIENCE if udp else None)
        self._collector = Collector(_Sink(pipeline), options, _decoder)
        networks = Networks(config.networks)
        self._datagrams: LineDatagrams | None = None
        self._streams: StreamListener | None = None
        if udp:
            self._datagrams = LineDatagrams(
                DatagramOptions(self.name, host, config.port, networks, int(config.receive_buffer_bytes)),
                self._take,
                lambda reason, count: self._statistics.refused(self.name, reason, count),
                lambda reason, count: self._collector.drop(count, reason),
            )
        else:
            stream = StreamOptions(
                self.name,
                host,
                config.port,
                networks,
                config.max_connections,
                config.idle_timeout,
                int(config.buffer_bytes) + MAX_LINE,
                config.certificate,
                config.key,
                config.client_ca,
            )
            self._streams = StreamListener(stream, pipeline.statistics, self._serve)

    async def start(self) -> tuple[str, int]:
        """Listen; the address. Raises `ConfigError`."""
        if self._streams is not None:
            return await self._streams.start()
        assert self._datagrams is not None
        return self._datagrams.start()

    @property
    def certificates(self) -> tuple[str, ...]:
        """Files with certificates and keys; none without TLS."""
        return self._streams.certificates if self._streams is not None else ()

    def reload(self) -> None:
        """Read certificates again. Raises `ConfigError`."""
        if self._streams is not None:
            self._streams.reload()

    async def stop(self, grace: float) -> None:
        """Listen no more and store what was read."""
        if self._streams is not None:
            await self._streams.stop(grace / 2)
        if self._datagrams is not None:
            await self._datagrams.stop()
        await self._collector.close(grace / 2)

    @property
    def connections(self) -> int:
        """Open connections."""
        return self._streams.connections if self._streams is not None else 0

    async def _serve(self, connection: Connection) -> None:
        await serve_lines(connection, self._add, self._collector.room)

    def _add(self, lines: bytes) -> None:
        self._collector.add(lines, lines.count(b"\n"))

    def _take(self, lines: bytes, _datagrams: int) -> None:
        if self._collector.full:
            self._collector.drop(lines.count(b"\n"), "buffer_full")
        else:
            self._add(lines)


class _Sink:
    """The pipeline of metrics as a collector knows it."""

    def __init__(self, pipeline: MetricPipeline) -> None:
        self._pipeline = pipeline
        self.meter_of = pipeline.meter_of
        self.statistics = pipeline.statistics

    async def deliver(self, delivery: Delivery, decoder: Any, _answer: Any) -> None:
        """Store a body. What is refused for good is counted by the pipeline; what may be taken later is sent again."""
        raise_if_retryable(await self._pipeline.deliver(delivery, decoder))


def _decoder() -> Any:
    return partial(native_module().decode_graphite, now_ms=time.time_ns() // 1_000_000)
