"""TraceQL's constructs as scripts (`*.test`, language in `script.py`) on the embedded store."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.traceql.script import START, Case, Script, read, scripts, span_id, trace_id
from tests.oracles.filled_spans import otlp_request

from nexus import _native
from nexus.errors import InvalidRequest
from nexus.model.time import TimeRange
from nexus.query.policy import scope
from nexus.query.trace_plan import Place as FieldPlace
from nexus.query.trace_plan import SearchSpans, SpanFacets, SpanField
from nexus.query.traces.explain import explain
from nexus.query.traces.lower import lower_scan, lower_search
from nexus.query.traces.metrics import Comparison, lower_metrics
from nexus.query.traces.parser import parse
from nexus.query.traces.printer import print_query
from nexus.storage.clickhouse.options import StoreOptions
from nexus.storage.clickhouse.store import ClickHouseStore
from nexus.storage.trace_api import SeriesSet, TraceHits

FOLDER = Path(__file__).parent
EVER = TimeRange(START - 3600 * 10**9, START + 24 * 3600 * 10**9)
_SPAN = re.compile(r"(\w+)(?:\(([^)]*)\))?")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseStore]:
    """One store; each script has a tenant of its own."""
    opened = ClickHouseStore.open(StoreOptions(tmp_path_factory.mktemp("traceql") / "data", disk_reserve_bytes=1))
    yield opened
    opened.close()


@pytest.mark.parametrize("path", scripts(FOLDER), ids=lambda path: path.stem)
async def test_script(store: ClickHouseStore, path: Path) -> None:
    """Every query of a script answers as it must."""
    script = read(path, path.stem)
    assert script.cases, path
    decoded = _native.decode_otlp_traces_protobuf(otlp_request(script.spans), now_ns=START)
    assert decoded.accepted == len(script.spans)
    await store.traces.append(path.stem, decoded.batch)
    for case in script.cases:
        await run(store, path.stem, script, case)


async def run(store: ClickHouseStore, tenant: str, script: Script, case: Case) -> None:
    """Run a case and compare."""

    def scoped(plan: Any) -> Any:
        return scope(plan, tenant=tenant, query_id="q")

    if case.kind == "fails":
        with pytest.raises(InvalidRequest) as caught:
            query = parse(case.query)
            if query.is_metrics:
                lower_metrics(query, case.query, START, START + 10**9, 10**9)
            else:
                lower_search(query, case.query, EVER)
        assert case.expected[0] in str(caught.value), (case.place, str(caught.value))
        return
    query = parse(case.query)
    assert parse(print_query(query)) == query, case.place
    assert explain(query)
    match case.kind:
        case "prints":
            assert print_query(query) == case.expected[0], case.place
        case "search":
            plan = lower_search(
                query,
                case.query,
                EVER,
                limit=case.options.get("limit", 20),
                spans_per_trace=case.options.get("spans", 10),
            )
            compare_hits(case, script, await store.traces.find(scoped(plan)))
        case "spans":
            scan = lower_scan(query, case.query, EVER)
            name = SpanField(FieldPlace.INTRINSIC, "span:id")
            table = await store.traces.table(scoped(SpanFacets(scan, (name,), 100)))
            found = sorted(script.labels[bytes.fromhex(row[1])] for row in table.rows)
            assert " ".join(found) == " ".join(case.expected), case.place
            rows = await store.traces.spans(scoped(SearchSpans(scan)))
            assert bool(rows.data) == bool(found), case.place
        case "range" | "instant":
            await compare_metrics(store, scoped, case)


def compare_hits(case: Case, script: Script, hits: TraceHits) -> None:
    """Traces in order, their spansets in any order."""
    assert not hits.incomplete, case.place
    expected: list[tuple[str, list[str]]] = []
    for line in case.expected:
        trace, _, spans = line.partition(" ")
        if trace == "+":
            expected[-1][1].append(spans)
        else:
            expected.append((trace, [spans]))
    found = [hit.trace_id for hit in hits.hits]
    assert found == [trace_id(trace).hex() for trace, _ in expected], (case.place, found)
    for hit, (trace, wanted) in zip(hits.hits, expected, strict=True):
        shown = sorted(_shown(one, script) for one in hit.sets)
        for text in wanted:
            spans, said = _wanted(text)
            place = (case.place, trace, [(one.matched, _labels(one, script), dict(one.attributes)) for one in hit.sets])
            matching = [
                one
                for one in hit.sets
                if _labels(one, script) == [label for label, _ in spans] and (said is None or dict(one.attributes) == said)
            ]
            assert matching, place
            for (_, fields), span in zip(spans, matching[0].spans, strict=True):
                for name, value in fields.items():
                    assert span.attributes.get(name) == value, (*place, span.attributes)
        assert len(hit.sets) == len(wanted), (case.place, trace, shown)


def _labels(one: Any, script: Script) -> list[str]:
    return [script.labels[bytes.fromhex(span.span_id)] for span in one.spans]


def _shown(one: Any, script: Script) -> str:
    return f"{one.matched} {_labels(one, script)} {dict(one.attributes)}"


def _wanted(text: str) -> tuple[list[tuple[str, dict[str, Any]]], dict[str, Any] | None]:
    spans, brace, said = text.partition("{")
    labels = [
        (found[1], {name.strip(): json.loads(value) for name, _, value in map(_pair, (found[2] or "").split(",")) if name})
        for found in _SPAN.finditer(spans)
    ]
    return labels, json.loads(brace + said) if brace else None


def _pair(text: str) -> tuple[str, str, str]:
    return text.partition("=")


async def compare_metrics(store: ClickHouseStore, scoped: Any, case: Case) -> None:
    """All series with all their labels, and a value for each step."""
    begin, end = START + case.times[0], START + case.times[1]
    instant = case.kind == "instant"
    step = 0 if instant else case.times[2]
    program = lower_metrics(parse(case.query), case.query, begin, end, step, instant=instant)
    if isinstance(program, Comparison):
        answer = program.answer((await store.traces.table(scoped(program.plan))).rows)
    else:
        answer = program.answer([await store.traces.series(scoped(plan)) for plan in program.plans])
    steps = [end] if instant else list(range(begin, end + 1, step))
    found = {json.dumps(dict(one.labels), sort_keys=True): values(one.points, steps) for one in answer.series}
    expected = {}
    for line in case.expected:
        labels, _, rest = line.rpartition("}")
        key = json.dumps(json.loads(f"{labels}}}"), sort_keys=True)
        expected[key] = [None if one == "_" else math.nan if one == "NaN" else float(one) for one in rest.split()]
    assert found.keys() >= expected.keys() if isinstance(program, Comparison) else found.keys() == expected.keys(), (
        case.place,
        found,
    )
    for key, wanted in expected.items():
        for one, other in zip(found[key], wanted, strict=True):
            same = one is other if one is None or other is None else math.isclose(one, other, rel_tol=1e-6)
            assert same or (other != other and one != one), (case.place, key, found[key])


def values(points: list[tuple[int, float]], steps: list[int]) -> list[float | None]:
    """The value at each step, if there is one."""
    at = dict(points)
    assert at.keys() <= set(steps), (at, steps)
    return [at.get(step) for step in steps]


__all__ = ["SeriesSet", "span_id"]
