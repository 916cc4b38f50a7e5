"""The doors of Loki's query API. Every one parses, asks `engine.Engine`, and answers in Loki's shape."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.responses import Response

from nexus import _native
from nexus.errors import InvalidRequest
from nexus.model.time import NS_PER_HOUR, NS_PER_SECOND
from nexus.query.logql import parse, print_query
from nexus.query.logql.ast import Grouping, LogQuery, Matcher, Metric, RangeAggregation, VectorAggregation
from nexus.query.logql.lower import SERVICE, literal, program, pushed
from nexus.query.logql.parser import parse_log
from nexus.query.plan import And, LogScan, Plan, Tally, TimeRange
from nexus.security.permissions import Permission
from nexus.server.api.loki.answers import json_answer, refuse, result, success
from nexus.server.api.loki.arguments import DEFAULT_LIMIT, Arguments
from nexus.server.api.loki.engine import MAX_SERIES, Engine, compiled
from nexus.server.api.loki.tail import tail
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.call import Call
from nexus.server.queries import checked_id
from nexus.server.routes import WEBSOCKET, Parameter, Route
from nexus.storage.api import RawRows

BASE: Final = "/loki/api/v1"
MAX_FORM: Final = 1 << 20
API_LEVEL: Final = "3.5.0"
"""The version of Loki whose API this is; clients choose their features by it."""

_CATEGORIZE: Final = "categorize-labels"
_LABEL_SPAN: Final = 6 * NS_PER_HOUR
_EVERYTHING: Final = ("", "{}")

Work = Callable[[Call, Arguments, Engine], Awaitable[Response]]


def engine_of(call: Call, query_id: str) -> Engine:
    """The engine of one request."""

    async def run(plan: Plan) -> RawRows:
        return await call.services.store.raw(close_plan(call, plan, query_id))

    return Engine(run)


def door(work: Work) -> Callable[[Call], Awaitable[Response]]:
    """A handler whose work can be listed, cancelled, and ends when the client goes away."""

    async def handle(call: Call) -> Response:
        query_id = checked_id("")
        return await ask(call, query_id, work(call, Arguments.of(call), engine_of(call, query_id)))  # type: ignore[arg-type]

    handle.__doc__ = work.__doc__
    return handle


# --------------------------------------------------------------------------------------------------------------- queries


async def query(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """A query at one point in time."""
    tree = parse(arguments.required("query"))
    at = arguments.time("time", arguments.now_ns)
    if isinstance(tree, LogQuery):
        raise InvalidRequest(
            "log queries are not supported as an instant query type, please change your query to a range query type"
        )
    if (number := literal(tree)) is not None:
        shown = msgspec.json.encode([at // 1_000_000 / 1000, _sample(number)])
        return result("scalar", shown, engine.cost)
    matrix = await engine.metric(tree, at, at, 1)
    return result("vector", matrix.encode(True), engine.cost, matrix.num_series)


async def query_range(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """A query over a range of time: streams, or a matrix."""
    tree = parse(arguments.required("query"))
    start, end = arguments.range()
    if not isinstance(tree, LogQuery):
        step = arguments.step(start, end)
        matrix = await engine.metric(tree, start, end, step)
        return result("matrix", matrix.encode(False), engine.cost, matrix.num_series)
    limit = arguments.integer("limit", DEFAULT_LIMIT)
    most = call.services.config().query.result_rows
    if limit > most:
        raise InvalidRequest(f"max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {most})")
    flags = [flag.strip() for flag in call.headers.get("x-loki-response-encoding-flags", "").split(",")]
    categorize = _CATEGORIZE in flags
    interval = arguments.duration("interval") or 0
    if interval < 0:
        raise InvalidRequest("interval must be >= 0")
    span = TimeRange(start, max(end, start + 1))
    streams = await engine.entries(
        tree, span, limit=limit, forward=arguments.forward(), interval=interval, categorize=categorize
    )
    returned = min(engine.cost.passed, limit)
    return result("streams", streams, engine.cost, returned, (_CATEGORIZE,) if categorize else ())


def _sample(number: float) -> str:
    if number != number:
        return "NaN"
    if abs(number) == float("inf"):
        return "+Inf" if number > 0 else "-Inf"
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


# ---------------------------------------------------------------------------------------------------------------- labels


async def _stream_labels(
    arguments: Arguments, engine: Engine, *names: str, services: bool = False
) -> list[list[tuple[str, str]]]:
    selectors = [parse_log(text).matchers for text in arguments.all(*names) if text.strip() not in _EVERYTHING]
    start, end = arguments.range(_LABEL_SPAN)
    found = await engine.streams(selectors, TimeRange(start, max(end, start + 1)), services=services)
    return [labels for labels, _, _, _, _ in found]


async def labels(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """Names of stream labels."""
    found = await _stream_labels(arguments, engine, "query", "match", "match[]")
    return success(sorted({name for one in found for name, _ in one}))


async def label_values(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """Values of a stream label."""
    name = call.parameters["name"]
    found = await _stream_labels(arguments, engine, "query", "match", "match[]", services=name == SERVICE)
    return success(sorted({value for one in found for known, value in one if known == name}))


async def series(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """Streams that match any of the selectors."""
    found = await _stream_labels(arguments, engine, "match", "match[]", "query")
    distinct = {tuple(one) for one in found}
    return success([dict(one) for one in sorted(distinct)])


async def detected_labels(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """Stream labels with the number of their values."""
    values: dict[str, set[str]] = defaultdict(set)
    for one in await _stream_labels(arguments, engine, "query"):
        for name, value in one:
            values[name].add(value)
    shown = [{"label": name, "cardinality": len(held)} for name, held in sorted(values.items())]
    return json_answer({"detectedLabels": shown})


# ------------------------------------------------------------------------------------------------------- index, volume


async def index_stats(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """How much a selector covers."""
    matchers = _selector(arguments)
    start, end = arguments.range()
    found = await engine.streams([matchers] if matchers else [], TimeRange(start, max(end, start + 1)), sizes=True)
    return json_answer(
        {
            "streams": len({tuple(one) for one, _, _, _, _ in found}),
            "chunks": len(found),
            "bytes": sum(size for _, _, _, _, size in found),
            "entries": sum(entries for _, _, _, entries, _ in found),
        }
    )


def _selector(arguments: Arguments) -> tuple[Matcher, ...]:
    text = arguments.text("query")
    return () if text.strip() in _EVERYTHING else parse_log(text).matchers


async def volume(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """Bytes of lines by labels."""
    start, end = arguments.range()
    limit = arguments.integer("limit", DEFAULT_LIMIT)
    span = TimeRange(start, max(end, start + 1))
    if arguments.text("aggregateBy", "series") == "labels":
        rows = await _volume_by_name(arguments, engine, span)
        top = sorted(rows.items(), key=lambda row: (-row[1], row[0]))[:limit]
        shown = [{"metric": {name: ""}, "value": [end // 1_000_000 / 1000, str(size)]} for name, size in top]
        return result("vector", msgspec.json.encode(shown), engine.cost, len(shown))
    matrix = await engine.metric(_volume(arguments, max(end - start, 1), limit), end, end, 1)
    return result("vector", matrix.encode(True), engine.cost, matrix.num_series)


async def volume_range(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """Bytes of lines by labels, over steps."""
    start, end = arguments.range()
    step = arguments.step(start, end)
    if arguments.text("aggregateBy", "series") == "labels":
        names = arguments.text("targetLabels")
        if not names:
            found = await engine.streams([], TimeRange(start, max(end, start + 1)))
            names = ",".join(sorted({name for one, _, _, _, _ in found for name, _ in one})[:MAX_SERIES])
        made = [
            (await engine.metric(_volume(arguments, step, 1, (name,)), start, end, step), name) for name in names.split(",")
        ]
        joined = [one.encode(False)[1:-1] for one, _ in made if one.num_series]
        return result("matrix", b"[%s]" % b",".join(joined), engine.cost, len(joined))
    matrix = await engine.metric(_volume(arguments, step, arguments.integer("limit", DEFAULT_LIMIT)), start, end, step)
    return result("matrix", matrix.encode(False), engine.cost, matrix.num_series)


def _volume(arguments: Arguments, length: int, limit: int, by: tuple[str, ...] = ()) -> Metric:
    """The bytes of a selector by the labels asked for, or by those that the selector names."""
    matchers = _selector(arguments)
    targets = arguments.text("targetLabels")
    names = by or tuple(name.strip() for name in targets.split(",") if name.strip())
    names = names or tuple(dict.fromkeys(one.name for one in matchers)) or ("service_name",)
    counted = RangeAggregation("bytes_over_time", LogQuery(matchers), length)
    return VectorAggregation("topk", VectorAggregation("sum", counted, Grouping(False, names)), None, limit)


async def _volume_by_name(arguments: Arguments, engine: Engine, span: TimeRange) -> Counter[str]:
    matchers = _selector(arguments)
    wanted = {name for name in arguments.text("targetLabels").split(",") if name}
    sizes: Counter[str] = Counter()
    for one, _, _, _, size in await engine.streams([matchers] if matchers else [], span, sizes=True):
        for name, _ in one:
            if not wanted or name in wanted:
                sizes[name] += size
    return sizes


# ------------------------------------------------------------------------------------------------------------- Drilldown


async def _fields(call: Call, arguments: Arguments, engine: Engine) -> _native.LogqlFields:
    text = arguments.text("query")
    tree = parse_log(text) if text else LogQuery(())
    lines = arguments.integer("line_limit", 1000)
    start, end = arguments.range()
    collector = compiled(lambda: _native.LogqlFields(program(tree)))
    span = TimeRange(start, max(end, start + 1))
    # Pages are as large as the density of the records lets expect: a few lines less will do.
    await engine.pages(tree, span, lines, False, collector.feed, lines - lines // 10)
    return collector


async def detected_fields(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """Fields that the newest lines turn out to have."""
    limit = arguments.integer("limit", 1000)
    collector = await _fields(call, arguments, engine)
    return json_answer(b'{"fields":%s,"limit":%d}' % (collector.encode(limit), limit))


async def detected_field_values(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """Values of one of these fields."""
    limit = arguments.integer("limit", 1000)
    collector = await _fields(call, arguments, engine)
    return json_answer(b'{"values":%s,"limit":%d}' % (collector.values(call.parameters["name"], limit), limit))


async def patterns(call: Call, arguments: Arguments, engine: Engine) -> Response:
    """Patterns of lines with exact counts: each record has its template since it was stored."""
    tree = parse_log(arguments.required("query"))
    found = pushed(tree)
    if not found.exact:
        raise InvalidRequest("patterns takes a selector and line filters (|=, !=, |~, !~).")
    start, end = arguments.range()
    step = arguments.duration("step") or max((end - start) // 250 // NS_PER_SECOND, 10) * NS_PER_SECOND
    span = TimeRange(start, max(end, start + 1))
    narrowed = await engine.narrowed(tree.matchers, span, exact=True)
    if narrowed is None:
        return success(b"[]")
    plan = Tally(
        LogScan(span, And((narrowed, found.where))),
        keys=("severity", "template"),
        step=max(step, NS_PER_SECOND),
        origin=start - 1,
        sample=True,
    )
    rows = await engine.raw(plan)
    return success(_native.logql_patterns(rows.data, arguments.integer("limit", 1000)))


async def drilldown_limits(call: Call) -> Response:
    """What Logs Drilldown asks before it shows anything."""
    limits = call.services.config().query
    return json_answer(
        {
            "limits": {
                "discover_log_levels": True,
                "discover_service_name": ["service_name"],
                "log_level_fields": ["level", "detected_level"],
                "max_entries_limit_per_query": limits.result_rows,
                "max_line_size_truncate": False,
                "max_query_bytes_read": "0B",
                "max_query_length": "0s",
                "max_query_lookback": "0s",
                "max_query_range": "0s",
                "max_query_series": MAX_SERIES,
                "metric_aggregation_enabled": False,
                "pattern_persistence_enabled": True,
                "query_timeout": f"{limits.timeout:g}s",
                "retention_period": "0s",
                "retention_stream": [],
                "volume_enabled": True,
                "volume_max_series": 1000,
            },
            "pattern_ingester_enabled": True,
            "version": API_LEVEL,
        }
    )


async def tenant_limits(call: Call) -> Response:
    """The limits in force, as YAML."""
    limits = call.services.config().query
    text = (
        f"max_entries_limit_per_query: {limits.result_rows}\n"
        f"max_query_series: {MAX_SERIES}\n"
        f"query_timeout: {limits.timeout:g}s\n"
        "volume_enabled: true\n"
        "allow_structured_metadata: true\n"
    )
    return Response(text, media_type="text/plain; charset=utf-8")


async def format_query(call: Call) -> Response:
    """A query in canonical form."""
    return success(print_query(parse(Arguments.of(call).required("query"))))


async def build_info(call: Call) -> Response:
    """Which API this is."""
    return json_answer(
        {
            "version": API_LEVEL,
            "revision": f"nexus-{call.services.version}",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
    )


_ANY: Final = (
    Parameter("query", "LogQL"),
    Parameter("start", "Start of the range: ns, seconds or RFC 3339"),
    Parameter("end", "End of the range"),
)


def _both(path: str, handler: Callable[[Call], Awaitable[Response]], summary: str, *more: Parameter) -> tuple[Route, Route]:
    """A door for GET, and for POST with a form."""
    parts = tuple(Parameter(name, f"Name of the {name}", "path", True) for name in ("name",) if "{name}" in path)
    given = (*parts, *_ANY, *more)
    get = Route("GET", f"{BASE}/{path}", Permission.LOGS_READ, handler, summary, parameters=given, tag="loki", refuse=refuse)
    post = Route(
        "POST", f"{BASE}/{path}", Permission.LOGS_READ, handler, summary, parameters=given, tag="loki", refuse=refuse,
        media=("application/x-www-form-urlencoded",), raw=MAX_FORM,
    )  # fmt: skip
    return get, post


_LIMIT: Final = Parameter("limit", "Most results")
_STEP: Final = Parameter("step", "Distance of the steps: a duration or seconds")

ROUTES: Final = (
    *_both("query", door(query), "LogQL at one time", Parameter("time", "Evaluation time"), _LIMIT),
    *_both(
        "query_range", door(query_range), "LogQL over a range", _LIMIT, _STEP,
        Parameter("direction", "forward or backward"), Parameter("interval", "Least distance of entries"),
        Parameter("since", "Length of the range when start is not given"),
    ),
    *_both("labels", door(labels), "Names of stream labels"),
    *_both("label/{name}/values", door(label_values), "Values of a stream label"),
    *_both("series", door(series), "Streams", Parameter("match[]", "Selector, repeated")),
    *_both("index/stats", door(index_stats), "Size of a selection"),
    *_both("index/volume", door(volume), "Bytes by labels", _LIMIT, Parameter("targetLabels", "Labels to group by")),
    *_both("index/volume_range", door(volume_range), "Bytes by labels over time", _LIMIT, _STEP),
    *_both("detected_labels", door(detected_labels), "Stream labels and how many values they have"),
    *_both("detected_fields", door(detected_fields), "Fields that lines have", _LIMIT),
    *_both("detected_field/{name}/values", door(detected_field_values), "Values of a detected field", _LIMIT),
    *_both("patterns", door(patterns), "Patterns of lines", _STEP),
    *_both("format_query", format_query, "A query in canonical form"),
    Route("GET", f"{BASE}/drilldown-limits", Permission.LOGS_READ, drilldown_limits, "Limits for Logs Drilldown", tag="loki",
          refuse=refuse),
    Route("GET", f"{BASE}/status/buildinfo", Permission.LOGS_READ, build_info, "Version of the API", tag="loki",
          refuse=refuse),
    Route("GET", "/config/tenant/v1/limits", Permission.LOGS_READ, tenant_limits, "Limits in force", tag="loki",
          answer_media=("text/plain",), refuse=refuse),
    Route(WEBSOCKET, f"{BASE}/tail", Permission.LOGS_READ, tail, "Entries as they come", parameters=(*_ANY[:2], _LIMIT),
          tag="loki", refuse=refuse),
)  # fmt: skip
