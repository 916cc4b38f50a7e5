"""Traces: searching, drawing, comparing, and what is asked of the spans of many. `q` is TraceQL everywhere.

Every door does the same: text to plan, plan closed over tenant and limits by `query.policy`, plan to store. Whole spans pass
through native code, which draws them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from nexus import _native
from nexus.errors import InvalidRequest, NotFound
from nexus.model.time import NS_PER_HOUR, TimeRange, parse_time
from nexus.query.compare import Counts, most_different, score
from nexus.query.significance import corrected, probability
from nexus.query.trace_plan import (
    GetTrace,
    Place,
    SpanCount,
    SpanFacets,
    SpanField,
    SpanHeatmap,
    SpanProfile,
    SpanScan,
    SpanSeries,
    TagNames,
    TagValues,
    field_label,
)
from nexus.query.traces.explain import explain
from nexus.query.traces.incomplete import understood
from nexus.query.traces.lower import lower_scan, lower_search
from nexus.query.traces.metrics import Comparison, lower_metrics
from nexus.query.traces.parser import parse
from nexus.query.traces.printer import print_query
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.answers import statistics_of
from nexus.server.api.nexus_v1.buckets import choose_step
from nexus.server.api.nexus_v1.schema import traces as schema
from nexus.server.api.nexus_v1.schema.logs import Statistics, Time
from nexus.server.api.tracing.asking import Asker, asking, door, hint, span_id, trace_id
from nexus.server.api.tracing.fields import SCOPES, SHOWN_INTRINSICS, has_values, place_of, tag_field
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.trace_api import MatchedSpan, MetricSeries, SeriesSet, SpanRows, Tell, TraceHit

MAX_FILE: Final = 64 << 20
"""Bytes of a file of spans that is drawn."""
MAX_CELLS: Final = 500
"""Most buckets of a heatmap."""
METRIC_POINTS: Final = 120
"""About how many points a series has when no step is named."""
COMPARED_SPANS: Final = 100_000
"""About how many spans of each side are compared."""
COMPARED_VALUES: Final = 50
SHOWN_VALUES: Final = 10
LISTED: Final = 1_000
EVERYTHING: Final = "{}"
_COUNTING: Final = frozenset({"rate", "count_over_time"})


# ----------------------------------------------------------------------------------------------------------------- common


def range_of(call: Call, start: Time | None, end: Time | None, default: int | None = None) -> TimeRange:
    """A range; without a start it begins `default` ns before its end, or is open. Raises `InvalidRequest`."""
    now = call.services.now_ns()
    first = None if start in (None, "") else parse_time(start, now_ns=now)
    last = None if end in (None, "") else parse_time(end, now_ns=now)
    if default is not None:
        last = now if last is None else last
        first = max(last - default, 0) if first is None else first
    if first is not None and last is not None and first > last:
        raise InvalidRequest("`start` lies after `end`.")
    return TimeRange(first, last)


def scan_of(call: Call, wanted: schema.TracesQuery | schema.SpanSelection) -> SpanScan:
    """The spans that a request is about. Raises `QuerySyntaxError`, `InvalidRequest`."""
    text = wanted.q.strip() or EVERYTHING
    return lower_scan(parse(text), text, range_of(call, wanted.start, wanted.end, NS_PER_HOUR))


def _spent(asker: Asker) -> Statistics:
    return statistics_of(asker.spent, asker.query_id)


def _post(work: Callable[[Call, Asker], Awaitable[Any]]) -> Callable[[Call], Awaitable[Response]]:
    """A handler of a JSON request that may name its query."""

    async def handle(call: Call) -> Response:
        answer = await asking(call, work, call.payload.query_id)
        return answer if isinstance(answer, Response) else json_response(answer)

    handle.__doc__ = work.__doc__
    return handle


# ------------------------------------------------------------------------------------------------------------------ search


async def search(call: Call, asker: Asker) -> schema.TracesSearchAnswer:
    """Traces with spans that match."""
    wanted: schema.TracesSearchRequest = call.payload
    text = wanted.q.strip() or EVERYTHING
    plan = lower_search(
        parse(text),
        text,
        range_of(call, wanted.start, wanted.end, NS_PER_HOUR),
        limit=wanted.limit,
        spans_per_trace=wanted.spans_per_trace,
        order=wanted.order,
    )
    found = await asker.find(plan)
    return schema.TracesSearchAnswer([_found(hit) for hit in found.hits], found.incomplete, _spent(asker))


def _found(hit: TraceHit) -> schema.FoundTrace:
    services = [schema.TraceService(name, spans, errors) for name, (spans, errors) in hit.services.items()]
    services.sort(key=lambda one: (-one.spans, one.name))
    return schema.FoundTrace(
        trace_id=hit.trace_id,
        root_service=hit.root_service,
        root_name=hit.root_name,
        start=str(hit.start),
        duration=str(hit.duration),
        spans=hit.spans,
        errors=hit.errors,
        services=services,
        sets=[schema.FoundSet(one.matched, dict(one.attributes), list(map(_found_span, one.spans))) for one in hit.sets],
    )


def _found_span(span: MatchedSpan) -> schema.FoundSpan:
    return schema.FoundSpan(
        span.span_id, span.name, span.service, str(span.start), str(span.duration), dict(span.attributes)
    )


# ------------------------------------------------------------------------------------------------------------------- trace


async def _rows(call: Call, asker: Asker, span: bytes | None = None) -> SpanRows:
    time = range_of(call, call.argument("start"), call.argument("end"))
    plan = GetTrace(trace_id(call.parameters["id"]), span, hint(time.start, time.end))
    rows = await asker.spans(plan)
    if not rows.data:
        what = "trace" if span is None else "span"
        raise NotFound(f"there is no such {what}; it may have expired, or not have arrived yet.")
    return rows


async def trace(call: Call, asker: Asker) -> Response:
    """A trace as it is drawn."""
    rows = await _rows(call, asker)
    return json_response(await _rendered(_native.render_trace, rows) or b"{}")


async def span(call: Call, asker: Asker) -> Response:
    """One span with everything that is known of it."""
    rows = await _rows(call, asker, span_id(call.parameters["span"]))
    return json_response(b'{"span":%s}' % (await _rendered(_native.render_span, rows) or b"{}"))


async def otlp(call: Call, asker: Asker) -> Response:
    """A trace as OTLP in JSON, to keep."""
    rows = await _rows(call, asker)
    name = trace_id(call.parameters["id"]).hex()
    headers = {"Content-Disposition": f'attachment; filename="trace-{name}.json"'}
    return json_response(await _rendered(_native.render_spans_otlp_json, rows), headers=headers)


async def _rendered(render: Callable[..., Any], rows: SpanRows) -> Any:
    return await asyncio.to_thread(render, rows.data, rows.attributes)


async def render(call: Call) -> Response:
    """A file of spans (OTLP or Jaeger JSON) as a trace is drawn."""
    try:
        rows, sources = await asyncio.to_thread(_native.spans_of_file, call.body)
    except ValueError as error:
        raise InvalidRequest(
            f"the file cannot be read: {error}.", hint="Give a trace as OTLP in JSON, or as Jaeger's UI saves it."
        ) from error
    drawn = await asyncio.to_thread(_native.render_trace, rows, sources)
    if drawn is None:
        raise InvalidRequest("there are no spans in the file.")
    return json_response(drawn)


# --------------------------------------------------------------------------------------------------------------- overviews


async def count(call: Call, asker: Asker) -> schema.TracesCountAnswer:
    """How many spans match."""
    rows = (await asker.table(SpanCount(scan_of(call, call.payload)))).rows
    spans, traces = rows[0] if rows else (0, 0)
    return schema.TracesCountAnswer(float(spans or 0), int(traces or 0), _spent(asker))


async def explained(call: Call) -> Response:
    """What a query means."""
    wanted: schema.TracesExplainRequest = call.payload
    tree = parse(wanted.q.strip() or EVERYTHING)
    words = [
        schema.ExplainedWords(one.text, one.depth, one.pos[0], max(one.pos[1] - one.pos[0], 0)) for one in explain(tree)
    ]
    return json_response(schema.TracesExplainAnswer(print_query(tree), tree.is_metrics, words))


async def heatmap(call: Call, asker: Asker) -> schema.TracesHeatmapAnswer:
    """Spans by time and duration."""
    wanted: schema.TracesHeatmapRequest = call.payload
    scan = scan_of(call, wanted)
    start, end = scan.time.start or 0, scan.time.end or 0
    step = wanted.step or choose_step(start, end, wanted.buckets)
    first = start // step * step
    buckets = max(-(-(end - first) // step), 1)
    if buckets > MAX_CELLS:
        raise InvalidRequest(
            f"the heatmap would have {buckets} buckets, and may have {MAX_CELLS} at most.", hint="Choose a longer step."
        )
    table = await asker.table(SpanHeatmap(scan, step))
    rows = [(int(begin), int(number), float(spans), float(errors)) for begin, number, spans, errors in table.rows]
    numbers = sorted({number for _, number, _, _ in rows})
    places = {number: place for place, number in enumerate(numbers)}
    counts = [[0.0] * len(numbers) for _ in range(buckets)]
    failed = [[0.0] * len(numbers) for _ in range(buckets)]
    for begin, number, spans, errors in rows:
        if 0 <= (bucket := (begin - first) // step) < buckets:
            counts[bucket][places[number]] += spans
            failed[bucket][places[number]] += errors
    classes = []
    for number in numbers:
        low, high = duration_bounds(number)
        classes.append(schema.DurationClass(number, str(low), str(high)))
    return schema.TracesHeatmapAnswer(
        [str(first + bucket * step) for bucket in range(buckets)], str(step), classes, counts, failed, _spent(asker)
    )


def duration_bounds(number: int) -> tuple[int, int]:
    """ns from which on a class of durations reaches, and where it ends: see `nexus-core/src/traces/duration.rs`."""
    if number == 0:
        return 0, 1
    octave, quarter = divmod(number - 1, 4)

    def bound(octave: int, quarter: int) -> int:
        return -(-((4 + quarter) << octave) // 4)

    return bound(octave, quarter), bound(octave + 1, 0) if quarter == 3 else bound(octave, quarter + 1)


async def facets(call: Call, asker: Asker) -> schema.TracesFacetsAnswer:
    """Values of several fields."""
    wanted: schema.TracesFacetsRequest = call.payload
    fields = tuple(dict.fromkeys(map(tag_field, wanted.fields)))
    table = await asker.table(SpanFacets(scan_of(call, wanted), fields, wanted.limit))
    found: dict[str, list[schema.TagValue]] = {field_label(field): [] for field in fields}
    for name, value, spans in table.rows:
        found.setdefault(str(name), []).append(schema.TagValue(value, type_name(value), float(spans)))
    return schema.TracesFacetsAnswer([schema.TagFacet(name, values) for name, values in found.items()], _spent(asker))


def type_name(value: Any) -> str:
    """What TraceQL calls the type of a value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    return "float" if isinstance(value, float) else "string"


async def tags(call: Call, asker: Asker) -> schema.TagsAnswer:
    """Names of fields that matching spans have, by scope."""
    scope = call.argument("scope")
    scopes = [] if scope == "intrinsic" else await tag_names(call, asker, scope)
    if scope in ("", "intrinsic", "none", "all"):
        scopes.append(schema.TagScope("intrinsic", list(SHOWN_INTRINSICS)))
    return schema.TagsAnswer(scopes, _spent(asker))


async def tag_names(call: Call, asker: Asker, scope: str) -> list[schema.TagScope]:
    """Attributes by scope; of one scope only when it is named."""
    time = range_of(call, call.argument("start"), call.argument("end"), NS_PER_HOUR)
    text = call.argument("q")
    place = place_of("" if scope in ("none", "all") else scope)
    return await names_of(asker, lower_scan(understood(text), text, time), place)


async def names_of(asker: Asker, scan: SpanScan, place: Place | None, limit: int = LISTED) -> list[schema.TagScope]:
    """Attributes of the spans of a scan by scope, in the order of scopes."""
    table = await asker.table(TagNames(scan, place, limit))
    found: dict[str, list[str]] = {}
    for where, name in table.rows:
        found.setdefault(str(where), []).append(str(name))
    return [schema.TagScope(scope, sorted(found[scope])) for scope in SCOPES if scope in found]


async def tag_values(call: Call, asker: Asker) -> schema.TagValuesAnswer:
    """Values of a field."""
    time = range_of(call, call.argument("start"), call.argument("end"), NS_PER_HOUR)
    text = call.argument("q")
    rows = await values_of(asker, lower_scan(understood(text), text, time), tag_field(call.parameters["tag"]))
    return schema.TagValuesAnswer([schema.TagValue(value, kind, float(spans)) for value, kind, spans in rows], _spent(asker))


async def values_of(asker: Asker, scan: SpanScan, field: SpanField, limit: int = LISTED) -> Sequence[Sequence[Any]]:
    """(value, type, spans) of a field; nothing of what is different in every span."""
    if not has_values(field):
        return []
    return (await asker.table(TagValues(scan, field, limit))).rows


# ----------------------------------------------------------------------------------------------------------------- compare


async def compare(call: Call, asker: Asker) -> schema.TracesCompareAnswer:
    """Fields by how much they tell some spans from others."""
    wanted: schema.TracesCompareRequest = call.payload
    selection, baseline = scan_of(call, wanted.selection), scan_of(call, wanted.baseline)
    totals = [float((await asker.table(SpanCount(side))).rows[0][0] or 0) for side in (selection, baseline)]
    found: dict[str, Counts] = {}
    if all(totals):
        shares = [max(math.ceil(total / COMPARED_SPANS), 1) for total in totals]
        plan = SpanProfile(selection, baseline, (shares[0], shares[1]), COMPARED_VALUES)
        found, seen = _profiled((await asker.table(plan)).rows)
        totals = [float(one) for one in seen] if all(seen) else totals
    pair = (round(totals[0]), round(totals[1]))
    chances = corrected([probability(counts, *pair) for counts in found.values()])
    fields = [_compared(name, counts, pair, chance) for (name, counts), chance in zip(found.items(), chances, strict=True)]
    fields = [one for one in fields if one.score > 0]
    fields.sort(key=lambda one: (-one.score, one.name))
    return schema.TracesCompareAnswer(totals[0], totals[1], fields[: wanted.limit], _spent(asker))


def _profiled(rows: Sequence[Sequence[Any]]) -> tuple[dict[str, Counts], tuple[int, int]]:
    """Counts of each field, and how many spans were looked at on each side."""
    found: dict[str, Counts] = {}
    seen = (0, 0)
    for place, name, value, a, b, of_a, of_b, distinct in rows:
        if not place:
            seen = int(a), int(b)
            continue
        label = field_label(SpanField(Place(place), name))
        counts = found.setdefault(label, Counts(present=(int(of_a), int(of_b)), distinct=int(distinct)))
        counts.values[str(value)] = int(a), int(b)
    return found, seen


def _compared(name: str, counts: Counts, totals: tuple[int, int], chance: float) -> schema.ComparedTag:
    shown = []
    for value, a, b in most_different(counts, *totals, SHOWN_VALUES):
        share_a, share_b = a / max(totals[0], 1), b / max(totals[1], 1)
        shown.append(schema.ComparedTagValue(value, a, b, share_a, share_b, share_a - share_b))
    return schema.ComparedTag(name, score(counts, *totals), chance, shown)


# ----------------------------------------------------------------------------------------------------------------- metrics


async def metrics(call: Call, asker: Asker) -> schema.TracesMetricsAnswer:
    """A function over spans, in steps."""
    wanted: schema.TracesMetricsRequest = call.payload
    time = range_of(call, wanted.start, wanted.end, NS_PER_HOUR)
    start, end = time.start or 0, time.end or 0
    step = wanted.step or choose_step(start, end, METRIC_POINTS)
    if not wanted.instant:
        # Whole steps, so that every span of the range counts.
        start, end = start // step * step, -(-end // step) * step
    found = await metric_series(asker, wanted.q, start, end, step, instant=wanted.instant, exemplars=wanted.exemplars)
    return schema.TracesMetricsAnswer(
        str(start), str(end), str(step), list(map(_series, found.series)), found.incomplete, _spent(asker)
    )


async def metric_series(
    asker: Asker,
    text: str,
    start: int,
    end: int,
    step: int,
    *,
    instant: bool = False,
    exemplars: int = 0,
    tell: Tell[SeriesSet] | None = None,
) -> SeriesSet:
    """The series of a metrics query. Where nothing happened, rates and counts are 0. `tell` takes what is known of them so
    far, unless it needs all to be known."""
    program = lower_metrics(parse(text), text, start, end, step, instant=instant, exemplars=exemplars)
    if isinstance(program, Comparison):
        return program.answer((await asker.table(program.plan)).rows)
    if tell is None or len(program.plans) > 1:
        return program.answer([_with_zeros(plan, await asker.series(plan)) for plan in program.plans])
    (plan,) = program.plans

    def partly(found: SeriesSet, share: float) -> None:
        tell(program.answer([_with_zeros(plan, found, 1 - share)]), share)

    return program.answer([_with_zeros(plan, await asker.series(plan, partly))])


def _with_zeros(plan: SpanSeries, found: SeriesSet, unknown: float = 0.0) -> SeriesSet:
    """A store tells of times with spans only: at others there were none, which for counts is a number. Of the first steps
    nothing is known, as far as a share is `unknown`."""
    if plan.instant or plan.function not in _COUNTING:
        return found
    grid = range(plan.start, plan.end + 1, plan.step)
    grid = grid[round(unknown * len(grid)) :]
    series = []
    for one in found.series:
        known = dict(one.points)
        series.append(replace(one, points=[(time, known.get(time, 0.0)) for time in grid]))
    return replace(found, series=series)


def _series(one: MetricSeries) -> schema.TraceSeries:
    return schema.TraceSeries(
        dict(one.labels),
        [(str(time), _finite(value)) for time, value in one.points],
        [
            schema.TraceExemplar(exemplar.trace_id, exemplar.span_id, str(exemplar.time), _finite(exemplar.value))
            for exemplar in one.exemplars
        ],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# ------------------------------------------------------------------------------------------------------------------ routes

_RANGE: Final = (Parameter("start", "When the trace began, if known"), Parameter("end", "When it ended, if known"))
_TRACE: Final = Parameter("id", "Trace id in hexadecimal digits", "path", True)
_SCAN: Final = (
    Parameter("q", "TraceQL that the spans meet; an unfinished one is understood as far as it goes"),
    Parameter("start", "Start of the range, an hour before its end unless told"),
    Parameter("end", "End of the range, now unless told"),
)


def _json(work: Callable[[Call, Asker], Awaitable[Any]]) -> Callable[[Call], Awaitable[Response]]:
    async def handle(call: Call) -> Response:
        return json_response(await asking(call, work))

    handle.__doc__ = work.__doc__
    return handle


def _posts(name: str, work: Callable[[Call, Asker], Awaitable[Any]], summary: str, request: Any, answer: Any) -> Route:
    return Route(
        "POST", f"{BASE}/traces/{name}", Permission.TRACES_READ, _post(work), summary,
        request=request, answer=answer, tag="traces",
    )  # fmt: skip


def _gets(
    path: str, handler: Callable[[Call], Awaitable[Response]], summary: str, answer: Any, *parameters: Parameter
) -> Route:
    return Route(
        "GET", f"{BASE}/traces/{path}", Permission.TRACES_READ, handler, summary,
        answer=answer, parameters=parameters, tag="traces",
    )  # fmt: skip


ROUTES: Final = (
    _posts("search", search, "Find traces", schema.TracesSearchRequest, schema.TracesSearchAnswer),
    _posts("count", count, "Count spans and traces", schema.TracesQuery, schema.TracesCountAnswer),
    Route(
        "POST", f"{BASE}/traces/explain", Permission.TRACES_READ, explained, "What a query means",
        request=schema.TracesExplainRequest, answer=schema.TracesExplainAnswer, tag="traces",
    ),
    _posts("heatmap", heatmap, "Spans by time and duration", schema.TracesHeatmapRequest, schema.TracesHeatmapAnswer),
    _posts("facets", facets, "Values of fields of spans", schema.TracesFacetsRequest, schema.TracesFacetsAnswer),
    _posts(
        "compare", compare, "Fields that tell two selections of spans apart", schema.TracesCompareRequest,
        schema.TracesCompareAnswer,
    ),
    _posts("metrics", metrics, "A function over spans in steps", schema.TracesMetricsRequest, schema.TracesMetricsAnswer),
    Route(
        "POST", f"{BASE}/traces/render", Permission.TRACES_READ, render, "Draw a file of spans (OTLP or Jaeger JSON)",
        answer=schema.TraceDocument, media=("application/json",), raw=MAX_FILE, tag="traces",
    ),
    _gets("tags", _json(tags), "Names of fields of spans", schema.TagsAnswer,
          Parameter("scope", "resource, span, event, link, instrumentation or intrinsic"), *_SCAN),
    _gets("tags/{+tag}/values", _json(tag_values), "Values of a field of spans", schema.TagValuesAnswer,
          Parameter("tag", "Name of the field, as in TraceQL", "path", True), *_SCAN),
    _gets("{id}", door(trace), "A trace as it is drawn", schema.TraceDocument, _TRACE, *_RANGE),
    _gets("{id}/otlp", door(otlp), "A trace as OTLP in JSON", None, _TRACE, *_RANGE),
    _gets("{id}/spans/{span}", door(span), "One span, whole", schema.SpanAnswer, _TRACE,
          Parameter("span", "Span id in hexadecimal digits", "path", True), *_RANGE),
)  # fmt: skip
