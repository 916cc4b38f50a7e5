"""Counting metrics that come in: by tenant, receiver and reason, and the rate of the last ten seconds."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from nexus.pipeline.statistics import MAX_TENANTS, TenantIngest
from nexus.storage.metric_api import MetricReceipt
from nexus.telemetry import Registry


class MetricStatistics:
    """Counters of the metric pipeline. The clock gives Unix seconds."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.time) -> None:
        """Register the counters."""
        self._clock = clock
        self._tenants: OrderedDict[str, TenantIngest] = OrderedDict()
        counter = registry.counter
        self._samples = counter("nexus_metrics_samples_total", "Samples stored, histograms included.", "tenant", "receiver")
        self._exemplars = counter("nexus_metrics_exemplars_total", "Exemplars stored.", "tenant", "receiver")
        self._bytes = counter(
            "nexus_metrics_bytes_total", "Body bytes of metrics taken in after decompression.", "tenant", "receiver"
        )
        self._refused_samples = counter(
            "nexus_metrics_refused_samples_total", "Samples that were not stored.", "tenant", "receiver", "reason"
        )
        self._refused = counter(
            "nexus_ingest_refused_requests_total",
            "Requests, connections and datagrams that were refused as a whole.",
            "receiver",
            "reason",
        )
        self.seconds = registry.histogram(
            "nexus_metrics_append_seconds", "Seconds from the body's last byte until durable and visible.", "receiver"
        )

    def stored(self, tenant: str, receiver: str, size: int, receipt: MetricReceipt) -> None:
        """A delivery was stored, all of it or the good part."""
        samples = receipt.samples + receipt.histograms
        if samples:
            self._samples.add(samples, tenant, receiver)
        if receipt.exemplars:
            self._exemplars.add(receipt.exemplars, tenant, receiver)
        if size:
            self._bytes.add(size, tenant, receiver)
        self._tally(tenant, samples, 0)
        self._tenants[tenant].bytes += size

    def refused_samples(self, tenant: str, receiver: str, reason: str, samples: int) -> None:
        """Samples were not stored; `reason` is of a small vocabulary."""
        self._refused_samples.add(samples, tenant, receiver, reason)
        self._tally(tenant, 0, samples)

    def dropped(self, tenant: str, receiver: str, samples: int, reason: str) -> None:
        """Samples were lost on their way: no room, nobody who would take them."""
        self.refused_samples(tenant, receiver, reason, samples)

    def refused(self, receiver: str, reason: str, count: int = 1) -> None:
        """Requests, connections or datagrams were refused as a whole; `reason` is an error code."""
        self._refused.add(count, receiver, reason)

    def of(self, tenant: str) -> tuple[TenantIngest, float]:
        """What the tenant sent, and its rate of samples now."""
        found = self._tenants.get(tenant) or TenantIngest()
        return found, found.rate(self._clock())

    def forget(self, tenant: str) -> None:
        """A tenant is gone: one that gets its name begins at nothing. Counters of the process go on."""
        self._tenants.pop(tenant, None)

    def _tally(self, tenant: str, samples: int, refused: int) -> None:
        found = self._tenants.pop(tenant, None) or TenantIngest()
        found.add(samples, refused, self._clock())
        self._tenants[tenant] = found
        if len(self._tenants) > MAX_TENANTS:
            self._tenants.popitem(last=False)
