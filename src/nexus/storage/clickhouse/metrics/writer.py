"""Appends batches to the native engine: limits, times that are taken, one fsync for many, and what being full means."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from nexus import _native
from nexus.errors import DiskFull, Overloaded, StorageError
from nexus.storage.clickhouse.disk import DiskGuard
from nexus.storage.metric_api import MetricReceipt, Refusal

DAY_MS: Final = 86_400_000
LAST_MS: Final = 65_535 * DAY_MS - 1
"""The last ms of the largest day that the tables can hold (2149-06-05)."""

THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class SeriesLimits:
    """What a tenant's series may be; 0 is no limit. Series count while they are active, lengths are bytes."""

    series: int = 0
    series_per_metric: int = 0
    values_per_label: int = 0
    labels_per_series: int = 0
    name_bytes: int = 0
    value_bytes: int = 0


@dataclass(slots=True)
class AppendStatistics:
    """Counters since the start."""

    samples: int = 0
    histograms: int = 0
    exemplars: int = 0
    new_series: int = 0
    refused_samples: int = 0
    refused_batches: int = 0
    seconds: float = 0.0


class MetricWriter:
    """See the module text. `append` belongs on one event loop."""

    def __init__(
        self,
        engine: _native.MetricsEngine,
        disk: DiskGuard,
        full: Callable[[], None],
        limits: Callable[[str], SeriesLimits],
        oldest_days: Callable[[str], int],
        *,
        fsync: bool,
        future_ms: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`full` is called when memory is short; `oldest_days` tells how long the samples of a tenant are kept at most
        (0: for ever); `future_ms` how far ahead of the clock samples may be (0: to the end of the calendar)."""
        self._engine = engine
        self._disk = disk
        self._full = full
        self._limits = limits
        self._oldest_days = oldest_days
        self._future_ms = future_ms
        self._clock = clock
        self._fsync = GroupSync(engine.sync) if fsync else None
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="metric-append")
        self._made: dict[SeriesLimits, _native.MetricLimits] = {}
        self._stopped = False
        self.statistics = AppendStatistics()

    async def append(self, tenant: str, batch: Any) -> MetricReceipt:
        """See `MetricStore.append`."""
        if self._stopped:
            raise Overloaded("the store is stopping.", retry_after=5.0)
        self._disk.check()
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        appended = await loop.run_in_executor(self._executor, self._append, tenant, batch)
        if self._fsync is not None:
            await self._fsync()
        return self._receipt(appended, began)

    def stop(self) -> None:
        """Take nothing more; what is under way ends first."""
        self._stopped = True
        self._executor.shutdown(wait=True)

    def _append(self, tenant: str, batch: Any) -> _native.Appended:
        now = int(self._clock() * 1000)
        days, ahead = self._oldest_days(tenant), self._future_ms()
        try:
            return self._engine.append(
                tenant,
                batch,
                self._native_limits(self._limits(tenant)),
                now_ms=now,
                oldest_ms=max(now - days * DAY_MS, 0) if days else 0,
                newest_ms=min(now + ahead, LAST_MS) if ahead else LAST_MS,
            )
        except _native.HeadFull as error:
            self.statistics.refused_batches += 1
            self._full()
            raise Overloaded(
                f"open samples take all the memory that they may: {error}",
                retry_after=2.0,
                hint="Retry after the time in Retry-After; a larger metrics.head_bytes takes more at once.",
            ) from None
        except _native.LogFull as error:
            self.statistics.refused_batches += 1
            self._full()
            raise Overloaded(
                f"samples wait to be stored, and their log is as large as it may be: {error}",
                retry_after=10.0,
                hint="The server's log says what keeps them from being stored.",
            ) from None
        except OSError as error:
            self.statistics.refused_batches += 1
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._disk.report_full(str(error)) from None
            raise StorageError(
                f"the samples could not be written: {error}", hint="Retry; the server's log has more."
            ) from error

    def _native_limits(self, limits: SeriesLimits) -> _native.MetricLimits:
        made = self._made.get(limits)
        if made is None:
            if len(self._made) > 1000:
                self._made.clear()
            made = self._made[limits] = _native.MetricLimits(
                series=limits.series,
                series_per_metric=limits.series_per_metric,
                values_per_label=limits.values_per_label,
                labels_per_series=limits.labels_per_series,
                name_bytes=limits.name_bytes,
                value_bytes=limits.value_bytes,
            )
        return made

    def _receipt(self, appended: _native.Appended, began: float) -> MetricReceipt:
        receipt = MetricReceipt(
            appended.samples,
            appended.histograms,
            appended.exemplars,
            appended.metadata,
            tuple(Refusal(*refusal) for refusal in appended.refusals),
        )
        counted = self.statistics
        counted.samples += receipt.samples
        counted.histograms += receipt.histograms
        counted.exemplars += receipt.exemplars
        counted.new_series += appended.new_series
        counted.refused_samples += receipt.refused
        counted.seconds += time.perf_counter() - began
        return receipt


class GroupSync:
    """One fsync for everybody who waits: who comes while one is under way waits for the next one."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Returns when what was appended before is on disk. Raises `StorageError`, `DiskFull`."""
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
            mine = self._running
        else:
            if self._next is None:
                self._next = asyncio.ensure_future(self._after(self._running))
            mine = self._next
        try:
            await asyncio.shield(mine)
        except OSError as error:
            kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
            raise kind(
                f"the samples are not safe on disk: {error}", hint="Retry; sending them again changes nothing."
            ) from error

    async def _after(self, running: asyncio.Task[None]) -> None:
        await asyncio.wait([running])
        self._running, self._next = self._next, None
        await self._run()

    async def _run(self) -> None:
        mine = self._running
        try:
            await asyncio.to_thread(self._sync)
        finally:
            if self._running is mine:
                self._running = None
