"""A table on a real engine, filled with the records of `tests.oracles.records`: old and new parts, with and without learned
columns and skeletons, and another tenant in between."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.oracles import page
from tests.oracles.records import FIRST_DAY, LEARNED, record, row, type_of
from tests.oracles.search import Record, matches

from nexus.query.logs import lower, parse
from nexus.query.plan import Count, LogScan, Plan, Predicate, Scoped, TimeRange
from nexus.query.policy import scope
from nexus.storage.clickhouse.attributes import LearnedColumn
from nexus.storage.clickhouse.catalog import Catalog, partitions_sql, read_partitions
from nexus.storage.clickhouse.scan import scan_of
from nexus.storage.clickhouse.signal_tables import LOGS

RECORDS = 700


@dataclass(repr=False)
class Store:
    """A filled table and what is in it."""

    connection: Any
    records: list[Record]
    catalog: Catalog

    def scoped(self, plan: Plan, tenant: str = "t") -> Scoped:
        """The plan for the tenant that owns the records."""
        return scope(plan, tenant=tenant, query_id="q")

    def table(self, sql: str) -> list[list[Any]]:
        """Rows of a result."""
        data = self.connection.query(sql, "JSONCompactEachRow").bytes()
        return [json.loads(line) for line in data.splitlines()]

    def scan(self, query: str, time: TimeRange = TimeRange()) -> LogScan:
        """A scan of what a query finds."""
        return LogScan(time, predicate(query))

    def matching(self, query: str, time: TimeRange = TimeRange()) -> list[Record]:
        """The records that the oracle finds."""
        root = parse(query).root
        start, end = time.start or 0, 2**63 if time.end is None else time.end
        return [r for r in self.records if start <= r.timestamp < end and matches(root, r)]

    def numbers(self, query: str, time: TimeRange = TimeRange(), catalog: Catalog | None = None) -> list[int]:
        """Numbers of the records that the engine finds, with repetitions."""
        plan = self.scan(query, time)
        scan = scan_of(self.scoped(Count(plan)), plan, catalog or self.catalog)
        sql = f"SELECT commit_id FROM (\n{scan.union('commit_id')}\n) ORDER BY commit_id"
        return [int(line) for line in self.connection.query(sql, "TSV").bytes().split()]

    def expected(self, query: str, time: TimeRange = TimeRange()) -> list[int]:
        """Numbers of the records that the oracle finds."""
        return [r.number for r in self.matching(query, time)]


def predicate(query: str) -> Predicate:
    """What a query means."""
    return lower(parse(query).root, now_ns=0)


@contextmanager
def filled_store(path: Path) -> Iterator[Store]:
    """A store in a new directory. One at a time in a process."""
    import chdb

    connection = chdb.connect(str(path))
    connection.query("CREATE DATABASE nexus ENGINE = Atomic")
    for name in ("0001_logs.sql", "0005_spans.sql"):
        schema = (files("nexus.storage.clickhouse") / "schema" / name).read_text()
        schema = (
            schema.replace("{engine}", "MergeTree").replace("{on_cluster}", "").replace("storage_policy = 'nexus', ", "")
        )
        # Granules of few records, so that indexes have something to leave out.
        connection.query(re.sub(r"index_granularity = \d+", "index_granularity = 8", schema))
    source = random.Random(7)
    records = [record(number, source) for number in range(RECORDS)]
    records += _examples(RECORDS)
    batches = [records[at : at + 100] for at in range(0, len(records), 100)]
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
        if index in (0, len(batches) - 1):
            # The same record before and after its attributes got columns.
            rows.append({**row(records[1], promoted=index >= 2, with_skeleton=True), "tenant": "twins"})
        _insert(connection, rows)
    # Literals of 64 bits are numbers in JSON, as the reader's connections have it.
    connection.query("SET output_format_json_quote_64bit_integers = 0")
    try:
        yield Store(connection, records, _catalog(connection, records))
    finally:
        connection.close()


def _examples(first: int) -> list[Record]:
    """Records with the messages and attributes that the reference page shows."""
    bodies = [body for _, found, missed in page.rows("bodies") for body in page.code(found) + page.code(missed)]
    attributes = [held for _, found, missed in page.rows("attributes") for held in page.code(found) + page.code(missed)]
    shown = [(body, {}) for body in bodies] + [("", json.loads(held)) for held in attributes]
    return [Record(first + at, FIRST_DAY + at, body, attributes=held) for at, (body, held) in enumerate(shown)]


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
        json.loads(line) for line in connection.query(partitions_sql(LOGS), "JSONCompactEachRow").bytes().splitlines()
    )
    columns = tuple(LearnedColumn(key, letter, column, kind) for (key, letter), (column, kind, _) in LEARNED.items())
    seen = {(key, type_of(held)) for r in records for key, held in r.attributes.items()}
    return Catalog(columns, partitions, frozenset(seen))
