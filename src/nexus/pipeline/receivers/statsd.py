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
from nexus.pipeline.receivers.listener import Connection, OneSocketReceiver, StreamListener, StreamOptions

if TYPE_CHECKING:
    from nexus.config import StatsdConfig

LOG_SECONDS: Final = 10.0

log = logging.getLogger(__name__)


class StatsdReceiver(OneSocketReceiver):
    """One configured listener."""

    def __init__(self, config: StatsdConfig, host: str, pipeline: MetricPipeline) -> None:
        """`host` is where to listen. Nothing is opened yet."""
        super().__init__(f"statsd_{config.protocol}", config.tenant)
        self._pipeline = pipeline
        self._statistics = pipeline.statistics
        self._interval = float(config.flush_interval)
        self._aggregator = native_module().StatsdAggregator(
            max_series=config.max_series, buckets=list(config.histogram_buckets)
        )
        self._flushing: asyncio.Task[None] | None = None
        self._logged = -LOG_SECONDS
        if config.protocol in ("udp", "unix"):
            self._datagrams = LineDatagrams(
                DatagramOptions.of(config, self.name, host, config.path),
                lambda lines, _: self._feed(lines),
                lambda reason, count: self._statistics.refused(self.name, reason, count),
                lambda reason, count: self._statistics.dropped(self.tenant, self.name, count, reason),
            )
        else:
            self._streams = StreamListener(
                StreamOptions.of(config, self.name, host, MAX_LINE), pipeline.statistics, self._serve
            )

    async def start(self) -> tuple[str, int]:
        """Listen; the address (a path and 0 for a Unix socket). Raises `ConfigError`."""
        self._flushing = asyncio.create_task(self._run())
        return await super().start()

    async def stop(self, grace: float) -> None:
        """Listen no more and store what was added up."""
        await super().stop(grace)
        if self._flushing is not None:
            self._flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flushing
            await self.flush()

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
