"""Hypothesis strategies for SQL texts: sensible statements with odd literals and names, and soups of dangerous tokens."""

from __future__ import annotations

from hypothesis import strategies as st

_COLUMNS = [
    "service",
    "body",
    "severity_number",
    "timestamp",
    "attributes['http.method']",
    "resource['a']",
    "l.service",
    '"x y"',
]


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_literals = st.one_of(
    _plain.map(_literal),
    st.text(st.sampled_from("'\\\"`;-/*{}()\n "), max_size=6).map(_literal),
    st.integers(-(2**40), 2**40).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["NULL", "true", "INTERVAL 5 MINUTE", "now()", "0x1F", "[1, 2]", "(1, 2)"]),
)
_FUNCTIONS = """
    lower toString count COUNT sumIf length toStartOfHour uniqExact any arrayJoin isNull
    file url dictGet currentUser sleep sumState in hostName nosuch
"""
_OPERATORS = "+ - * / % = != < >= AND OR LIKE ILIKE || IN ?"
_CLAUSES = """
    | WHERE {}| GROUP BY {}| ORDER BY {} DESC| LIMIT 5| HAVING {}| LIMIT 1 BY {}| SETTINGS max_threads = 1| FORMAT JSON
    | INTO OUTFILE 'x'| UNION ALL SELECT {}| FINAL| QUALIFY {}| ARRAY JOIN [1] AS a
"""
_TABLES = "logs|logs AS l|logs l, logs m|system.one|(SELECT * FROM logs) AS l|url('x')|numbers(5)"
_SOUP = """
    SELECT FROM logs system . one ( ) ' " ` \\ -- /* */ # ; , * x WHERE IN AS WITH UNION JOIN SETTINGS 1 = a
    file $$ { } é NOT
"""
_functions = st.sampled_from(_FUNCTIONS.split())


def _expression(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    operators = [*_OPERATORS.split(), "NOT IN"]
    return st.one_of(
        st.tuples(inner, st.sampled_from(operators), inner).map(" ".join),
        st.tuples(_functions, st.lists(inner, max_size=2)).map(lambda call: f"{call[0]}({', '.join(call[1])})"),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"NOT {text}"),
        inner.map(lambda text: f"-{text}"),
        pairs.map(lambda pair: f"{pair[0]} IN ({pair[1]}, 1)"),
        pairs.map(lambda pair: f"{pair[0]} IN ({pair[1]})"),
        pairs.map(lambda pair: f"CASE WHEN {pair[0]} THEN {pair[1]} END"),
        pairs.map(lambda pair: f"arrayMap(x -> {pair[0]}, [{pair[1]}])"),
        inner.map(lambda text: f"CAST({text} AS Nullable(String))"),
        inner.map(lambda text: f"{text} IN (SELECT service FROM logs)"),
        inner.map(lambda text: f"{text} AS z"),
    )


expressions = st.recursive(st.sampled_from(_COLUMNS) | _literals, _expression, max_leaves=6)
_clauses = st.sampled_from([clause.strip("\n ") for clause in _CLAUSES.split("|")]).map(lambda clause: f" {clause}")
_tables = st.sampled_from(_TABLES.split("|"))


@st.composite
def statements(draw: st.DrawFn) -> str:
    """SELECT statements of which many are fine."""
    projections = draw(st.lists(expressions, min_size=1, max_size=3))
    clauses = "".join(draw(st.lists(_clauses, max_size=2)))
    for _ in range(clauses.count("{}")):
        clauses = clauses.replace("{}", draw(expressions), 1)
    return f"SELECT {', '.join(projections)} FROM {draw(_tables)}{clauses}"


soups = st.lists(st.sampled_from([*_SOUP.split(), "\n"]), max_size=14).flatmap(
    lambda words: st.sampled_from(["", " "]).map(lambda joint: joint.join(words))
)
