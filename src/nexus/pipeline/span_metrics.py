"""Request rates, errors and durations of operations and the graph of services, as metrics, from all spans that are stored.

Spans are counted in native code before their sender is told that they are stored; every second what changed goes to the
tenant's metrics, so it is visible within two seconds. Counters live in memory: a killed process loses what was counted
within its last second and the sides of requests that still waited for the other one, never more (ADR 0020). Names and
labels: `crates/nexus-core/src/traces/derive`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from nexus.errors import NexusError, TenantDeleted
from nexus.pipeline.decode import native_module
from nexus.pipeline.metrics import MetricPipeline
from nexus.telemetry import Registry

RECEIVER: Final = "span_metrics"
INTERVAL: Final = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpanMetricsOptions:
    """Bounds of one tenant: operations and edges (each), spans that wait for the other side of a request, seconds that they
    wait."""

    groups: int = 10_000
    waiting: int = 100_000
    wait_seconds: float = 10.0


class SpanMetrics:
    """Derives and sends. `observe` may be called from any thread, the rest belongs to the event loop."""

    def __init__(
        self,
        metrics: MetricPipeline,
        options: SpanMetricsOptions,
        registry: Registry,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._metrics = metrics
        self._options = options
        self._clock = clock
        self._derivers: dict[str, Any] = {}
        self._unsent: dict[str, Any] = {}
        self._gone = [0, 0, 0, 0, 0]
        self._failures = registry.counter("nexus_span_metrics_failures_total", "Times that derived metrics were not stored.")
        self._task: asyncio.Task[None] | None = None
        names = (
            ("spans", "Spans that were counted."),
            ("edges", "Requests between services that were counted."),
            ("unpaired_spans", "Spans whose other side never came, and that name none."),
            ("hurried_spans", "Spans that waited for too short a time, because too many did."),
            ("overflowed_spans", "Spans that count for the overflow operation or edge."),
        )
        for index, (name, text) in enumerate(names):
            registry.gauge(f"nexus_span_metrics_{name}", text, read=partial(self._statistic, index))

    def observe(self, tenant: str, batch: Any) -> None:
        """Count the spans of a `SpanBatch` that has just been stored. The interpreter is free meanwhile."""
        deriver = self._derivers.get(tenant)
        if deriver is None:
            options = self._options
            made = native_module().SpanDeriver(options.groups, options.waiting, int(options.wait_seconds * 1e9))
            deriver = self._derivers.setdefault(tenant, made)
        deriver.observe(batch, self._clock())

    def start(self) -> None:
        """Send in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send what changed, once more, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self.send()

    async def _run(self) -> None:
        while True:
            began = time.monotonic()
            await self.send()
            await asyncio.sleep(max(0.1, INTERVAL - (time.monotonic() - began)))

    async def send(self) -> None:
        """Store what changed. What cannot be stored now is tried again before anything newer is collected, so that a new
        series keeps the zero with which it begins."""
        for tenant, deriver in list(self._derivers.items()):
            kept = self._unsent.pop(tenant, None)
            if kept is None or await self._store(tenant, kept):
                await self._store(tenant, await asyncio.to_thread(deriver.collect, self._clock()))

    async def _store(self, tenant: str, batch: Any) -> bool:
        """Is it stored, or nothing to be kept?"""
        if batch.is_empty:
            return True
        try:
            await self._metrics.append(tenant, RECEIVER, batch)
        except TenantDeleted:
            self._forget(tenant)
        except NexusError as error:
            self._failures.add(1)
            self._unsent[tenant] = batch
            log.warning("derived metrics of tenant %s are not stored now: %s", tenant, error)
            return False
        except Exception:
            self._failures.add(1)
            log.exception("derived metrics of tenant %s are not stored", tenant)
        return True

    def _forget(self, tenant: str) -> None:
        self._unsent.pop(tenant, None)
        deriver = self._derivers.pop(tenant, None)
        if deriver is not None:
            self._gone = [gone + one for gone, one in zip(self._gone, deriver.statistics(), strict=True)]

    def _statistic(self, index: int) -> float:
        return float(self._gone[index] + sum(int(one.statistics()[index]) for one in list(self._derivers.values())))
