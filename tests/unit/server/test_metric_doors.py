"""The grid of native queries, what is remembered of use, lines of the command."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nexus.errors import InvalidRequest
from nexus.metrics_command import _escaped, render
from nexus.query.promql import parse
from nexus.server.api.nexus_v1.metrics import _grid, _in_order
from nexus.server.api.prometheus.labels import unescaped
from nexus.server.metric_use import MetricUse

NOW = 1_700_000_000_123


def grid(start: Any, end: Any, step: float = 0, points: int = 600) -> tuple[int, int, int]:
    call: Any = SimpleNamespace(services=SimpleNamespace(now_ns=lambda: NOW * 10**6))
    return _grid(call, start, end, step, points)


@pytest.mark.parametrize(
    ("start", "end", "step", "points", "expected"),
    [
        ("now-1h", "now", 0, 600, 10_000),
        ("now-30d", "now", 0, 600, 7_200_000),
        ("now-10s", "now", 0, 600, 1000),
        (None, None, 15.5, 600, 15_500),
        ("now-1h", "now", 0.5, 600, 500),
    ],
)
def test_steps_are_pleasant_and_aligned(start: Any, end: Any, step: float, points: int, expected: int) -> None:
    """So that a range that moves shows the same points; never more steps than were asked for."""
    first, last, found = grid(start, end, step, points)
    assert found == expected
    assert first % found == last % found == 0
    assert last <= NOW < last + found
    assert step or (last - first) // found + 1 <= points + 1


def test_wrong_grids() -> None:
    """Too many steps name the least step that does."""
    with pytest.raises(InvalidRequest, match="11,000 steps") as caught:
        grid("now-1d", "now", 1)
    assert "at least 7.855 s" in caught.value.hint
    with pytest.raises(InvalidRequest, match="lies after"):
        grid("now", "now-1h")


@pytest.mark.parametrize(
    ("text", "ordered"),
    [("sort_desc(x)", True), ("(topk(3, x))", True), ("sum(x)", False), ("rate(x[5m])", False), ("sum(topk(3, x))", False)],
)
def test_queries_that_say_their_order(text: str, ordered: bool) -> None:
    """Their outermost part does."""
    assert _in_order(parse(text)) is ordered


def test_use_is_counted_and_bounded() -> None:
    """A query counts once for each metric; those not asked for longest are forgotten."""
    use = MetricUse(limit=2)
    use.note("t", ["a", "a", ""], 5)
    use.note("t", ["a", "b"], 7)
    assert use.of("t", "a") == (2, 7)
    assert use.of("other", "a") == (0, 0)
    use.note("t", ["c"], 9)
    assert [use.of("t", name)[0] for name in "abc"] == [0, 1, 1]


@pytest.mark.parametrize("name", ["job", "http.status", "a_b", "U__x", "é ü", "\U0001f600", "1a", "a-b", "__name__"])
def test_names_of_labels_survive_the_path(name: str) -> None:
    """What the command writes, the server reads."""
    assert unescaped(_escaped(name)) == name
    assert _escaped("a_b") == "a_b"


def test_lines_of_answers() -> None:
    """A series a line; what steers a terminal is written out."""
    vector = {"resultType": "vector", "result": [{"metric": {"__name__": "up", "job": 'a"\x1b'}, "value": [5, "1"]}]}
    assert render(vector) == ['up{job="a\\"\\u001b"} => 1 @[5]']
    matrix = {
        "resultType": "matrix",
        "result": [{"metric": {}, "values": [[1, "2"]], "histograms": [[3, {"count": "4", "sum": "5"}]]}],
    }
    assert render(matrix) == ["{} =>", "2 @[1]", "{count:4, sum:5} @[3]"]
    assert render({"resultType": "scalar", "result": [1, "NaN"]}) == ["NaN @[1]"]
    assert render([{"__name__": "up"}, "x\ny"]) == ["up", "x\\ny"]
