"""Counting what comes in: by tenant, service, receiver and reason, and the rate of the last ten seconds."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nexus.model.batch import LogBatch, SpanBatch
from nexus.telemetry import Registry

WINDOW_SECONDS: Final = 10
MAX_TENANTS: Final = 1000
MAX_SERVICES: Final = 200


@dataclass(slots=True)
class TenantIngest:
    """What one tenant sent since the start. Times are Unix seconds; `bytes` are those of the bodies that were stored."""

    records: int = 0
    bytes: int = 0
    rejected: int = 0
    last_received: float = 0.0
    _buckets: list[int] = field(default_factory=lambda: [0] * (WINDOW_SECONDS + 1))
    _second: int = 0

    def add(self, records: int, rejected: int, now: float) -> None:
        """Count a delivery."""
        self._turn(int(now))
        self.records += records
        self.rejected += rejected
        self._buckets[self._second % len(self._buckets)] += records
        if records:
            self.last_received = now

    def rate(self, now: float) -> float:
        """Records a second over the last ten whole seconds and the running one."""
        self._turn(int(now))
        return sum(self._buckets) / (WINDOW_SECONDS + now % 1)

    def _turn(self, second: int) -> None:
        for passed in range(max(self._second + 1, second - len(self._buckets) + 1), second + 1):
            self._buckets[passed % len(self._buckets)] = 0
        self._second = max(second, self._second)


@dataclass(frozen=True, slots=True)
class Signal:
    """How counters of a signal are called: the beginning of their names, what is counted in them and in words."""

    prefix: str
    noun: str
    title: str


LOGS: Final = Signal("nexus_ingest", "records", "Records")
TRACES: Final = Signal("nexus_traces", "spans", "Spans")


class IngestStatistics:
    """Counters of the pipeline. The clock gives Unix seconds."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.time, signal: Signal = LOGS) -> None:
        """Register the counters of a signal."""
        self._clock = clock
        self._tenants: OrderedDict[str, TenantIngest] = OrderedDict()
        self._services: dict[str, set[str]] = {}
        prefix, noun, title = signal.prefix, signal.noun, signal.title
        counter = registry.counter
        self._records = counter(f"{prefix}_{noun}_total", f"{title} stored, by tenant and receiver.", "tenant", "receiver")
        self._bytes = counter(f"{prefix}_bytes_total", "Body bytes taken in after decompression.", "tenant", "receiver")
        self._service_records = counter(
            f"{prefix}_service_{noun}_total", f"{title} stored, by tenant and service.", "tenant", "service"
        )
        self._service_bytes = counter(
            f"{prefix}_service_bytes_total", "Decoded bytes stored, by tenant and service.", "tenant", "service"
        )
        self._rejected = counter(
            f"{prefix}_rejected_{noun}_total", f"{title} that were refused.", "tenant", "receiver", "reason"
        )
        self._truncated = counter(
            f"{prefix}_truncated_{noun}_total", f"{title} that were cut to the largest size.", "tenant", "receiver"
        )
        self._refused = counter(
            "nexus_ingest_refused_requests_total",
            "Requests, connections and datagrams that were refused as a whole.",
            "receiver",
            "reason",
        )
        self._replayed = counter(
            f"{prefix}_replayed_requests_total", "Requests answered from their idempotency key.", "tenant", "receiver"
        )
        self.seconds = registry.histogram(
            f"{prefix}_seconds", "Seconds from the body's last byte until durable and visible.", "receiver"
        )

    def stored(self, tenant: str, receiver: str, size: int, batch: LogBatch | SpanBatch, rejected: int) -> None:
        """A delivery was stored, all of it or the good part."""
        self._bytes.add(size, tenant, receiver)
        if batch.num_rows:
            self._records.add(batch.num_rows, tenant, receiver)
            for service, records, octets in batch.services():
                name = self._bounded(tenant, service)
                self._service_records.add(records, tenant, name)
                self._service_bytes.add(octets, tenant, name)
        self._count(tenant, receiver, batch.num_rows, rejected)
        self._tenants[tenant].bytes += size

    def rejected(self, tenant: str, receiver: str, records: int) -> None:
        """A delivery held no good record."""
        self._count(tenant, receiver, 0, records)

    def dropped(self, tenant: str, receiver: str, records: int, reason: str) -> None:
        """Records were lost on their way: no room, nobody who would take them."""
        self._rejected.add(records, tenant, receiver, reason)
        self._tally(tenant, 0, records)

    def truncated(self, tenant: str, receiver: str, records: int) -> None:
        """Records were cut because they were too long; the rest of each is stored."""
        self._truncated.add(records, tenant, receiver)

    def refused(self, receiver: str, reason: str, count: int = 1) -> None:
        """Requests, connections or datagrams were refused as a whole; `reason` is an error code."""
        self._refused.add(count, receiver, reason)

    def replayed(self, tenant: str, receiver: str) -> None:
        """A request was a repetition."""
        self._replayed.add(1, tenant, receiver)

    def of(self, tenant: str) -> tuple[TenantIngest, float]:
        """What the tenant sent, and its rate now."""
        found = self._tenants.get(tenant) or TenantIngest()
        return found, found.rate(self._clock())

    def forget(self, tenant: str) -> None:
        """A tenant is gone: one that gets its name begins at nothing. Counters of the process go on."""
        self._tenants.pop(tenant, None)
        self._services.pop(tenant, None)

    def _count(self, tenant: str, receiver: str, records: int, rejected: int) -> None:
        if rejected:
            self._rejected.add(rejected, tenant, receiver, "invalid_record")
        self._tally(tenant, records, rejected)

    def _tally(self, tenant: str, records: int, rejected: int) -> None:
        found = self._tenants.pop(tenant, None) or TenantIngest()
        found.add(records, rejected, self._clock())
        self._tenants[tenant] = found
        if len(self._tenants) > MAX_TENANTS:
            self._tenants.popitem(last=False)

    def _bounded(self, tenant: str, service: str) -> str:
        known = self._services.setdefault(tenant if len(self._services) < MAX_TENANTS else "", set())
        if service not in known and len(known) >= MAX_SERVICES:
            return "other"
        known.add(service)
        return service
