"""The typed plan: what a query asks of storage, whatever language it was written in.

Languages lower into these nodes (`query.logs.lower`, `query.sql.lower`), `query.policy` closes them over a tenant and a
row policy, and a store compiles them (`storage.clickhouse.compile`). Nothing here knows a language or a database.
Times are integer nanoseconds since the Unix epoch; a range is half-open, `[start, end)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from nexus.model.time import TimeRange as TimeRange
from nexus.query.trace_plan import TracePlan

# ------------------------------------------------------------------------------------------------------------- fields


class FieldKind(StrEnum):
    """Where a field of a log record lives."""

    COLUMN = "column"  # one of `LOG_COLUMNS`
    ATTRIBUTE = "attribute"  # a record attribute, typed
    RESOURCE = "resource"  # a resource attribute, text
    ANYWHERE = "anywhere"  # an attribute or a resource attribute; as a value, the attribute comes first


LOG_COLUMNS: tuple[str, ...] = (
    "timestamp",
    "observed_timestamp",
    "service",
    "severity",
    "severity_number",
    "body",
    "trace_id",
    "span_id",
    "event_name",
    "template_id",
    "attributes",
    "resource",
    "scope_name",
    "scope_version",
)
"""Columns of the tenant's `logs` view, in order. `attributes` and `resource` are maps from text to text."""

SPAN_COLUMNS: tuple[str, ...] = (
    "timestamp",
    "trace_id",
    "span_id",
    "parent_span_id",
    "service",
    "name",
    "kind",
    "status",
    "status_message",
    "duration",
    "attributes",
    "resource",
    "scope_name",
    "scope_version",
    "trace_state",
    "weight",
)
"""The same of the view `spans`. `duration` is in ns, `kind` and `status` are texts, ids hex (a root's parent is empty)."""

SQL_TABLES: dict[str, tuple[str, ...]] = {"logs": LOG_COLUMNS, "spans": SPAN_COLUMNS}
"""The tables of users' SQL."""


@dataclass(frozen=True, slots=True)
class Field:
    """A reference to one field."""

    kind: FieldKind
    name: str


# --------------------------------------------------------------------------------------------------------- predicates


@dataclass(frozen=True, slots=True)
class All:
    """Matches every record."""


@dataclass(frozen=True, slots=True)
class Word:
    """The body holds this word: a maximal run of ASCII letters, digits and other non-ASCII characters, without case."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """The body holds this text, which begins and ends where a word does or beside one; compared without case."""

    text: str


class CompareOp(StrEnum):
    """Comparison operators; ordering compares numbers when the value reads as one, text otherwise."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Compare:
    """Field against a value. Text equality is exact; a missing field matches no comparison, `!=` included.

    Attributes: a value and its text mean the same, so `500` and `"500"` both equal the integer 500, the float 500.0 and
    the text 500; `true` equals the boolean and the text. Columns: `severity` takes a name and is ordered by rank;
    `trace_id`, `span_id` and `template_id` take lower-case hex; timestamps take ns as int.
    """

    field: Field
    op: CompareOp
    value: Value


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Field against text pieces with any text between them: ('conn', '') is `conn*`; at least two pieces.

    `body` and other columns compare without case. In the body a piece that is not empty begins (the first) or ends (the
    last) where a word does; any other field is matched as a whole.
    """

    field: Field
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regex:
    """Field against an RE2 expression, unanchored."""

    field: Field
    pattern: str


@dataclass(frozen=True, slots=True)
class Contains:
    """Text field (a column) against a piece of text, letter by letter."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class OfResources:
    """The record's resource is one of those whose JSON has one of these hashes (`_native.fingerprint`)."""

    hashes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The record has the field (columns: a value other than empty)."""

    field: Field


@dataclass(frozen=True, slots=True)
class And:
    """Every part matches; empty matches all."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some part matches; empty matches nothing."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not match."""

    part: Predicate


Predicate = All | Word | Phrase | Compare | Wildcard | Regex | Contains | OfResources | Exists | And | Or | Not


# --------------------------------------------------------------------------------------------------------------- plans


@dataclass(frozen=True, slots=True)
class LogScan:
    """Records of one signal that match. Tenant and row policy are not part of it: see `Scoped`."""

    time: TimeRange = field(default_factory=TimeRange)
    where: Predicate = field(default_factory=All)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Position after the last record of a page: its timestamp, its identity hash, and how many records with both of them
    were on this page or before. `skip` -1: no record with this timestamp is left."""

    timestamp: int
    hash: int
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Search:
    """Records in time order; those of one timestamp by ascending identity hash, whatever the order."""

    scan: LogScan
    order: Literal["desc", "asc"] = "desc"
    limit: int = 100
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class GetRecord:
    """The record(s) with this timestamp and identity hash."""

    timestamp: int
    hash: int


@dataclass(frozen=True, slots=True)
class Count:
    """Number of matching records."""

    scan: LogScan


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in buckets of `step` ns aligned to the epoch, over the whole range, split by the top values of a field."""

    scan: LogScan
    step: int
    by: Field | None = None
    series_limit: int = 20


@dataclass(frozen=True, slots=True)
class Facets:
    """Top values with counts of several fields in one pass; no fields means the store's choice of hot ones."""

    scan: LogScan
    fields: tuple[Field, ...] = ()
    limit: int = 10


@dataclass(frozen=True, slots=True)
class ListFields:
    """Fields that matching records carry, with types and record counts."""

    scan: LogScan


@dataclass(frozen=True, slots=True)
class Bounds:
    """First and last timestamp and number of records."""

    scan: LogScan


@dataclass(frozen=True, slots=True)
class Patterns:
    """Records by template: exact counts in buckets of `step` ns aligned to the epoch.

    The `limit` most (fewest) frequent ones, or those that appear last (`newest`, by their first record in the range).
    """

    scan: LogScan
    step: int
    limit: int = 100
    order: Literal["most", "fewest", "newest"] = "most"


@dataclass(frozen=True, slots=True)
class Context:
    """A record, and what the same stream (resource and service) or the same service wrote before and after it."""

    timestamp: int
    hash: int
    before: int
    after: int
    same: Literal["stream", "service"] = "stream"


@dataclass(frozen=True, slots=True)
class Profile:
    """Values of every field that two selections carry, at once, each with its number of records on both sides.

    One record in `shares` of a side is looked at (1: all of them, exactly). Of each field the `values` most frequent.
    """

    selection: LogScan
    baseline: LogScan
    shares: tuple[int, int] = (1, 1)
    values: int = 50


@dataclass(frozen=True, slots=True)
class Contrast:
    """Values of some fields, each with its exact number of records in two selections; the `values` most frequent."""

    selection: LogScan
    baseline: LogScan
    fields: tuple[Field, ...]
    values: int = 50


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """How many records match, have the field, how many values it has, and statistics of those that are numbers."""

    scan: LogScan
    field: Field


# --------------------------------------------------------------------------------------------------------- aggregation


@dataclass(frozen=True, slots=True)
class TimeBuckets:
    """Buckets of `step` ns that begin at `offset` ns plus a multiple of it; the key is the begin in ns."""

    step: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class CalendarBuckets:
    """Hours, days, weeks (from Monday), months, quarters or years of a time zone; the key is the begin in ns."""

    unit: Literal["minute", "hour", "day", "week", "month", "quarter", "year"]
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class NumberBuckets:
    """Buckets of the numbers in a field; the key is the begin. Records without a number are in none."""

    field: Field
    step: float
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class FieldValues:
    """The texts of a field. Records without one are in none, or in that of `missing`."""

    field: Field
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Matches:
    """The key is the number of each predicate that a record matches: it may be in several, or in none."""

    predicates: tuple[Predicate, ...]


GroupKey = TimeBuckets | CalendarBuckets | NumberBuckets | FieldValues | Matches


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure over the records of a group. `argument` is the percentiles (0 to 1) of `percentiles`.

    `stats` is (count, min, max, mean, sum, sum of squares) of the numbers; `count` counts records with the field;
    `distinct` its values; `latest` and `earliest` are the text of the field in the last and first record that has one.
    """

    kind: Literal["count", "sum", "avg", "min", "max", "stats", "percentiles", "distinct", "latest", "earliest"]
    field: Field
    argument: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """Groups within each group of the level above: those with `min_count` records at least, the first `limit` of them in
    the order of their count, key or metric; equal ones by key."""

    key: GroupKey
    limit: int = 10_000
    order: Literal["count", "key", "metric"] = "key"
    descending: bool = False
    metric: Metric | None = None
    min_count: int = 1


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Metrics over groups within groups; no levels means one group of all records.

    Answers (key of each level, count, count of all groups beside this one and itself, metrics).
    """

    scan: LogScan
    levels: tuple[Level, ...] = ()
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True, slots=True)
class Export:
    """Records in time order as one file of a format; those of one timestamp in any order.

    `columns` are (name in the file, field); none means every column of `LOG_COLUMNS`, for NDJSON whole records as in a
    search. The column `id` is that of a search. `spreadsheet` puts an apostrophe before CSV values that spreadsheets would
    run as formulas.
    """

    scan: LogScan
    format: Literal["ndjson", "csv", "parquet"] = "ndjson"
    columns: tuple[tuple[str, Field], ...] = ()
    order: Literal["desc", "asc"] = "desc"
    limit: int = 1_000_000
    spreadsheet: bool = False


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """A user's SELECT, parsed and checked against the allow-list.

    `text` is canonical SQL in which every source table is a bare name of `SQL_TABLES`, of which `tables` are those that it
    reads; a store parses it again, puts the scoped scan in the place of each, and regenerates it.
    """

    text: str
    limit: int
    tables: frozenset[str] = frozenset({"logs"})


@dataclass(frozen=True, slots=True)
class Rows:
    """Records as the store has them, in no order, for native code to go on with. The asker bounds them by time."""

    scan: LogScan


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers and bytes of records, for native code to go on with.

    Grouped by left-open buckets of `step` ns from `origin` on (0: one bucket, named `origin`), by `keys` (a stream is a
    service and a resource), and by the values of structured metadata called `labels` (LogQL's names). `bytes` sums the
    lengths of bodies, `sample` takes a body.
    """

    scan: LogScan
    keys: tuple[Literal["stream", "service", "severity", "template"], ...] = ()
    labels: tuple[str, ...] = ()
    step: int = 0
    origin: int = 0
    bytes: bool = False
    sample: bool = False


# -------------------------------------------------------------------------------------------------------------- series


@dataclass(frozen=True, slots=True)
class LabelMatcher:
    """A condition on a label of a series, as PromQL means it: a label that is not there has the value ""; regular
    expressions (RE2) match the whole value."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


@dataclass(frozen=True, slots=True)
class SeriesScan:
    """Series that match all matchers of one of the sets, with samples in `[start, end]`, ms since the epoch (both ends
    included, as the Prometheus API has it). No set means every series."""

    matchers: tuple[tuple[LabelMatcher, ...], ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PromQuery:
    """A PromQL program (`query.promql.lower`: JSON as `crates/nexus-promql/src/plan.rs` reads it) with what policy, limits
    and backends that speak PromQL themselves need to know of it: the scan of each of its selectors, the canonical text,
    and steps in ms (`step` is 0 for an instant query)."""

    program: bytes
    selectors: tuple[SeriesScan, ...]
    text: str
    start: int
    end: int
    step: int
    lookback: int


@dataclass(frozen=True, slots=True)
class ListSeries:
    """Label sets. `limit` 0 is none."""

    scan: SeriesScan
    limit: int = 0


@dataclass(frozen=True, slots=True)
class ListLabelNames:
    """Names of labels."""

    scan: SeriesScan
    limit: int = 0


@dataclass(frozen=True, slots=True)
class ListLabelValues:
    """Values of a label."""

    label: str
    scan: SeriesScan
    limit: int = 0


@dataclass(frozen=True, slots=True)
class ListExemplars:
    """Exemplars of series."""

    scan: SeriesScan


@dataclass(frozen=True, slots=True)
class ListMetadata:
    """Kind, help and unit of metric families; "" is every family."""

    metric: str = ""
    limit: int = 0
    limit_per_metric: int = 0


@dataclass(frozen=True, slots=True)
class Cardinality:
    """How many active series there are, by metric, label and value: the `limit` largest of each; of those with the label
    `focus` only, when it is named."""

    scan: SeriesScan
    limit: int = 10
    focus: str = ""


@dataclass(frozen=True, slots=True)
class MetricCatalog:
    """Metric families for people: those whose name, help or names of series hold `search` (words, without case) with kind,
    unit, help, number of series, time of the last sample and names of its series where they are several (a histogram's);
    ordered by name, series or last sample."""

    scan: SeriesScan
    search: str = ""
    order: Literal["name", "series", "last"] = "name"
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True)
class ReadSeries:
    """Raw samples of series, for remote read, federation of ranges and export."""

    scan: SeriesScan


SeriesPlan = (
    PromQuery
    | ListSeries
    | ListLabelNames
    | ListLabelValues
    | ListExemplars
    | ListMetadata
    | Cardinality
    | MetricCatalog
    | ReadSeries
)


Plan = (
    Search
    | GetRecord
    | Count
    | Histogram
    | Facets
    | ListFields
    | Bounds
    | Export
    | Patterns
    | Context
    | Profile
    | Contrast
    | FieldSummary
    | Aggregate
    | SqlStatement
    | Rows
    | Tally
    | SeriesPlan
    | TracePlan
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use."""

    seconds: float = 30.0
    memory_bytes: int = 4 << 30
    result_rows: int = 10_000
    result_bytes: int = 256 << 20
    scan_rows: int = 0
    """Records that it may read; 0 is no limit."""
    scan_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Scoped:
    """A plan closed over its tenant and row policy: the only thing storage accepts.

    Made by `query.policy.scope` alone. `policy` is a predicate every record must match on top of the query's own. `masked`
    are fields whose values are nowhere shown, counted by, compared or sorted: wherever one would come out, `MASK` does.
    """

    plan: Plan
    tenant: str
    policy: Predicate
    limits: Limits
    query_id: str
    masked: frozenset[Field] = frozenset()

    @property
    def restricted(self) -> bool:
        """Are there records or values of the tenant that it does not see?"""
        return bool(self.masked) or not isinstance(self.policy, All)


MASK = "***"
"""What stands in the place of a masked value."""
