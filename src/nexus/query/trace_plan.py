"""What a query asks of a trace store: typed expressions over spans, and the plans made of them.

TraceQL lowers into these (`query.traces.lower`), as do the search forms of Jaeger, Zipkin and the web UI; `query.policy`
closes them like every plan. Times are integer ns since the Unix epoch, ranges half-open over the starts of spans.

Expressions mean what TraceQL means by them (Grafana Tempo's documentation): a comparison with a field that the span does
not have is false, `!=` included; `= nil` and `!= nil` ask whether it is there; texts compare with texts, booleans with
booleans, integers and floats and durations with each other; other pairs compare as false. A regular expression matches the
whole value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from nexus.model.time import TimeRange

# --------------------------------------------------------------------------------------------------------- expressions


class Place(StrEnum):
    """Where a field of a span lives."""

    INTRINSIC = "intrinsic"  # one of `INTRINSICS`
    SPAN = "span"  # a span attribute
    RESOURCE = "resource"  # a resource attribute
    SCOPE = "instrumentation"  # an attribute of the instrumentation scope
    EVENT = "event"  # an attribute of some event: a comparison holds when it does for one of them
    LINK = "link"  # an attribute of some link, likewise
    ANYWHERE = "any"  # a span attribute, else a resource attribute


Kind = Literal["string", "int", "float", "bool", "duration", "status", "kind"]
"""Types of values. Durations are ns; statuses and kinds are texts (`ok`, `server`) with an order of their own."""

INTRINSICS: dict[str, Kind] = {
    "name": "string",
    "kind": "kind",
    "status": "status",
    "statusMessage": "string",
    "duration": "duration",
    "span:id": "string",
    "span:parentID": "string",
    "span:childCount": "int",
    "span:startTime": "int",  # ns since the Unix epoch
    "trace:id": "string",
    "traceDuration": "duration",
    "rootName": "string",
    "rootServiceName": "string",
    "event:name": "string",
    "event:timeSinceStart": "duration",
    "link:traceID": "string",
    "link:spanID": "string",
    "instrumentation:name": "string",
    "instrumentation:version": "string",
    "service": "string",  # the resource's service.name
}
"""Intrinsic fields with their types. Ids are lower-case hex. `traceDuration`, `rootName`, `rootServiceName` and
`span:childCount` are of the whole trace as far as it is stored."""

STATUSES = ("unset", "ok", "error")
"""By number (OpenTelemetry's `StatusCode`)."""
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
"""By number (OpenTelemetry's `SpanKind`)."""


@dataclass(frozen=True, slots=True)
class SpanField:
    """A reference to one field. As a condition it holds when it is the boolean `true`."""

    place: Place
    name: str


def field_label(field: SpanField) -> str:
    """What a field is called in answers, as Tempo does: `name`, `span.http.method`, `resource.service.name`, `.a`."""
    match field.place:
        case Place.INTRINSIC:
            return "resource.service.name" if field.name == "service" else field.name
        case Place.ANYWHERE:
            return f".{field.name}"
    return f"{field.place}.{field.name}"


@dataclass(frozen=True, slots=True)
class Constant:
    """A value. `kind` "nil" has none (value is "")."""

    kind: Kind | Literal["nil"]
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Binary:
    """Two parts: `&&` `||` of conditions, `=` `!=` `<` `<=` `>` `>=` `=~` `!~` of values, `+` `-` `*` `/` `%` `^` of
    numbers."""

    op: str
    left: SpanExpr
    right: SpanExpr


@dataclass(frozen=True, slots=True)
class Unary:
    """`!` of a condition, `-` of a number."""

    op: Literal["!", "-"]
    part: SpanExpr


SpanExpr = SpanField | Constant | Binary | Unary

EVERY_SPAN = Constant("bool", True)
"""The condition that every span meets: `{}`."""


# ------------------------------------------------------------------------------------------------------------ spansets


@dataclass(frozen=True, slots=True)
class Candidates:
    """Which traces can match at all: a trace needs a span of every leaf of one of the `sets` (indexes into the leaves of the
    query; an empty set: any trace)."""

    sets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class SetLabel:
    """What a spanset says of itself: the name (`by(resource.service.name)`, `count()`) and how its value is read. A `key`
    is a text that `key_value` reads, a `number` is an integer when it is whole, others are of that kind."""

    name: str
    kind: Kind | Literal["key", "number"]


@dataclass(frozen=True, slots=True)
class Spansets:
    """What spans of a trace match together.

    `leaves` are conditions on single spans (64 at most). Without a `program` the spans that meet one of them are the trace's
    one spanset. With one, native code (`crates/nexus-core/src/traces/spansets`, `_native.evaluate_spansets` and
    `_native.matching_spans`) decides over each candidate trace from rows of its spans:

        trace_id FixedString(16), span_id FixedString(8), parent_span_id FixedString(8), timestamp (Int64, ns),
        duration UInt64, leaves UInt64, values Array(Nullable(Float64)), keys Array(Nullable(String))

    in RowBinary, the rows of a trace one after the other. Bit n of `leaves` is whether the span meets the leaf n; `values`
    are numbers for aggregates (durations in ns; null: the span has none), `keys` texts for `by()` as `key_text` writes them.
    Rows are needed of every span of the trace when it is asked for `whole`, else of those that meet a leaf.

    `labels` are what native code refers to by index when it tells of a spanset.
    """

    leaves: tuple[SpanExpr, ...] = (EVERY_SPAN,)
    program: bytes = b""
    candidates: Candidates = Candidates(((0,),))
    values: tuple[SpanExpr, ...] = ()
    keys: tuple[SpanExpr, ...] = ()
    labels: tuple[SetLabel, ...] = ()
    whole: bool = False


KEY_LETTERS: dict[str, str] = {
    "s": "string", "i": "int", "f": "float", "b": "bool", "d": "duration", "t": "status", "k": "kind",
}  # fmt: skip
"""First characters of keys, by the type of what follows (numbers in decimal, booleans as `true` and `false`, statuses and
kinds by name). Attributes of other types (arrays, maps) are `s` and their JSON."""


def key_value(text: str) -> str | int | float | bool:
    """What a key of `by()` says."""
    letter, rest = text[:1], text[1:]
    match letter:
        case "i" | "d":
            return int(rest)
        case "f":
            return float(rest)
        case "b":
            return rest == "true"
    return rest


@dataclass(frozen=True, slots=True)
class SpanScan:
    """Spans that meet a condition and, when there are `spansets`, lie in one of theirs. Tenant and row policy are not part
    of it: see `plan.Scoped`."""

    time: TimeRange = field(default_factory=TimeRange)
    where: SpanExpr = EVERY_SPAN
    spansets: Spansets | None = None


# --------------------------------------------------------------------------------------------------------------- plans


@dataclass(frozen=True, slots=True)
class GetTrace:
    """All spans of a trace (16 bytes), or one of them. `hint` is when it was, if known: it is looked for there first, and
    everywhere when it is not there."""

    trace_id: bytes
    span_id: bytes | None = None
    hint: TimeRange = field(default_factory=TimeRange)


@dataclass(frozen=True, slots=True)
class GetTraces:
    """All spans of several traces, 1,500 at most; `hint` as for `GetTrace`, for all of them."""

    trace_ids: tuple[bytes, ...]
    hint: TimeRange = field(default_factory=TimeRange)


TraceOrder = Literal["newest", "longest", "spans", "errors"]


@dataclass(frozen=True, slots=True)
class FindTraces:
    """Traces with spans that match, newest (by the start of their newest matching span) first unless told.

    At most `max_candidates` traces are looked at, newest first; what is beyond is said in the answer. `select` are fields to
    tell of each matching span (by `field_label`), beside those that every answer has. `numbering` asks for
    `nestedSetParent`, `nestedSetLeft` and `nestedSetRight` of each (there is a program then, and native code tells them).
    """

    time: TimeRange
    spansets: Spansets = field(default_factory=Spansets)
    select: tuple[SpanField, ...] = ()
    limit: int = 20
    spans_per_trace: int = 3
    order: TraceOrder = "newest"
    max_candidates: int = 10_000
    numbering: bool = False


@dataclass(frozen=True, slots=True)
class SearchSpans:
    """Matching spans, whole, newest first (`longest`: by duration): for the lists of Jaeger and Zipkin, and for exports."""

    scan: SpanScan
    limit: int = 1_000
    order: Literal["newest", "longest"] = "newest"


@dataclass(frozen=True, slots=True)
class TagNames:
    """Names of fields that matching spans have, by place; of one place only when it is named. Names of intrinsics are not
    asked of the store."""

    scan: SpanScan
    place: Place | None = None
    limit: int = 1_000


@dataclass(frozen=True, slots=True)
class TagValues:
    """Values of a field in matching spans, most frequent first, each with its type and (weighted) number of spans."""

    scan: SpanScan
    field: SpanField
    limit: int = 1_000


@dataclass(frozen=True, slots=True)
class SpanFacets:
    """Top values of several fields in one pass with their number of spans; no fields means the store's choice."""

    scan: SpanScan
    fields: tuple[SpanField, ...] = ()
    limit: int = 10


@dataclass(frozen=True, slots=True)
class SpanHeatmap:
    """Spans by time (buckets of `step` ns aligned to the epoch) and duration class, errors apart:
    rows of (bucket begin ns, duration class, spans, errors), weighted."""

    scan: SpanScan
    step: int


@dataclass(frozen=True, slots=True)
class SpanProfile:
    """Values of every field that two selections of spans carry, at once, each with its number of spans on both sides:
    as `plan.Profile` for records. One span in `shares` of a side is looked at.

    With a `step` (for `compare()`) counts are by time as those of `SpanSeries` are, and exact for the values that are told:
    rows (time ns, place, name, type letter as in `KEY_LETTERS`, value, selection, baseline), the `values` most frequent of
    each side over the whole range, and for each field and time a row of all its spans whose type is "" and value null.
    Fields are attributes of spans and resources and intrinsics of a span that are no ids, times or durations.
    """

    selection: SpanScan
    baseline: SpanScan
    shares: tuple[int, int] = (1, 1)
    values: int = 50
    start: int = 0
    end: int = 0
    step: int = 0


MetricFunction = Literal[
    "rate", "count_over_time", "min_over_time", "max_over_time", "avg_over_time", "sum_over_time", "quantile_over_time",
    "histogram_over_time",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpanSeries:
    """TraceQL metrics: a function over matching spans in steps, one series for each combination of `by`.

    Values lie at `start + n * step` (n from 0, up to and including `end`) and are over the spans that started in
    `(t - step, t]`; `instant` is one value over the whole range `(start, end]`, at its end. `of` is the number it is about
    (none for `rate` and `count_over_time`), `quantiles` those of `quantile_over_time` (label `p`, a float). Histograms have
    buckets of powers of two (label `__bucket`, a float). Values, quantiles and buckets of durations are in seconds. Labels
    are called as `field_label` says; a series without `by` has none. Spans count by their weight. `exemplars` asks for that
    many spans, spread over series and time.
    """

    scan: SpanScan
    function: MetricFunction
    start: int
    end: int
    step: int
    of: SpanExpr | None = None
    by: tuple[SpanField, ...] = ()
    quantiles: tuple[float, ...] = ()
    instant: bool = False
    series_limit: int = 1_000
    exemplars: int = 0


@dataclass(frozen=True, slots=True)
class CriticalPaths:
    """Traces of an operation for the sum of their critical paths: all spans of the traces whose matching spans fall in a
    range of duration quantiles, at most `traces` of them, chosen without bias. Rows in RowBinary, spans of a trace one after
    the other: trace_id FixedString(16), span_id FixedString(8), parent_span_id FixedString(8), name String, kind UInt8,
    timestamp Int64 (ns), duration UInt64, service String, matched UInt8 (1: the span is one of those that match)."""

    scan: SpanScan
    quantiles: tuple[float, float] = (0.0, 1.0)
    traces: int = 500


@dataclass(frozen=True, slots=True)
class SpanErrors:
    """Failed spans grouped by service, operation, type (`exception.type`, `error.type`, else the status code of HTTP or
    gRPC) and masked message: count, first and last time, one trace of each."""

    scan: SpanScan
    limit: int = 100


@dataclass(frozen=True, slots=True)
class SpanCount:
    """Number of matching spans, and of their traces."""

    scan: SpanScan


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """A rule of tail sampling. It matches a trace with some span that meets `where` and, with `slow`, is a root or a server
    span that took longer than this quantile of its operation (service and name) over the last hour. Of the traces that it
    matches it keeps a share (`probability`, 0 to 1) or about so many a second (`per_second`); one of both is set."""

    name: str
    where: SpanExpr = EVERY_SPAN
    slow: float | None = None
    probability: float | None = 1.0
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class SamplingPolicy:
    """What is kept of a tenant's traces: the first rule that matches decides, `otherwise` is the probability of the rest."""

    rules: tuple[SamplingRule, ...] = ()
    otherwise: float = 1.0


@dataclass(frozen=True, slots=True)
class SamplingPreview:
    """What a policy would have kept of the spans that are stored of a range, in rows (rule, traces, kept traces, spans, kept
    spans), the rules in their order and "" for the rest. Counts are by weight, what is kept is what is to be expected."""

    time: TimeRange
    policy: SamplingPolicy


Searched = (
    FindTraces
    | SearchSpans
    | TagNames
    | TagValues
    | SpanFacets
    | SpanHeatmap
    | SpanProfile
    | SpanSeries
    | CriticalPaths
    | SpanErrors
    | SpanCount
)
"""Plans about the spans of a time that meet conditions."""
TracePlan = GetTrace | GetTraces | Searched | SamplingPreview
