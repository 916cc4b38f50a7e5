"""Metrics for the web UI: what there is, queries as charts draw them, what a query means and would cost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus import _native
from nexus.errors import InvalidRequest, MaskedField, QuerySyntaxError, StorageError
from nexus.model.time import parse_time
from nexus.query.plan import ListMetadata, MetricCatalog, PromQuery, Scoped, SeriesScan
from nexus.query.promql import ast, parse, pretty, print_query
from nexus.query.promql.ast import Aggregate, Expr, Paren, Type
from nexus.query.promql.check import type_of
from nexus.query.promql.explain import FUNCTION_WORDS, explain
from nexus.query.promql.functions import AGGREGATIONS, FUNCTIONS
from nexus.query.promql.hints import hint_of
from nexus.query.promql.lexer import KEYWORDS, OPERATOR_WORDS
from nexus.query.promql.units import Found, family_names, selectors, unit_of
from nexus.query.series_policy import hidden_labels
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1 import schema
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.api.nexus_v1.buckets import choose_step
from nexus.server.api.prometheus.arguments import MAX_POINTS, MAX_TIME, MIN_TIME
from nexus.server.api.prometheus.asking import answered, program
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.queries import checked_id
from nexus.server.routes import BASE, KNOWN, Route
from nexus.storage.metric_api import SeriesAnswer, SeriesStatistics

_MS: Final = 10**6
_HOUR: Final = 3_600_000
MAX_FAMILIES: Final = 100_000
"""Most metric families that are looked through for a kind or unit."""
MAX_UNITS: Final = 8
"""Most metrics of a query whose metadata are asked for."""
_SORTING: Final = frozenset({"sort", "sort_desc", "sort_by_label", "sort_by_label_desc"})
_RANKING: Final = frozenset({"topk", "bottomk"})


# ---------------------------------------------------------------------------------------------------------------- catalog


class _Catalog(msgspec.Struct):
    metrics: list[schema.CatalogMetric]
    total: int


async def catalog(call: Call) -> Response:
    """Metric families, page by page."""
    wanted: schema.CatalogRequest = call.payload
    start = MIN_TIME if wanted.from_ is None else _ms(call, wanted.from_)
    end = MAX_TIME if wanted.to is None else _ms(call, wanted.to)
    if start > end:
        raise InvalidRequest("`from` lies after `to`.")
    filtered = bool(wanted.kind or wanted.unit)
    limit, offset = (MAX_FAMILIES, 0) if filtered else (wanted.limit, wanted.offset)
    query_id = checked_id(wanted.query_id)
    plan = MetricCatalog(SeriesScan((), start, end), wanted.search, wanted.order, limit, offset)
    answer = await answered(call, plan, newest=wanted.from_ is None, query_id=query_id)
    found = msgspec.json.decode(answer.data, type=_Catalog)
    if filtered:
        kept = [one for one in found.metrics if wanted.kind in ("", one.kind) and wanted.unit in ("", one.unit)]
        found = _Catalog(kept[wanted.offset : wanted.offset + wanted.limit], len(kept))
    if call.access.unrestricted:
        for one in found.metrics:
            one.queries, one.queried = call.services.metric_use.of(call.tenant, one.name)
    return json_response(schema.CatalogAnswer(found.metrics, found.total, _cost(answer.statistics, query_id)))


# ---------------------------------------------------------------------------------------------------------------- queries


async def query(call: Call) -> Response:
    """A query, drawn."""
    wanted: schema.MetricsQueryRequest = call.payload
    tree = await asyncio.to_thread(_parsed, wanted.query)
    start, end, step = _grid(call, wanted.from_, wanted.to, wanted.step, wanted.points)
    if wanted.instant:
        start, step = end, 0
    elif (kind := type_of(tree)) not in (Type.SCALAR, Type.VECTOR):
        raise InvalidRequest(
            f"a {kind.documented} has no value at every step.", hint=hint_of(kind.documented) or "Ask for an instant."
        )
    query_id = checked_id(wanted.query_id)
    plan = program(call, tree, wanted.query, start, end, step)
    scoped = _closed(call, plan, tree, query_id)
    unit, answer = await ask(call, query_id, _run(call, scoped, tree))
    drawn = await asyncio.to_thread(
        partial(
            _draw,
            answer,
            start=start,
            step=max(step, 1),
            steps=(end - start) // step + 1 if step else 1,
            points=wanted.points,
            top=wanted.top,
            ordered=wanted.instant and _in_order(tree),
            heatmap=wanted.heatmap,
        )
    )
    told = {
        "start": start,
        "step": step,
        "unit": unit,
        "warnings": answer.warnings,
        "infos": answer.infos,
        "statistics": _cost(answer.statistics, query_id),
    }
    return json_response(drawn[:-1] + b"," + msgspec.json.encode(told)[1:])


def _draw(answer: SeriesAnswer, **wanted: Any) -> bytes:
    try:
        return _native.metric_chart(answer.data, **wanted)
    except ValueError as error:
        raise StorageError(f"the store's answer cannot be drawn: {error}.") from error


async def _run(call: Call, scoped: Scoped, tree: Expr) -> tuple[str, SeriesAnswer]:
    unit = unit_of(tree, await _units(call, tree, scoped.query_id))
    return unit, await call.services.metrics.answer(scoped)


async def explained(call: Call) -> Response:
    """What a query means, and what it would cost."""
    wanted: schema.MetricsExplainRequest = call.payload
    tree = await asyncio.to_thread(_parsed, wanted.query)
    start, end, step = _grid(call, wanted.from_, wanted.to, wanted.step, wanted.points)
    if (kind := type_of(tree)) not in (Type.SCALAR, Type.VECTOR):
        start, step = end, 0
    query_id = checked_id(wanted.query_id)
    scoped = _closed(call, program(call, tree, wanted.query, start, end, step, counts=False), tree, query_id)

    async def work() -> tuple[str, schema.MetricsEstimate]:
        unit = unit_of(tree, await _units(call, tree, query_id))
        found = await call.services.metrics.estimate(scoped)
        return unit, schema.MetricsEstimate(found.series, found.samples, found.bytes)

    unit, estimate = await ask(call, query_id, work())
    place = _Places(wanted.query)
    return json_response(
        schema.MetricsExplainAnswer(
            query=print_query(tree),
            pretty=pretty(tree),
            type=kind.value,
            words=[schema.ExplainedPart(one.text, one.depth, *place.of(one.pos)) for one in explain(tree)],
            selectors=[_selector(one, place) for one in selectors(tree)],
            unit=unit,
            estimate=estimate,
            warnings=[],
            infos=[],
        )
    )


async def language(call: Call) -> Response:
    """What PromQL has, for completion."""
    return json_response(
        schema.CompletionAnswer(
            functions=[
                schema.LanguageFunction(
                    one.name,
                    [kind.documented for kind in one.arguments],
                    one.variadic,
                    one.result.documented,
                    one.experimental,
                    FUNCTION_WORDS.get(one.name, ""),
                )
                for one in FUNCTIONS.values()
            ],
            aggregations=sorted(AGGREGATIONS),
            keywords=sorted(KEYWORDS | OPERATOR_WORDS),
        )
    )


# ----------------------------------------------------------------------------------------------------------------- common


class _Places:
    """Places of a text in characters, from places in bytes of UTF-8."""

    def __init__(self, text: str) -> None:
        self._raw = text.encode()

    def of(self, pos: tuple[int, int]) -> tuple[int, int]:
        """(offset, length)."""
        offset = len(self._raw[: pos[0]].decode(errors="replace"))
        return offset, len(self._raw[pos[0] : pos[1]].decode(errors="replace"))


def _parsed(text: str) -> Expr:
    try:
        return parse(text)
    except QuerySyntaxError as error:
        error.hint = error.hint or hint_of(error.message)
        raise


def _closed(call: Call, plan: PromQuery, tree: Expr, query_id: str) -> Scoped:
    """The plan closed over the caller; a refusal says where the text asks for what is hidden."""
    try:
        scoped = close_plan(call, plan, query_id)
    except MaskedField as error:
        labels = hidden_labels(call.access.masked)
        for one in selectors(tree):
            if any(matcher.name in labels and matcher.value for matcher in one.matchers):
                error.offset, error.length = _Places(call.payload.query).of(one.pos)
                break
        raise
    return scoped


async def _units(call: Call, tree: Expr, query_id: str) -> dict[str, str]:
    """Units of the metrics of a query, from their metadata."""
    names = list(dict.fromkeys(family for one in selectors(tree) if one.name for family in family_names(one.name)))
    units = {}
    for name in names[:MAX_UNITS]:
        scoped = close_plan(call, ListMetadata(name, limit_per_metric=1), f"{query_id[:48]}.unit")
        answer = await call.services.metrics.answer(scoped)
        for entries in msgspec.json.decode(answer.data, type=dict[str, list[dict[str, str]]]).values():
            if entries and (unit := entries[0].get("unit", "")):
                units[name] = unit
    return units


def _grid(call: Call, from_: Any, to: Any, step: float, points: int) -> tuple[int, int, int]:
    """Start, end and step in ms; both ends are multiples of the step, so that a range that moves shows the same points."""
    end = call.services.now_ns() // _MS if to is None else _ms(call, to)
    start = end - _HOUR if from_ is None else _ms(call, from_)
    if start > end:
        raise InvalidRequest("`from` lies after `to`.")
    if step:
        wanted = max(round(step * 1000), 1)
        if (end - start) // wanted > MAX_POINTS:
            raise InvalidRequest(
                f"the step of {step:g} s makes more than {MAX_POINTS:,} steps in this range.",
                hint=f"Choose a step of at least {-(-(end - start) // MAX_POINTS) / 1000:g} s, or leave it out.",
            )
    else:
        wanted = choose_step(start * _MS, end * _MS, points - 1) // _MS
        wanted = max(wanted, 1000)
    return start // wanted * wanted, end // wanted * wanted, wanted


def _in_order(tree: Expr) -> bool:
    """Does the query say in which order series come?"""
    while isinstance(tree, Paren):
        tree = tree.inner
    if isinstance(tree, ast.Call):
        return tree.function in _SORTING
    return isinstance(tree, Aggregate) and tree.op in _RANKING


def _ms(call: Call, time: Any) -> int:
    return parse_time(time, now_ns=call.services.now_ns()) // _MS


def _selector(one: Found, place: _Places) -> schema.ExplainedSelector:
    matchers = [schema.ExplainedMatcher(found.name, found.op, found.value) for found in one.matchers]  # type: ignore[arg-type]
    return schema.ExplainedSelector(one.name, one.text, matchers, *place.of(one.pos))


def _cost(spent: SeriesStatistics, query_id: str) -> schema.SeriesCost:
    return schema.SeriesCost(
        query_id, round(spent.elapsed_ms, 3), spent.series, spent.samples, spent.peak_samples, spent.bytes_read
    )


def _post(name: str, door: Any, summary: str, request: Any, answer: Any) -> Route:
    path = f"{BASE}/metrics/{name}"
    return Route("POST", path, Permission.METRICS_READ, door, summary, request=request, answer=answer, tag="metrics")


ROUTES = (
    _post("catalog", catalog, "Metrics there are", schema.CatalogRequest, schema.CatalogAnswer),
    _post("query", query, "PromQL, drawn", schema.MetricsQueryRequest, schema.ChartAnswer),
    _post("explain", explained, "What PromQL means and costs", schema.MetricsExplainRequest, schema.MetricsExplainAnswer),
    Route(
        "GET",
        f"{BASE}/metrics/language",
        KNOWN,
        language,
        "What PromQL has, for completion",
        answer=schema.CompletionAnswer,
        tag="metrics",
    ),
)
