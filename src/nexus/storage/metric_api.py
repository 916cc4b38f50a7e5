"""The contract of metric stores, in sentences. Implementations: `storage.clickhouse.metrics` (embedded: a native head over
the engine's tables) and `storage.victoriametrics`, chosen per tenant by `storage.metric_router`.

Writing. `append` returns after every sample that it took is durable (survives `kill -9`; with `durability: fsync` also a
power cut) and visible to the next query. It refuses single series, not batches: what it refuses is in the receipt, by
reason, with a sentence. Of samples of one series with one timestamp the last one written counts; sending the same sample
again changes nothing, so retries need no token. Samples may come in any order.

Limits of cardinality belong to the store: a new series beyond one is refused, and the sum of what was refused is kept in an
overflow series of the same metric and target (label `nexus_overflow="true"`), so that totals stay right.

Bounds. What is in memory is limited in bytes; beyond it `append` raises `Overloaded` at once. A full disk raises `DiskFull`.

Reading. A store accepts only `Scoped` plans of `query.plan.SeriesPlan`. An unknown tenant reads as empty. Answers are
encoded JSON. Cancelling the awaiting task ends the work. Of a restricted query statistics say nothing beyond what it sees.
Times are ms since the epoch.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from nexus.model.batch import MetricBatch
from nexus.query.plan import Scoped
from nexus.storage.api import Progress


@dataclass(frozen=True, slots=True)
class Refusal:
    """Samples that were not stored: `reason` is one of a small vocabulary (`series_limit`, `metric_series_limit`,
    `label_values_limit`, `too_old`, `too_new`, `invalid_labels`, ...), `message` a sentence that names what and how many,
    for the first of its kind; `retryable` when it may be taken later."""

    reason: str
    message: str
    samples: int
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class MetricReceipt:
    """What of a batch is durable and visible now. Samples that were there already count as written."""

    samples: int = 0
    histograms: int = 0
    exemplars: int = 0
    metadata: int = 0
    refusals: tuple[Refusal, ...] = ()

    @property
    def refused(self) -> int:
        """Samples that were not stored."""
        return sum(one.samples for one in self.refusals)


@dataclass(slots=True)
class SeriesStatistics:
    """What a query cost: series selected, samples looked at (those of windows at each step), samples read, most samples in
    memory, bytes read from disk."""

    query_id: str = ""
    elapsed_ms: float = 0.0
    series: int = 0
    samples: int = 0
    samples_read: int = 0
    peak_samples: int = 0
    bytes_read: int = 0


@dataclass(slots=True)
class SeriesAnswer:
    """Encoded JSON: what stands under `data` in the Prometheus API. Warnings and infos as Prometheus words them (each
    once); `limited` when `limit` cut the answer."""

    data: bytes
    warnings: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)
    limited: bool = False
    statistics: SeriesStatistics = field(default_factory=SeriesStatistics)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a query would cost, before it runs: series, samples and bytes to read, at most."""

    series: int
    samples: int
    bytes: int


class MetricLifecycle(Protocol):
    """What happens to stored samples; the embedded store has it beside `MetricStore`."""

    async def retention_changed(self) -> None:
        """Take over retention policies that have changed, for samples to come and, in the background, for stored ones.
        Raises `StorageError`; it is tried again by itself."""
        ...

    async def retention_progress(self, tenant: str) -> Progress:
        """How far changes of retention that concern a tenant are."""
        ...


class MetricStore(Protocol):
    """Metrics: append and query; see the module text."""

    def dialect(self, tenant: str) -> Literal["promql", "metricsql"]:
        """The language of a tenant's queries. A store that speaks MetricsQL gets texts: programs and selectors of its
        `PromQuery` plans may be empty."""
        ...

    async def append(self, tenant: str, batch: MetricBatch) -> MetricReceipt:
        """Store a native `MetricBatch`. Raises Overloaded, DiskFull, StorageError."""
        ...

    async def answer(self, query: Scoped) -> SeriesAnswer:
        """Run any `SeriesPlan` but `ReadSeries`. `data` is for `PromQuery` `{"resultType", "result"}`, for `ListSeries` an
        array of label objects, for `ListLabelNames` and `ListLabelValues` a sorted array of texts, for `ListExemplars`,
        `ListMetadata` and `Cardinality` (`/status/tsdb`) what the Prometheus API has, for `MetricCatalog`
        `{"metrics": [{"name", "kind", "unit", "help", "series", "last"}], "total"}`.

        Raises `QueryError` (execution: 422), `LimitExceeded` with what to narrow, `QueryTimeout`, `StorageError`."""
        ...

    def read(self, query: Scoped, encoding: str) -> AsyncIterator[bytes]:
        """Run a `ReadSeries`: pieces of the answer in an encoding, `samples` (one remote-read QueryResult, protobuf),
        `chunks` (framed ChunkedReadResponse messages of XOR chunks), `text` (OpenMetrics with timestamps)."""
        ...

    async def estimate(self, query: Scoped) -> Estimate:
        """What a plan would read."""
        ...

    async def erase(self, tenant: str, query: Scoped) -> int:
        """Remove the samples of a `ReadSeries` plan for good; answers with the number of series. Raises `StorageError`."""
        ...

    async def forget_tenant(self, tenant: str) -> None:
        """Remove everything of a tenant, at once for every reader, from the disk before it returns. May be repeated."""
        ...
