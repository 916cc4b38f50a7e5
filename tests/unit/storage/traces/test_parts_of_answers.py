"""What is told of an answer before it is whole: each trace once, as it is in the answer; series of the newest steps first. The
answer itself is that which is given without."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.oracles.spans import HOUR, NOON
from tests.unit.storage.traces.conftest import Filled

from nexus.query.plan import TimeRange
from nexus.query.trace_plan import SpanSeries
from nexus.query.traces.lower import lower_search
from nexus.query.traces.metrics import MetricsProgram, lower_metrics
from nexus.query.traces.parser import parse
from nexus.storage.clickhouse.catalog import Catalog, Partition
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.traces import search, windows
from nexus.storage.clickhouse.traces.series import joined, of_steps, step_parts, steps_of
from nexus.storage.trace_api import SeriesSet, TraceHit, TraceHits

ALL = TimeRange(NOON - 24 * HOUR, NOON + 48 * HOUR)
STEP = HOUR // 2


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told of every window, and windows are small."""
    monkeypatch.setattr(search, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(search, "FIRST_BATCH", 3)
    monkeypatch.setattr(search, "BATCH", 7)
    monkeypatch.setattr(windows, "WINDOW_ROWS", 5)
    monkeypatch.setattr(windows, "GROWTH", 2)


@pytest.mark.parametrize("limit", [4, 1000])
@pytest.mark.parametrize(
    "text",
    ["{ status = error }", "{ name = `charge` } | select(resource.service.name)", "{ } | count() > 1",
     "{ status = error } >> { resource.service.name = `shop` }", "{ name = `nothing of the kind` }"],
)  # fmt: skip
async def test_traces_as_they_are_found(filled: Filled, eager: None, text: str, limit: int) -> None:
    """Newest first, none twice, none that is not in the answer."""
    plan = lower_search(parse(text), text, ALL, limit=limit, spans_per_trace=5)
    whole = await filled.store.traces.find(filled.scoped(plan))
    told: list[tuple[TraceHits, float]] = []
    answer = await filled.store.traces.find(filled.scoped(plan), lambda hits, share: told.append((hits, share)))
    assert (answer.hits, answer.incomplete) == (whole.hits, whole.incomplete)
    hits: list[TraceHit] = [hit for part, _ in told for hit in part.hits]
    assert len({hit.trace_id for hit in hits}) == len(hits)
    in_answer = {hit.trace_id: hit for hit in answer.hits}
    assert all(hit == in_answer[hit.trace_id] for hit in hits)
    order = {hit.trace_id: place for place, hit in enumerate(answer.hits)}
    assert [order[hit.trace_id] for hit in hits] == sorted(order[hit.trace_id] for hit in hits)
    assert all(a <= b for (_, a), (_, b) in pairwise(told)) and all(0 <= share <= 1 for _, share in told)
    if limit == 1000 and whole.hits:
        assert len(hits) >= len(whole.hits) // 2


async def test_orders_that_need_all_tell_nothing(filled: Filled, eager: None) -> None:
    """Which trace is the longest is known at the end."""
    plan = lower_search(parse("{ }"), "{ }", ALL, limit=10, order="longest")
    told: list[float] = []
    await filled.store.traces.find(filled.scoped(plan), lambda _, share: told.append(share))
    assert told == []


def series_plan(text: str, series_limit: int = 1000) -> SpanSeries:
    """The plan of a metrics query."""
    program = lower_metrics(parse(text), text, ALL.start or 0, ALL.end or 0, STEP, exemplars=20, series_limit=series_limit)
    assert isinstance(program, MetricsProgram)
    return program.plans[0]


def points(found: SeriesSet) -> list[tuple[dict[str, object], list[tuple[int, float]]]]:
    """Labels and values; which spans are exemplars is up to the engine."""
    return [(dict(one.labels), one.points) for one in found.series]


QUERIES = (
    "{ } | rate()",
    "{ } | count_over_time() by (resource.service.name, span.http.route)",
    "{ } | histogram_over_time(duration) by (kind)",
    "{ status = error } | quantile_over_time(duration, .5, .99) by (name)",
    "{ } | avg_over_time(duration) by (status)",
)


@pytest.mark.parametrize("text", QUERIES)
async def test_series_of_the_newest_steps_first(filled: Filled, eager: None, text: str) -> None:
    """Every value that is told is that of the answer."""
    plan = series_plan(text)
    whole = await filled.store.traces.series(filled.scoped(plan))
    told: list[tuple[SeriesSet, float]] = []
    answer = await filled.store.traces.series(filled.scoped(plan), lambda found, share: told.append((found, share)))
    assert [labels for labels, _ in points(answer)] == [labels for labels, _ in points(whole)]
    for (_, mine), (_, theirs) in zip(points(answer), points(whole), strict=True):
        assert dict(mine) == pytest.approx(dict(theirs))
    assert len(told) > 1
    known = {str(labels): dict(values) for labels, values in points(answer)}
    for part, share in told:
        first = plan.start + round((1 - share) * steps_of(plan)) * plan.step
        for labels, values in points(part):
            wanted = {time: value for time, value in known[str(labels)].items() if time >= first}
            assert dict(values) == pytest.approx(wanted)


async def test_too_many_series_are_counted_whole(filled: Filled, eager: None) -> None:
    """Which are the largest is not known of a part."""
    plan = series_plan("{ } | rate() by (name, resource.service.name)", series_limit=2)
    told: list[float] = []
    answer = await filled.store.traces.series(filled.scoped(plan), lambda _, share: told.append(share))
    whole = await filled.store.traces.series(filled.scoped(plan))
    assert points(answer) == points(whole) and answer.incomplete == whole.incomplete != ""


def test_parts_are_all_the_steps() -> None:
    """Newest first, none twice, none left out; each is a plan of its own."""
    days = tuple(
        Partition(str(day), day * 24 * HOUR, (day + 1) * 24 * HOUR - 1, 10**9) for day in range(NOON // HOUR // 24 + 2)
    )
    plan = series_plan("{ } | rate()")
    parts = step_parts(plan, Catalog(partitions=days[-4:], table=SPANS))
    assert len(parts) > 3
    steps = [step for first, last in parts for step in range(last, first - 1, -1)]
    assert steps == list(range(steps_of(plan) - 1, -1, -1))
    assert step_parts(plan, Catalog(table=SPANS)) == [(0, steps_of(plan) - 1)]
    part = of_steps(plan, 3, 5)
    assert (steps_of(part), part.start - plan.start) == (3, 3 * plan.step)


def test_rows_of_parts() -> None:
    """The largest series come first, equal ones by their labels, those without a value last."""
    newest = [[["sb"], 0, 0, 1.0, 0, 1, 3.0], [[None], 0, 1, 2.0, 0, 2, 1.0]]
    older = [[[None], 0, 0, 5.0, 0, 1, 2.0], [["sa"], 0, 0, 5.0, 0, 1, 3.0]]
    assert joined(joined([], newest, 4), older, 0) == [
        [["sa"], 0, 0, 5.0, 0, 1, 3.0],
        [["sb"], 0, 4, 1.0, 0, 2, 3.0],
        [[None], 0, 0, 5.0, 0, 3, 3.0],
        [[None], 0, 5, 2.0, 0, 3, 3.0],
    ]
