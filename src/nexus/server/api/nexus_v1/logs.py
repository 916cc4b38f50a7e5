"""Searching logs: records, histogram, facets, counts, fields, bounds, and what a query means.

Every door does the same: text to plan, plan closed over tenant and limits by `query.policy`, plan to store. Encoded
records pass through untouched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest, NotFound
from nexus.model.time import NS_PER_HOUR, parse_time
from nexus.query.fields import resolve
from nexus.query.logs import Query, parse, print_query
from nexus.query.plan import (
    Bounds,
    Count,
    Facets,
    GetRecord,
    Histogram,
    ListFields,
    LogScan,
    Plan,
    Scoped,
    Search,
    TimeRange,
)
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1 import schema
from nexus.server.api.nexus_v1.answers import facets_of, record_id, statistics_of, terms_of
from nexus.server.api.nexus_v1.asking import ask, close_plan, lowered
from nexus.server.api.nexus_v1.buckets import choose_step, fill, grid
from nexus.server.api.nexus_v1.cursor import decode_cursor, encode_cursor
from nexus.server.api.nexus_v1.sql import statement
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.queries import checked_id
from nexus.server.recheck import access_ended
from nexus.server.routes import BASE, Parameter, Route
from nexus.server.stream import NDJSON, StreamedAnswer
from nexus.storage.api import Table

# ------------------------------------------------------------------------------------------------------------- common


def scan_of(call: Call, query: schema.LogsQuery, parsed: Query | None = None) -> LogScan:
    """The records that a request is about. Raises `QuerySyntaxError`, `InvalidRequest`."""
    now = call.services.now_ns()
    start = None if query.from_ is None else parse_time(query.from_, now_ns=now)
    end = None if query.to is None else parse_time(query.to, now_ns=now)
    if start is not None and end is not None and start > end:
        raise InvalidRequest("`from` lies after `to`.")
    root = (parsed or parse(query.query)).root
    return LogScan(TimeRange(start, end), lowered(call, root, now))


async def _table(call: Call, make: Callable[[LogScan], Plan]) -> tuple[Table, schema.Statistics]:
    query_id = checked_id(call.payload.query_id)
    plan = close_plan(call, make(scan_of(call, call.payload)), query_id)
    table = await ask(call, query_id, call.services.store.table(plan))
    return table, statistics_of(table.statistics, query_id)


# -------------------------------------------------------------------------------------------------------------- doors


async def search(call: Call) -> Response:
    """A page of records, or all of them as a stream of lines."""
    wanted: schema.SearchRequest = call.payload
    query_id = checked_id(wanted.query_id)
    plan = Search(scan_of(call, wanted), wanted.order, wanted.limit, decode_cursor(wanted.cursor))
    scoped = close_plan(call, plan, query_id)
    if NDJSON in call.headers.get("accept", ""):
        return await _stream(call, scoped, query_id)
    page = await ask(call, query_id, call.services.store.search(scoped))
    return json_response(
        b'{"records":[%s],"next_cursor":%s,"statistics":%s}'
        % (
            b",".join(page.records),
            msgspec.json.encode(encode_cursor(page.next_cursor)),
            msgspec.json.encode(statistics_of(page.statistics, query_id)),
        )
    )


async def _stream(call: Call, scoped: Scoped, query_id: str) -> Response:
    pieces = call.services.store.stream(scoped)

    async def first_piece() -> bytes | None:
        return await anext(pieces, None)

    first = await ask(call, query_id, first_piece())
    return StreamedAnswer(
        first,
        pieces,
        lambda work: call.services.queries.run(call.tenant, query_id, work),
        query_id,
        lambda: access_ended(call, Permission.LOGS_READ),
    )


async def record(call: Call) -> Response:
    """One record by its id."""
    query_id = checked_id("")
    timestamp, mark = record_id(call.argument("id"))
    scoped = close_plan(call, GetRecord(timestamp, mark), query_id)
    page = await ask(call, query_id, call.services.store.search(scoped))
    if not page.records:
        raise NotFound("there is no such record; it may have expired.")
    return json_response(page.records[0])


async def histogram(call: Call) -> Response:
    """Counts over the whole range, with a number for every bucket."""
    wanted: schema.HistogramRequest = call.payload
    query_id = checked_id(wanted.query_id)
    scan = scan_of(call, wanted)
    scan = LogScan(await closed_range(call, scan.time), scan.where)
    start, end = scan.time.start or 0, scan.time.end or 0
    step = choose_step(start, end, wanted.buckets)
    plan = Histogram(scan, step, resolve(wanted.by) if wanted.by else None)
    table = await ask(call, query_id, call.services.store.table(close_plan(call, plan, query_id)))
    first, buckets = grid(start, end, step)
    series = fill(((int(row[0]), str(row[1] or ""), int(row[2])) for row in table.rows), first, step, buckets)
    return json_response(
        schema.HistogramAnswer(
            start=str(first),
            step=str(step),
            buckets=buckets,
            total=sum(sum(one.counts) for one in series),
            series=series,
            statistics=statistics_of(table.statistics, query_id),
        )
    )


async def closed_range(call: Call, time: TimeRange) -> TimeRange:
    """The range with open ends replaced: from the tenant's first record to now, or to the last one if that is later."""
    if time.start is not None and time.end is not None:
        return time
    query_id = checked_id("")
    table = await ask(call, query_id, call.services.store.table(close_plan(call, Bounds(LogScan()), query_id)))
    first, last = _bounds(table)
    now = call.services.now_ns()
    end = time.end if time.end is not None else max(now, last + 1)
    start = time.start if time.start is not None else (first or end - NS_PER_HOUR)
    return TimeRange(min(start, end), end)


def _bounds(table: Table) -> tuple[int, int]:
    if not table.rows or not int(table.rows[0][2]):
        return 0, 0
    return int(table.rows[0][0]), int(table.rows[0][1])


async def facets(call: Call) -> Response:
    """Top values with counts, of all fields at once."""
    wanted: schema.FacetsRequest = call.payload
    fields = tuple(resolve(name) for name in wanted.fields)
    table, statistics = await _table(call, lambda scan: Facets(scan, fields, wanted.limit))
    return json_response(schema.FacetsAnswer(facets_of(table, fields, wanted.limit), statistics))


async def count(call: Call) -> Response:
    """How many records match."""
    table, statistics = await _table(call, Count)
    return json_response(schema.CountAnswer(int(table.rows[0][0]) if table.rows else 0, statistics))


async def fields(call: Call) -> Response:
    """The fields that matching records carry."""
    table, statistics = await _table(call, ListFields)
    infos = [schema.FieldInfo(row[1], row[0], row[2], int(row[3])) for row in table.rows]
    return json_response(schema.FieldsAnswer(infos, statistics))


async def bounds(call: Call) -> Response:
    """First and last record that match, whatever the range."""
    table, statistics = await _table(call, lambda scan: Bounds(LogScan(TimeRange(), scan.where)))
    first, last, number = table.rows[0] if table.rows else (0, 0, 0)
    found = int(number) > 0
    answer = schema.BoundsAnswer(str(first) if found else "", str(last) if found else "", int(number), statistics)
    return json_response(answer)


async def explain(call: Call) -> Response:
    """How a query is understood, and the SQL that it becomes."""
    wanted: schema.ExplainRequest = call.payload
    query_id = checked_id(wanted.query_id)
    if wanted.language == "sql":
        plan = statement(wanted.query, call.services.config().query.result_rows)
        sql = await ask(call, query_id, call.services.store.explain(close_plan(call, plan, query_id)))
        return json_response(schema.ExplainAnswer(plan.text, sql, []))
    parsed = parse(wanted.query)
    search_plan = Search(scan_of(call, wanted, parsed))
    sql = await ask(call, query_id, call.services.store.explain(close_plan(call, search_plan, query_id)))
    return json_response(schema.ExplainAnswer(print_query(parsed.root), sql, terms_of(parsed)))


Door = Callable[[Call], Awaitable[Response]]


def _post(name: str, door: Door, summary: str, request: Any, answer: Any, media: tuple[str, ...] = ()) -> Route:
    return Route(
        "POST",
        f"{BASE}/logs/{name}",
        Permission.LOGS_READ,
        door,
        summary,
        request=request,
        answer=answer,
        answer_media=("application/json", *media),
        tag="logs",
    )


ROUTES = (
    _post("search", search, "Find records", schema.SearchRequest, schema.SearchAnswer, (NDJSON,)),
    _post("histogram", histogram, "Count records over time", schema.HistogramRequest, schema.HistogramAnswer),
    _post("facets", facets, "Top values of fields", schema.FacetsRequest, schema.FacetsAnswer),
    _post("count", count, "Count records", schema.LogsQuery, schema.CountAnswer),
    _post("fields", fields, "List fields", schema.LogsQuery, schema.FieldsAnswer),
    _post("bounds", bounds, "First and last record", schema.LogsQuery, schema.BoundsAnswer),
    _post("explain", explain, "How a query is understood", schema.ExplainRequest, schema.ExplainAnswer),
    Route(
        "GET",
        f"{BASE}/logs/record",
        Permission.LOGS_READ,
        record,
        "One record by its id",
        answer=schema.LogRecord,
        parameters=(Parameter("id", "Id of the record, from a search", required=True),),
        tag="logs",
    ),
)
