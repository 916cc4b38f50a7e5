"""LogQL: the printer's text parses back into the same tree, whatever text comes in gives a tree or a placed error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies.logql_trees import queries

from nexus.errors import QuerySyntaxError
from nexus.query.logql import parse, print_query
from nexus.query.logql.ast import Query

PIECES = st.sampled_from(
    '{ } a="x" , | json logfmt |= !~ "t" sum by ( ) [5m] rate unwrap 1 + and offset 5m topk ` é or ip \\ count_over_time drop > '
    "10KB #".split(" ")
)


@given(queries)
@settings(max_examples=300, deadline=None)
def test_printed_trees_parse_back(tree: Query) -> None:
    """`parse(print(tree)) == tree`."""
    text = print_query(tree)
    assert parse(text) == tree, text


@given(st.lists(PIECES, max_size=25).map(" ".join) | st.text(max_size=30))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_tree_or_an_error(text: str) -> None:
    """Errors are in Loki's form and lie in the text."""
    try:
        tree = parse(text)
    except QuerySyntaxError as error:
        assert error.message.startswith("parse error")
        assert 0 <= error.offset <= len(text)
    else:
        assert parse(print_query(tree)) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{a="b"} |= 5', "parse error at line 1, col 12: syntax error: unexpected NUMBER, expecting STRING"),
        ('{a="b"}\n| json |', "parse error at line 2, col 9"),
        ("rate({a='b'}[5x])", "parse error at line 1, col 14"),
        ("(" * 100 + "1", "nested more than"),
    ],
)
def test_errors_have_places(text: str, message: str) -> None:
    """Line and column."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    assert message in caught.value.message
