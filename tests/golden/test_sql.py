"""The SQL that plans become, as text that reviewers read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nexus.query.plan import (
    Aggregate,
    All,
    And,
    Bounds,
    CalendarBuckets,
    Compare,
    CompareOp,
    Contains,
    Context,
    Contrast,
    Count,
    Cursor,
    Exists,
    Export,
    Facets,
    Field,
    FieldKind,
    FieldSummary,
    FieldValues,
    GetRecord,
    Histogram,
    Level,
    ListFields,
    LogScan,
    Matches,
    Metric,
    Not,
    NumberBuckets,
    OfResources,
    Patterns,
    Phrase,
    Plan,
    Predicate,
    Profile,
    Regex,
    Rows,
    Search,
    SqlStatement,
    Tally,
    TimeBuckets,
    TimeRange,
    Wildcard,
    Word,
)
from nexus.query.policy import scope
from nexus.storage.api import RetentionPolicy
from nexus.storage.clickhouse import export
from nexus.storage.clickhouse.attributes import LearnedColumn
from nexus.storage.clickhouse.catalog import Catalog, Partition
from nexus.storage.clickhouse.compile import explain
from nexus.storage.clickhouse.masking import known_to
from nexus.storage.clickhouse.retention import change_expression
from nexus.storage.clickhouse.scan import erasure_condition

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
    "tally_services": Tally(scan(), keys=("service",), step=HOUR, origin=-5, bytes=True),
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
    "patterns": Patterns(scan(Word("failed")), HOUR),
    "patterns_newest": Patterns(scan(time=EDGES), HOUR // 4, 20, "newest"),
    "context": Context(2 * DAY + 1, 255, 10, 10),
    "profile": Profile(scan(Compare(column("severity"), CompareOp.EQ, "error")), scan(), (1, 40)),
    "contrast": Contrast(scan(Word("failed")), scan(), (column("severity"), attribute("status")), 20),
    "field_summary": FieldSummary(scan(), attribute("status")),
    "field_summary_anywhere": FieldSummary(scan(), Field(FieldKind.ANYWHERE, "host.name")),
    "aggregate_metrics": Aggregate(scan(), (), (Metric("percentiles", attribute("duration"), (0.5, 0.99)),)),
    "aggregate_nested": Aggregate(
        scan(Word("failed")),
        (
            Level(FieldValues(attribute("http.route")), 5, "metric", True, Metric("avg", attribute("duration"))),
            Level(TimeBuckets(HOUR, 5), 1000, min_count=2),
        ),
        (Metric("stats", attribute("status")), Metric("latest", attribute("status"))),
    ),
    "aggregate_keys": Aggregate(
        scan(),
        (
            Level(CalendarBuckets("week", "Europe/Berlin")),
            Level(NumberBuckets(attribute("duration"), 0.5)),
            Level(Matches((Word("failed"), Exists(attribute("status"))))),
            Level(FieldValues(column("service"), "none"), 3, "count", True),
        ),
    ),
    "sql_count": SqlStatement("SELECT count() FROM logs", 100),
    "sql_map_keys": SqlStatement(
        "SELECT attributes['http.route'] AS route, avg(attributes['duration']) FROM logs "
        "WHERE attributes['status'] >= 500 AND resource['host.name'] = 'node-1' GROUP BY route",
        100,
    ),
    "sql_trace": SqlStatement(f"SELECT body FROM logs AS l WHERE l.trace_id = '{'ab' * 16}'", 100),
    "sql_whole_map": SqlStatement("SELECT attributes FROM logs", 1),
}


@pytest.mark.parametrize(
    ("name", "plain"), [("count_word_all_have_skeletons", []), ("count_word_some_days_without_skeletons", ["2"])]
)
def test_sql_of_days_with_skeletons(name: str, plain: list[str], golden: Callable[[str, str], None]) -> None:
    """Bodies are asked on days with records that have no skeleton, and on no others."""
    catalog = Catalog(CATALOG.columns, CATALOG.partitions, CATALOG.in_maps, frozenset(plain))
    scoped = scope(Count(scan(Word("Timeout"))), tenant="acme", query_id="q")
    golden(f"sql/{name}.sql", "\n;\n".join(explain(scoped, catalog)) + "\n")


EXPORTS = {
    "export_csv": Export(
        scan(Word("timeout")),
        "csv",
        (("timestamp", column("timestamp")), ("body", column("body")), ("attributes.status", attribute("status"))),
        spreadsheet=True,
    ),
    "export_parquet": Export(scan(), "parquet", (("n", attribute("duration")), ("attributes", column("attributes")))),
    "export_whole": Export(scan(), order="asc"),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_export(name: str, golden: Callable[[str, str], None]) -> None:
    """The statements of an export: types, counts per day, a page, and one of a nanosecond that holds too much."""
    plan = EXPORTS[name]
    scoped = scope(plan, tenant="acme", query_id="q")
    types = {"n": "Float64"}
    statements = [
        export.types_statement(scoped, plan, CATALOG),
        export.count_statement(scoped, plan, plan.scan.time, 0, CATALOG),
        export.page_statement(scoped, plan, export.Window(DAY, DAY + HOUR, 100), 1000, types, CATALOG),
        export.page_statement(scoped, plan, export.Window(DAY, DAY + 1, 9, 4, 3), 1000, types, CATALOG),
    ]
    golden(f"sql/{name}.sql", "\n;\n".join(statement or "-- nothing" for statement in statements) + "\n")


def test_erasure(golden: Callable[[str, str], None]) -> None:
    """Tenant, policy, time and predicate in one condition, without hints for indexes."""
    where = And((Word("failed"), Compare(attribute("status"), CompareOp.EQ, 500)))
    policy = Compare(column("service"), CompareOp.NE, "secret")
    scoped = scope(Count(scan(where, EDGES)), tenant="acme", policy=policy, query_id="q")
    golden("sql/erasure.sql", erasure_condition(scoped, scan(where, EDGES), CATALOG) + "\n")


def test_retention(golden: Callable[[str, str], None]) -> None:
    """What a change of policy makes of the day on which a record expires."""
    rules = ((Word("debug"), 3), (Compare(attribute("http.route"), CompareOp.EQ, "/pay"), 0))
    before, after = RetentionPolicy((), 30), RetentionPolicy(rules, 90)
    changes = [(before, after), (after, before), (RetentionPolicy((), 0), before), (before, RetentionPolicy((), 0))]
    golden("sql/retention.sql", "\n;\n".join(change_expression(*change, CATALOG) for change in changes) + "\n")


@pytest.mark.parametrize("name", CASES)
def test_sql(name: str, golden: Callable[[str, str], None]) -> None:
    """Each plan compiles to the text in `sql/<name>.sql`."""
    policy = Compare(column("service"), CompareOp.NE, "secret") if name == "count_word" else All()
    scoped = scope(CASES[name], tenant="acme", policy=policy, query_id="q")
    golden(f"sql/{name}.sql", "\n;\n".join(explain(scoped, CATALOG)) + "\n")


EMAIL, STATUS, NODE = attribute("user.email"), attribute("status"), Field(FieldKind.RESOURCE, "host.name")
RESTRICTED: dict[str, tuple[Plan, Predicate, frozenset[Field]]] = {
    "masked_count": (Count(scan(Exists(EMAIL))), All(), frozenset({EMAIL})),
    "masked_number": (Facets(scan(), (STATUS,)), Compare(column("service"), CompareOp.EQ, "cart"), frozenset({STATUS})),
    "masked_records": (Search(scan(Word("failed"))), Word("timeout"), frozenset({NODE, column("trace_id")})),
    "masked_body": (Histogram(scan(), HOUR, column("template_id")), Phrase("by peer"), frozenset({column("body")})),
    "masked_service": (Tally(scan(), keys=("stream",)), All(), frozenset({column("service")})),
    "masked_sql": (CASES["sql_map_keys"], Compare(EMAIL, CompareOp.NE, "x"), frozenset({EMAIL, STATUS})),
    "policy_sql": (CASES["sql_count"], And((Word("failed"), Compare(STATUS, CompareOp.GE, 500))), frozenset()),
}


@pytest.mark.parametrize("name", RESTRICTED)
def test_restricted(name: str, golden: Callable[[str, str], None]) -> None:
    """Policy and time choose the records, everything else is asked of what is left to see of them."""
    plan, policy, masked = RESTRICTED[name]
    scoped = scope(plan, tenant="acme", policy=policy, masked=masked, query_id="q")
    golden(f"sql/{name}.sql", "\n;\n".join(explain(scoped, known_to(scoped, CATALOG))) + "\n")
