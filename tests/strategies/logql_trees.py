"""Random LogQL trees for the parser and the printer."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from nexus.query.logql import ast

NAMES = st.sampled_from(["app", "level", "_x", "by_", "json", "pod_name", "A1"])
PLAIN_NAMES = st.sampled_from(["app", "level", "_x", "by_", "pod_name", "A1"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
WORDS = st.sampled_from(["a", "x.y", "it's", 'quo"te', "back\\slash", "line\nbreak", "ü"])
NUMBERS = st.one_of(st.integers(-1000, 1000).map(float), st.sampled_from([0.5, 1e-9, 123456.75]))
DURATIONS = st.integers(1, 10**15)

matchers = st.builds(ast.Matcher, NAMES, st.sampled_from(["=", "!="]), TEXTS) | st.builds(
    ast.Matcher, NAMES, st.sampled_from(["=~", "!~"]), st.sampled_from(["a.*", r"\d+", "x|y"])
)
selectors = st.lists(matchers, max_size=3).map(lambda more: (ast.Matcher("app", "=", "x"), *more))
line_filters = st.one_of(
    st.builds(
        ast.LineFilter, st.sampled_from(["|=", "!="]), st.lists(TEXTS.map(ast.Needle), min_size=1, max_size=3).map(tuple)
    ),
    st.builds(ast.LineFilter, st.just("|="), st.just((ast.Needle("10.0.0.0/8", True), ast.Needle("b")))),
    st.builds(ast.LineFilter, st.sampled_from(["|~", "!~"]), st.just((ast.Needle("a+"), ast.Needle(r"\w")))),
    st.builds(ast.LineFilter, st.sampled_from(["|>", "!>"]), st.just((ast.Needle("<_>x"),))),
)
simple_filters = st.one_of(
    st.builds(ast.TextFilter, PLAIN_NAMES, st.sampled_from(["=", "!="]), TEXTS),
    st.builds(ast.NumberFilter, PLAIN_NAMES, st.sampled_from(["==", "!=", ">", ">=", "<", "<="]), NUMBERS),
    st.builds(ast.NumberFilter, PLAIN_NAMES, st.just(">"), DURATIONS.map(float), st.just("duration")),
    st.builds(ast.NumberFilter, PLAIN_NAMES, st.just("<"), st.integers(0, 10**9).map(float), st.just("bytes")),
    st.builds(ast.IpFilter, PLAIN_NAMES, st.sampled_from(["=", "!="]), st.just("10.0.0.1")),
)
label_filters = st.recursive(
    simple_filters,
    lambda inner: st.builds(ast.AndFilter, inner, inner) | st.builds(ast.OrFilter, inner, inner),
    max_leaves=4,
)
paths = st.lists(st.one_of(WORDS, st.integers(0, 9)), min_size=1, max_size=3).map(tuple)
targets = st.lists(
    st.builds(ast.Target, NAMES) | st.builds(ast.Target, NAMES, st.just("=~"), st.just("a.*")), min_size=1, max_size=3
).map(tuple)
formats = st.lists(
    st.tuples(NAMES, st.sampled_from(["{{.x}}", 'a"b']), st.just(True)) | st.tuples(NAMES, NAMES, st.just(False)),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one[0],
).map(tuple)
stages = st.one_of(
    line_filters,
    st.builds(ast.JsonParser, st.lists(st.tuples(PLAIN_NAMES, paths), max_size=2).map(tuple)),
    st.builds(
        ast.LogfmtParser, st.lists(st.tuples(PLAIN_NAMES, WORDS), max_size=2).map(tuple), st.booleans(), st.booleans()
    ),
    st.just(ast.RegexpParser("(?P<a>.)")),
    st.just(ast.PatternParser("<a> <_>")),
    st.just(ast.Unpack()),
    st.builds(ast.LabelStage, label_filters),
    st.builds(ast.LineFormat, st.sampled_from(["{{.a}}", "plain\t"])),
    st.builds(ast.LabelFormat, formats),
    st.just(ast.Decolorize()),
    st.builds(ast.Drop, targets),
    st.builds(ast.Keep, targets),
)


def _unambiguous(stages: tuple[ast.Stage, ...]) -> bool:
    """`| drop a != "x"` is one stage, so no text says that a line filter follows a bare name."""
    return not any(
        isinstance(before, ast.Drop | ast.Keep)
        and not before.targets[-1].op
        and isinstance(after, ast.LineFilter)
        and after.op in ("!=", "!~")
        for before, after in pairwise(stages)
    )


log_queries = st.builds(ast.LogQuery, selectors, st.lists(stages, max_size=4).map(tuple).filter(_unambiguous))
groupings = st.none() | st.builds(ast.Grouping, st.booleans(), st.lists(NAMES, max_size=2).map(tuple))
unwraps = st.builds(
    ast.Unwrap, PLAIN_NAMES, st.sampled_from(["", "duration", "bytes"]), st.lists(label_filters, max_size=1).map(tuple)
)
offsets = st.sampled_from([0, 10**9, -(10**9)])
range_aggregations = st.one_of(
    st.builds(
        ast.RangeAggregation,
        st.sampled_from(["count_over_time", "rate", "bytes_rate"]),
        log_queries,
        DURATIONS,
        offsets,
    ),
    st.builds(
        ast.RangeAggregation,
        st.sampled_from(["avg_over_time", "first_over_time"]),
        log_queries,
        DURATIONS,
        offsets,
        unwraps,
        st.none(),
        groupings,
    ),
    st.builds(
        ast.RangeAggregation,
        st.just("quantile_over_time"),
        log_queries,
        DURATIONS,
        offsets,
        unwraps,
        st.just(0.5),
        groupings,
    ),
)
matchings = st.none() | st.builds(
    ast.Matching,
    st.booleans(),
    st.lists(NAMES, max_size=2).map(tuple),
    st.sampled_from(["", "left"]),
    st.just(()),
)


def _binary(left: ast.Metric, right: ast.Metric, op: str, as_bool: bool, matching: ast.Matching | None) -> ast.Metric:
    literal = isinstance(left, ast.Number) or isinstance(right, ast.Number)
    if op in ("and", "or", "unless"):
        if literal:
            op = "+"
        elif matching is not None:
            matching = ast.Matching(matching.on, matching.labels)
    return ast.Binary(op, left, right, as_bool and op in ("==", ">"), None if literal else matching)


metrics = st.recursive(
    st.one_of(range_aggregations, NUMBERS.map(ast.Number), NUMBERS.map(ast.Vector)),
    lambda inner: st.one_of(
        st.builds(ast.VectorAggregation, st.sampled_from(["sum", "max"]), inner, groupings),
        st.builds(ast.VectorAggregation, st.just("topk"), inner, groupings, st.integers(1, 9)),
        st.builds(ast.LabelReplace, inner, st.just("a"), TEXTS, st.just("b"), st.just("(.*)")),
        st.builds(
            _binary,
            inner,
            inner,
            st.sampled_from(["+", "^", "/", "==", ">", "and", "or", "unless"]),
            st.booleans(),
            matchings,
        ),
    ),
    max_leaves=5,
)
queries = log_queries | metrics
