"""Programs of PromQL: which samples a query can look at, against a slow walk through every evaluation; what is settled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.errors import InvalidRequest
from nexus.query.plan import LabelMatcher, PromQuery
from nexus.query.promql import parse
from nexus.query.promql.ast import Matrix, Subquery, Vector, children
from nexus.query.promql.lower import lower

START, END, STEP, LOOKBACK = 1_000_000, 1_060_000, 20_000, 30_000


def program(text: str, **more: Any) -> Any:
    """The program of a range query as JSON."""
    options = {"start": START, "end": END, "step": STEP, "lookback": LOOKBACK} | more
    return json.loads(lower(parse(text), text, **options).program)


def needed(node: Any, times: list[int]) -> list[tuple[int, int]]:
    """Windows (first and last ms) of every selector evaluation, by the rules of each node, one time at a time."""
    if isinstance(node, Vector | Matrix | Subquery):
        one = node.vector if isinstance(node, Matrix) else node
        at = START if one.bound == "start" else END if one.bound == "end" else one.at
        seen = [(time if at is None else at) - one.offset // 10**6 for time in times]
        if isinstance(node, Subquery):
            length, step = node.range // 10**6, (node.step or 60 * 10**9) // 10**6
            inner = {t for time in seen for t in range((time - length) // step * step, time + 1, step) if t > time - length}
            return needed(node.inner, sorted(inner))
        window = node.range // 10**6 if isinstance(node, Matrix) else LOOKBACK
        return [(time - window + 1, time) for time in seen]
    return [window for one in children(node) for window in needed(one, times)]


offsets = st.sampled_from(["", " offset 7s", " offset -1m"])
ats = st.sampled_from(["", " @ 900", " @ start()", " @ end()"])
leaves = st.builds(lambda a, o: f"x{a}{o}", ats, offsets) | st.builds(lambda a, o: f"rate(x[45s]{a}{o})", ats, offsets)
texts = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda one, step, a, o: f"max_over_time(({one})[2m:{step}]{a}{o})",
        inner,
        st.sampled_from(["", "5s", "700ms"]),
        ats,
        offsets,
    ),
    max_leaves=3,
)


@given(texts)
@settings(max_examples=150, deadline=None)
def test_selectors_reach_as_far_as_the_query_looks(text: str) -> None:
    """Every sample that any step looks at is in the range, and little else: a subquery's steps lie on a grid."""
    tree = parse(text)
    windows = needed(tree, list(range(START, END + 1, STEP)))
    [selector] = program(text)["selectors"]
    if windows:
        first, last = min(one for one, _ in windows), max(one for _, one in windows)
        assert selector["from"] <= first <= selector["from"] + 60_000 * text.count("[2m")
        assert selector["to"] - 60_000 * text.count("[2m") <= last <= selector["to"]


def test_what_depends_on_the_range_is_settled() -> None:
    """Functions of the range, bounds, duration expressions."""
    root = program("start() + end() * range() - step()")["root"]["expr"]["binary"]
    assert root["right"]["expr"] == {"number": "20.0"}
    assert root["left"]["expr"]["binary"]["left"]["expr"] == {"number": "1000.0"}
    assert program("step()", end=START, step=0)["root"]["expr"] == {"number": "0.0"}
    matrix = program("rate(x[2*step()+1] @ end() offset (-range()/2))")["root"]["expr"]["call"]["arguments"][0]["expr"][
        "matrix"
    ]
    assert matrix == {"selector": 0, "range": 41_000, "shift": {"offset": -30_000, "at": END}, "extension": "none"}
    assert program("(((+(x))))")["root"]["expr"]["vector"]["selector"] == 0
    assert program("-Inf")["root"]["expr"] == {"number": "-Inf"}
    assert program("max_over_time(x[1m:])")["root"]["expr"]["call"]["arguments"][0]["expr"]["subquery"]["step"] == 60_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x[1-step()]", "duration must be greater than 0"),
        ("x offset (1/(step()-20))", "division by zero"),
        ("x offset (1%(step()-20))", "modulo by zero"),
        ("x[10^step()]", "duration is out of range"),
        ("x offset ((-1)^0.5)", "duration is NaN or infinite"),
        ("x[2^(1000*step())]", "duration is NaN or infinite"),
    ],
)
def test_durations_that_are_none(text: str, message: str) -> None:
    """Known only with the range."""
    with pytest.raises(InvalidRequest, match=message):
        program(text)


def test_extended_selectors_look_further() -> None:
    """As far as the lookback before, and for smoothed ones behind."""
    assert program("x smoothed")["selectors"][0] | {"matchers": 0} == {
        "matchers": 0, "from": START - LOOKBACK + 1, "to": END + LOOKBACK,
    }  # fmt: skip
    anchored = program("rate(x[1m] anchored)")["selectors"][0]
    assert (anchored["from"], anchored["to"]) == (START - 60_000 - LOOKBACK + 1, END)


def test_info_names_its_series() -> None:
    """`target_info`, what was named, or what ends in `_info`; at the times of the first selector."""

    def names(text: str) -> list[tuple[str, str]]:
        found = program(text)
        info = found["root"]["expr"]["call"]["info"]
        assert len(found["root"]["expr"]["call"]["arguments"]) == 1
        return [
            (one["op"], one["value"])
            for one in found["selectors"][info["selector"]]["matchers"]
            if one["name"] == "__name__"
        ]

    assert names("info(x)") == [("=", "target_info")]
    assert names('info(x, {a="b"})') == [("=", "target_info")]
    assert names('info(x, {__name__=~"build_info"})') == [("=~", "build_info")]
    assert names('info(x, {__name__!="a"})') == [("=~", ".+_info"), ("!=", "a")]
    shifted = program("info(rate(x[1m] @ 900 offset 10s))")["selectors"][1]
    assert (shifted["from"], shifted["to"]) == (890_000 - LOOKBACK + 1, 890_000)


def test_the_plan_tells_policies_and_backends() -> None:
    """Scans of all selectors, canonical text, times."""
    query = lower(parse('sum(a{b!="c"}) / d @ 5'), "q", start=START, end=END, step=STEP, lookback=LOOKBACK)
    assert isinstance(query, PromQuery)
    assert query.text == 'sum(a{b!="c"}) / d @ 5.000'
    assert [scan.matchers for scan in query.selectors] == [
        ((LabelMatcher("b", "!=", "c"), LabelMatcher("__name__", "=", "a")),),
        ((LabelMatcher("__name__", "=", "d"),),),
    ]
    assert (query.selectors[1].start, query.selectors[1].end) == (5000 - LOOKBACK + 1, 5000)


@pytest.mark.parametrize(
    "text", ["+".join(["a"] * 199), "abs(" * 99 + "a" + ")" * 99, "sum((" * 45 + "+".join("a" * 90) + "))" * 45]
)
def test_the_highest_trees_are_lowered(text: str) -> None:
    """What the parser lets through, the rest can do."""
    assert program(text)["selectors"]
