"""Shapes of exploring logs: patterns, context, comparison, field statistics, export, live tail."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from nexus.server.api.nexus_v1.schema.logs import FacetValue, Kind, LogRecord, LogsQuery, Statistics, Time


class PatternsRequest(LogsQuery):
    """`POST logs/patterns`. `buckets` is a wish for the sparklines; `new_since` marks patterns that were never seen before
    it (default: the start of the range)."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    buckets: Annotated[int, Meta(ge=1, le=200)] = 30
    order: Literal["most", "fewest", "newest"] = "most"
    new_since: Time | None = None


class Pattern(Struct):
    """Records of one template. `template` has placeholders where their bodies differ; `sample_id` is one of them, `sample`
    its body (cut at 1,000 characters). `first_seen` is the first record of this template that is kept at all, `first` and
    `last` are those in the range; all three in ns. `counts` are per bucket, `severities` add up to `count`."""

    template_id: str
    template: str
    count: int
    counts: list[int]
    severities: dict[str, int]
    services: list[str]
    sample_id: str
    sample: str
    first: str
    last: str
    first_seen: str
    new: bool


class PatternsAnswer(Struct):
    """`total` records in `distinct` patterns; `other` are the records of patterns beyond the limit, so that the counts and
    `other` add up to `total`. `start` and `step` in ns, as with histograms."""

    total: int
    distinct: int
    other: int
    start: str
    step: str
    buckets: int
    patterns: list[Pattern]
    statistics: Statistics


class ContextRequest(Struct, forbid_unknown_fields=True):
    """`POST logs/context`: what the same stream (`stream`: all resource attributes, or `service`) wrote before and after a
    record, whatever the query it was found with."""

    id: str
    before: Annotated[int, Meta(ge=0, le=1000)] = 50
    after: Annotated[int, Meta(ge=0, le=1000)] = 50
    same: Literal["stream", "service"] = "stream"
    query_id: str = ""


class ContextAnswer(Struct):
    """All in time order. `stream` says what the records have in common; other filters do not apply. `more_before` and
    `more_after`: there are more of them."""

    record: LogRecord
    before: list[LogRecord]
    after: list[LogRecord]
    more_before: bool
    more_after: bool
    service: str
    resource: dict[str, Any]
    same: Literal["stream", "service"]
    statistics: Statistics


class Selection(Struct, forbid_unknown_fields=True):
    """Some records."""

    query: str = ""
    from_: Time | None = field(name="from", default=None)
    to: Time | None = None


class CompareRequest(Struct, forbid_unknown_fields=True):
    """`POST logs/compare`: which fields tell `selection` from `baseline`? No `fields` means those that the records carry."""

    selection: Selection
    baseline: Selection
    fields: list[str] = []
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    query_id: str = ""


class ComparedValue(Struct):
    """Shares are those of the records of a side, 0 to 1; `difference` is selection minus baseline."""

    value: str
    selection: int
    baseline: int
    selection_share: float
    baseline_share: float
    difference: float


class ComparedField(Struct):
    """`score` is the Jensen-Shannon distance of the two distributions of values ("none" counts as one), 0 to 1."""

    name: str
    kind: Kind
    score: float
    values: list[ComparedValue]


class CompareAnswer(Struct):
    """Fields by descending score."""

    selection: int
    baseline: int
    fields: list[ComparedField]
    statistics: Statistics


class FieldRequest(LogsQuery):
    """`POST logs/field`: everything about one field."""

    field: str = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 20


class FieldNumbers(Struct):
    """Of the values that are numbers, `count` of them."""

    count: int
    min: float
    max: float
    mean: float
    sum: float
    p50: float
    p90: float
    p95: float
    p99: float


class FieldAnswer(Struct):
    """`total` records, `records` with the field, about `distinct` values (exact up to 10,000)."""

    name: str
    kind: Kind
    type: str
    total: int
    records: int
    distinct: int
    values: list[FacetValue]
    numbers: FieldNumbers | None
    statistics: Statistics


class ExportRequest(LogsQuery):
    """`POST logs/export`, or `GET logs/export` with the same names as query arguments (`columns` comma-separated): a
    download, streamed. No `columns` means all of them; `attributes.key` and `resource.key` are columns, too. `spreadsheet`
    puts an apostrophe before CSV values that a spreadsheet would run as a formula (`=`, `+`, `-`, `@`, tab, CR in front)."""

    format: Literal["ndjson", "csv", "parquet"] = "ndjson"
    columns: list[str] = field(default_factory=list)
    order: Literal["desc", "asc"] = "desc"
    limit: Annotated[int, Meta(ge=1, le=100_000_000)] = 1_000_000
    spreadsheet: bool = False


class LiveRequest(Struct, forbid_unknown_fields=True):
    """What a client says on the WebSocket `live` (one JSON object a message; browsers name the tenant with `?tenant=`).

    `subscribe` starts a subscription under an `id` of the client's choice, `pause` and `resume` hold it, `unsubscribe` ends
    it. `topic` `logs` are the records that match `query` from now on, and before that `backlog` records that are stored.
    `rate` is the most records a second that the client wants; what goes beyond it is dropped and counted.
    """

    type: Literal["subscribe", "unsubscribe", "pause", "resume"]
    id: str
    topic: Literal["logs"] = "logs"
    query: str = ""
    backlog: Annotated[int, Meta(ge=0, le=1000)] = 0
    rate: Annotated[int, Meta(ge=1, le=20_000)] = 2000


class LiveMessage(Struct, omit_defaults=True):
    """What the server says on it: `subscribed`, `records` (oldest first; `dropped` were left out since the last message
    because the client or its rate did not keep up), `ended`, `error` (the subscription is over)."""

    type: Literal["subscribed", "records", "ended", "error"]
    id: str
    records: list[LogRecord] = []
    dropped: int = 0
    error: dict[str, Any] | None = None
