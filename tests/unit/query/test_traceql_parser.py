"""TraceQL: what is a query, what its tree prints as, and what is said of texts that are none."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.strategies.traceql_trees import queries

from nexus.errors import QuerySyntaxError
from nexus.query.traces.ast import (
    Aggregate,
    Attribute,
    Binary,
    Combined,
    Compare,
    Filter,
    GroupBy,
    Intrinsic,
    Metrics,
    MetricsMath,
    Over,
    Pipeline,
    Query,
    Ranked,
    ScalarFilter,
    Static,
    Threshold,
    Unary,
)
from nexus.query.traces.incomplete import understood
from nexus.query.traces.parser import parse
from nexus.query.traces.printer import pretty, print_query


def where(text: str) -> object:
    """The condition of a spanset."""
    body = parse(f"{{ {text} }}").body
    assert isinstance(body, Pipeline)
    assert isinstance(body.stages[0], Filter)
    return body.stages[0].where


@given(queries)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_print_and_parse(tree: Query) -> None:
    """What a tree prints as is read as that tree, broken into lines or not."""
    text = print_query(tree)
    assert parse(text) == tree, text
    assert parse(pretty(tree)) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (".foo", Attribute("", "foo")),
        ('span."odd key"', Attribute("span", "odd key")),
        ('span.a."b c".d', Attribute("span", "a.b c.d")),
        ("resource.span.x", Attribute("resource", "span.x")),
        ("event.exception.type", Attribute("event", "exception.type")),
        ("link.a", Attribute("link", "a")),
        ("instrumentation.language", Attribute("instrumentation", "language")),
        ("parent.a", Attribute("", "a", parent=True)),
        ("parent.span.a", Attribute("span", "a", parent=True)),
        ("parent.resource.a", Attribute("resource", "a", parent=True)),
        ('parent."name"', Attribute("", "name", parent=True)),
        (".foo-bar+baz", Attribute("", "foo-bar+baz")),
        (".a = 2", Binary("=", Attribute("", "a"), Static("int", 2))),
        ("duration > 1h30m", Binary(">", Intrinsic("span:duration"), Static("duration", 5_400_000_000_000))),
        ("span:duration > 1.5ms", Binary(">", Intrinsic("span:duration"), Static("duration", 1_500_000))),
        ("parent.duration > 1us", Binary(">", Intrinsic("span:duration", parent=True), Static("duration", 1_000))),
        ('traceDuration > .24h', Binary(">", Intrinsic("trace:duration"), Static("duration", 864_000_000_000))),
        ('rootServiceName = "a"', Binary("=", Intrinsic("trace:rootService"), Static("string", "a"))),
        ("status != error", Binary("!=", Intrinsic("span:status"), Static("status", "error"))),
        ("kind = server", Binary("=", Intrinsic("span:kind"), Static("kind", "server"))),
        ("event:timeSinceStart > -5s", Binary(">", Intrinsic("event:timeSinceStart"), Static("duration", -5 * 10**9))),
        (".a = minInt", Binary("=", Attribute("", "a"), Static("int", -(1 << 63)))),
        (".a = -9223372036854775808", Binary("=", Attribute("", "a"), Static("int", -(1 << 63)))),
        ('.a =~ `\\d+`', Binary("=~", Attribute("", "a"), Static("string", "\\d+"))),
        ('.a = "\\u00e9\\x21\\n"', Binary("=", Attribute("", "a"), Static("string", "é!\n"))),
        (".a = nil", Binary("=", Attribute("", "a"), Static("nil", ""))),
        # Both bind alike, from the left.
        (
            ".a || .b && .c",
            Binary("&&", Binary("||", Attribute("", "a"), Attribute("", "b")), Attribute("", "c")),
        ),
        # A sign takes products, a negation takes them, too; powers come from the right.
        ("-.a * .b = 1", Binary("=", Unary("-", Binary("*", Attribute("", "a"), Attribute("", "b"))), Static("int", 1))),
        ("-.a + .b = 1", Binary("=", Binary("+", Unary("-", Attribute("", "a")), Attribute("", "b")), Static("int", 1))),
        ("!.a = .b", Binary("=", Unary("!", Attribute("", "a")), Attribute("", "b"))),
        (
            "2 ^ .a ^ 3 = 1",
            Binary("=", Binary("^", Static("int", 2), Binary("^", Attribute("", "a"), Static("int", 3))), Static("int", 1)),
        ),
        (".a + 1 = nil", Binary("=", Binary("+", Attribute("", "a"), Static("int", 1)), Static("nil", ""))),
    ],
)  # fmt: skip
def test_conditions(text: str, tree: object) -> None:
    """Scopes, intrinsics old and new, values, precedences."""
    assert where(text) == tree


def body_of(text: str) -> object:
    """The body of a query."""
    return parse(text).body


EVERY = Filter()
A, B, C = (Filter(Attribute("", name)) for name in "abc")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", Pipeline((EVERY,))),
        ("{}", Pipeline((EVERY,))),
        ("{ .a } // { .b }\n /* { .c } */", Pipeline((A,))),
        ("{.a} >> {.b} && {.c}", Pipeline((Combined("&&", Combined(">>", A, B), C),))),
        ("{.a} && {.b} >> {.c}", Pipeline((Combined("&&", A, Combined(">>", B, C)),))),
        ("{.a} && ({.b} || {.c})", Pipeline((Combined("&&", A, Combined("||", B, C)),))),
        *(
            (f"{{.a}} {op} {{.b}}", Pipeline((Combined(op, A, B),)))
            for op in (">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~", "&>", "&>>", "&<", "&<<", "&~", "||")
        ),
        ("count() > 2", Pipeline((ScalarFilter(">", Aggregate("count"), Static("int", 2)),))),
        (
            "{ .a } | by(name) | count() > 1 - 3",
            Pipeline((A, GroupBy(Intrinsic("span:name")), ScalarFilter(">", Aggregate("count"), Static("int", -2)))),
        ),
        (
            "max(duration) > 2 * 1s",
            Pipeline((ScalarFilter(">", Aggregate("max", Intrinsic("span:duration")), Static("duration", 2 * 10**9)),)),
        ),
        (
            "({.a} | count() > 1) && {.b}",
            Pipeline(
                (Combined("&&", Pipeline((A, ScalarFilter(">", Aggregate("count"), Static("int", 1)))), B),),
            ),
        ),
        ("({.a} | {.b})", Pipeline((A, B))),
        (
            "{} | rate() by (name, .a) > 10 | topk(5)",
            Metrics(
                Pipeline((EVERY,)),
                Over("rate", by=(Intrinsic("span:name"), Attribute("", "a"))),
                (Threshold(">", Static("int", 10)), Ranked("topk", 5)),
            ),
        ),
        (
            "{} | quantile_over_time(duration, 0, .9, 1)",
            Metrics(Pipeline((EVERY,)), Over("quantile_over_time", Intrinsic("span:duration"), (0.0, 0.9, 1.0))),
        ),
        ("{} | compare({.a}, 5, 1, 2)", Metrics(Pipeline((EVERY,)), Compare(A, 5, 1, 2))),
        (
            "3 / 2 + ({} | rate()) * 10 > 5",
            MetricsMath(
                "+",
                Static("int", 1),
                MetricsMath("*", Metrics(Pipeline((EVERY,)), Over("rate")), Static("int", 10)),
                (Threshold(">", Static("int", 5)),),
            ),
        ),
    ],
)
def test_bodies(text: str, tree: object) -> None:
    """Pipelines, operators of spansets, metrics."""
    assert body_of(text) == tree


def test_hints() -> None:
    """The last one of a name counts; foreign ones go through."""
    query = parse("{} | rate() with(exemplars=true, job_size=3) with(exemplars=false, sample=0.5)")
    assert query.hint("exemplars") == Static("bool", False)
    assert query.hint("sample") == Static("float", 0.5)
    assert query.hint("most_recent") is None
    assert print_query(query).endswith(" with(exemplars=true, job_size=3, exemplars=false, sample=0.5)")


@pytest.mark.parametrize(
    ("text", "part", "place", "hint"),
    [
        ("{ .a < }", "expected a field or a value", "}", "value is missing"),
        ("{ .a = 1", "expected an operator or `}`", "", "closing brace"),
        ("{ (.a = 1 }", "expected `)`", "}", "closing parenthesis"),
        ("{ foo = 1 }", "`foo` is no field", "foo", ".foo"),
        ("{ duratoin > 1s }", "`duratoin` is no field", "duratoin", "Did you mean duration?"),
        ("{ .a == 1 }", "`==` is no operator", "==", "Write ="),
        ("{ .a = 'x' }", "`'` means nothing here", "'", "double quotes"),
        ("{ .a = 1 and .b = 2 }", "expected an operator", "and", "Write &&"),
        ("{ .a = 5x }", "`x` is no unit", "x", "ns, us, ms"),
        ('{ .a = "x }', "not closed", '"x }', 'Write a "'),
        ('{ .a =~ "\\d" }', "no escape sequence", "\\d", "backslash twice"),
        ('{ .a =~ "[" }', "the regular expression is wrong", '"["', ""),
        ("{ .a =~ .b }", "regular expression in quotes", ".b", ""),
        ("{ span:durration > 1s }", "no field span:durration", "span:durration", "Did you mean duration?"),
        ("{ trace:foo = 1 }", "no field trace:foo", "trace:foo", "trace:rootName"),
        ("{ resource. }", "lacks the name", "resource.", ""),
        ("{ status }", "needs a condition", "status", "status = error"),
        ('{ status = "error" }', "not comparable", 'status = "error"', "without quotes: error"),
        ("{ name = 5 }", "not comparable", "name = 5", 'in quotes: "5"'),
        ('{ duration > "5s" }', "not comparable", 'duration > "5s"', "without quotes"),
        ("{ status > ok }", "does not go with a status", "status", "no order"),
        ("{ 1 && .a }", "`&&` does not go with an integer", "1", "conditions"),
        ("{ !name = \"a\" }", "`!` is of a condition", "!name", "!(.a = 1)"),
        ("{ span:status = nil }", "never nil", "span:status = nil", ""),
        ("{ .a > nil }", "does not go with nil", ".a > nil", "!= nil"),
        ("{ parent }", "no value of its own", "parent", "parent = nil"),
        ("{ .a = 99999999999999999999 }", "64 bits", "99999999999999999999", ""),
        ("status = error", "means nothing here", "status", "{ status"),
        ("{} | conut() > 2", "means nothing here", "conut", "Did you mean count?"),
        ("{} | count()", "has to be compared", "count()", "count() > 2"),
        ("{} | max() = 1", "max() of what?", ")", "max(duration)"),
        ("{} | max(name) = 1", "is of numbers", "name", "max(duration)"),
        ("{} | by(1)", "something that spans have", "by(1)", ""),
        ("{} | by(parent.a)", "span itself", "parent.a", "in conditions"),
        ("coalesce()", "nothing stands before", "coalesce", ""),
        ("{} + {}", "`+` does not join spansets", "+", "&&"),
        ("{} && count() > 1", "cannot be joined", "&&", "stage of its own"),
        ("{} > 10", "cannot join a spanset and a number", ">", ""),
        ("3 > 2", "two numbers are compared", "3 > 2", ""),
        ("{} | topk(10)", "ranks series", "topk", "rate()"),
        ("{} | rate() | topk(0)", "keeps from 1", "topk(0)", ""),
        ("{} | rate() | {}", "only topk() and bottomk()", "{", "before the function"),
        ("{} | rate() + 5", "is not expected here", "+", ""),
        ("{} | rate() | tokp(5)", "only topk() and bottomk()", "tokp", "Did you mean topk?"),
        ("({} | rate()) % 10", "does not join metrics", "%", "+ - * /"),
        ("({} | rate()) * 10s", "not calculated with durations", "10s", "seconds"),
        ("({} | rate()) + 1 / 0", "has no value", "1 / 0", "divides by zero"),
        ("{} | quantile_over_time(duration, 2)", "from 0 to 1", "2", ""),
        ("{} | quantile_over_time(duration)", "which quantile?", ")", "0.99"),
        ("{} | sum_over_time(name)", "is of a number", "name", ""),
        ("{} | compare(status = error)", "selection in braces", "status", ""),
        ("{} | compare({.a}, 5, 1)", "start without an end", ")", ""),
        ("{} | compare({.a}) | topk(3)", "nothing can stand behind compare()", "topk(3)", ""),
        ("({} | compare({.a})) + 1", "cannot be calculated with", "compare({.a})", ""),
        ("{} with(most_recnt=true)", "no hint most_recnt", "most_recnt=true", "most_recent"),
        ("{} with(exemplars=\"a\")", "is a boolean or an integer", '"a"', ""),
        ("{} }", "is not expected here", "}", "no {"),
        ("select(.a", "expected `)`", "", ""),
        ("{ .a = 1 /* x }", "comment does not end", "/*", "*/"),
    ],
)  # fmt: skip
def test_faults(text: str, part: str, place: str, hint: str) -> None:
    """What is wrong, where, and the next step."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    error = caught.value
    assert part in error.message, error.message
    assert text[error.offset : error.offset + error.length] == place, (error.message, error.offset)
    assert hint in error.hint, error.hint
    assert error.message.startswith("TraceQL, line 1, column ")


def test_lines_and_limits() -> None:
    """Places are told by line; length, nesting and operators are bounded."""
    with pytest.raises(QuerySyntaxError, match="line 2, column 3"):
        parse("{ .a = 1 }\n  ?")
    for text in (
        "{ .a = 1 }" + " " * (128 << 10),
        "(" * 500 + "{}" + ")" * 500,
        "{ " + " && ".join([".a = 1"] * 400) + " }",
    ):
        with pytest.raises(QuerySyntaxError):
            parse(text)
    assert len(print_query(parse("{ " + " || ".join([".a = 1"] * 150) + " }"))) > 1000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "{ }"),
        ("{ .foo = }", "{ true }"),
        ("{ resource.cluster = }", "{ true }"),
        ("{ .a = 1 && .b = }", "{ .a = 1 && true }"),
        ("{ .a = && .b = 1 }", "{ true && .b = 1 }"),
        ('{ .a="b" && }', '{ .a = "b" && true }'),
        ("{ 2 = .b ", "{ 2 = .b }"),
        ('{ .a = "x" && span.http.target=', '{ .a = "x" && true }'),
        ('{ .a = "x" && .b = "unfinis', '{ .a = "x" && true }'),
        ('{ .foo = "bar" && .b = } >> { .c = "d" }', '{ .foo = "bar" && true } >> { .c = "d" }'),
        ('{ (resource.a = "b" && .c = ) && .d = "e" }', '{ resource.a = "b" && true && .d = "e" }'),
        ('{ name = "a" && (.b = 1 || ', '{ span:name = "a" && (.b = 1 || true) }'),
        ("{ .a = 1 } | ", "{ .a = 1 }"),
        ("{ .a = 1 } >> ", "{ .a = 1 }"),
        ("{ .a = (1 + 2) && .c = ", "{ .a = 1 + 2 && true }"),
        ("{ no such thing", "{ true }"),
        ("}{][", "{ }"),
    ],
)
def test_half_typed(text: str, found: str) -> None:
    """What can be understood of queries that somebody is still typing."""
    assert print_query(understood(text)) == found


@given(st.text(alphabet='{}()|&><!~=.,"\\` abspan:duration0125es@/*\n', max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text(text: str) -> None:
    """A text is a query or a fault with a place in it, and what is understood of it is a query."""
    try:
        query = parse(text)
    except QuerySyntaxError as error:
        assert 0 <= error.offset <= len(text)
        assert error.offset + error.length <= max(len(text), 1)
    else:
        assert parse(print_query(query)) == query
    parse(print_query(understood(text)))


@given(queries, st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_beginning(tree: Query, data: st.DataObject) -> None:
    """So it is with what queries begin with."""
    text = print_query(tree)
    cut = text[: data.draw(st.integers(0, len(text)))]
    parse(print_query(understood(cut)))
