"""Exploring logs: patterns, the context of a record, comparing two selections, everything about one field."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from starlette.responses import Response

from nexus import _native
from nexus.errors import InvalidRequest, NotFound
from nexus.model.time import parse_time
from nexus.query.compare import Counts, most_different, score
from nexus.query.fields import SEVERITIES, name_of, resolve
from nexus.query.plan import Context, Contrast, Count, Facets, Field, FieldKind, FieldSummary, LogScan, Patterns, Profile
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.answers import facets_of, kind_of, record_id, statistics_of
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.api.nexus_v1.buckets import choose_step, grid
from nexus.server.api.nexus_v1.logs import closed_range, scan_of
from nexus.server.api.nexus_v1.schema import explore as schema
from nexus.server.api.nexus_v1.schema.logs import LogsQuery
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.queries import checked_id
from nexus.server.routes import BASE, Route
from nexus.storage.api import PatternRow, Statistics, Table

SAMPLE_CHARACTERS: Final = 1000
COMPARED_RECORDS: Final = 100_000
"""About how many records of each side the fields that differ are found with."""
COUNTED_DISTINCT: Final = 1000
"""Fields with no more values among those records are then counted exactly; of others the counts are estimates."""
COMPARED_VALUES: Final = 50
SHOWN_VALUES: Final = 10
_NAMES: Final = tuple(SEVERITIES)


# ------------------------------------------------------------------------------------------------------------- patterns


async def patterns(call: Call) -> Response:
    """Records by template, with counts that add up."""
    wanted: schema.PatternsRequest = call.payload
    query_id = checked_id(wanted.query_id)
    scan = scan_of(call, wanted)
    scan = LogScan(await closed_range(call, scan.time), scan.where)
    start, end = scan.time.start or 0, scan.time.end or 0
    since = start if wanted.new_since is None else parse_time(wanted.new_since, now_ns=call.services.now_ns())
    step = choose_step(start, end, wanted.buckets)
    plan = Patterns(scan, step, wanted.limit, wanted.order)
    found = await ask(call, query_id, call.services.store.patterns(close_plan(call, plan, query_id)))
    first, buckets = grid(start, end, step)
    shown = [_pattern(row, first // step, buckets, since) for row in found.rows]
    return json_response(
        schema.PatternsAnswer(
            total=found.total,
            distinct=found.distinct,
            other=found.total - sum(pattern.count for pattern in shown),
            start=str(first),
            step=str(step),
            buckets=buckets,
            patterns=shown,
            statistics=statistics_of(found.statistics, query_id),
        )
    )


def _pattern(row: PatternRow, first_bucket: int, buckets: int, since: int) -> schema.Pattern:
    counts = [0] * buckets
    severities: dict[str, int] = {}
    for (bucket, number), count in row.counts.items():
        counts[min(max(bucket - first_bucket, 0), buckets - 1)] += count
        name = _NAMES[(number + 3) // 4] if number <= 24 else _NAMES[0]
        severities[name] = severities.get(name, 0) + count
    sample: dict[str, Any] = msgspec.json.decode(row.sample) if row.sample else {}
    body = str(sample.get("body", ""))
    return schema.Pattern(
        template_id=f"{row.template_id:016x}",
        template=_native.mask_template(body)[0],
        count=row.count,
        counts=counts,
        severities={name: severities[name] for name in _NAMES if name in severities},
        services=row.services,
        sample_id=str(sample.get("id", "")),
        sample=body[:SAMPLE_CHARACTERS],
        first=str(row.first),
        last=str(row.last),
        first_seen=str(row.first_seen),
        new=row.first_seen >= since,
    )


# -------------------------------------------------------------------------------------------------------------- context


async def context(call: Call) -> Response:
    """What the same stream wrote before and after a record."""
    wanted: schema.ContextRequest = call.payload
    query_id = checked_id(wanted.query_id)
    timestamp, mark = record_id(wanted.id)
    plan = Context(timestamp, mark, wanted.before, wanted.after, wanted.same)
    found = await ask(call, query_id, call.services.store.context(close_plan(call, plan, query_id)))
    if found.record is None:
        raise NotFound("there is no such record; it may have expired.")
    held = msgspec.json.decode(found.record)
    return json_response(
        b'{"record":%s,"before":[%s],"after":[%s],"more_before":%s,"more_after":%s,"service":%s,"resource":%s,"same":%s,'
        b'"statistics":%s}'
        % (
            found.record,
            b",".join(found.before),
            b",".join(found.after),
            msgspec.json.encode(found.more_before),
            msgspec.json.encode(found.more_after),
            msgspec.json.encode(held["service"]),
            msgspec.json.encode(held["resource"]),
            msgspec.json.encode(wanted.same),
            msgspec.json.encode(statistics_of(found.statistics, query_id)),
        )
    )


# -------------------------------------------------------------------------------------------------------------- compare


async def compare(call: Call) -> Response:
    """Fields by how much they tell one selection from another."""
    query_id = checked_id(call.payload.query_id)
    return json_response(await ask(call, query_id, _compare(call, call.payload, query_id)))


async def _compare(call: Call, wanted: schema.CompareRequest, query_id: str) -> schema.CompareAnswer:
    sides = [scan_of(call, LogsQuery(side.query, side.from_, side.to)) for side in (wanted.selection, wanted.baseline)]
    selection, baseline = sides
    fields = tuple(dict.fromkeys(resolve(name) for name in wanted.fields))
    if len(fields) > 100:
        raise InvalidRequest("more than 100 fields cannot be compared at once.", hint="Name those that matter.")
    spent = Statistics()

    async def run(plan: Count | Profile | Contrast) -> Table:
        table = await call.services.store.table(close_plan(call, plan, query_id))
        spent.elapsed_ms += table.statistics.elapsed_ms
        spent.rows_read += table.statistics.rows_read
        spent.bytes_read += table.statistics.bytes_read
        return table

    totals = [int((await run(Count(side))).rows[0][0]) for side in sides]
    found: dict[Field, Counts] = {}
    if all(totals):
        shares = tuple(-(-total // COMPARED_RECORDS) for total in totals)
        if not fields:
            plan = Profile(selection, baseline, (shares[0], shares[1]), COMPARED_VALUES)
            profile, seen = _profile(await run(plan))
            ranked = sorted((-score(counts, *seen), name_of(field), field) for field, counts in profile.items())
            found = {field: profile[field] for value, _, field in ranked[: wanted.limit] if value < 0}
            if shares != (1, 1):
                # Of fields with many values only the frequent ones are shown, and a sample knows those well.
                fields = tuple(field for field, counts in found.items() if counts.distinct <= COUNTED_DISTINCT)
                factors = [total / max(looked_at, 1) for total, looked_at in zip(totals, seen, strict=True)]
                found = {field: counts.scaled(*factors) for field, counts in found.items()}
        if fields:
            found |= _contrast(await run(Contrast(selection, baseline, fields, COMPARED_VALUES)), fields)
    scored = [(score(counts, totals[0], totals[1]), field, counts) for field, counts in found.items()]
    scored.sort(key=lambda one: (-one[0], name_of(one[1])))
    return schema.CompareAnswer(
        selection=totals[0],
        baseline=totals[1],
        fields=[_compared(field, counts, value, totals) for value, field, counts in scored[: wanted.limit]],
        statistics=statistics_of(spent, query_id),
    )


def _profile(table: Table) -> tuple[dict[Field, Counts], tuple[int, int]]:
    """Counts of each field, and how many records were looked at on each side."""
    found: dict[Field, Counts] = {}
    seen = (0, 0)
    for kind, name, value, a, b, of_a, of_b, distinct in table.rows:
        if kind:
            field = Field(FieldKind(kind), name)
            found.setdefault(field, Counts(present=(of_a, of_b), distinct=distinct)).values[value] = a, b
        else:
            seen = a, b
    return found, seen


def _contrast(table: Table, fields: tuple[Field, ...]) -> dict[Field, Counts]:
    by_name = {name_of(field): field for field in fields}
    found: dict[Field, Counts] = {field: Counts() for field in fields}
    for name, value, a, b, of_a, of_b, distinct in table.rows:
        counts = found[by_name[name]]
        counts.values[value] = a, b
        counts.present, counts.distinct = (of_a, of_b), distinct
    return found


def _compared(field: Field, counts: Counts, value: float, totals: list[int]) -> schema.ComparedField:
    shown = []
    for text, a, b in most_different(counts, totals[0], totals[1], SHOWN_VALUES):
        share_a, share_b = a / totals[0], b / totals[1]
        shown.append(schema.ComparedValue(text, a, b, share_a, share_b, share_a - share_b))
    return schema.ComparedField(name_of(field), kind_of(field), value, shown)


# ---------------------------------------------------------------------------------------------------------------- field


async def field(call: Call) -> Response:
    """Everything about one field."""
    wanted: schema.FieldRequest = call.payload
    query_id = checked_id(wanted.query_id)
    asked = resolve(wanted.field)
    scan = scan_of(call, wanted)
    store = call.services.store

    async def work() -> tuple[Table, Table]:
        summary = await store.table(close_plan(call, FieldSummary(scan, asked), query_id))
        return summary, await store.table(close_plan(call, Facets(scan, (asked,), wanted.limit), query_id))

    summary, values = await ask(call, query_id, work())
    total, records, distinct, number, low, high, mean, sum_, marks = summary.rows[0]
    (facet,) = facets_of(values, (asked,), wanted.limit)
    numbers = None
    if int(number) and None not in (low, high, mean, sum_, *marks):
        # Whole numbers come as such from the engine.
        numbers = schema.FieldNumbers(int(number), *map(float, (low, high, mean, sum_, *marks)))
    cost = Statistics(
        query_id,
        summary.statistics.elapsed_ms + values.statistics.elapsed_ms,
        summary.statistics.rows_read + values.statistics.rows_read,
        summary.statistics.bytes_read + values.statistics.bytes_read,
    )
    return json_response(
        schema.FieldAnswer(
            name=name_of(asked),
            kind=kind_of(asked),
            type=_type(int(number), int(records)),
            total=int(total),
            records=int(records),
            distinct=int(distinct),
            values=facet.values,
            numbers=numbers,
            statistics=statistics_of(cost, query_id),
        )
    )


def _type(numbers: int, records: int) -> Literal["number", "string"]:
    """What the values are: numbers when all of them read as one."""
    return "number" if records and numbers == records else "string"


def _post(name: str, door: Any, summary: str, request: Any, answer: Any) -> Route:
    path = f"{BASE}/logs/{name}"
    return Route("POST", path, Permission.LOGS_READ, door, summary, request=request, answer=answer, tag="logs")


ROUTES = (
    _post("patterns", patterns, "Records by template", schema.PatternsRequest, schema.PatternsAnswer),
    _post("context", context, "What was written around a record", schema.ContextRequest, schema.ContextAnswer),
    _post("compare", compare, "Fields that tell two selections apart", schema.CompareRequest, schema.CompareAnswer),
    _post("field", field, "Everything about one field", schema.FieldRequest, schema.FieldAnswer),
)
