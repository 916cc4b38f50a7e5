"""Shapes of searching logs, of SQL over them, and of running queries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Time = str | int | float
Limit = Annotated[int, Meta(ge=1, le=5000)]
Kind = Literal["column", "attribute", "resource"]
"""Where a field lives."""


class IngestStatus(Struct):
    """Is data arriving? Counts since start and over the last 10 s, for this tenant: log records, samples, spans."""

    records_total: int
    rejected_total: int
    records_per_second: float
    last_received_at: str = ""
    samples_total: int = 0
    samples_refused_total: int = 0
    samples_per_second: float = 0.0
    spans_total: int = 0
    spans_rejected_total: int = 0
    spans_per_second: float = 0.0


# --------------------------------------------------------------------------------------------------------------- logs


class Statistics(Struct):
    query_id: str
    elapsed_ms: float
    rows_read: int
    bytes_read: int
    incomplete: str
    """A sentence when not everything was looked at that the answer is about: traces in a Jaeger or Tempo that has more."""


class LogsQuery(Struct, forbid_unknown_fields=True):
    """Common part of every logs request."""

    query: str = ""
    from_: Time | None = field(name="from", default=None)
    to: Time | None = None
    query_id: str = ""


class SearchRequest(LogsQuery):
    """`Accept: application/x-ndjson` streams the records, one a line."""

    limit: Limit = 100
    order: Literal["desc", "asc"] = "desc"
    cursor: str = ""


class LogRecord(Struct):
    """`id` finds the record again. Ids are hex, empty when absent. Attribute values keep their types."""

    id: str
    timestamp: str
    observed_timestamp: str
    service: str
    severity: str
    severity_number: int
    body: str
    trace_id: str
    span_id: str
    event_name: str
    template_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope_name: str
    scope_version: str


class SearchAnswer(Struct):
    records: list[LogRecord]
    next_cursor: str
    statistics: Statistics


class HistogramRequest(LogsQuery):
    """`buckets` is a wish; the step is rounded to a pleasant one. `by` is any field name, empty for none."""

    buckets: Annotated[int, Meta(ge=1, le=2000)] = 60
    by: str = "severity"


class HistogramSeries(Struct):
    key: str
    counts: list[int]


class HistogramAnswer(Struct):
    """`start` and `step` in ns; `counts[i]` is the bucket that begins at start + i * step."""

    start: str
    step: str
    buckets: int
    total: int
    series: list[HistogramSeries]
    statistics: Statistics


class FacetsRequest(LogsQuery):
    """No `fields` means the hot ones."""

    fields: list[str] = []
    limit: Annotated[int, Meta(ge=1, le=100)] = 10


class FacetValue(Struct):
    value: str
    count: int


class Facet(Struct):
    """`name` is what the search language calls the field. `records` carry it; `more` says that values were left out."""

    name: str
    kind: Kind
    type: str
    records: int
    more: bool
    values: list[FacetValue]


class FacetsAnswer(Struct):
    facets: list[Facet]
    statistics: Statistics


class CountAnswer(Struct):
    count: int
    statistics: Statistics


class FieldInfo(Struct):
    name: str
    kind: Kind
    type: str
    records: int


class FieldsAnswer(Struct):
    fields: list[FieldInfo]
    statistics: Statistics


class BoundsAnswer(Struct):
    """First and last record of the tenant that match the query, whatever the range; empty when there are none."""

    first: str
    last: str
    count: int
    statistics: Statistics


class ExplainRequest(LogsQuery):
    language: Literal["search", "sql"] = "search"


class ExplainAnswer(Struct):
    """The query as understood (printed from its syntax tree) and the SQL that runs."""

    canonical: str
    sql: list[str]
    terms: list[Term]


class Term(Struct):
    """A top-level part of the conjunction, for chips: removing it from the text gives the query without it."""

    text: str
    offset: int
    length: int
    field: str = ""
    negated: bool = False


# ---------------------------------------------------------------------------------------------------------------- sql


class SqlRequest(Struct, forbid_unknown_fields=True):
    query: str
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 10_000
    query_id: str = ""


class SqlColumn(Struct):
    name: str
    type: str


class SqlAnswer(Struct):
    columns: list[SqlColumn]
    rows: list[list[Any]]
    statistics: Statistics


# ------------------------------------------------------------------------------------------------------------ queries


class QueryInfo(Struct):
    query_id: str
    elapsed_ms: float
    rows_read: int
    bytes_read: int
    memory_bytes: int


class QueryList(Struct):
    queries: list[QueryInfo]


class CancelAnswer(Struct):
    cancelled: bool
