"""Every plan that is no mere search, on a real engine: pages, records, histograms, facets, fields, bounds and SQL."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.oracles.filled_store import Store, filled_store
from tests.oracles.records import FIRST_DAY, HOUR
from tests.oracles.search import Record, number_of, text_of
from tests.strategies.sql_texts import statements

from nexus.errors import QuerySyntaxError
from nexus.query.fields import resolve
from nexus.query.plan import Bounds, Cursor, Facets, GetRecord, Histogram, ListFields, LogScan, Search, TimeRange
from nexus.query.sql import parse_sql
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.compile import OTHER, compile_table, hot_fields
from nexus.storage.clickhouse.records import FORMAT, Line, PageBuilder, get_record, identity, read_lines
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.sql_statement import compile_sql

QUERIES = ["", "payment", "level:>=warn", "-service:api", "status:>=200 OR timeout", "trace_id:*", "nothing_has_this"]
RANGES = [
    TimeRange(),
    TimeRange(FIRST_DAY + 5 * HOUR, FIRST_DAY + 29 * HOUR + 1),
    TimeRange(FIRST_DAY + 30 * HOUR + HOUR // 2, FIRST_DAY + 30 * HOUR + HOUR // 2 + 1),
]
STATEMENTS = re.findall(r"```sql\n(.*?)```", (Path(__file__).parents[3] / "docs" / "reference" / "sql.md").read_text(), re.S)
_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with filled_store(tmp_path_factory.mktemp("answers")) as filled:
        yield filled


def lines(store: Store, sql: str) -> list[Line]:
    return read_lines(store.connection.query(sql, FORMAT).bytes(), store.catalog)


# --------------------------------------------------------------------------------------------------------------- pages


def pages(store: Store, query: str, time: TimeRange, order: str, limit: int) -> list[Line]:
    """Everything that a query finds, page by page."""
    found: list[Line] = []
    cursor: Cursor | None = None
    while True:
        plan = Search(store.scan(query, time), order, limit, cursor)  # type: ignore[arg-type]
        builder = PageBuilder(store.scoped(plan), plan, store.catalog)
        while (sql := builder.statement()) is not None:
            builder.feed(lines(store, sql))
        assert len(builder.lines) <= limit
        found += builder.lines
        if (cursor := builder.next_cursor) is None:
            return found
        assert len(builder.lines) == limit


@settings(_SETTINGS, max_examples=20)
@given(
    query=st.sampled_from(QUERIES),
    time=st.sampled_from(RANGES),
    order=st.sampled_from(["desc", "asc"]),
    limit=st.sampled_from([1, 20, 100, 1000]),
)
def test_pages_hold_what_matches_once_and_in_order(
    store: Store, query: str, time: TimeRange, order: str, limit: int
) -> None:
    expected = store.matching(query, time)
    if limit == 1:
        time = TimeRange(time.start, FIRST_DAY + 8 * HOUR)
        expected = [r for r in expected if r.timestamp < FIRST_DAY + 8 * HOUR]
    found = pages(store, query, time, order, limit)
    sign = -1 if order == "desc" else 1
    assert [(line.timestamp, line.hash) for line in found] == sorted(
        ((line.timestamp, line.hash) for line in found), key=lambda pair: (sign * pair[0], pair[1])
    )
    shown = sorted((json.loads(line.json)["timestamp"], json.loads(line.json)["body"]) for line in found)
    assert shown == sorted((str(r.timestamp), r.body) for r in expected)


def test_records_come_whole(store: Store) -> None:
    by_time: dict[int, list[dict[str, Any]]] = {}
    for line in pages(store, "", TimeRange(), "asc", 1000):
        held = json.loads(line.json)
        assert held["id"] == f"{line.timestamp}-{line.hash:016x}"
        by_time.setdefault(line.timestamp, []).append(held)
    assert sum(map(len, by_time.values())) == len(store.records)
    for record in store.records:
        assert any(_shows(held, record) for held in by_time[record.timestamp]), record


def _shows(held: dict[str, Any], record: Record) -> bool:
    expected = {
        "timestamp": str(record.timestamp),
        "observed_timestamp": str(record.timestamp),
        "service": record.service,
        "severity": record.severity,
        "severity_number": record.severity_number,
        "body": record.body,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "event_name": record.event_name,
        "template_id": record.template_id,
        "attributes": record.attributes,
        "resource": record.resource,
        "scope_name": record.scope_name,
        "scope_version": "",
    }
    return {name: value for name, value in held.items() if name != "id"} == expected


def test_the_identity_does_not_depend_on_learned_columns(store: Store) -> None:
    plan = Search(LogScan(), "asc", 10)
    builder = PageBuilder(store.scoped(plan, "twins"), plan, store.catalog)
    while (sql := builder.statement()) is not None:
        builder.feed(lines(store, sql))
    first, second = builder.lines
    assert store.records[1].attributes
    assert (first.hash, first.json) == (second.hash, second.json)


def test_the_engine_computes_the_same_identities(store: Store) -> None:
    native = sorted(line.hash for line in pages(store, "", TimeRange(), "asc", 1000))
    sql = f"SELECT {identity(store.catalog)} FROM nexus.logs WHERE tenant = 't'"
    assert native == sorted(map(int, store.connection.query(sql, "TSV").bytes().split()))
    assert len(set(native)) > len(native) * 0.9


def test_a_record_is_found_by_its_identity(store: Store) -> None:
    for line in pages(store, "level:error", TimeRange(), "asc", 1000)[:10]:
        plan = GetRecord(line.timestamp, line.hash)
        assert lines(store, get_record(store.scoped(plan), plan, store.catalog)) == [line]
        assert lines(store, get_record(store.scoped(plan, "other"), plan, store.catalog)) in ([], [line])
        missing = GetRecord(line.timestamp, line.hash ^ 1)
        assert lines(store, get_record(store.scoped(missing), missing, store.catalog)) == []


# ---------------------------------------------------------------------------------------------------------- aggregates


def shown(record: Record, name: str) -> str:
    """The text of a field of a record, '' when it has none."""
    field = resolve(name)
    if field.kind == "column":
        value = getattr(record, field.name)
        return "" if field.name == "severity_number" and value == 0 else str(value)
    for place in ("attributes", "resource"):
        if field.kind in ("anywhere", place.removesuffix("s")) and field.name in getattr(record, place):
            held = getattr(record, place)[field.name]
            if text_of(held):
                return text_of(held)
    return ""


FIELDS = [
    "severity",
    "service",
    "status",
    "color",
    "ratio",
    "ok",
    "odd key",
    "retries",
    "template_id",
    "trace_id",
    "resource.team",
    "pod",
]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("name", FIELDS)
def test_facets_count_values(store: Store, query: str, name: str) -> None:
    plan = Facets(store.scan(query), (resolve(name),), 5)
    rows = store.table(compile_table(store.scoped(plan), store.catalog))
    values = Counter(shown(record, name) for record in store.matching(query))
    if name != "severity":
        del values[""]
    assert len(rows) == min(len(values), 6)
    assert all(values[value] == count for _, value, count, _ in rows)
    assert [count for _, _, count, _ in rows] == sorted(values.values(), reverse=True)[:6]
    assert {records for _, _, _, records in rows} <= {sum(values.values())}


def test_several_facets_at_once(store: Store) -> None:
    plan = Facets(store.scan("payment"))
    rows = store.table(compile_table(store.scoped(plan), store.catalog))
    assert {row[0] for row in rows} <= {field.name for field in hot_fields(store.catalog)}
    assert len({row[0] for row in rows}) > 3


@pytest.mark.parametrize("time", RANGES)
@pytest.mark.parametrize("name", [None, "severity", "service", "status", "color", "retries", "template_id", "resource.team"])
@pytest.mark.parametrize("step", [HOUR // 4, HOUR, 24 * HOUR])
def test_histograms_count_every_record(store: Store, time: TimeRange, name: str | None, step: int) -> None:
    for query in ("", "payment", "level:error"):
        plan = Histogram(store.scan(query, time), step, resolve(name) if name else None, 1000)
        rows = store.table(compile_table(store.scoped(plan), store.catalog))
        expected = Counter(
            (record.timestamp // step * step, shown(record, name) if name else "") for record in store.matching(query, time)
        )
        assert {(int(start), key): int(count) for start, key, count in rows} == expected


def test_histograms_sum_up_what_is_beyond_the_limit(store: Store) -> None:
    plan = Histogram(store.scan(""), 24 * HOUR, resolve("status"), 3)
    rows = store.table(compile_table(store.scoped(plan), store.catalog))
    assert len({key for _, key, _ in rows}) == 4
    assert OTHER in {key for _, key, _ in rows}
    assert sum(int(count) for _, _, count in rows) == len(store.records)


@pytest.mark.parametrize("query", QUERIES)
def test_bounds(store: Store, query: str) -> None:
    rows = store.table(compile_table(store.scoped(Bounds(store.scan(query))), store.catalog))
    times = [record.timestamp for record in store.matching(query)]
    assert int(rows[0][2]) == len(times)
    if times:
        assert [int(bound) for bound in rows[0][:2]] == [min(times), max(times)]


@pytest.mark.parametrize("query", QUERIES)
def test_fields_are_listed_with_types_and_counts(store: Store, query: str) -> None:
    rows = store.table(compile_table(store.scoped(ListFields(store.scan(query))), store.catalog))
    names = {bool: "bool", int: "int", float: "float", str: "string"}
    attributes: Counter[tuple[str, str]] = Counter()
    resources: Counter[str] = Counter()
    for record in store.matching(query):
        attributes.update((key, names.get(type(value), "json")) for key, value in record.attributes.items())
        resources.update(list(record.resource))
    listed: Counter[tuple[str, str]] = Counter()
    for kind, name, type_, count in rows:
        if kind == "attribute":
            listed[name, type_] += int(count)
    assert listed == attributes
    assert {name: int(count) for kind, name, _, count in rows if kind == "resource"} == resources


# ----------------------------------------------------------------------------------------------------------------- SQL


def sql(store: Store, text: str, limit: int = 1000) -> list[list[Any]]:
    plan = parse_sql(text, limit=limit)
    return store.table(compile_sql(store.scoped(plan), plan, {"logs": store.catalog, "spans": Catalog(table=SPANS)}))


def count(store: Store, condition: Any) -> int:
    return sum(bool(condition(record)) for record in store.records)


def number(record: Record, key: str) -> float | None:
    """An attribute as a number: numbers, booleans as 0 and 1, and text that reads as one."""
    held = record.attributes.get(key)
    if isinstance(held, bool | int | float):
        return float(held)
    read = number_of(held) if isinstance(held, str) else None
    return None if read is None else float(read)


@pytest.mark.parametrize(
    ("condition", "oracle"),
    [
        ("service = 'api'", lambda r: r.service == "api"),
        ("severity_number >= 17", lambda r: r.severity_number >= 17),
        ("attributes['status'] = '500'", lambda r: "status" in r.attributes and text_of(r.attributes["status"]) == "500"),
        ("attributes['status'] = 500", lambda r: number(r, "status") == 500),
        ("attributes['status'] >= 404", lambda r: (number(r, "status") or 0) >= 404),
        ("attributes['status'] BETWEEN 1 AND 404", lambda r: 1 <= (number(r, "status") or 0) <= 404),
        ("attributes['status'] IN (404, 500)", lambda r: number(r, "status") in (404, 500)),
        ("attributes['color'] LIKE '%a%'", lambda r: "a" in text_of(r.attributes.get("color", ""))),
        ("attributes['odd key'] = ''", lambda r: r.attributes.get("odd key", "") == ""),
        ("mapContains(attributes, 'ok')", lambda r: "ok" in r.attributes),
        ("length(attributes) = 0", lambda r: not r.attributes),
        ("resource['team'] != ''", lambda r: r.resource.get("team", "") != ""),
        ("trace_id = '4bf92f3577b34da6a3ce929d0e0e4736'", lambda r: r.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("trace_id = '4BF92F3577B34DA6A3CE929D0E0E4736'", lambda r: False),
        ("trace_id = ''", lambda r: r.trace_id == ""),
        ("startsWith(trace_id, '4bf92f')", lambda r: r.trace_id.startswith("4bf92f")),
        ("template_id = '0000000000000001'", lambda r: r.template_id.endswith("1")),
        ("timestamp >= fromUnixTimestamp64Nano(1728086400000000000)", lambda r: r.timestamp >= 1728086400000000000),
        ("body ILIKE '%payment%'", lambda r: "payment" in r.body.lower()),
    ],
)
def test_sql_conditions(store: Store, condition: str, oracle: Any) -> None:
    assert sql(store, f"SELECT count() FROM logs WHERE {condition}") == [[count(store, oracle)]]
    numeric = "attributes['status']" in condition and "= '500'" not in condition
    if not numeric:
        # Through a subquery the keys of a map are always text.
        inner = f"SELECT count() FROM (SELECT * FROM logs) AS logs WHERE {condition}"
        assert sql(store, inner) == [[count(store, oracle)]]


def test_sql_whole_maps(store: Store) -> None:
    rows = sql(store, "SELECT body, attributes, resource FROM logs", 10_000)
    expected = sorted(
        (r.body, sorted((key, text_of(value)) for key, value in r.attributes.items()), sorted(r.resource))
        for r in store.records
    )
    assert sorted((body, sorted(attributes.items()), sorted(resource)) for body, attributes, resource in rows) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT avg(attributes['status']), quantile(0.5)(attributes['status']), sumIf(attributes['status'], 1) FROM logs",
        "SELECT attributes['status'] AS s, count() FROM logs GROUP BY s ORDER BY s",
        "SELECT a.service FROM logs a JOIN logs b ON a.trace_id = b.trace_id WHERE a.attributes['status'] = 500 LIMIT 3",
        "WITH e AS (SELECT * FROM logs WHERE severity = 'error') SELECT service, count() FROM e GROUP BY service",
        "SELECT lower(service) AS service FROM logs WHERE service = 'api'",
        "SELECT toStartOfHour(timestamp) AS timestamp, count() FROM logs GROUP BY timestamp ORDER BY timestamp",
        "SELECT service FROM logs UNION ALL SELECT body FROM logs",
        "SELECT w, count() FROM logs ARRAY JOIN splitByChar(' ', body) AS w GROUP BY w",
        "SELECT count(), count(), 1 + 1 FROM logs",
        "SELECT row_number() OVER (PARTITION BY service ORDER BY timestamp) AS n FROM logs QUALIFY n = 1",
        "SELECT '__scoped_logs__', 'scoped_logs', 'scoped_logs_' FROM logs LIMIT 1",
        "SELECT attributes['it''s \\\\ \"odd\" `key`'], resource['a\\'b'] FROM logs LIMIT 1",
    ],
)
def test_sql_of_all_sorts_runs(store: Store, text: str) -> None:
    assert sql(store, text)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_sql_of_the_reference_page_runs(store: Store, statement: str) -> None:
    sql(store, statement)


@settings(_SETTINGS, max_examples=200)
@given(text=statements())
@example(text="SELECT '__scoped_logs__', \"scoped_logs\", attributes['scoped_logs'] FROM logs AS scoped_logs_")
def test_sql_reads_nothing_but_the_scoped_scan(store: Store, text: str) -> None:
    try:
        plan = parse_sql(text, limit=10)
    except QuerySyntaxError:
        return
    compiled = compile_sql(store.scoped(plan), plan, {"logs": store.catalog, "spans": Catalog(table=SPANS)})
    try:
        tree = store.connection.query(f"EXPLAIN AST {compiled}", "TSVRaw").bytes().decode()
    except RuntimeError as error:
        assert "SYNTAX_ERROR" in str(error)
        return
    tables = re.findall(r"TableIdentifier (\S+)", tree)
    assert set(tables) <= {"nexus.logs"}
    assert len(tables) == len(re.findall(r"Function equals .*\n.*\n\s*Identifier tenant\n\s*Literal 't'\n", tree))


@pytest.mark.parametrize("text", ["SELECT * FROM logs", "SELECT body FROM logs AS l, logs AS m", "SELECT tenant FROM logs"])
def test_sql_sees_one_tenant(store: Store, text: str) -> None:
    plan = parse_sql(text, limit=10)
    compiled = compile_sql(store.scoped(plan, "nobody"), plan, {"logs": store.catalog, "spans": Catalog(table=SPANS)})
    try:
        assert store.table(compiled) == []
    except RuntimeError as error:
        assert "UNKNOWN_IDENTIFIER" in str(error)


@settings(_SETTINGS, max_examples=60)
@given(key=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_sql_keys_are_only_ever_text(store: Store, key: str) -> None:
    literal = "'" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"
    held = f"attributes[{literal}]"
    text = f"SELECT count() FROM logs WHERE {held} = 'x' OR {held} > 5 OR resource[{literal}] = 'y'"
    assert sql(store, text)[0][0] <= len(store.records)
