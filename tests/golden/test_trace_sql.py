"""The SQL that plans over spans become, as text that reviewers read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nexus.query.plan import All, Compare, CompareOp, Field, FieldKind, Not, Plan, Predicate, Scoped, TimeRange, Word
from nexus.query.policy import scope
from nexus.query.sql import parse_sql
from nexus.query.trace_plan import (
    CriticalPaths,
    FindTraces,
    Place,
    SamplingPolicy,
    SamplingPreview,
    SpanCount,
    SpanErrors,
    SpanFacets,
    SpanField,
    SpanHeatmap,
    SpanProfile,
    SpanScan,
    SpanSeries,
    TagNames,
    TagValues,
)
from nexus.query.traces.lower import lower_scan, lower_search
from nexus.query.traces.parser import parse
from nexus.query.traces.sampling import WrittenPolicy, WrittenRule, lower_policy
from nexus.storage.api import RetentionPolicy
from nexus.storage.clickhouse.attributes import LearnedColumn
from nexus.storage.clickhouse.catalog import Catalog, Partition, PendingView
from nexus.storage.clickhouse.retention import change_expression
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.sql_statement import compile_sql
from nexus.storage.clickhouse.traces import found, rows, tables
from nexus.storage.clickhouse.traces.found import Candidate
from nexus.storage.clickhouse.traces.masking import known_to
from nexus.storage.clickhouse.traces.profile import profile
from nexus.storage.clickhouse.traces.sampling import sql as sampling
from nexus.storage.clickhouse.traces.sampling.sql import Slice
from nexus.storage.clickhouse.traces.scan import erasure_condition, of_these_traces, spans_of, these_spans
from nexus.storage.clickhouse.traces.series import compile_series
from nexus.storage.clickhouse.traces.windows import newest_first

DAY = 86_400_000_000_000
HOUR = DAY // 24
CATALOG = Catalog(
    columns=(
        LearnedColumn("http.route", "s", "s_http_route", "LowCardinality(Nullable(String))"),
        LearnedColumn("http.response.status_code", "i", "i_http_response_status_code", "Nullable(Int64)"),
        LearnedColumn("user.id", "s", "s_user_id", "Nullable(String)"),
    ),
    partitions=(Partition("1", DAY, 2 * DAY - 1, 1_000_000), Partition("2", 2 * DAY, 3 * DAY - 1, 20_000_000)),
    in_maps=frozenset({("user.id", "i"), ("retries", "i")}),
    table=SPANS,
)
WHOLE = TimeRange(DAY, 3 * DAY)
EDGES = TimeRange(DAY + HOUR + 5, 3 * DAY - HOUR - 5)
SOME = [Candidate(bytes(range(16)), 2 * DAY + 5 * HOUR), Candidate(bytes(range(16, 32)), 2 * DAY + 4 * HOUR)]

CONDITIONS = {
    "attribute": "{ span.http.route = `/pay` }",
    "attribute_of_two_types": "{ span.user.id = `u1` && span.user.id != 5 }",
    "attribute_in_map": "{ span.retries > 3 }",
    "attribute_of_none": "{ span.never = `seen` || .never = nil }",
    "resource": "{ resource.service.name = `cart` && resource.host.name =~ `node-.*` }",
    "anywhere": "{ .http.route = `/pay` }",
    "duration": "{ duration > 1.5s && duration <= 1m }",
    "status_and_kind": "{ status = error && kind != server }",
    "ids": "{ trace:id = `000102030405060708090a0b0c0d0e0f` && span:parentID = nil }",
    "events_and_links": "{ event:name = `exception` && event.exception.type != nil && link:spanID = `0001020304050607` }",
    "whole_trace": "{ rootName = `GET /` && traceDuration > 1s && span:childCount > 2 }",
    "arithmetic": "{ span.http.response.status_code / 100 = 5 && !(span.retries + 1 > span.user.id) }",
}


def scan(text: str = "{ }", time: TimeRange = WHOLE) -> SpanScan:
    """What a query is about."""
    return lower_scan(parse(text), text, time)


def closed(plan: Plan, policy: Predicate | None = None, masked: frozenset[Field] = frozenset()) -> Scoped:
    """A plan of a tenant."""
    return scope(plan, tenant="acme", policy=policy or All(), masked=masked, query_id="q")


def statements(plan: Plan, catalog: Catalog = CATALOG, scoped: Scoped | None = None) -> list[str]:
    """The statements of a plan, in the order in which they run, over what the first ones may have found."""
    scoped = scoped or closed(plan)
    catalog = known_to(scoped, catalog)
    match plan:
        case FindTraces(time, spansets):
            windows = newest_first(time, catalog)
            texts = [found.candidates(scoped, spansets, time, window, plan.limit, catalog) for window in windows]
            if not spansets.program and plan.order == "newest":
                return [*texts, found.told(scoped, plan, SOME, catalog)]
            texts.append(found.summaries(scoped, SOME, catalog))
            if spansets.program:
                texts.insert(-1, found.rows(scoped, spansets, time, SOME, catalog))
                texts.append(found.chosen(scoped, plan, SOME[0].trace_id + bytes(8), SOME, catalog))
            else:
                texts.append(found.matches(scoped, plan, SOME, catalog))
            return texts
        case TagNames():
            (window, *_) = newest_first(plan.scan.time, catalog)
            known = frozenset({"http.route"})
            counts = tables.frequent_names(scoped, plan, window, catalog, ())
            return [counts, tables.tag_names(scoped, plan, catalog, (), known)]
        case TagValues():
            return [tables.tag_values(scoped, plan, catalog, ())]
        case SpanFacets():
            return [tables.facets(scoped, plan, catalog, ())]
        case SpanHeatmap():
            return [tables.heatmap(scoped, plan, catalog, ())]
        case SpanErrors():
            return [tables.errors(scoped, plan, catalog, ())]
        case SpanCount():
            return [tables.count(scoped, plan, catalog, ())]
        case SpanProfile():
            return [profile(scoped, plan, catalog, ((), ()))]
        case SpanSeries():
            return [compile_series(scoped, plan, catalog)]
        case CriticalPaths():
            return [
                tables.quantile_bounds(scoped, plan.scan, plan.quantiles, catalog, ()),
                tables.fair_traces(scoped, plan.scan, (10, 20), plan.traces, catalog, ()),
                tables.path_spans(scoped, plan.scan, (10, 20), SOME, catalog, ()),
            ]
        case _:
            raise AssertionError(plan)


def _search(text: str, **more: object) -> FindTraces:
    return replace(lower_search(parse(text), text, EDGES), **more)  # type: ignore[arg-type]


FAILED = "{ status = error }"
ROUTE, NAME = SpanField(Place.SPAN, "http.route"), SpanField(Place.INTRINSIC, "name")
PLANS: dict[str, Plan] = {
    "find": _search("{ span.http.route = `/pay` || span.user.id = `u1` }", select=(ROUTE,)),
    "find_longest": _search("{ span.http.route = `/pay` }", order="longest", select=(ROUTE,)),
    "find_both": _search("{ status = error } && { resource.service.name = `cart` }"),
    "find_below": _search("{ status = error } >> { span.http.route = `/pay` } | count() > 2"),
    "tag_names": TagNames(scan(FAILED, EDGES)),
    "tag_values": TagValues(scan(FAILED), ROUTE),
    "tag_values_of_events": TagValues(scan(), SpanField(Place.EVENT, "exception.type")),
    "facets": SpanFacets(scan(), (NAME, ROUTE)),
    "heatmap": SpanHeatmap(scan(FAILED, EDGES), HOUR),
    "heatmap_fine": SpanHeatmap(scan(), 1_000_000_000),
    "errors": SpanErrors(scan()),
    "count": SpanCount(scan(FAILED)),
    "profile": SpanProfile(scan(FAILED), scan(), (1, 40)),
    "profile_by_step": SpanProfile(scan(FAILED), scan(), start=DAY, end=3 * DAY, step=HOUR),
    "series_rate": SpanSeries(scan(FAILED), "rate", DAY, 3 * DAY, HOUR, by=(ROUTE,), exemplars=10),
    "series_quantiles": SpanSeries(
        scan(), "quantile_over_time", DAY, 3 * DAY, HOUR, SpanField(Place.INTRINSIC, "duration"), quantiles=(0.5, 0.99)
    ),
    "series_histogram": SpanSeries(
        scan(), "histogram_over_time", DAY, 3 * DAY, HOUR, SpanField(Place.INTRINSIC, "duration"), instant=True
    ),
    "critical_paths": CriticalPaths(scan(FAILED), (0.9, 1.0), 100),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(name: str, golden: Callable[[str, str], None]) -> None:
    """Each condition compiles to the text in `sql/traces/where_<name>.sql`."""
    golden(f"sql/traces/where_{name}.sql", statements(SpanCount(scan(CONDITIONS[name])))[0] + "\n")


@pytest.mark.parametrize("name", PLANS)
def test_plans(name: str, golden: Callable[[str, str], None]) -> None:
    """Each plan compiles to the texts in `sql/traces/<name>.sql`."""
    golden(f"sql/traces/{name}.sql", "\n;\n".join(statements(PLANS[name])) + "\n")


def test_whole_spans(golden: Callable[[str, str], None]) -> None:
    """A trace, and spans by their ids."""
    scoped = closed(SpanCount(SpanScan()))
    names = rows.columns(CATALOG)
    trace = spans_of(scoped, TimeRange(), CATALOG, extra=(of_these_traces([bytes(range(16))]),)).union(names)
    some = spans_of(scoped, EDGES, CATALOG, extra=(these_spans(bytes(range(48))),)).union(names)
    golden("sql/traces/whole_spans.sql", f"{trace}\n;\n{some}\n")


def test_sight(golden: Callable[[str, str], None]) -> None:
    """Policies ask for nothing that spans do not have; everything else is asked of what is left to see."""
    policy = Not(Word("secret"))
    seen = Compare(Field(FieldKind.COLUMN, "service"), CompareOp.NE, "secret")
    masked = frozenset({Field(FieldKind.ATTRIBUTE, "user.id"), Field(FieldKind.RESOURCE, "host.name")})
    plan = PLANS["tag_values"]
    texts = [
        *statements(plan, scoped=closed(plan, policy)),
        *statements(plan, scoped=closed(plan, seen)),
        *statements(plan, scoped=closed(plan, seen, masked)),
    ]
    golden("sql/traces/sight.sql", "\n;\n".join(texts) + "\n")


def test_changes(golden: Callable[[str, str], None]) -> None:
    """What an erasure and a change of retention ask."""
    where = scan("{ span.http.route = `/pay` && duration > 1s }", EDGES)
    rules = ((Compare(Field(FieldKind.ATTRIBUTE, "http.route"), CompareOp.EQ, "/pay"), 3), (Word("debug"), 1))
    texts = [
        erasure_condition(closed(SpanCount(where)), where, CATALOG),
        change_expression(RetentionPolicy((), 30), RetentionPolicy(rules, 90), CATALOG),
    ]
    golden("sql/traces/changes.sql", "\n;\n".join(texts) + "\n")


def test_users_sql(golden: Callable[[str, str], None]) -> None:
    """Both tables in one statement."""
    plan = parse_sql(
        "SELECT spans.name, logs.body, spans.attributes['http.route'] FROM spans JOIN logs ON logs.trace_id = spans.trace_id "
        "WHERE spans.status = 'error' AND spans.parent_span_id = ''",
        limit=100,
    )
    catalogs = {"spans": CATALOG, "logs": Catalog()}
    golden("sql/traces/users_sql.sql", compile_sql(closed(plan), plan, catalogs) + "\n")


RULES = lower_policy(
    WrittenPolicy(
        (
            WrittenRule("errors", "{ status = error }", probability=1),
            WrittenRule("pay", "{ .http.route = `/pay` && traceDuration > 2s }", probability=0.5),
            WrittenRule("slow", slow=0.99, per_second=5),
        ),
        0.01,
    )
)
SLICE = Slice(172_800, 30)


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("baseline", sampling.count_baseline("acme", SLICE, 172_900)),
        ("decide", sampling.decide("acme", SLICE, RULES, CATALOG, 172_900, 432_000)),
        ("decide_otherwise", sampling.decide("acme", SLICE, SamplingPolicy((), 0.25), CATALOG, 172_900, 432_000)),
        ("tally", sampling.tally(["acme", "other"], SLICE)),
        ("move", sampling.move(["tenant", "weight", "commit_id", "pending"], ["acme"], SLICE, 1, 3, [1])),
        ("preview", sampling.preview(closed(SamplingPreview(WHOLE, RULES)), SamplingPreview(WHOLE, RULES), CATALOG)),
    ],
)
def test_sampling(golden: Callable[[str, str], None], name: str, sql: str) -> None:
    """Deciding traces and moving what is kept."""
    golden(f"sql/traces/sampling_{name}.sql", sql + "\n")


def test_spans_that_move_are_seen_once(golden: Callable[[str, str], None]) -> None:
    """Those of a tenant that samples where the view says, of others wherever they are."""
    catalog = replace(CATALOG, pending=PendingView(172_800, frozenset({"acme"})))
    query = closed(SpanCount(SpanScan(WHOLE)))
    golden("sql/traces/sampling_seen.sql", tables.count(query, SpanCount(SpanScan(WHOLE)), catalog, ()) + "\n")
    other = scope(SpanCount(SpanScan(WHOLE)), tenant="other", query_id="q")
    assert "pending" not in tables.count(other, SpanCount(SpanScan(WHOLE)), catalog, ())
