"""A metric store in memory, as far as writing goes: batches are kept as they came, and shown as plain samples."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from nexus.errors import NexusError
from nexus.pipeline.decode import DecodePool
from nexus.pipeline.intake import MetricIntake, otlp_decoder
from nexus.pipeline.metric_statistics import MetricStatistics
from nexus.pipeline.metrics import MetricPipeline
from nexus.pipeline.push_groups import PushGroups
from nexus.storage.metric_api import MetricReceipt, Refusal
from nexus.telemetry import Registry


@dataclass
class MemoryMetrics:
    """`failure` is raised by the next append; `refusals` are those of its receipt."""

    batches: list[tuple[str, Any]] = field(default_factory=list)
    failure: NexusError | None = None
    refusals: tuple[Refusal, ...] = ()

    async def append(self, tenant: str, batch: Any) -> MetricReceipt:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self.batches.append((tenant, batch))
        shown = [json.loads(series) for series in batch.render(1 << 20)]
        histograms = sum(len(one["histograms"]) for one in shown)
        exemplars = sum(len(one["exemplars"]) for one in shown)
        refused = sum(one.samples for one in self.refusals)
        return MetricReceipt(batch.num_samples - histograms - refused, histograms, exemplars, refusals=self.refusals)

    def series(self, tenant: str = "default") -> list[dict[str, Any]]:
        return [json.loads(text) for owner, batch in self.batches if owner == tenant for text in batch.render(1 << 20)]

    def values(self, tenant: str = "default") -> dict[str, list[Any]]:
        """`name{label=value,...}` to the values of its samples, in the order they came."""
        found: dict[str, list[Any]] = {}
        for one in self.series(tenant):
            labels = dict(one["labels"])
            name = labels.pop("__name__")
            key = f"{name}{{{','.join(f'{label}={value}' for label, value in labels.items())}}}"
            found.setdefault(key, []).extend(value for _, value in one["samples"])
        return found


@dataclass
class MetricBench:
    """A pipeline under test and what is around it."""

    store: MemoryMetrics
    registry: Registry
    pool: DecodePool
    pipeline: MetricPipeline
    intake: MetricIntake
    tenants: list[str]

    def counted(self, name: str, *labels: str) -> float:
        text = self.registry.render().decode()
        wanted = [line for line in text.splitlines() if line.startswith(name) and all(label in line for label in labels)]
        return sum(float(line.rpartition(" ")[2]) for line in wanted)


def metric_bench(directory: Any) -> MetricBench:
    """A pipeline over a store in memory; pushed groups go below `directory`."""
    from nexus.config import OtlpMetricsConfig

    store, registry, pool, tenants = MemoryMetrics(), Registry(), DecodePool(2), []

    async def ensure(tenant: str) -> None:
        tenants.append(tenant)

    pipeline = MetricPipeline(store, MetricStatistics(registry), pool, ensure, lambda: 1 << 20)  # type: ignore[arg-type]
    groups = PushGroups(directory, pipeline, 30.0, 1 << 20)
    return MetricBench(
        store, registry, pool, pipeline, MetricIntake(pipeline, otlp_decoder(OtlpMetricsConfig()), groups), tenants
    )
