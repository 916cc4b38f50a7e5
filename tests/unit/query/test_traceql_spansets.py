"""Programs of TraceQL in native code against the slow twin, on random traces, whole and broken."""

from __future__ import annotations

import random
import struct
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracles.spans import Span
from tests.oracles.traceql import SlowTrace
from tests.strategies.traceql_programs import pipelines, traces

from nexus import _native
from nexus.model.time import TimeRange
from nexus.query.trace_plan import Spansets
from nexus.query.traces.ast import Pipeline, Query
from nexus.query.traces.lower import failing, lower_search
from nexus.query.traces.parser import parse
from nexus.query.traces.printer import print_query
from nexus.query.traces.program import spansets_of

FAIL = failing("")


def evaluated(trace: SlowTrace, spansets: Spansets) -> list[tuple[int, tuple[bytes, ...], dict[str, str | float | None]]]:
    """What native code says: number of spans, their ids in order of time, what is said of the set."""
    rows = trace.rows(spansets)
    hits = _native.evaluate_spansets(rows, spansets.program, limit=10, spans_per_trace=100, sets_per_trace=1000)
    assert len(hits) <= 1
    found = []
    for trace_id, _, total, sets in hits:
        assert trace_id == trace.spans[0].trace_id
        assert total == len(sets)
        for matched, ids, _, told in sets:
            said = {
                spansets.labels[label].name: value.decode() if isinstance(value, bytes) else value for label, value in told
            }
            found.append((matched, tuple(ids[at : at + 8] for at in range(0, len(ids), 8)), said))
    return found


@given(traces, pipelines)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_programs(spans: list[Span], pipeline: Pipeline) -> None:
    """Native code finds the spansets that the slow twin finds."""
    trace = SlowTrace(spans)
    spansets = spansets_of(pipeline, FAIL)
    expected = [
        (
            len(one.spans),
            tuple(spans[place].span_id for place in sorted(one.spans, key=lambda place: (spans[place].start, place))),
            one.said,
        )
        for one in trace.run(pipeline)
    ]
    found = evaluated(trace, spansets)
    if not spansets.program:
        assert len(spansets.leaves) == 1
    text = print_query(Query(pipeline))
    assert sorted(found, key=repr) == sorted(expected, key=repr), text
    packed = _native.matching_spans(trace.rows(spansets), spansets.program)
    ids = [packed[at + 16 : at + 24] for at in range(0, len(packed), 24)]
    assert sorted(ids) == sorted(
        spans[place].span_id for place in {one for a_set in trace.run(pipeline) for one in a_set.spans}
    )


@given(traces, pipelines)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_candidates(spans: list[Span], pipeline: Pipeline) -> None:
    """A trace that matches has a span for every leaf of one of the alternatives."""
    trace = SlowTrace(spans)
    if not trace.run(pipeline):
        return
    spansets = spansets_of(pipeline, FAIL)
    met = {bit for bit, leaf in enumerate(spansets.leaves) if trace.oracle.matching(leaf)}
    assert any(met >= set(one) for one in spansets.candidates.sets), print_query(Query(pipeline))


@given(traces)
@settings(max_examples=300, deadline=None)
def test_numbering(spans: list[Span]) -> None:
    """Nested sets lie in each other as the spans do."""
    trace = SlowTrace(spans)
    plan = lower_search(parse("{} | select(nestedSetParent, nestedSetLeft, nestedSetRight)"), "", TimeRange())
    assert plan.numbering
    assert plan.spansets.whole
    hits = _native.evaluate_spansets(trace.rows(plan.spansets), plan.spansets.program, limit=1, spans_per_trace=100)
    ((_, _, _, [(matched, ids, numbering, _)]),) = hits
    assert matched == len(spans)
    order = sorted(range(len(spans)), key=lambda place: (spans[place].start, place))
    assert [spans[place].span_id for place in order] == [ids[at : at + 8] for at in range(0, len(ids), 8)]
    numbers = {place: struct.unpack("<3i", numbering[12 * at : 12 * at + 12]) for at, place in enumerate(order)}
    stored = {span.span_id for span in spans}
    for place, (above, left, right) in numbers.items():
        assert 0 < left < right
        parent = trace.parent(place)
        if parent is None:
            assert above == -1
        elif parent not in stored:
            assert above == 0
        else:
            assert above == next(numbers[other][1] for other in numbers if spans[other].span_id == parent)
        for other, (_, low, high) in numbers.items():
            over = spans[place].span_id
            # An earlier span with the same id may have another parent: what lies above is what it says.
            if trace.first[spans[other].span_id][1] == other:
                assert (left < low and high < right) == (over in trace.ancestors(other))


@given(st.binary(max_size=300), st.binary(max_size=100))
@settings(max_examples=500, deadline=None)
def test_any_bytes(rows: bytes, program: bytes) -> None:
    """Bytes that are no rows and no program are a ValueError."""
    for encoded in (program, b"", b'["program",1,1,true,["pipeline",["leaf",0],["by",0,0]]]'):
        try:
            _native.matching_spans(rows, encoded)
            _native.evaluate_spansets(rows, encoded, limit=3, spans_per_trace=1)
        except ValueError as error:
            assert str(error)


@given(traces, pipelines, st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_programs(spans: list[Span], pipeline: Pipeline, data: st.DataObject) -> None:
    """So are programs and rows with some other bytes."""
    spansets = spansets_of(pipeline, FAIL)
    rows, program = bytearray(SlowTrace(spans).rows(spansets)), bytearray(spansets.program)
    for some in (rows, program):
        if some and data.draw(st.booleans()):
            some[data.draw(st.integers(0, len(some) - 1))] = data.draw(st.integers(0, 255))
            del some[data.draw(st.integers(0, len(some))) :]
    try:
        _native.evaluate_spansets(bytes(rows), bytes(program), limit=3, spans_per_trace=1)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    "query",
    [
        "{ .a = 1 } >> { .b = 1 }", "{ .a = 1 } !<< { .b = 1 }", "{ .a = 1 } &~ { .b = 1 }", "{ parent.a = 1 && .b = 1 }",
        "{} | by(span:id) | { .a = 1 } >> { .b = 1 }", "{} | by(span:id) | count() > 0 | coalesce() | avg(.c) > 1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", ["chain", "star", "random", "circle"])
def test_large_traces(query: str, shape: str) -> None:
    """200,000 spans in one trace, whatever their shape, in well under a second (which a busy machine may miss)."""
    chance = random.Random(1)
    count = 200_000
    body = parse(query).body
    assert isinstance(body, Pipeline)
    spansets = spansets_of(body, FAIL)
    parents = {
        "chain": lambda one: one,
        "star": lambda one: min(one, 1),
        "random": lambda one: chance.randrange(one + 1),
        "circle": lambda one: one or count,
    }[shape]
    rows = bytearray()
    for one in range(count):
        rows += bytes(15) + b"\1" + struct.pack(">QQ", one + 1, parents(one))
        rows += struct.pack("<qQQ", one, 1, 1 + chance.randrange(4) * 2 | 1 << 63)
        rows.append(len(spansets.values))
        rows += b"".join(b"\0" + struct.pack("<d", one) for _ in spansets.values)
        rows.append(len(spansets.keys))
        rows += b"".join(b"\0\x08s" + b"%07d" % one for _ in spansets.keys)
    packed = bytes(rows)
    begin = time.perf_counter()
    _native.evaluate_spansets(packed, spansets.program, limit=1, spans_per_trace=3)
    took = time.perf_counter() - begin
    assert took < 5, took
