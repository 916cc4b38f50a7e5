"""The contract of trace stores, in sentences. Implementations: `storage.clickhouse.traces` (embedded), `storage.tempo` and
`storage.jaeger` (a tenant's traces elsewhere), chosen per tenant by `storage.trace_router`.

Writing. As `storage.api.LogStore`: `append` returns after the batch is durable and visible to every query that starts
afterwards; tokens, bounds, overload and full disks are the same. A span stored twice without a token is shown once.

A backend takes what it is handed over when it is there; else spans are durable in a queue, and visible once it is back.

Reading. A store accepts only `Scoped` plans of `query.trace_plan.TracePlan`. An unknown tenant reads as empty; spans that
the row policy hides are not there, also not in counts, roots and durations of traces. Cancelling the awaiting task cancels
the query. `find` and `series` may tell of what they have so far (`Tell`): each trace once, as it will be in the answer, or
all series with the points that are known; a store that cannot tells nothing. The answer itself is always whole.
Whole spans stay encoded: a `SpanRows` goes to native code, which renders it as OTLP, Jaeger, Zipkin or the web
UI's own form. Spans count by their weight wherever numbers are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from nexus.query.plan import Scoped
from nexus.storage.api import LogLifecycle, Receipt, Statistics, Table, Token


@dataclass(slots=True)
class SpanRows:
    """Whole spans for native code: rows in the engine's RowBinary, columns as `nexus-core/src/traces/rows.rs` says, and the
    sources of their attributes (type letter, key of a column of its own or None for a map)."""

    data: bytes
    attributes: list[tuple[str, str | None]]
    statistics: Statistics = field(default_factory=Statistics)


@dataclass(slots=True)
class MatchedSpan:
    """A span that a search found. `attributes` are the selected fields with typed values."""

    span_id: str
    name: str
    service: str
    start: int
    duration: int
    attributes: Mapping[str, str | int | float | bool]


@dataclass(slots=True)
class SpanSet:
    """Spans of a trace that match together: how many, some of them, and what `by()` and aggregates said of the set."""

    matched: int
    spans: list[MatchedSpan]
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(slots=True)
class TraceHit:
    """A trace that a search found. `root_service` and `root_name` are of the earliest span without a parent that is stored,
    else "" (the root has not arrived). Times in ns; `services` maps names to (spans, errors)."""

    trace_id: str
    root_service: str
    root_name: str
    start: int
    duration: int
    spans: int
    errors: int
    services: Mapping[str, tuple[int, int]]
    sets: list[SpanSet]


@dataclass(slots=True)
class TraceHits:
    """An answer to `FindTraces`. `incomplete` is a sentence when not all candidates were looked at."""

    hits: list[TraceHit]
    incomplete: str = ""
    statistics: Statistics = field(default_factory=Statistics)


@dataclass(slots=True)
class Exemplar:
    """A span that stands for others in a series."""

    trace_id: str
    span_id: str
    time: int
    value: float


@dataclass(slots=True)
class MetricSeries:
    """One series of `SpanSeries`: labels with typed values (None: the spans have no such field), points (ns, value)."""

    labels: Mapping[str, str | int | float | bool | None]
    points: list[tuple[int, float]]
    exemplars: list[Exemplar] = field(default_factory=list)


@dataclass(slots=True)
class SeriesSet:
    """An answer to `SpanSeries`; `incomplete` as in `TraceHits`, also when there were more series than asked for."""

    series: list[MetricSeries]
    incomplete: str = ""
    statistics: Statistics = field(default_factory=Statistics)


T = TypeVar("T")

Tell = Callable[[T, float], None]
"""Takes a part of an answer and the share of the question that is done (0 to 1). Called from any thread; does not block."""


class TraceStore(Protocol):
    """Traces: append and query."""

    async def append(
        self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"", records: int | None = None
    ) -> Receipt:
        """Store a native `SpanBatch`. Raises Overloaded, DiskFull, TokenReused, StorageError."""
        ...

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        """The receipt of a token already stored. Raises TokenReused."""
        ...

    async def spans(self, query: Scoped) -> SpanRows:
        """Run a `GetTrace`, `GetTraces`, `SearchSpans` or `CriticalPaths` plan (the last has rows of its own). Spans of one
        trace follow each other; one that was stored twice comes once, told by its ids and kind."""
        ...

    async def find(self, query: Scoped, tell: Tell[TraceHits] | None = None) -> TraceHits:
        """Run a `FindTraces` plan; `tell` takes traces as they are found."""
        ...

    async def series(self, query: Scoped, tell: Tell[SeriesSet] | None = None) -> SeriesSet:
        """Run a `SpanSeries` plan; `tell` takes the series of the newest steps, more of them each time."""
        ...

    async def table(self, query: Scoped) -> Table:
        """Run a `TagNames` (place, name), `TagValues` (value, type, spans), `SpanFacets` (field, value, spans; the fields in
        their order, of each what is most first), `SpanHeatmap` (bucket, class, spans, errors), `SpanProfile` (as
        `plan.Profile`), `SpanErrors` (service, operation, type, message, count, first, last, trace_id), `SpanCount` (spans,
        traces) or `SamplingPreview` (rule, traces, kept traces, spans, kept spans) plan."""
        ...


class TraceLifecycle(LogLifecycle, Protocol):
    """What happens to stored spans, as `LogLifecycle` says of records: an erasure is about the spans of a `SpanCount`.
    `forget_tenant` also removes every span of the tenant from disk, and proves it, before it forgets the policy."""

    def check_here(self, tenant: str, what: str) -> None:
        """Refuse what only the embedded store does (`what`, the subject of a sentence) for a tenant whose spans a backend
        keeps. Raises `KeptElsewhere`."""
        ...

    async def follow_sampling(self) -> None:
        """Policies of tail sampling have changed: take them over for spans that come and traces that are decided from now
        on."""
        ...

    async def count(self, query: Scoped) -> Table:
        """Run a `SpanCount` plan over the spans that are stored here."""
        ...
