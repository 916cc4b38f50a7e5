"""The search language: what parses into what, how it prints back, and what is wrong with what does not parse."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.strategies.search_trees import trees

from nexus.errors import QuerySyntaxError
from nexus.query.logs import lower, parse, print_query
from nexus.query.logs.ast import (
    And,
    Comparison,
    Everything,
    Group,
    Node,
    Not,
    Or,
    Pattern,
    Present,
    Range,
    Regex,
    Term,
    Text,
    conjunction,
)
from nexus.query.logs.lexer import MAX_CHARACTERS
from nexus.query.logs.parser import MAX_DEPTH, MAX_TERMS
from nexus.query.plan import CompareOp


def word(text: str) -> Term:
    return Term(None, Text(text))


def value(field: str, text: str) -> Term:
    return Term(field, Text(text))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", Everything()),
        ("  \n ", Everything()),
        ("*", Everything()),
        ("timeout", word("timeout")),
        ("time-out_2", word("time-out_2")),
        ('"connection refused"', word("connection refused")),
        (r'"say \"hi\" C:\temp \\"', word(r'say "hi" C:\temp ' + "\\")),
        ("a b", And((word("a"), word("b")))),
        ("a AND b", And((word("a"), word("b")))),
        ("a b OR c", Or((And((word("a"), word("b"))), word("c")))),
        ("a OR b c", Or((word("a"), And((word("b"), word("c")))))),
        ("(a OR b) c", And((Or((word("a"), word("b"))), word("c")))),
        ("a (b (c d))", And((word("a"), word("b"), word("c"), word("d")))),
        ("NOT a b", And((Not(word("a")), word("b")))),
        ("-a !b", And((Not(word("a")), Not(word("b"))))),
        ("-(a b)", Not(And((word("a"), word("b"))))),
        ("NOT NOT a", Not(Not(word("a")))),
        ("a and b", And((word("a"), word("and"), word("b")))),
        ('"AND"', word("AND")),
        (r"\AND", word("\\AND")),
        ("AND:x", value("AND", "x")),
        ("service:api", value("service", "api")),
        ('service:"my api"', value("service", "my api")),
        ('"my key":v', value("my key", "v")),
        ("url:http://a.b/c?d=e", value("url", "http://a.b/c?d=e")),
        ("temperature:-5", value("temperature", "-5")),
        ("status:>=500", Term("status", Comparison(CompareOp.GE, "500"))),
        ("status:!=ok", Term("status", Comparison(CompareOp.NE, "ok"))),
        ('status:="a b"', Term("status", Comparison(CompareOp.EQ, "a b"))),
        ("status:=a*b", Term("status", Comparison(CompareOp.EQ, "a*b"))),
        ("n:[1 TO 5]", Term("n", Range("1", "5"))),
        ("n:{1 TO *]", Term("n", Range("1", None, False, True))),
        ('n:["a b" TO "*"]', Term("n", Range("a b", "*"))),
        ("n:*", Term("n", Present())),
        ("conn*", Term(None, Pattern(("conn", "")))),
        ("*time*", Term(None, Pattern(("", "time", "")))),
        ("a**b", Term(None, Pattern(("a", "b")))),
        (r"a\*b", word("a*b")),
        (r"*a\ b*", Term(None, Pattern(("", "a b", "")))),
        ("path:/api/v1", value("path", "/api/v1")),
        ("path:/api/v1/users/*", Term("path", Pattern(("/api/v1/users/", "")))),
        ("/a(b|c)+/", Term(None, Regex("a(b|c)+"))),
        (r"path:/^\/api\/v\d/", Term("path", Regex(r"^/api/v\d"))),
        ("/usr/bin", word("/usr/bin")),
        ("level:(error OR fatal)", Group("level", Or((word("error"), word("fatal"))))),
        (
            "n:(>=1 <5 OR *)",
            Group(
                "n",
                Or(
                    (
                        And((Term(None, Comparison(CompareOp.GE, "1")), Term(None, Comparison(CompareOp.LT, "5")))),
                        Term(None, Present()),
                    )
                ),
            ),
        ),
        ("n:(!=a)", Group("n", Term(None, Comparison(CompareOp.NE, "a")))),
        ("n:(!a -b)", Group("n", And((Not(word("a")), Not(word("b")))))),
    ],
)
def test_parses(text: str, tree: Node) -> None:
    assert parse(text).root == tree


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a   AND b", "a b"),
        ("NOT a", "-a"),
        ("(a OR b) AND c", "(a OR b) c"),
        ('service:"api"', "service:api"),
        ('service:"my api"', 'service:"my api"'),
        ("((a))", "a"),
        ("level : x", None),
        ("/a\\/b/", "/a\\/b/"),
        (r"*a\ b*", r"*a\ b*"),
        ("level:(error OR fatal)", "level:(error OR fatal)"),
        ("n:{1 TO *]", "n:{1 TO *]"),
    ],
)
def test_prints_canonically(text: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(QuerySyntaxError):
            parse(text)
    else:
        assert print_query(parse(text).root) == canonical


@pytest.mark.parametrize(
    ("text", "offset", "length", "message"),
    [
        ("a )", 2, 1, "never opened"),
        ("(a b", 0, 1, "not closed"),
        ("a (", 2, 1, "not closed"),
        ("a ()", 2, 2, "nothing between"),
        ("main()", 4, 1, "directly follows a word"),
        ("(a)b", 3, 1, "directly follows a closing parenthesis"),
        ('"a"b', 3, 1, "directly follows a closing quote"),
        ('say "hello', 4, 1, "quote is not closed"),
        ('""', 0, 2, "phrase is empty"),
        ("a AND", 5, 0, "ends where a term is expected"),
        ("a OR OR b", 5, 2, "OR stands where"),
        ("AND a", 0, 3, "AND stands where"),
        ("a -", 2, 1, "nothing follows the '-'"),
        ("--verbose", 0, 1, "nothing follows the '-'"),
        ("error: refused", 5, 1, "value is missing behind the colon"),
        (":x", 0, 1, "field name is empty"),
        ("http.*:500", 0, 6, "no wildcard"),
        ("n:>", 2, 1, "value is missing behind >"),
        ("n:=>5", 2, 2, "'=>' is not an operator"),
        ("n:==5", 2, 2, "'==' is not an operator"),
        ("n:~x", 2, 1, "'~' is not an operator"),
        ("n:!x", 2, 1, "'!' is not an operator"),
        ("n:[1 2]", 2, 2, "not a range"),
        ("n:[1 TO 2", 2, 7, "range is not closed"),
        ("n:(a:b)", 3, 1, "inside the group of another field"),
        ("x /a(b/", 4, 1, "not closed"),
        (r"/a\/(?=b)/", 4, 3, "look-ahead is not supported"),
        (r"/(a)\1/", 4, 2, "backreferences are not supported"),
        ("//", 0, 2, "regular expression is empty"),
        ("a \ud800", 2, 1, "surrogate"),
    ],
)
def test_errors_point_at_the_place(text: str, offset: int, length: int, message: str) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    assert (caught.value.offset, caught.value.length) == (offset, length)
    assert message in caught.value.message


def test_limits() -> None:
    assert parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH).root == word("a")
    with pytest.raises(QuerySyntaxError, match="nested more than") as caught:
        parse("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1))
    assert caught.value.offset == MAX_DEPTH
    with pytest.raises(QuerySyntaxError, match="nested more than"):
        parse("NOT " * (MAX_DEPTH + 1) + "a")
    assert len(parse("a " * MAX_TERMS).clauses) == MAX_TERMS
    with pytest.raises(QuerySyntaxError, match=f"more than {MAX_TERMS} terms"):
        parse("a " * (MAX_TERMS + 1))
    assert parse("a" * MAX_CHARACTERS)
    with pytest.raises(QuerySyntaxError, match="characters, more than"):
        parse("a" * (MAX_CHARACTERS + 1))


@settings(max_examples=400)
@given(trees())
def test_a_printed_tree_parses_back(tree: Node) -> None:
    assert parse(print_query(tree)).root == tree


_SYNTAX = st.text(st.sampled_from(list('ab"\\()[]{}:*/-!<>=~ \n.ANDORTé1,|+?^')), max_size=30)


@settings(max_examples=1500)
@given(_SYNTAX | st.text(max_size=30))
@example("a:\\")
@example('a:"')
@example("a:[")
@example("/\\")
def test_any_text_parses_or_is_a_syntax_error_in_the_text(text: str) -> None:
    try:
        tree = parse(text).root
        lower(tree, now_ns=0)
    except QuerySyntaxError as error:
        assert 0 <= error.offset <= len(text)
        assert 0 <= error.length <= len(text) - error.offset
        assert error.message.endswith(".")
    else:
        assert parse(print_query(tree)).root == tree


@settings(max_examples=600)
@given(_SYNTAX)
@example("a AND b AND c")
@example("(a b) NOT c OR d")
@example('a AND service:"x y" -c')
def test_removing_a_clause_from_the_text_leaves_the_others(text: str) -> None:
    try:
        query = parse(text)
    except QuerySyntaxError:
        return
    for index, clause in enumerate(query.clauses):
        shown = text[clause.shown[0] : clause.shown[1]]
        assert parse(shown).root == clause.node
        start, end = clause.removable
        assert start <= clause.shown[0] <= clause.shown[1] <= end
        others = [other.node for other in query.clauses if other is not clause]
        assert parse(text[:start] + text[end:]).root == conjunction(others), index
