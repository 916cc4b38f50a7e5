"""Native pipelines and range aggregations against the slow oracle, over random records."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import logql as oracle
from tests.oracles.logql import Labels, Record

from nexus import _native
from nexus.query.logql import parse
from nexus.query.logql.ast import LogQuery, RangeAggregation
from nexus.query.logql.lower import program

SOURCES = [("s", None)]
BODIES = st.lists(
    st.sampled_from(["a=1", "a=2", "b=x", "pod=zz", "took=5", "word", "a=", "level=high", "n=9"]), max_size=4
).map(" ".join)
RECORDS = st.lists(
    st.builds(
        Record,
        st.integers(1, 120),
        st.sampled_from(["p", "q"]),
        st.sampled_from([0, 9, 17]),
        BODIES,
        st.dictionaries(st.sampled_from(["n", "user.id"]), st.integers(0, 50).map(str), max_size=2),
    ),
    max_size=25,
    unique_by=lambda record: record.time,
)


def only(name: str, op: Any) -> oracle.Step:
    """A step that keeps what has a label for which `op` holds."""
    return lambda labels, line: labels if op(labels.get(name, "")) else None


STAGES: dict[str, oracle.Step] = {
    '|= "a="': lambda labels, line: labels if "a=" in line else None,
    '!= "word" or "b="': lambda labels, line: labels if "word" not in line and "b=" not in line else None,
    '|~ "a=[12]"': lambda labels, line: labels if "a=1" in line or "a=2" in line else None,
    "| logfmt": oracle.logfmt,
    '| pod="p"': only("pod", lambda value: value == "p"),
    '| level!="info"': only("level", lambda value: value != "info"),
    '| a=~"1|"': only("a", lambda value: value in ("1", "")),
    "| n > 10": only("n", lambda value: value != "" and float(value) > 10),
    '| user_id="" or a="2"': lambda labels, line: labels if not labels.get("user_id") or labels.get("a") == "2" else None,
    "| drop user_id, level": lambda labels, line: {k: v for k, v in labels.items() if k not in ("user_id", "level")},
    "| keep pod, a, n": lambda labels, line: {k: v for k, v in labels.items() if k in ("pod", "a", "n")},
}


@given(RECORDS, st.lists(st.sampled_from(sorted(STAGES)), max_size=4, unique=True), st.booleans(), st.integers(1, 30))
@settings(max_examples=300, deadline=None)
def test_pipelines(records: list[Record], stages: list[str], forward: bool, limit: int) -> None:
    """The same entries with the same labels, however the rows are cut into pages."""
    # Behind `drop level` the text `!= "word"` would belong to the label.
    stages = sorted(stages, key=lambda stage: stage.startswith("| "))
    tree = parse(" ".join(['{service_name="s"}', *stages]))
    assert isinstance(tree, LogQuery)
    collector = _native.LogqlEntries(program(tree), forward=forward, limit=limit)
    ordered = sorted(records, key=lambda record: record.time, reverse=not forward)
    for at in range(0, len(ordered), 5):
        collector.feed(oracle.rows(reversed(ordered[at : at + 5])), SOURCES)
    found = [
        (int(time), stream["stream"], line) for stream in json.loads(collector.encode()) for time, line in stream["values"]
    ]
    found.sort(key=lambda entry: entry[0], reverse=not forward)
    assert found == oracle.apply(ordered, [STAGES[stage] for stage in stages])[:limit]


OPS = ["count_over_time", "rate", "bytes_over_time", "bytes_rate"]
UNWRAPPED = [f"{op}_over_time" for op in ("sum", "avg", "min", "max", "stddev", "stdvar", "first", "last", "quantile")]


@pytest.mark.parametrize("op", OPS + UNWRAPPED)
@given(
    RECORDS,
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(1, 40),
    st.integers(1, 60),
    st.sampled_from([[], ["pod"], ["pod", "level"]]),
    st.integers(-10, 10),
)
@settings(max_examples=60, deadline=None)
def test_range_aggregations(
    op: str, records: list[Record], start: int, span: int, step: int, length: int, by: list[str], offset: int
) -> None:
    """The same series and values, for windows that overlap, touch or lie apart."""
    unwrap = " | unwrap n" if op in UNWRAPPED else ""
    first = "0.75, " if op.startswith("quantile") else ""
    tree = parse(f'{op}({first}{{service_name="s"}}{unwrap} [1s])')
    assert isinstance(tree, RangeAggregation)
    text = json.loads(program(tree.query, tree))
    text["range"] |= {"ns": length, "offset": offset, "grouping": {"without": False, "labels": by}}
    collector = _native.LogqlRange(json.dumps(text), start, start + span, step)
    collector.feed(oracle.rows(records), SOURCES)
    # Times in ms show in the answer; the grid is in ns here, so values are compared by their order.
    shown = json.loads(collector.finish().encode(False))
    samples: list[tuple[int, Labels, float]] = []
    for time, labels, line in oracle.apply(records, []):
        if op in UNWRAPPED:
            if "n" in labels:
                samples.append((time + offset, labels, float(labels["n"])))
        else:
            samples.append((time + offset, labels, float(len(line)) if op.startswith("bytes") else 1.0))
    expected = oracle.matrix(op, samples, by, range(start, start + span + 1, step), length)
    found = {tuple(sorted(one["metric"].items())): [float(value) for _, value in one["values"]] for one in shown}
    assert sorted(found) == sorted(expected)
    for key, values in expected.items():
        assert found[key] == pytest.approx([value for value in values if value is not None], rel=1e-9, abs=1e-9)


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_parsers_take_any_line(line: str) -> None:
    """No line is too strange for a parser, a pattern or a template."""
    stages = [
        {"t": "json"}, {"t": "logfmt"}, {"t": "logfmt", "strict": True}, {"t": "unpack"}, {"t": "pattern", "pattern": "<a> <b>"},
        {"t": "decolorize"}, {"t": "line_format", "template": "{{.a}} {{__line__ | trunc 5 | upper | b64enc}}"},
    ]  # fmt: skip
    for stage in stages:
        passes, _, labels, _ = _native.logql_line(json.dumps({"stages": [stage]}), line)
        assert passes
        assert all(value for _, value in labels)
