"""PromQL in words, units of answers, next steps after errors."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from tests.strategies.promql_trees import queries

from nexus.errors import QuerySyntaxError
from nexus.query.promql import ast, parse
from nexus.query.promql.explain import FUNCTION_WORDS, explain
from nexus.query.promql.functions import FUNCTIONS
from nexus.query.promql.hints import hint_of
from nexus.query.promql.units import selectors, unit_of


def test_words_follow_the_tree() -> None:
    """The outermost first, each at its place."""
    text = 'sum by (job) (rate(errors_total{code=~"5.."}[5m] offset 1d)) > bool 0.05'
    found = explain(parse(text))
    assert [(one.depth, one.text) for one in found] == [
        (0, "1 where the left side is greater than the right side, else 0"),
        (1, "the sum, for each job"),
        (2, "rate: increase per second of a counter over the window, resets taken into account"),
        (3, 'samples of the metric errors_total where code matches "5.." in a window of 5m, 1d earlier'),
        (1, "the number 0.05"),
    ]
    assert text[slice(*found[3].pos)] == 'errors_total{code=~"5.."}[5m] offset 1d'


@given(queries)
@settings(max_examples=150, deadline=None)
def test_every_tree_has_words(tree: ast.Expr) -> None:
    """Each part is said, nothing is empty; a unit is a text."""
    found = explain(tree)
    assert found
    assert all(one.text for one in found)
    assert isinstance(unit_of(tree, {}), str)
    assert {one.text for one in selectors(tree)} or not any(isinstance(one, ast.Vector) for one in [tree])


def test_every_function_is_explained() -> None:
    """Those of angles go by their names."""
    missing = set(FUNCTIONS) - set(FUNCTION_WORDS)
    assert all(
        name.strip("h") in {"acos", "asin", "atan", "cos", "sin", "tan"} or "of_" in name or name in _TIMES
        for name in missing
    )


_TIMES = {"hour", "minute", "month", "year", "days_in_month"}


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("node_memory_free_bytes", "bytes"),
        ("sum(rate(net_bytes_total[5m]))", "bytes/s"),
        ("rate(cpu_seconds_total[5m])", "ratio"),
        ("histogram_quantile(0.9, sum by (le) (rate(http_duration_seconds_bucket[5m])))", "seconds"),
        ("a_bytes / b_bytes", "ratio"),
        ("a_bytes / b_seconds", "bytes/seconds"),
        ("a_bytes + b_seconds", ""),
        ("a_bytes * 8", ""),
        ("max_over_time(x[5m])", "requests"),
        ("count(a_bytes)", ""),
        ("time() - process_start_time_seconds", "seconds"),
        ("x_total > bool 5", ""),
        ("http_requests_count", ""),
        ("abs(-a_celsius)", "celsius"),
    ],
)
def test_units(text: str, unit: str) -> None:
    """From names and metadata, through what keeps them."""
    assert unit_of(parse(text), {"x": "requests"}) == unit


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("rte(x[5m])", "Did you mean rate?"),
        ("rate(x)", "Give the selector a window"),
        ("abs(x[5m])", "Put a function around it"),
        ("1 > 2", "Write `bool`"),
        ("{}", "Name a metric"),
        ("sum(rate(x[5m])", "A closing parenthesis is missing."),
        ("a b", ""),
    ],
)
def test_next_steps(text: str, hint: str) -> None:
    """For the faults that are often made."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    assert hint_of(caught.value.message).startswith(hint)
    assert bool(hint) is bool(hint_of(caught.value.message))


def test_selectors_in_order_of_the_text() -> None:
    """With the metric, if there is one."""
    found = selectors(parse('sum(b{x="y"}) / on (z) {__name__=~"a.*"} offset 5m'))
    assert [(one.name, one.text) for one in found] == [("b", 'b{x="y"}'), ("", '{__name__=~"a.*"}')]
