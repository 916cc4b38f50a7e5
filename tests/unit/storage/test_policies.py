"""What somebody sees under a row policy and masks, on a real engine: for every kind of plan exactly what another tenant shows
that holds the records of the policy alone, with `***` in the place of masked values. The oracle decides in Python."""

from __future__ import annotations

import asyncio
import copy
import csv
import io
import json
import random
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.oracles.records import FIRST_DAY, HOUR, record
from tests.oracles.search import Record, matches
from tests.unit.storage.conftest import OpenStore

from nexus import _native
from nexus.errors import InvalidRequest, MaskedField, NexusError
from nexus.query.fields import resolve
from nexus.query.logs import lower, parse
from nexus.query.masks import complete
from nexus.query.plan import (
    MASK,
    Aggregate,
    Bounds,
    Compare,
    CompareOp,
    Context,
    Contrast,
    Count,
    Cursor,
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
    NumberBuckets,
    Patterns,
    Plan,
    Predicate,
    Profile,
    Rows,
    Search,
    Tally,
    TimeBuckets,
    TimeRange,
)
from nexus.query.policy import scope
from nexus.query.sql import parse_sql

RECORDS = 620
SMALL = 120
"""Records of the first delivery: too few for attributes to get columns."""
KEYS = ("status", "color", "ratio", "ok", "odd key", "host.name", "pod", "level", "http.method", "retries", "team")
QUERIES = ("", "payment", "level:>=warn", "-service:api", "status:>=200 OR timeout", "trace_id:*", "color:*", "team:*")
FIELDS = tuple(resolve(name) for name in ("severity", "service", "color", "retries", "pod", "resource.team", "event_name"))
POLICIES = ("", "payment", "service:api OR severity:>=error", "-payment color:*", "ratio:>0 OR timeout", "resource.team:*")
MASKS: tuple[tuple[str, ...], ...] = (
    ("retries", "color", "ratio", "ok", "attributes.level", "resource.team"),
    ("body", "resource.status"),
    ("service.name", "trace_id", "event_name", "scope_name", "http.method"),
    ("host.name", "pod", "span_id", "odd key", "status"),
    (),
)
STATEMENTS = (
    "SELECT * FROM logs ORDER BY timestamp, body, span_id, toString(attributes), toString(resource)",
    "SELECT attributes['retries'] AS k, count(), max(attributes['status']), min(resource['team']) FROM logs GROUP BY k ORDER BY k",
    "SELECT count() FROM logs WHERE attributes['color'] LIKE '%e%' OR resource['pod'] > 'a' OR body ILIKE '%retry%'",
    "WITH one AS (SELECT service, trace_id, body FROM logs WHERE body != ''), two AS (SELECT trace_id, min(service) AS s FROM logs "
    "GROUP BY trace_id) SELECT one.service, two.s, count() AS n FROM one JOIN two ON one.trace_id = two.trace_id "
    "GROUP BY 1, 2 ORDER BY n DESC, 1, 2",
    "SELECT arrayJoin(mapKeys(attributes)) AS k, count() AS n, sum(length(attributes[k])) FROM logs GROUP BY k ORDER BY k",
    "SELECT service, template_id, event_name, scope_name, count() FROM logs GROUP BY ALL ORDER BY ALL",
    "SELECT count() FROM logs WHERE trace_id = '4bf92f3577b34da6a3ce929d0e0e4736' AND sum(1) OVER () > 0",
)


# ------------------------------------------------------------------------------------------------------------ the oracle


def _any_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_any_value(one) for one in value]}}
        case dict():
            return {"kvlistValue": {"values": _attributes(value)}}
        case _:
            return {"stringValue": str(value)}


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in values.items()]


def batch_of(records: Iterable[Record]) -> Any:
    """Records as they come by OTLP."""
    entries = []
    for one in records:
        made = {
            "timeUnixNano": str(one.timestamp),
            "observedTimeUnixNano": str(one.timestamp),
            "severityNumber": one.severity_number,
            "body": {"stringValue": one.body},
            "attributes": _attributes(one.attributes),
            "traceId": one.trace_id,
            "spanId": one.span_id,
            "eventName": one.event_name,
        }
        resource = {"attributes": _attributes({"service.name": one.service, **one.resource})}
        scoped = {"scope": {"name": one.scope_name}, "logRecords": [made]}
        entries.append({"resource": resource, "scopeLogs": [scoped]})
    decoded = _native.decode_otlp_logs_json(json.dumps({"resourceLogs": entries}).encode(), now_ns=FIRST_DAY)
    assert not decoded.rejected, decoded.errors
    return decoded.batch


def shown(record: Record, masked: frozenset[Field]) -> Record:
    """The record as it is seen."""
    seen = copy.deepcopy(record)
    for field in complete(masked):
        if field.kind is FieldKind.ATTRIBUTE and field.name in seen.attributes:
            seen.attributes[field.name] = MASK
        elif field.kind is FieldKind.COLUMN and field.name in ("trace_id", "span_id"):
            setattr(seen, field.name, "")
        elif field.kind is FieldKind.COLUMN and field.name != "template_id" and getattr(seen, field.name):
            setattr(seen, field.name, MASK)
        elif field.kind is FieldKind.RESOURCE:
            mask_members(seen.resource, field.name)
    return seen


def mask_members(value: Any, name: str) -> None:
    """Mask the members of this name at any depth."""
    for key, held in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key == name:
            value[key] = MASK
        else:
            mask_members(held, name)


# ------------------------------------------------------------------------------------------------------------- the plans


class Asker:
    """Asks a store as a tenant, under a policy and masks."""

    def __init__(self, store: Any, tenant: str, policy: Predicate | None, masked: frozenset[Field]) -> None:
        self.store = store
        self.how: dict[str, Any] = {"tenant": tenant, "policy": policy, "masked": masked, "query_id": "q"}

    async def search(self, plan: Search) -> list[bytes]:
        """All pages."""
        found: list[bytes] = []
        cursor: Cursor | None = None
        while True:
            page = await self.store.search(scope(Search(plan.scan, plan.order, plan.limit, cursor), **self.how))
            found += page.records
            if page.next_cursor is None:
                return found
            cursor = Cursor(*page.next_cursor)

    async def pieces(self, plan: Plan) -> bytes:
        """A stream or an export."""
        run = self.store.export if isinstance(plan, Export) else self.store.stream
        return b"".join([piece async for piece in run(scope(plan, **self.how))])

    async def table(self, plan: Plan) -> list[Any]:
        """A table, its rows in order of their text, floats with six digits."""
        table = await self.store.table(scope(plan, **self.how))
        return sorted((_rounded(row) for row in table.rows), key=str)

    async def rows(self, where: Predicate) -> list[bytes]:
        """Rows for native code."""
        raw = await self.store.raw(scope(Rows(LogScan(TimeRange(), where)), **self.how))
        return sorted(line for _, _, line in _native.render_records(raw.data, raw.attributes))

    async def record(self, timestamp: int, mark: int) -> list[bytes]:
        """A record by its id."""
        page = await self.store.search(scope(GetRecord(timestamp, mark), **self.how))
        return page.records[:1]

    async def file(self, plan: Export) -> Any:
        """What an exported file says, in no order."""
        data = await self.pieces(plan)
        if plan.format == "parquet":
            table = pq.read_table(io.BytesIO(data))
            rows = [[sorted(cell) if isinstance(cell, list) else cell for cell in row.values()] for row in table.to_pylist()]
            return str(table.schema), sorted(rows, key=str)
        if plan.format == "csv":
            return sorted([_cell(cell) for cell in row] for row in csv.reader(io.StringIO(data.decode())))
        return sorted(data.splitlines())

    async def patterns(self, plan: Patterns) -> Any:
        """Patterns, without which of the last records stands for one."""
        found = await self.store.patterns(scope(plan, **self.how))
        rows = [
            (r.template_id, r.count, r.counts, r.services, r.first, r.last, r.first_seen, json.loads(r.sample)["body"] != "")
            for r in found.rows
        ]
        return found.total, found.distinct, sorted(rows, key=str)

    async def context(self, plan: Context) -> Any:
        """The neighbours of a record."""
        found = await self.store.context(scope(plan, **self.how))
        return found.record, found.before, found.after, found.more_before, found.more_after

    async def tally(self, plan: Tally) -> list[Any]:
        """A tally, as lines of its bytes; rows have no order."""
        raw = await self.store.raw(scope(plan, **self.how))
        return _tallied(raw.data)

    async def sql(self, text: str) -> Any:
        """Rows of a statement in the order of their text, or the error it ends with."""
        try:
            table = await self.store.sql(scope(parse_sql(text, limit=100_000), **self.how))
        except NexusError as error:
            return type(error), error.message.partition("while executing")[0]
        return table.columns, sorted((_rounded(row) for row in json.loads(table.rows)), key=str)


def _cell(text: str) -> str:
    """Maps have no order."""
    return json.dumps(json.loads(text), sort_keys=True) if text.startswith('{"') else text


def _rounded(value: Any) -> Any:
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > 1 << 53):
        return f"{value:.6g}"
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: _rounded(value[key]) for key in sorted(value)}
    return value


def _tallied(data: bytes) -> list[bytes]:
    """Rows (bucket, service, resource, severity, template, count, bytes, sample, two labels) of a tally."""
    at, rows = 0, []

    def text(at: int) -> int:
        length = shift = 0
        while True:
            length |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 128:
                return at + length

    while at < len(data):
        start = at
        at = text(text(at + 8)) + 1 + 8 + 8 + 8
        at = text(text(text(at)))
        rows.append(data[start:at])
    return sorted(rows)


async def answers(asker: Asker, query: Predicate, ids: list[tuple[int, int]], some: random.Random) -> dict[str, Any]:
    """What every kind of plan says; `ids` are records to look at."""
    scan = LogScan(TimeRange(FIRST_DAY + HOUR // 2, FIRST_DAY + 22 * HOUR + 5), query)
    whole = LogScan(TimeRange(), query)
    ask: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
        "search": lambda: asker.search(Search(whole, "desc", 137)),
        "search up": lambda: asker.search(Search(scan, "asc", 201)),
        "stream": lambda: asker.pieces(Search(whole, limit=100_000)),
        "count": lambda: asker.table(Count(scan)),
        "bounds": lambda: asker.table(Bounds(whole)),
        "histogram": lambda: asker.table(Histogram(scan, HOUR)),
        "facets": lambda: asker.table(Facets(whole, FIELDS)),
        "fields": lambda: asker.table(ListFields(whole)),
        "profile": lambda: asker.table(Profile(whole, LogScan())),
        "contrast": lambda: asker.table(Contrast(whole, LogScan(), FIELDS)),
        "patterns": lambda: asker.patterns(Patterns(whole, HOUR, 10_000)),
        "newest": lambda: asker.patterns(Patterns(scan, HOUR // 4, 10_000, "newest")),
        "rows": lambda: asker.rows(query),
        "streams": lambda: asker.tally(
            Tally(whole, ("stream", "severity", "template"), ("color", "retries"), HOUR, -5, True)
        ),
        "services": lambda: asker.tally(Tally(whole, ("service",), ("event_name", "trace_id"), bytes=True)),
        "sum": lambda: asker.table(Aggregate(whole, (), _METRICS)),
        "nested": lambda: asker.table(
            Aggregate(
                whole,
                (
                    Level(FieldValues(FIELDS[2], "none"), 5, "metric", True, Metric("distinct", FIELDS[3])),
                    Level(TimeBuckets(HOUR), 100),
                ),
                _METRICS,
            )
        ),
        "numbers": lambda: asker.table(Aggregate(whole, (Level(NumberBuckets(FIELDS[3], 2.0), 100),))),
        "matches": lambda: asker.table(Aggregate(whole, (Level(Matches((_EMPTY_COLOR, query)), 100),))),
    }
    for field in some.sample(FIELDS, 2):
        ask[f"by {field.name}"] = partial(asker.table, Histogram(whole, HOUR, field, 3))
        ask[f"about {field.name}"] = partial(asker.table, FieldSummary(whole, field))
    columns = tuple((name, resolve(name)) for name in ("timestamp", "service", "body", "color", "retries", "pod"))
    for name, chosen in (("all", ()), ("some", columns)):
        ask[f"csv {name}"] = partial(asker.file, Export(whole, "csv", chosen))
        ask[f"ndjson {name}"] = partial(asker.file, Export(whole, "ndjson", chosen))
        ask[f"parquet {name}"] = partial(asker.file, Export(whole, "parquet", chosen))
    if not ids:
        ask = {name: ask[name] for name in some.sample(sorted(ask), 5)}
    for timestamp, mark in ids:
        ask[f"get {timestamp} {mark}"] = partial(asker.record, timestamp, mark)
        same = some.choice(("stream", "service"))
        ask[f"around {timestamp} {mark}"] = partial(asker.context, Context(timestamp, mark, 4, 4, same))  # type: ignore[arg-type]
    return {name: await work() for name, work in ask.items()}


_METRICS = (
    *(Metric(kind, FIELDS[3]) for kind in ("count", "sum", "avg", "min", "max", "stats", "distinct")),  # type: ignore[arg-type]
    Metric("distinct", resolve("body")),
    Metric("distinct", resolve("trace_id")),
)
_EMPTY_COLOR = Compare(resolve("color"), CompareOp.EQ, MASK)


def _ids(found: list[bytes], some: random.Random) -> list[tuple[int, int]]:
    ids = [json.loads(line)["id"].partition("-") for line in found]
    return [(int(time), int(mark, 16)) for time, _, mark in some.sample(ids, min(1, len(ids)))]


# -------------------------------------------------------------------------------------------------------------- the test


def records() -> list[Record]:
    """Believable records; each has a service, and no resource has arrays or objects within each other."""
    source = random.Random(11)
    made = [record(number, source) for number in range(RECORDS)]
    for one in made:
        one.service = one.service or "web"
        # Of one day, so that no plan has to look in many places.
        one.timestamp = FIRST_DAY + one.timestamp % (24 * HOUR)
        for key, held in one.resource.items():
            if isinstance(held, dict) and "team" in held:
                one.resource[key] = {"team": "deep", "b": 5}
    return made


@pytest.mark.parametrize("number", range(len(MASKS)))
def test_what_is_seen_is_what_a_store_of_it_would_say(open_store: OpenStore, number: int) -> None:
    store = open_store(lambda: 0)
    everything = records()
    root, masked = parse(POLICIES[number % len(POLICIES)]).root, frozenset(map(resolve, MASKS[number]))
    asker = Asker(store, "t", lower(root) if POLICIES[number % len(POLICIES)] else None, masked)
    plain = Asker(store, "seen", None, frozenset())
    allowed = [query for query in QUERIES if allows(asker, query)]
    queries = ["", random.Random(number).choice(allowed[1:])]

    async def ask(whom: Asker, ids: list[tuple[int, int]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for query in queries:
            found = await answers(whom, lower(parse(query).root), [] if made else ids, random.Random(number))
            made |= {f"{query}: {name}": answer for name, answer in found.items()}
        return made | {statement: await whom.sql(statement) for statement in STATEMENTS}

    async def work() -> None:
        await store.append("t", batch_of(everything[:SMALL]))
        await store.append("t", batch_of(everything[SMALL:]))
        ids = _ids(await asker.search(Search(LogScan(), limit=1000)), random.Random(number))
        told = await ask(asker, ids)
        # Only now: what another tenant stores teaches the store which attributes there are.
        held = [shown(one, masked) for one in everything if matches(root, one)]
        assert 0 < len(held) <= len(everything)
        await store.append("seen", batch_of(held[: SMALL // 2]))
        await store.append("seen", batch_of(held[SMALL // 2 :]))
        expected = await ask(plain, ids)
        for name, answer in told.items():
            assert answer == expected[name], name

    asyncio.run(work())


def allows(asker: Asker, query: str) -> bool:
    """May this be asked?"""
    try:
        scope(Count(LogScan(where=lower(parse(query).root))), **asker.how)
    except MaskedField:
        return False
    return True


FAILING = (
    "SELECT count() FROM logs WHERE toUInt64(body) >= 0",
    "SELECT count() FROM logs WHERE intDiv(1, severity_number - 17) < 9",
    "SELECT count() FROM logs WHERE intDiv(1, length(attributes['secret']) - 6) < 9",
    "SELECT count() FROM (SELECT toUInt64(body) AS n, service AS s FROM logs) WHERE n >= 0 AND s != ''",
    "WITH x AS (SELECT toUInt64(body) AS n FROM logs) SELECT count() FROM x WHERE n >= 0",
    "SELECT count() FROM (SELECT service, max(toUInt64(body)) AS m FROM logs GROUP BY service) WHERE intDiv(60, m + 1) >= 0",
    "SELECT count() FROM logs AS l JOIN (SELECT toUInt64(body) AS n FROM logs) AS r ON toUInt64(l.body) = r.n",
    "SELECT count() FROM logs WHERE body IN (SELECT toString(toUInt64(body)) FROM logs WHERE toUInt64(body) < 100)",
    "SELECT count() FROM logs WHERE toUInt64(if(service = 'cart', body, '0')) >= 0 AND resource['service.name'] != 'x'",
)


def test_errors_tell_nothing_of_what_is_not_seen(open_store: OpenStore) -> None:
    store = open_store(lambda: 0)

    def made(count: int, service: str) -> list[Record]:
        return [Record(n, FIRST_DAY + n, str(n), service=service, severity_number=9) for n in range(count)] + [
            Record(n, FIRST_DAY + n, "secret word", service="vault", severity_number=17, attributes={"secret": "hidden"})
            for n in range(3)
        ]

    async def work() -> None:
        for tenant in ("a", "t", "z"):
            await store.append(tenant, batch_of(made(50 if tenant == "t" else 0, "cart")))
        # All of it in one granule.
        connection = store._engine.connect()
        connection.execute("OPTIMIZE TABLE nexus.logs FINAL")
        await store.append("x", batch_of(made(50, "cart")[:50]))
        connection.execute("OPTIMIZE TABLE nexus.logs FINAL")
        store._engine.release(connection)
        policies = [lower(parse(text).root) for text in ("-service:vault", "-secret:*", "-secret", "level:<error")]
        for statement in FAILING:
            expected = await Asker(store, "x", None, frozenset()).sql(statement)
            # Nobody else's records make it fail.
            assert expected[1] in ([[50]], [[1]]), (statement, expected)
            for policy in policies:
                for masked in ((), ("trace_id",)):
                    found = await Asker(store, "t", policy, frozenset(map(resolve, masked))).sql(statement)
                    assert found == expected, (statement, policy, masked)
        # What may be seen may make it fail.
        told = await Asker(store, "t", None, frozenset()).sql(FAILING[0])
        assert told[0] is InvalidRequest, told

    asyncio.run(work())


def test_a_restricted_query_tells_neither_its_cost_nor_its_text(open_store: OpenStore) -> None:
    store = open_store(lambda: 0)

    async def work() -> None:
        await store.append("t", batch_of(records()[:20]))
        plan = Count(LogScan())
        for policy, masked in ((None, frozenset({resolve("color")})), (lower(parse("payment").root), frozenset())):
            scoped = scope(plan, tenant="t", policy=policy, masked=masked, query_id="q")  # type: ignore[arg-type]
            statistics = (await store.table(scoped)).statistics
            assert (statistics.rows_read, statistics.bytes_read) == (0, 0)
            assert await store.explain(scoped) == []
        free = scope(plan, tenant="t", query_id="q")
        assert (await store.table(free)).statistics.rows_read > 0
        assert await store.explain(free)

    asyncio.run(work())
