"""The typed plan: what a query asks of storage, whatever language it was written in.

Languages lower into these nodes (`query.logs.lower`, `query.sql.lower`), `query.policy` closes them over a tenant and a
row policy, and a store compiles them (`storage.clickhouse.compile`). Nothing here knows a language or a database.
Times are integer nanoseconds since the Unix epoch; a range is half-open, `[start, end)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

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
class TimeRange:
    """Half-open range of record timestamps; None is open."""

    start: int | None = None
    end: int | None = None


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
class SqlStatement:
    """A user's SELECT, parsed and checked against the allow-list.

    `text` is canonical SQL in which every source table is the bare name `logs`; a store parses it again, puts the
    scoped scan in the place of each, and regenerates it.
    """

    text: str
    limit: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Records as the store has them, in no order, for native code to go on with. The asker bounds them by time."""

    scan: LogScan


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers and bytes of records, for native code to go on with.

    Grouped by left-open buckets of `step` ns from `origin` on (0: one bucket, named `origin`), by `keys`, and by the values
    of structured metadata called `labels` (LogQL's names). `bytes` sums the lengths of bodies, `sample` takes a body.
    """

    scan: LogScan
    keys: tuple[Literal["stream", "severity", "template"], ...] = ()
    labels: tuple[str, ...] = ()
    step: int = 0
    origin: int = 0
    bytes: bool = False
    sample: bool = False


Plan = Search | GetRecord | Count | Histogram | Facets | ListFields | Bounds | SqlStatement | Rows | Tally


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use."""

    seconds: float = 30.0
    memory_bytes: int = 4 << 30
    result_rows: int = 10_000
    result_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True)
class Scoped:
    """A plan closed over its tenant and row policy: the only thing storage accepts.

    Made by `query.policy.scope` alone. `policy` is a predicate every record must match on top of the query's own.
    """

    plan: Plan
    tenant: str
    policy: Predicate
    limits: Limits
    query_id: str
