"""A pipeline over a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.pipeline.memory import Bench, MemoryStore
from tests.unit.pipeline.metric_memory import MetricBench, metric_bench

from nexus.pipeline.decode import DecodePool
from nexus.pipeline.statistics import IngestStatistics
from nexus.pipeline.topology import Topology
from nexus.telemetry import Registry


@pytest.fixture
def bench() -> Iterator[Bench]:
    store = MemoryStore()
    store.gate.set()
    registry = Registry()
    pool = DecodePool(2)
    tenants: list[str] = []

    async def ensure(tenant: str) -> None:
        tenants.append(tenant)

    limit: Callable[[], int] = lambda: 1 << 20  # noqa: E731
    topology = Topology(store, IngestStatistics(registry), pool, ensure, None, limit)  # type: ignore[arg-type]
    yield Bench(store, registry, topology, tenants)
    pool.close()


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[MetricBench]:
    bench = metric_bench(tmp_path / "pushed")
    yield bench
    bench.pool.close()
