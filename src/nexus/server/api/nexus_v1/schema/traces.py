"""Shapes of traces: searching, drawing, comparing them, and what is asked of the spans of many."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from nexus.server.api.nexus_v1.schema.logs import Statistics, Time

Attributes = dict[str, str | int | float | bool]


class TracesQuery(Struct, forbid_unknown_fields=True, rename="camel"):
    """Common part of requests about spans: `q` is TraceQL, nothing is every span; `start` and `end` as `from` and `to` of
    logs, the range half-open over the starts of spans."""

    q: str = ""
    start: Time | None = None
    end: Time | None = None
    query_id: str = field(name="query_id", default="")


class TracesSearchRequest(TracesQuery, rename="camel"):
    """`order`: by the newest span that matches, by duration of the trace, by its spans or failed spans."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 20
    order: Literal["newest", "longest", "spans", "errors"] = "newest"
    spans_per_trace: Annotated[int, Meta(ge=0, le=100)] = 3


class TraceService(Struct):
    """Spans of a service in a trace."""

    name: str
    spans: int
    errors: int


class FoundSpan(Struct, rename="camel"):
    """A span that matched, with the fields that the query speaks of. Times in ns."""

    span_id: str
    name: str
    service: str
    start: str
    duration: str
    attributes: Attributes


class FoundSet(Struct):
    """Spans that match together: how many there are, some of them, and what `by()` and aggregates say of them."""

    matched: int
    attributes: Attributes
    spans: list[FoundSpan]


class FoundTrace(Struct, rename="camel"):
    """A trace that was found. `rootService` and `rootName` are empty when its root is not stored. Times in ns."""

    trace_id: str
    root_service: str
    root_name: str
    start: str
    duration: str
    spans: int
    errors: int
    services: list[TraceService]
    sets: list[FoundSet]


class TracesSearchAnswer(Struct):
    """`incomplete` is a sentence when not everything was looked at."""

    traces: list[FoundTrace]
    incomplete: str
    statistics: Statistics


class TraceDocument(Struct, rename="camel"):
    """A trace in columns: the n-th entry of each belongs to the n-th span, depth first, siblings by start. `start` in ns as
    text; `starts` are ns from there on, `durations` ns. `parents` are places in these lists, -1 for none; `service` and
    `name` places in `services` and `names`; `kind` and `status` are OpenTelemetry's numbers; `events` and `links` counts.

    `orphans` are spans whose parent is not stored, `cycles` those that were taken from their parents because these were
    descendants of theirs, `skewed` those that begin outside the time of their parents; `duplicates` of them came twice and
    are left out. `critical` are sections (span, from, to) of the critical path, earliest first. Of a trace with more than a
    million spans, `truncated`, the first are here; `spans` counts them all."""

    trace_id: str
    start: str
    duration: str
    spans: int
    errors: int
    services: list[str]
    names: list[str]
    ids: list[str]
    parents: list[int]
    starts: list[int]
    durations: list[int]
    service: list[int]
    name: list[int]
    kind: list[int]
    status: list[int]
    events: list[int]
    links: list[int]
    orphans: list[int]
    cycles: list[int]
    skewed: list[int]
    critical: list[tuple[int, int, int]]
    duplicates: int
    truncated: bool


class SpanScope(Struct):
    """What made a span."""

    name: str
    version: str
    attributes: dict[str, Any]


class SpanEvent(Struct):
    """Something that happened within a span; `time` in ns."""

    time: str
    name: str
    attributes: dict[str, Any]


class SpanLink(Struct, rename="camel"):
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str
    trace_state: str
    attributes: dict[str, Any]


class SpanDropped(Struct):
    """How many of them were not kept."""

    attributes: int
    events: int
    links: int


class WholeSpan(Struct, rename="camel"):
    """A span with everything that is known of it. Times in ns; `kind` and `status` as OpenTelemetry numbers them; `weight`
    is how many spans it stands for."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: int
    service: str
    start: str
    duration: str
    status: int
    status_message: str
    trace_state: str
    flags: int
    weight: float
    scope: SpanScope
    resource: dict[str, Any]
    attributes: dict[str, Any]
    events: list[SpanEvent]
    links: list[SpanLink]
    dropped: SpanDropped


class SpanAnswer(Struct):
    span: WholeSpan


class TracesCountAnswer(Struct):
    """Spans that match (weighted: what they stand for), and the traces that they are of."""

    spans: float
    traces: int
    statistics: Statistics


class TracesExplainRequest(Struct, forbid_unknown_fields=True):
    q: str = ""


class ExplainedWords(Struct):
    """A part of a query in words; `depth` is how far in it lies, `offset` and `length` its place in the text."""

    text: str
    depth: int
    offset: int
    length: int


class TracesExplainAnswer(Struct):
    """The query as it is understood. `metrics`: it asks for series, not for traces."""

    canonical: str
    metrics: bool
    words: list[ExplainedWords]


class TracesHeatmapRequest(TracesQuery, rename="camel"):
    """`step` in ns; 0 chooses a pleasant one that cuts the range into about `buckets`."""

    step: Annotated[int, Meta(ge=0)] = 0
    buckets: Annotated[int, Meta(ge=1, le=500)] = 100


class DurationClass(Struct, rename="camel"):
    """A class of durations: ns from `low` on, less than `high`. There are four to an octave."""

    class_: int = field(name="class")
    low: str
    high: str


class TracesHeatmapAnswer(Struct):
    """`buckets` are times in ns at which they begin, one every `step`; `counts[n][m]` are spans of the bucket n and the
    class m of `classes`, `errors` those of them that failed."""

    buckets: list[str]
    step: str
    classes: list[DurationClass]
    counts: list[list[float]]
    errors: list[list[float]]
    statistics: Statistics


class TracesFacetsRequest(TracesQuery, rename="camel"):
    """`fields` as in TraceQL (`span.http.method`, `status`); none means those that matter most."""

    fields: Annotated[list[str], Meta(max_length=50)] = []
    limit: Annotated[int, Meta(ge=1, le=100)] = 10


class TagValue(Struct):
    """A value of a field, its type, and how many spans have it."""

    value: str | int | float | bool
    type: str
    count: float


class TagFacet(Struct):
    """Values of a field, most frequent first."""

    field: str
    values: list[TagValue]


class TracesFacetsAnswer(Struct):
    facets: list[TagFacet]
    statistics: Statistics


class TagScope(Struct):
    """Names of fields of a scope: `resource`, `span`, `event`, `link`, `instrumentation`, `intrinsic`."""

    name: str
    tags: list[str]


class TagsAnswer(Struct):
    scopes: list[TagScope]
    statistics: Statistics


class TagValuesAnswer(Struct):
    values: list[TagValue]
    statistics: Statistics


class SpanSelection(Struct, forbid_unknown_fields=True):
    """Some spans."""

    q: str = ""
    start: Time | None = None
    end: Time | None = None


class TracesCompareRequest(Struct, forbid_unknown_fields=True):
    """Which fields tell `selection` from `baseline`?"""

    selection: SpanSelection
    baseline: SpanSelection
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    query_id: str = ""


class ComparedTagValue(Struct, rename="camel"):
    """Shares are those of the spans of a side, 0 to 1; `difference` is selection minus baseline."""

    value: str
    selection: float
    baseline: float
    selection_share: float
    baseline_share: float
    difference: float


class ComparedTag(Struct, rename="camel"):
    """`score` is the Jensen-Shannon distance of the distributions of values, 0 to 1; `significance` the probability of a
    difference as large by chance, corrected for how many fields were looked at (Benjamini and Hochberg)."""

    name: str
    score: float
    significance: float
    values: list[ComparedTagValue]


class TracesCompareAnswer(Struct):
    """Fields by descending score."""

    selection: float
    baseline: float
    fields: list[ComparedTag]
    statistics: Statistics


class TracesMetricsRequest(TracesQuery, rename="camel"):
    """`q` is a metrics query. `step` in ns; 0 chooses one. `instant` asks for one value over the whole range."""

    step: Annotated[int, Meta(ge=0)] = 0
    instant: bool = False
    exemplars: Annotated[int, Meta(ge=0, le=1000)] = 0


class TraceExemplar(Struct, rename="camel"):
    """A span that stands for others; `time` in ns."""

    trace_id: str
    span_id: str
    time: str
    value: float | None


class TraceSeries(Struct):
    """Labels keep their types; null: the spans have no such field. Points are (ns, value)."""

    labels: dict[str, str | int | float | bool | None]
    points: list[tuple[str, float | None]]
    exemplars: list[TraceExemplar]


class TracesMetricsAnswer(Struct):
    start: str
    end: str
    step: str
    series: list[TraceSeries]
    incomplete: str
    statistics: Statistics
