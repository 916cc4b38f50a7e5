"""PromQL: the printer's text parses back into the same tree, whatever text comes in gives a tree or a placed error, and the
errors are those of Prometheus."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies.promql_trees import queries

from nexus.errors import QuerySyntaxError
from nexus.query.promql import ast, parse, parse_selector, pretty, print_query

PIECES = st.sampled_from(
    'foo sum by ( ) { } a="x" , [5m] [1h: ] rate offset 5m @ start() -1 and on group_left fill bool 0x1F "t" \' ` \\x é # \n'
    " smoothed step() min_of ^ </ atan2 topk a:b inf 1_0 08 5h5m [ : ~ ! = =~ info".split(" ")
)


@given(queries)
@settings(max_examples=400, deadline=None)
def test_printed_trees_parse_back(tree: ast.Expr) -> None:
    """In one line and in several."""
    text = print_query(tree)
    assert parse(text) == tree, text
    assert print_query(parse(pretty(tree))) == text


@given(st.lists(PIECES, max_size=25).map(" ".join) | st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=40))
@settings(max_examples=600, deadline=None)
def test_any_text_is_a_tree_or_an_error(text: str) -> None:
    """Errors say where and lie in the text."""
    try:
        tree = parse(text)
    except QuerySyntaxError as error:
        assert "parse error: " in error.message
        assert 0 <= error.offset <= len(text)
    else:
        assert print_query(parse(print_query(tree))) == print_query(tree)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unknown position: parse error: no expression found in input"),
        ("# nothing", "1:1: parse error: no expression found in input"),
        ("sum by (x)", "1:11: parse error: unexpected end of input in aggregation"),
        ("sum(foo bar)", '1:9: parse error: unexpected identifier "bar" in aggregation'),
        ("rate(foo bar)", '1:10: parse error: unexpected identifier "bar"'),
        ("foo offset (5m) + bar", '1:19: parse error: unexpected identifier "bar" in offset, expected number, duration, step(), '
         "or range()"),
        ("foo[5m 3]", '1:8: parse error: unexpected number "3" in subquery or range, expected ":" or "]"'),
        ("foo[-5m]", "1:5: parse error: duration must be greater than 0"),
        ("foo[5m][5m]", "1:8: parse error: ranges only allowed for vector selectors"),
        ("foo{a}", '1:6: parse error: unexpected "}" in label matching, expected label matching operator'),
        ('foo{a="b" c}', '1:11: parse error: unexpected identifier "c" in label matching, expected "," or "}"'),
        ("a + on (5) d", '1:9: parse error: unexpected number "5" in grouping opts, expected label'),
        ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ('{a=~".*"}', "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ('foo{"bar"}', '1:1: parse error: metric name must not be set twice: "foo" or "bar"'),
        ("rate(foo)", '1:6: parse error: expected type range vector in call to function "rate", got instant vector'),
        ("topk(a)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("rate(foo[5m],)", "1:13: parse error: trailing commas not allowed in function call args"),
        ("unknown(1)", '1:1: parse error: unknown function with name "unknown"'),
        ("foo)", "1:5: parse error: unexpected right parenthesis ')'"),
        ("\n  (foo", "2:7: parse error: unclosed left parenthesis"),
        ("é", "1:1: parse error: unexpected character: 'é'"),
        ('{"é"} + ü', "1:10: parse error: unexpected character: 'ü'"),
        ('"\\q"', "1:1: parse error: unknown escape sequence U+0071 'q'"),
        ("1e999", '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range'),
        ("300y", "1:1: parse error: duration out of range"),
        ("a and on (b) group_left c", '1:1: parse error: no grouping allowed for "and" operation'),
        ("on", "1:1: parse error: unexpected <on>"),
        ("\ud800", "1:1: parse error: invalid UTF-8 rune"),
    ],
)  # fmt: skip
def test_errors_are_those_of_prometheus(text: str, message: str) -> None:
    """Place and words; columns count bytes."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a^-b*c", "a ^ -b * c"),
        ("SUM BY (x,) (Foo)", "sum by (x) (Foo)"),
        ("sum(a) without (b)", "sum without (b) (a)"),
        ("foo smoothed @ 1 offset 3", "foo @ 1.000 smoothed offset 3s"),
        ("foo offset -5m ^ 2", "foo offset -5m ^ 2"),
        ('{"a.b", "c d"=~`\\d`}', '{"c d"=~"\\\\d",__name__="a.b"}'),
        ("017 + 0x_1F + 1_000 + .5 + 1e3 + 08 + nan", "15 + 31 + 1000 + 0.5 + 1000 + 8 + NaN"),
        ("a + fill_right(3) fill_left(1e-5) b", "a + fill_left (1e-05) fill_right (3) b"),
        ("foo[2*step()+3^2:] # x", "foo[2 * step() + 3 ^ 2:]"),
        ("and and and", "and and and"),
        ("'it\\'s \\u00e9\\x41\\101'", '"it\'s éAA"'),
        ("foo offset 1w1d", "foo offset 8d"),
    ],
)
def test_texts_and_how_they_are_printed(text: str, shown: str) -> None:
    """Words of any case, names that are words, numbers, strings, durations."""
    assert print_query(parse(text)) == shown


def test_trees() -> None:
    """Precedence, signs of numbers, and where things are."""
    power = parse("-2 ^ 3")
    assert power == ast.Unary("-", ast.Binary("^", ast.Number(2.0), ast.Number(3.0)))
    assert parse("- 5m") == ast.Number(-300.0, True)
    chain = parse("a - b - c")
    assert isinstance(chain, ast.Binary) and isinstance(chain.left, ast.Binary)
    call = parse('  rate(x{a="ü"}[5m])')
    assert isinstance(call, ast.Call)
    assert (call.pos, call.arguments[0].pos) == ((2, 21), (7, 20))
    assert parse_selector('{a="b"}') == (ast.Matcher("a", "=", "b"),)
    assert parse_selector("up") == (ast.Matcher("__name__", "=", "up"),)


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "1", "-" * 5000 + "a", "+".join(["a"] * 5000), "a[" + "(" * 5000, "abs(" * 5000]
)
def test_depth_is_bounded(text: str) -> None:
    """A tree is never higher than what reads it can climb."""
    with pytest.raises(QuerySyntaxError, match=r"nested more than|within each other"):
        parse(text)


def test_length_is_bounded() -> None:
    """As long as a URL may not even be."""
    with pytest.raises(QuerySyntaxError, match="longer than"):
        parse("a" * (129 << 10))


def test_expressions_are_bounded() -> None:
    """In number, and as RE2 bounds them."""
    with pytest.raises(QuerySyntaxError, match="more than 200 regular expressions"):
        parse("x{" + ",".join(f'a=~"b{number}.*"' for number in range(201)) + "}")
    with pytest.raises(QuerySyntaxError, match=r"1:3: parse error: error parsing regexp: "):
        parse('x{a=~"(a{99}){99}"}')
    with pytest.raises(QuerySyntaxError, match="error parsing regexp"):
        parse('x{a=~"(?=a)"}')
