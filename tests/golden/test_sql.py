"""The SQL that plans become, as text that reviewers read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nexus.query.plan import (
    All,
    And,
    Bounds,
    Compare,
    CompareOp,
    Contains,
    Count,
    Cursor,
    Exists,
    Facets,
    Field,
    FieldKind,
    GetRecord,
    Histogram,
    ListFields,
    LogScan,
    Not,
    OfResources,
    Phrase,
    Plan,
    Predicate,
    Regex,
    Rows,
    Search,
    SqlStatement,
    Tally,
    TimeRange,
    Wildcard,
    Word,
)
from nexus.query.policy import scope
from nexus.storage.clickhouse.attributes import LearnedColumn
from nexus.storage.clickhouse.catalog import Catalog, Partition
from nexus.storage.clickhouse.compile import explain

DAY = 86_400_000_000_000
HOUR = DAY // 24
CATALOG = Catalog(
    columns=(
        LearnedColumn("http.route", "s", "s_http_route", "LowCardinality(Nullable(String))"),
        LearnedColumn("status", "i", "i_status", "Nullable(Int64)"),
        LearnedColumn("duration", "f", "f_duration", "Nullable(Float64)"),
    ),
    partitions=(Partition("1", DAY, 2 * DAY - 1, 1_000_000), Partition("2", 2 * DAY, 3 * DAY - 1, 2_000_000)),
    in_maps=frozenset({("status", "s"), ("retries", "i")}),
)
WHOLE = TimeRange(DAY, 3 * DAY)
EDGES = TimeRange(DAY + HOUR + 5, 3 * DAY - HOUR - 5)


def column(name: str) -> Field:
    """A column of the view."""
    return Field(FieldKind.COLUMN, name)


def attribute(name: str) -> Field:
    """A record attribute."""
    return Field(FieldKind.ATTRIBUTE, name)


def scan(where: Predicate = All(), time: TimeRange = WHOLE) -> LogScan:
    """A scan of the two days."""
    return LogScan(time, where)


CASES: dict[str, Plan] = {
    "count_all": Count(scan()),
    "count_edges": Count(scan(time=EDGES)),
    "count_inside_one_hour": Count(scan(time=TimeRange(DAY + 5, DAY + 10))),
    "count_nothing_stored_then": Count(scan(time=TimeRange(0, 5))),
    "count_word": Count(scan(Word("Timeout"))),
    "count_word_with_digit": Count(scan(Word("user42"))),
    "count_phrase": Count(scan(Phrase("connection reset by peer"))),
    "count_substring": Count(scan(Wildcard(column("body"), ("", "eset by_", "")))),
    "count_prefix": Count(scan(Wildcard(column("body"), ("conn", "")))),
    "count_regex": Count(scan(Regex(column("body"), r"took \d+ms"))),
    "count_number_of_two_types": Count(scan(Compare(attribute("status"), CompareOp.GE, 500))),
    "count_not_equal": Count(scan(Not(Compare(attribute("http.route"), CompareOp.EQ, "/pay")))),
    "count_missing_key": Count(scan(Exists(attribute("never.seen")))),
    "count_map_key": Count(scan(Compare(attribute("retries"), CompareOp.EQ, 3))),
    "count_resource": Count(scan(Compare(Field(FieldKind.RESOURCE, "host.name"), CompareOp.EQ, "node-1"))),
    "count_severity": Count(scan(Compare(column("severity"), CompareOp.GE, "warn"))),
    "count_contains": Count(scan(And((Word("peer"), Contains(column("body"), "by peer's x"))))),
    "count_of_resources": Count(scan(OfResources((7, 18446744073709551615)))),
    "rows": Rows(scan(Not(Contains(column("body"), "debug")))),
    "tally_density": Tally(scan(), step=HOUR, origin=DAY - 1),
    "tally_streams": Tally(scan(time=TimeRange()), keys=("stream",), bytes=True),
    "tally_labels": Tally(scan(), ("stream", "severity"), ("http_route", "never_seen", "trace_id"), HOUR, -5),
    "tally_patterns": Tally(scan(Word("failed")), ("severity", "template"), step=HOUR, origin=DAY - 1, sample=True),
    "search": Search(scan()),
    "search_trace": Search(scan(Compare(column("trace_id"), CompareOp.EQ, "ab" * 16))),
    "search_words_next_page": Search(scan(And((Word("failed"), Not(Word("retry"))))), cursor=Cursor(2 * DAY, 7, -1)),
    "get_record": GetRecord(2 * DAY + 1, 255),
    "histogram_severity": Histogram(scan(), HOUR, column("severity")),
    "histogram_attribute": Histogram(scan(), HOUR, attribute("http.route")),
    "facets": Facets(scan(), (column("severity"), attribute("status"), Field(FieldKind.RESOURCE, "host.name"))),
    "list_fields": ListFields(scan()),
    "bounds": Bounds(scan(time=TimeRange())),
    "sql_count": SqlStatement("SELECT count() FROM logs", 100),
    "sql_map_keys": SqlStatement(
        "SELECT attributes['http.route'] AS route, avg(attributes['duration']) FROM logs "
        "WHERE attributes['status'] >= 500 AND resource['host.name'] = 'node-1' GROUP BY route",
        100,
    ),
    "sql_trace": SqlStatement(f"SELECT body FROM logs AS l WHERE l.trace_id = '{'ab' * 16}'", 100),
    "sql_whole_map": SqlStatement("SELECT attributes FROM logs", 1),
}


@pytest.mark.parametrize("name", CASES)
def test_sql(name: str, golden: Callable[[str, str], None]) -> None:
    """Each plan compiles to the text in `sql/<name>.sql`."""
    policy = Compare(column("service"), CompareOp.NE, "secret") if name == "count_word" else All()
    scoped = scope(CASES[name], tenant="acme", policy=policy, query_id="q")
    golden(f"sql/{name}.sql", "\n;\n".join(explain(scoped, CATALOG)) + "\n")
