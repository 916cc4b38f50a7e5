"""TraceQL that decides over whole traces, from its text to the answer, on random spans."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.oracles.spans import HOUR, NOON, Span
from tests.unit.storage.traces.conftest import Filled

from nexus.query.plan import TimeRange
from nexus.query.trace_plan import Place, SpanCount, SpanField, SpanHeatmap, SpanScan, TagValues
from nexus.query.traces.lower import lower_scan, lower_search
from nexus.query.traces.parser import parse

ALL = TimeRange(NOON - 24 * HOUR, NOON + 48 * HOUR)


def descendants(trace: list[Span], of: Span) -> list[Span]:
    """Spans below one."""
    found: list[Span] = []
    left = [of.span_id]
    while left:
        id = left.pop()
        below = [span for span in trace if span.parent == id and not any(span is one for one in found)]
        found += below
        left += [span.span_id for span in below]
    return found


def expected_of(filled: Filled, text: str) -> dict[str, set[str]]:
    """Ids of the traces that some queries find, with those of their spans."""
    found: dict[str, set[str]] = {}
    for id in dict.fromkeys(span.trace_id for span in filled.spans):
        trace = filled.oracle.trace(id)
        failed = [span for span in trace if span.status == 2]
        shop = [span for span in trace if span.service == "shop"]
        cart = [span for span in trace if span.service == "cart"]
        match text:
            case "{ status = error } && { resource.service.name = `shop` }":
                spans = failed + shop if failed and shop else []
            case "{ status = error } >> { resource.service.name = `shop` }":
                spans = [span for one in failed for span in descendants(trace, one) if span.service == "shop"]
            case "{ resource.service.name = `cart` } > { resource.service.name = `shop` }":
                spans = [span for span in shop if any(one.span_id == span.parent for one in cart)]
            case "{ status = error } | count() > 1":
                spans = failed if len(failed) > 1 else []
            case "{ } | count() >= 6":
                spans = trace if len(trace) >= 6 else []
            case "{ } | by(resource.service.name) | count() > 2":
                sizes = Counter(span.service for span in trace)
                spans = [span for span in trace if sizes[span.service] > 2]
            case "{ name = `charge` } | avg(duration) > 2s":
                some = [span for span in trace if span.name == "charge"]
                spans = some if some and sum(s.duration for s in some) / len(some) > 2 * 10**9 else []
            case _:
                raise AssertionError(text)
        if spans:
            found[id.hex()] = {span.span_id.hex() for span in spans}
    return found


QUERIES = (
    "{ status = error } && { resource.service.name = `shop` }",
    "{ status = error } >> { resource.service.name = `shop` }",
    "{ resource.service.name = `cart` } > { resource.service.name = `shop` }",
    "{ status = error } | count() > 1",
    "{ } | count() >= 6",
    "{ } | by(resource.service.name) | count() > 2",
    "{ name = `charge` } | avg(duration) > 2s",
)


@pytest.mark.parametrize("text", QUERIES)
async def test_searches(filled: Filled, text: str) -> None:
    """The traces and their matching spans; newest first; the first few only when few are wanted."""
    expected = expected_of(filled, text)
    assert expected
    plan = lower_search(parse(text), text, ALL, limit=1000, spans_per_trace=100)
    answer = await filled.store.traces.find(filled.scoped(plan))
    found = {hit.trace_id: {span.span_id for one in hit.sets for span in one.spans} for hit in answer.hits}
    assert found == expected
    starts = {span.ids.hex(): span.start for span in filled.spans}
    newest = [max(starts[hit.trace_id + span] for span in expected[hit.trace_id]) for hit in answer.hits]
    assert newest == sorted(newest, reverse=True)
    few = await filled.store.traces.find(filled.scoped(lower_search(parse(text), text, ALL, limit=2)))
    assert [hit.trace_id for hit in few.hits] == [hit.trace_id for hit in answer.hits][:2]
    longest = lower_search(parse(text), text, ALL, limit=3, order="longest")
    hits = (await filled.store.traces.find(filled.scoped(longest))).hits
    durations = sorted((hit.duration for hit in answer.hits), reverse=True)
    assert [hit.duration for hit in hits] == durations[:3]


async def test_what_sets_say_of_themselves(filled: Filled) -> None:
    """Keys of `by` and aggregates come with each spanset."""
    text = "{ } | by(resource.service.name) | count() > 2"
    answer = await filled.store.traces.find(filled.scoped(lower_search(parse(text), text, ALL, limit=1000)))
    sizes = Counter((span.trace_id.hex(), span.service) for span in filled.spans)
    seen = set()
    for hit in answer.hits:
        for one in hit.sets:
            service = one.attributes.get("by(resource.service.name)", "")
            assert one.matched == sizes[hit.trace_id, str(service)]
            assert one.attributes["count()"] == one.matched
            seen.add((hit.trace_id, service))
    assert seen == {key for key, count in sizes.items() if count > 2}


@pytest.mark.parametrize("text", QUERIES)
async def test_plans_over_spans_of_spansets(filled: Filled, text: str) -> None:
    """Counts, heatmaps and values are of the spans that the query leaves."""
    expected = {trace + span for trace, spans in expected_of(filled, text).items() for span in spans}
    scan = lower_scan(parse(text), text, ALL)
    assert isinstance(scan, SpanScan)
    count = await filled.store.traces.table(filled.scoped(SpanCount(scan)))
    assert count.rows == [[len(expected), len({ids[:32] for ids in expected})]]
    heat = await filled.store.traces.table(filled.scoped(SpanHeatmap(scan, HOUR)))
    weight = sum(span.weight for span in filled.spans if span.ids.hex() in expected)
    assert sum(spans for *_, spans, _ in heat.rows) == weight
    field = SpanField(Place.INTRINSIC, "name")
    values = await filled.store.traces.table(filled.scoped(TagValues(scan, field)))
    assert {value for value, *_ in values.rows} == {span.name for span in filled.spans if span.ids.hex() in expected}


async def test_numbers_of_nested_sets(filled: Filled) -> None:
    """Parents and borders of each span, when they are asked for."""
    text = "{ } | select(nestedSetParent, nestedSetLeft, nestedSetRight)"
    plan = lower_search(parse(text), text, ALL, limit=20, spans_per_trace=100)
    assert plan.numbering
    answer = await filled.store.traces.find(filled.scoped(plan))
    for hit in answer.hits:
        spans = {span.span_id: span for one in hit.sets for span in one.spans}
        for span in filled.oracle.trace(bytes.fromhex(hit.trace_id)):
            mine, above = spans[span.span_id.hex()].attributes, spans.get(span.parent.hex())
            assert mine["nestedSetLeft"] < mine["nestedSetRight"]
            if above is not None:
                assert above.attributes["nestedSetLeft"] == mine["nestedSetParent"]
                assert above.attributes["nestedSetLeft"] < mine["nestedSetLeft"]
