"""Graphite's plaintext protocol over TCP, TLS and UDP: `path;tag=value 12.5 1700000000`, a line each."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from nexus.pipeline.decode import native_module
from nexus.pipeline.metrics import MetricPipeline, raise_if_retryable
from nexus.pipeline.receivers.collect import Collector, CollectorOptions
from nexus.pipeline.receivers.datagrams import UDP_PATIENCE, DatagramOptions, LineDatagrams
from nexus.pipeline.receivers.line_streams import MAX_LINE, serve_lines
from nexus.pipeline.receivers.listener import Connection, OneSocketReceiver, StreamListener, StreamOptions
from nexus.pipeline.topology import Delivery

if TYPE_CHECKING:
    from nexus.config import GraphiteConfig


class GraphiteReceiver(OneSocketReceiver):
    """One configured listener."""

    def __init__(self, config: GraphiteConfig, host: str, pipeline: MetricPipeline) -> None:
        """`host` is where to listen. Nothing is opened yet."""
        super().__init__(f"graphite_{config.protocol}", config.tenant)
        self._statistics = pipeline.statistics
        udp = config.protocol == "udp"
        options = CollectorOptions(self.name, config.tenant, int(config.buffer_bytes), UDP_PATIENCE if udp else None)
        self._collector = Collector(_Sink(pipeline), options, _decoder)
        if udp:
            self._datagrams = LineDatagrams(
                DatagramOptions.of(config, self.name, host),
                self._take,
                lambda reason, count: self._statistics.refused(self.name, reason, count),
                lambda reason, count: self._collector.drop(count, reason),
            )
        else:
            self._streams = StreamListener(
                StreamOptions.of(config, self.name, host, MAX_LINE), pipeline.statistics, self._serve
            )

    async def stop(self, grace: float) -> None:
        """Listen no more and store what was read."""
        await super().stop(grace)
        await self._collector.close(grace / 2)

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
