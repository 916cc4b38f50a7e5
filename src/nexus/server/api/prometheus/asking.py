"""From a plan of series to its answer: closed over the caller, listed while it runs, ended with the client."""

from __future__ import annotations

import math

from nexus.query.plan import PromQuery, SeriesPlan
from nexus.query.promql.ast import Expr
from nexus.query.promql.lower import LOOKBACK, lower
from nexus.query.promql.units import histogram_of, selectors
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.call import Call
from nexus.server.queries import checked_id
from nexus.storage.metric_api import SeriesAnswer


async def answered(
    call: Call, plan: SeriesPlan, *, newest: bool = False, seconds: float = math.inf, query_id: str = ""
) -> SeriesAnswer:
    """The answer of the tenant's store. `newest`: what is asked without a range, as far back as the caller may look.

    Raises what `MetricStore.answer` and `close_plan` do."""
    query_id = checked_id(query_id)
    scoped = close_plan(call, plan, query_id, newest=newest, seconds=seconds)
    return await ask(call, query_id, call.services.metrics.answer(scoped))


def program(
    call: Call, tree: Expr, text: str, start: int, end: int, step: int = 0, lookback: int = 0, *, counts: bool = True
) -> PromQuery:
    """The program of a query for a range (ms), with what the configuration says; `lookback` 0 is its. Its metrics count as
    asked for, but for `counts`."""
    if counts:
        names = (name for one in selectors(tree) for name in (one.name, histogram_of(one.name)))
        call.services.metric_use.note(call.tenant, names, call.services.now_ns() // 10**6)
    config = call.services.config().metrics
    return lower(
        tree,
        text,
        start=start,
        end=end,
        step=step,
        lookback=lookback or max(int(config.lookback * 1000), 1),
        max_samples=config.max_query_samples,
    )


def passed_on(text: str, start: int, end: int, step: int = 0, lookback: int = LOOKBACK) -> PromQuery:
    """A query for a store that speaks MetricsQL, which reads the text itself; its policy goes beside it."""
    return PromQuery(program=b"", selectors=(), text=text, start=start, end=end, step=step, lookback=lookback)
