"""Searches on a real engine find what the oracle finds, whatever the query, the time range and the place of the data."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st
from tests.oracles.records import FIRST_DAY, HOUR, KEYS, LEARNED, SERVICES, TEXTS, TRACES, WORDS, record, row, type_of
from tests.oracles.search import Record, matches

from nexus.errors import QuerySyntaxError
from nexus.query.fields import name_of
from nexus.query.logs import lower, parse, quote
from nexus.query.plan import Count, Field, FieldKind, LogScan, TimeRange
from nexus.query.policy import scope
from nexus.storage.clickhouse.attributes import LearnedColumn
from nexus.storage.clickhouse.catalog import PARTITIONS_SQL, Catalog, read_partitions
from nexus.storage.clickhouse.compile import compile_table
from nexus.storage.clickhouse.scan import scan_of

RECORDS = 700


@dataclass(repr=False)
class Store:
    """A filled table and what is in it."""

    connection: Any
    records: list[Record]
    catalog: Catalog

    def numbers(self, query: str, time: TimeRange = TimeRange(), catalog: Catalog | None = None) -> list[int]:
        """Numbers of the records that the engine finds, with repetitions."""
        plan = LogScan(time, lower(parse(query).root, now_ns=0))
        scan = scan_of(scope(Count(plan), tenant="t", query_id="q"), plan, catalog or self.catalog)
        sql = f"SELECT commit_id FROM (\n{scan.union('commit_id')}\n) ORDER BY commit_id"
        note(sql)
        return [int(line) for line in self.connection.query(sql, "TSV").bytes().split()]

    def expected(self, query: str, time: TimeRange = TimeRange()) -> list[int]:
        """What the oracle finds."""
        root = parse(query).root
        start, end = time.start or 0, 2**63 if time.end is None else time.end
        return sorted(r.number for r in self.records if start <= r.timestamp < end and matches(root, r))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    import chdb

    connection = chdb.connect(str(tmp_path_factory.mktemp("semantics")))
    schema = (files("nexus.storage.clickhouse") / "schema" / "0001_logs.sql").read_text()
    connection.query("CREATE DATABASE nexus ENGINE = Atomic")
    connection.query(
        schema.replace("{engine}", "MergeTree").replace("{on_cluster}", "").replace("storage_policy = 'nexus', ", "")
    )
    source = random.Random(7)
    records = [record(number, source) for number in range(RECORDS)]
    batches = [records[at : at + 100] for at in range(0, RECORDS, 100)]
    for index, batch in enumerate(batches):
        if index == 2:
            for (key, letter), (column, kind, held_in) in LEARNED.items():
                connection.query(
                    f"ALTER TABLE nexus.logs ADD COLUMN {column} {kind} "
                    f"DEFAULT if(mapContains({held_in}, '{key}'), {held_in}['{key}'], NULL) COMMENT '{letter}:{key}'"
                )
        if index == 5:
            # Merged parts have their skip indexes, fresh ones do not.
            connection.query("OPTIMIZE TABLE nexus.logs FINAL")
        rows = [row(r, promoted=index >= 2, with_skeleton=source.random() < 0.7) for r in batch]
        rows.append({**rows[0], "tenant": "other"})
        _insert(connection, rows)
    yield Store(connection, records, _catalog(connection, records))
    connection.close()


def _insert(connection: Any, rows: list[dict[str, Any]]) -> None:
    """Insert rows as the writer does, but from JSON; ids come as hex."""
    names = sorted({name for line in rows for name in line} - {"trace_hex", "span_hex"})
    types = dict(
        line.split("\t")
        for line in connection.query(
            "SELECT name, type FROM system.columns WHERE database = 'nexus' AND table = 'logs'", "TSVRaw"
        )
        .bytes()
        .decode()
        .splitlines()
    )
    structure = ", ".join([f"{name} {types[name]}" for name in names] + ["trace_hex String", "span_hex String"])
    lines = "\n".join(json.dumps(line, ensure_ascii=False) for line in rows)
    connection.query(
        f"INSERT INTO nexus.logs ({', '.join(names)}, trace_id, span_id, expires_on) "
        f"SELECT {', '.join(names)}, unhex(trace_hex), unhex(span_hex), '2149-01-01' "
        f"FROM format(JSONEachRow, {_literal(structure)}, {_literal(lines)}) "
        "SETTINGS materialize_skip_indexes_on_insert = 0, date_time_input_format = 'basic'"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _catalog(connection: Any, records: list[Record]) -> Catalog:
    partitions = read_partitions(
        json.loads(line) for line in connection.query(PARTITIONS_SQL, "JSONCompactEachRow").bytes().splitlines()
    )
    columns = tuple(LearnedColumn(key, letter, column, kind) for (key, letter), (column, kind, _) in LEARNED.items())
    seen = {(key, type_of(held)) for r in records for key, held in r.attributes.items()}
    return Catalog(columns, partitions, frozenset(seen))


# ------------------------------------------------------------------------------------------------------------- queries

_words = st.sampled_from([*WORDS, "pay", "fail", "payment failed", "failed, retry", "user", "42", "time", "pad", "école"])
_values = st.sampled_from([*TEXTS, "0", "200", "499.5", "false", "GET", "api", "4611686018427387905", "1e30", "-0"])
_literal_values = st.one_of(_values, _values, _words).map(lambda text: quote(text) if text else '""')
_pieces = st.sampled_from(
    ["", "pay", "FAIL", "ed", "user", "4", "2", "rder-1", "t f", "É", "col", "a*", "%", "_", "[i", "/", "5", "{"]
)
_severities = st.sampled_from(["error", "WARN", "unset", "fatal", "trace"])
_patterns = st.sampled_from(
    ["pay.*failed", "(?i)ERROR|timeout", "^payment", "[0-9]+$", r"\bre", "É.*", r"5.0", "e.", "^GET$", "l{1}e", r"\{id\}"]
)


def _escaped(piece: str) -> str:
    return "".join(c if c.isalnum() else f"\\{c}" for c in piece)


_wildcards = st.lists(_pieces, min_size=2, max_size=3).filter(any).map(lambda ps: "*".join(map(_escaped, ps)))
_operators = st.sampled_from(["", "=", "!=", "<", "<=", ">", ">="])
_names = st.sampled_from(
    [
        *(name_of(Field(FieldKind.ATTRIBUTE, key)) for key in KEYS),
        *("host.name", "resource.team", "resource.status", 'resource.q"k', "resource.missing", "missing"),
        *("service", "event_name", "scope_name"),
    ]
).map(quote)


def _field_terms() -> st.SearchStrategy[str]:
    matcher = st.one_of(
        st.tuples(_operators, _literal_values).map("".join),
        st.tuples(_operators, _literal_values).map("".join),
        _wildcards,
        _patterns.map(lambda pattern: f"/{pattern.replace('/', chr(92) + '/')}/"),
        st.just("*"),
        st.tuples(_values.filter(bool), _values.filter(bool)).map(lambda ends: f"[{quote(ends[0])} TO {quote(ends[1])}}}"),
    )
    ids = st.sampled_from([trace for trace in TRACES if trace] + ["f" * 32, "a3ce929d0e0e4736"])
    return st.one_of(
        st.tuples(_names, matcher).map(":".join),
        st.tuples(_names, matcher).map(":".join),
        st.tuples(_operators, _severities).map(lambda pair: f"level:{pair[0]}{pair[1]}"),
        st.sampled_from(["level:*", "level:*r*", "severity_number:>=9", "severity_number:!=9", "trace_id:*", "span_id:*"]),
        st.sampled_from(["trace_id:4bf92f*", "template_id:0000000000000001", "span_id:!=0000000000000002", "body:*"]),
        ids.map(lambda digits: f"trace_id:{digits}"),
        ids.map(lambda digits: f"trace_id:!={digits.rjust(32, '0')}"),
        st.sampled_from(SERVICES).map(lambda service: f"service:{quote(service) if service else chr(34) * 2}"),
    )


def _terms() -> st.SearchStrategy[str]:
    return st.one_of(
        _words.map(quote),
        _words.map(quote),
        _wildcards,
        _patterns.map(lambda pattern: f"/{pattern.replace('/', chr(92) + '/')}/"),
        _words.map(lambda text: f"body:={quote(text)}"),
        _field_terms(),
        _field_terms(),
    )


_queries = st.recursive(
    _terms(),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} {pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} OR {pair[1]})"),
        inner.map(lambda text: f"NOT ({text})"),
    ),
    max_leaves=4,
)
_instants = st.none() | st.builds(
    lambda hour, offset: FIRST_DAY + hour * HOUR + offset,
    st.integers(-2, 74),
    st.sampled_from([0, 0, 1, -1, HOUR // 2]),
)
_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(_SETTINGS, max_examples=500)
@given(query=_queries)
@example(query="-payment")
@example(query="level:!=error")
@example(query="level:<info")
@example(query="status:!=500")
@example(query="NOT status:>=200")
@example(query="école")
@example(query="*ÉCOLE*")
@example(query="body:=payment")
@example(query="user*")
@example(query="*ser4*")
def test_finds_what_the_oracle_finds(store: Store, query: str) -> None:
    try:
        expected = store.expected(query)
    except QuerySyntaxError:
        return
    assert store.numbers(query) == expected


@settings(_SETTINGS, max_examples=200)
@given(query=_queries, start=_instants, end=_instants)
def test_finds_it_in_any_time_range(store: Store, query: str, start: int | None, end: int | None) -> None:
    time = TimeRange(start, end)
    assert store.numbers(query, time) == store.expected(query, time)


@settings(_SETTINGS, max_examples=100)
@given(query=_queries)
def test_knowing_less_of_the_maps_changes_nothing(store: Store, query: str) -> None:
    unknown = Catalog(store.catalog.columns, store.catalog.partitions, None)
    assert store.numbers(query, catalog=unknown) == store.expected(query)


@pytest.mark.parametrize("query", ["", "payment", "level:error OR -payment"])
def test_counts(store: Store, query: str) -> None:
    plan = Count(LogScan(where=lower(parse(query).root)))
    sql = compile_table(scope(plan, tenant="t", query_id="q"), store.catalog)
    assert int(store.connection.query(sql, "TSV").bytes()) == len(store.expected(query))
