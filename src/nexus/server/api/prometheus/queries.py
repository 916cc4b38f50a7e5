"""Queries of the Prometheus API: at one point in time, over a range, exemplars; texts of queries formatted and as trees."""

from __future__ import annotations

import math
import time
from typing import Final

from starlette.responses import Response

from nexus.errors import InvalidRequest
from nexus.query.plan import ListExemplars, PromQuery, SeriesScan
from nexus.query.promql import pretty
from nexus.query.promql.ast import Type, Vector, walk
from nexus.query.promql.check import type_of
from nexus.query.promql.lexer import quote
from nexus.query.promql.lower import LOOKBACK, matchers_of
from nexus.query.promql.tree import tree_of
from nexus.server.api.prometheus.answers import nothing, result, statistics, success
from nexus.server.api.prometheus.arguments import MAX_POINTS, Arguments, invalid
from nexus.server.api.prometheus.asking import answered, passed_on, program
from nexus.server.call import Call

_MS: Final = 10**6
_STATS: Final = ("", "true", "all")


async def query(call: Call) -> Response:
    """A query at one point in time."""
    arguments = Arguments.of(call)
    limit = arguments.limit()
    at = arguments.time("time", arguments.now)
    seconds = _timeout(arguments)
    lookback = _lookback(arguments)
    if _understood_elsewhere(call):
        plan = passed_on(arguments.text("query"), at, at, lookback=lookback or LOOKBACK)
    else:
        tree, text = await arguments.parsed()
        plan = program(call, tree, text, at, at, 0, lookback)
    return await _answer(call, arguments, plan, limit, seconds)


async def query_range(call: Call) -> Response:
    """A query at every step of a range."""
    arguments = Arguments.of(call)
    limit = arguments.limit()
    start, end = arguments.time("start"), arguments.time("end")
    if end < start:
        raise invalid("end", "end timestamp must not be before start time")
    step = arguments.duration("step") // _MS
    if step <= 0:
        reason = "zero or negative query resolution step widths are not accepted. Try a positive integer"
        raise invalid("step", reason)
    if (end - start) // step > MAX_POINTS:
        raise InvalidRequest(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
        )
    seconds = _timeout(arguments)
    lookback = _lookback(arguments)
    if _understood_elsewhere(call):
        plan = passed_on(arguments.text("query"), start, end, step, lookback or LOOKBACK)
        return await _answer(call, arguments, plan, limit, seconds)
    tree, text = await arguments.parsed()
    if (kind := type_of(tree)) not in (Type.SCALAR, Type.VECTOR):
        reason = f"invalid expression type {quote(kind.documented)} for range query, must be Scalar or instant Vector"
        raise invalid("query", reason)
    return await _answer(call, arguments, program(call, tree, text, start, end, step, lookback), limit, seconds)


def _understood_elsewhere(call: Call) -> bool:
    return call.services.metrics.dialect(call.tenant) == "metricsql"


async def _answer(call: Call, arguments: Arguments, plan: PromQuery, limit: int, seconds: float) -> Response:
    began = time.perf_counter()
    answer = await answered(call, plan, seconds=seconds)
    wanted = arguments.text("stats")
    warnings = []
    if wanted not in _STATS:
        warnings.append(
            f'value {quote(wanted[:80])} for parameter "stats" is deprecated and will be rejected in the next major '
            'release, use "true" or "all"'
        )
    spent = statistics(answer.statistics, time.perf_counter() - began) if wanted else b""
    return result(answer, limit, spent, warnings)


async def query_exemplars(call: Call) -> Response:
    """Exemplars of the series that a query selects."""
    arguments = Arguments.of(call)
    start, end = arguments.range()
    if end < start:
        raise InvalidRequest("end timestamp must not be before start timestamp")
    tree, _ = await arguments.parsed()
    selectors = tuple(matchers_of(node.matchers) for node in walk(tree) if isinstance(node, Vector))
    if not selectors:
        return nothing()
    answer = await answered(call, ListExemplars(SeriesScan(selectors, start, end)), newest=True)
    return success(answer.data, answer.warnings, answer.infos)


async def format_query(call: Call) -> Response:
    """A query, printed with its parts in lines of their own where it is long."""
    tree, _ = await Arguments.of(call).parsed()
    return success(pretty(tree))


async def parse_query(call: Call) -> Response:
    """A query as a tree."""
    tree, _ = await Arguments.of(call).parsed()
    return success(tree_of(tree))


def _timeout(arguments: Arguments) -> float:
    if not arguments.text("timeout"):
        return math.inf
    seconds = arguments.duration("timeout") / 1e9
    if seconds <= 0:
        raise invalid("timeout", "a timeout is longer than nothing")
    return seconds


def _lookback(arguments: Arguments) -> int:
    if not arguments.text("lookback_delta"):
        return 0
    try:
        return max(arguments.duration("lookback_delta") // _MS, 0)
    except InvalidRequest as error:
        reason = error.message.partition(": ")[2]
        raise InvalidRequest(f"error parsing lookback delta duration: {reason}") from error
