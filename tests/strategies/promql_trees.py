"""Random PromQL trees, as the parser makes them: well typed, and with the parentheses that precedence asks for."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from nexus.query.promql import ast
from nexus.query.promql.check import COMPARISONS, SETS, type_of
from nexus.query.promql.printer import print_selector

NAMES = st.sampled_from(
    ["up", "http_requests_total", "a:b:c", "sum", "and", "offset", "start", "fill", "by", "smoothed", "Ab_9"]
)
LABELS = st.sampled_from(["job", "le", "by", "on", "label.x", "ü", "a b", "group_left", "__name__x", "start"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
NS = st.integers(1, 10**7).map(lambda ms: ms * 10**6)
AMOUNTS = st.sampled_from([0.0, 1.0, 0.5, 1e-9, 2.0**60, 1e300, 123456.75, float("inf")])
SECONDS = st.integers(1, 10**9).map(lambda ms: ms / 1000).filter(lambda seconds: int(seconds * 1e9) % 10**6 == 0)

numbers = st.builds(ast.Number, AMOUNTS) | st.builds(ast.Number, st.sampled_from([1.0, 300.0, 5400.0, 0.25]), st.just(True))
matchers = st.builds(ast.Matcher, LABELS, st.sampled_from(["=", "!="]), TEXTS) | st.builds(
    ast.Matcher, LABELS, st.sampled_from(["=~", "!~"]), st.sampled_from(["a.*", r"\d+", "x|y", ""])
)


def _duration(node: ast.Number | ast.Duration) -> ast.Duration:
    """In parentheses, so that it may stand anywhere."""
    return replace(node, wrapped=True) if isinstance(node, ast.Duration) else ast.Duration("+", None, node, True)


_terms = st.one_of(
    st.builds(ast.Number, st.sampled_from([1.0, 2.5])),
    st.builds(ast.Number, st.sampled_from([60.0, 0.5]), st.just(True)),
    st.just(ast.Duration("step")),
    st.just(ast.Duration("range")),
)
durations = st.recursive(
    _terms,
    lambda inner: st.one_of(
        st.builds(ast.Duration, st.sampled_from(["+", "-", "*", "/", "%", "^"]), inner.map(_duration), inner.map(_duration)),
        st.builds(ast.Duration, st.sampled_from(["min_of", "max_of"]), inner, inner),
        st.builds(ast.Duration, st.just("-"), st.none(), inner.map(_duration)),
    ),
    max_leaves=3,
).map(_duration)
offsets = st.one_of(
    st.just((0, None)), NS.map(lambda ns: (ns, None)), NS.map(lambda ns: (-ns, None)), durations.map(lambda one: (0, one))
)
lengths = NS.map(lambda ns: (ns, None)) | durations.map(lambda one: (0, one))
times = st.sampled_from([(None, ""), (0, ""), (1_603_774_568_123, ""), (-5000, ""), (None, "start"), (None, "end")])


def _vector(
    name: str, more: list[ast.Matcher], offset: tuple[int, ast.Duration | None], at: tuple[int | None, str], extension: str
) -> ast.Vector:
    found = sorted(more if name else [*more, ast.Matcher("job", "=", "x")], key=lambda one: print_selector((one,))[1:-1])
    found += [ast.Matcher("__name__", "=", name)] if name else []
    anchored, smoothed = extension == "anchored", extension == "smoothed"
    return ast.Vector(name, tuple(found), *offset, *at, anchored, smoothed)  # type: ignore[arg-type]


vectors = st.builds(
    _vector,
    NAMES | st.just(""),
    st.lists(matchers, max_size=2),
    offsets,
    times,
    st.sampled_from(["", "", "anchored", "smoothed"]),
)
matrices = st.builds(lambda vector, length: ast.Matrix(vector, *length), vectors, lengths)
groupings = st.tuples(st.lists(LABELS, max_size=2).map(tuple), st.booleans())
matchings = st.builds(
    lambda labels, on, card, include, fill: ast.Matching(
        card if on or labels else ast.Card.ONE_TO_ONE,
        labels,
        on,
        () if card is ast.Card.ONE_TO_ONE or not (on or labels) else tuple(one for one in include if one not in labels),
        *fill,
    ),
    st.lists(LABELS, max_size=2).map(tuple),
    st.booleans(),
    st.sampled_from([ast.Card.ONE_TO_ONE, ast.Card.MANY_TO_ONE, ast.Card.ONE_TO_MANY]),
    st.lists(LABELS, max_size=2),
    st.sampled_from([(None, None), (1.0, 1.0), (None, -2.5), (0.0, None), (1e-7, 1e25)]),
)


def _enclosed(node: ast.Expr) -> ast.Expr:
    # What follows an offset in parentheses belongs to it.
    greedy = isinstance(node, ast.Vector | ast.Subquery) and node.offset_expr is not None
    return ast.Paren(node) if greedy or isinstance(node, ast.Binary | ast.Unary | ast.Number) else node


def _binary(op: str, left: ast.Expr, right: ast.Expr, as_bool: bool, matching: ast.Matching) -> ast.Expr:
    kinds = type_of(left), type_of(right)
    if ast.Type.SCALAR in kinds:
        op = "+" if op in SETS else op
        as_bool = as_bool or kinds[0] is kinds[1]
        return ast.Binary(op, _enclosed(left), _enclosed(right), as_bool and op in COMPARISONS)
    if op in SETS:
        matching = ast.Matching(ast.Card.MANY_TO_MANY, matching.labels, matching.on)
    return ast.Binary(op, _enclosed(left), _enclosed(right), as_bool and op in COMPARISONS, matching)


OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "</", ">/", "and", "or", "unless"]
)


def _subquery(
    inner: ast.Expr,
    length: tuple[int, ast.Duration | None],
    step: tuple[int, ast.Duration | None],
    offset: tuple[int, ast.Duration | None],
    at: tuple[int | None, str],
) -> ast.Subquery:
    return ast.Subquery(_enclosed(inner), *length, *step, *offset, *at)  # type: ignore[arg-type]


def _more(inner: st.SearchStrategy[ast.Expr]) -> st.SearchStrategy[ast.Expr]:
    instant = inner.filter(lambda one: type_of(one) is ast.Type.VECTOR)
    subqueries = st.builds(_subquery, instant, lengths, lengths | st.just((0, None)), offsets, times)
    ranges = st.one_of(matrices, subqueries)
    return st.one_of(
        st.builds(lambda one, args: ast.Call(one, (args,)), st.sampled_from(["rate", "max_over_time"]), ranges),
        st.builds(lambda one: ast.Call("scalar", (one,)), instant),
        st.builds(lambda one, text: ast.Call("label_join", (one, *map(ast.String, text))), instant, st.tuples(*[TEXTS] * 4)),
        st.just(ast.Call("time")),
        st.builds(
            lambda op, one, by: ast.Aggregate(op, one, None, *by),
            st.sampled_from(["sum", "stddev", "group"]),
            instant,
            groupings,
        ),
        st.builds(
            lambda op, k, one, by: ast.Aggregate(op, one, k, *by),
            st.sampled_from(["topk", "limit_ratio"]),
            numbers,
            instant,
            groupings,
        ),
        st.builds(lambda text, one: ast.Aggregate("count_values", one, ast.String(text)), TEXTS, instant),
        st.builds(_binary, OPERATORS, inner, inner, st.booleans(), matchings),
        st.builds(ast.Unary, st.sampled_from(["-", "+"]), inner.map(_enclosed)),
        st.builds(ast.Paren, inner),
    )


queries = st.recursive(vectors | numbers, _more, max_leaves=8) | matrices | TEXTS.map(ast.String)
