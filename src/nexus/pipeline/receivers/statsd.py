"""StatsD and DogStatsD over UDP, TCP, TLS and Unix sockets: added up in native code, stored at every flush."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from nexus.errors import NexusError
from nexus.pipeline.decode import native_module
from nexus.pipeline.metrics import MetricPipeline
from nexus.pipeline.receivers.datagrams import DatagramOptions, LineDatagrams
from nexus.pipeline.receivers.line_streams import MAX_LINE, serve_lines
from nexus.pipeline.receivers.listener import Connection, Networks, StreamListener, StreamOptions

if TYPE_CHECKING:
    from nexus.config import StatsdConfig

LOG_SECONDS: Final = 10.0

log = logging.getLogger(__name__)


class StatsdReceiver:
    """One configured listener."""

    def __init__(self, config: StatsdConfig, host: str, pipeline: MetricPipeline) -> None:
        """`host` is where to listen. Nothing is opened yet."""
        self.name = f"statsd_{config.protocol}"
        self.tenant = config.tenant
        self._pipeline = pipeline
        self._statistics = pipeline.statistics
        self._interval = float(config.flush_interval)
        self._aggregator = native_module().StatsdAggregator(
            max_series=config.max_series, buckets=list(config.histogram_buckets)
        )
        self._flushing: asyncio.Task[None] | None = None
        self._logged = -LOG_SECONDS
        networks = Networks(config.networks)
        self._datagrams: LineDatagrams | None = None
        self._streams: StreamListener | None = None
        if config.protocol in ("udp", "unix"):
            options = DatagramOptions(self.name, host, config.port, networks, int(config.receive_buffer_bytes), config.path)
            self._datagrams = LineDatagrams(
                options,
                lambda lines, _: self._feed(lines),
                lambda reason, count: self._statistics.refused(self.name, reason, count),
                lambda reason, count: self._statistics.dropped(self.tenant, self.name, count, reason),
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
        """Listen; the address (a path and 0 for a Unix socket). Raises `ConfigError`."""
        self._flushing = asyncio.create_task(self._run())
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
        """Listen no more and store what was added up."""
        if self._streams is not None:
            await self._streams.stop(grace / 2)
        if self._datagrams is not None:
            await self._datagrams.stop()
        if self._flushing is not None:
            self._flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flushing
            await self.flush()

    @property
    def connections(self) -> int:
        """Open connections."""
        return self._streams.connections if self._streams is not None else 0

    async def _serve(self, connection: Connection) -> None:
        async def room() -> None:
            """What is added up takes no room."""

        await serve_lines(connection, self._feed, room)

    def _feed(self, lines: bytes) -> None:
        self._aggregator.feed(lines, time.time_ns() // 1_000_000)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval - time.time() % self._interval)
            await self.flush()

    async def flush(self) -> None:
        """Store the samples of now. What is not stored is no loss: totals go on, and the next flush has them."""
        batch, (_, malformed, refused, errors) = await asyncio.to_thread(self._aggregator.flush, time.time_ns() // 1_000_000)
        if malformed:
            self._statistics.dropped(self.tenant, self.name, malformed, "invalid_sample")
            self._report("%s could not read %d lines: %s", self.name, malformed, "; ".join(errors))
        if refused:
            self._statistics.dropped(self.tenant, self.name, refused, "series_limit")
            self._report("%s has no room for further series (receivers.statsd.max_series)", self.name)
        if batch.is_empty:
            return
        try:
            meter = self._pipeline.meter_of(self.tenant)
            await self._pipeline.append(self.tenant, self.name, batch, meter.take_records if meter else None)
        except NexusError as error:
            self._report("%s cannot store samples: %s", self.name, error)
            self._statistics.dropped(self.tenant, self.name, batch.num_samples, error.code)
        except Exception:
            log.exception("%s failed to store samples", self.name)

    def _report(self, text: str, *values: object) -> None:
        """Say it, but not every time."""
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            log.warning(text, *values)
