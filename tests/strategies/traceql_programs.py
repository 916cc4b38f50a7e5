"""Random traces, whole and broken, and pipelines that ask for what their spans have."""

from __future__ import annotations

from hypothesis import strategies as st
from tests.oracles.spans import Span

from nexus.query.traces.ast import (
    Aggregate,
    Arithmetic,
    Attribute,
    Binary,
    Coalesce,
    Combined,
    Expr,
    Filter,
    GroupBy,
    Intrinsic,
    Pipeline,
    Scalar,
    ScalarFilter,
    Select,
    SpansetExpr,
    Stage,
    Static,
    Unary,
)
from nexus.query.traces.names import STRUCTURAL

TRACE = bytes(range(16))


@st.composite
def _spans(draw: st.DrawFn) -> list[Span]:
    count = draw(st.integers(1, 9))
    # Few ids: parents that are not there, circles and ids that come twice are frequent.
    some = st.integers(1, count + 1)
    broken = draw(st.booleans())
    found = []
    for place in range(count):
        id = draw(some) if broken else place + 1
        parent = draw(st.integers(0, count + 1)) if broken else draw(st.integers(0, place))
        attributes = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "a": st.sampled_from([1, 2, "x", True, 1.5]),
                    "b": st.sampled_from([1, 2, False, "y"]),
                    "n": st.sampled_from([0, 1, 2.5, -3, "z"]),
                },
            )
        )
        found.append(
            Span(
                TRACE,
                id.to_bytes(8, "big"),
                parent.to_bytes(8, "big"),
                draw(st.integers(0, 5)),
                draw(st.integers(0, 3)),
                draw(st.sampled_from(["p", "q"])),
                draw(st.sampled_from(["s1", "s2", ""])),
                draw(st.integers(0, 5)),
                draw(st.integers(0, 2)),
                attributes=attributes,
            )
        )
    return found


traces = _spans()


def _field(name: str, parent: bool) -> Attribute | Intrinsic:
    return Intrinsic(name, parent) if ":" in name else Attribute("", name, parent)


_tests = st.one_of(
    st.builds(
        lambda name, parent, op, value: Binary(op, _field(name, parent), Static("int", value)),
        st.sampled_from(["a", "b", "n"]),
        st.booleans(),
        st.sampled_from(["=", "!=", ">"]),
        st.integers(0, 2),
    ),
    st.builds(
        lambda name, parent, op: Binary(op, _field(name, parent), Static("nil", "")),
        st.sampled_from(["a", "b"]),
        st.booleans(),
        st.sampled_from(["=", "!="]),
    ),
    st.builds(lambda parent: _field("a", parent), st.booleans()),
    st.builds(
        lambda parent, status: Binary("=", _field("span:status", parent), Static("status", status)),
        st.booleans(),
        st.sampled_from(["ok", "error", "unset"]),
    ),
    st.just(Binary("<", Intrinsic("nestedSetParent"), Static("int", 0))),
    st.just(Binary(">", Intrinsic("span:duration"), Static("duration", 1))),
)
_conditions: st.SearchStrategy[Expr] = st.recursive(
    _tests,
    lambda inner: st.builds(Binary, st.sampled_from(["&&", "||"]), inner, inner) | st.builds(Unary, st.just("!"), inner),
    max_leaves=3,
)
filters = st.builds(Filter, st.none() | _conditions)
_amounts: st.SearchStrategy[Expr] = st.sampled_from(
    [Attribute("", "n"), Intrinsic("span:duration"), Binary("*", Attribute("", "n"), Static("int", 2)), Attribute("", "a")]
)
_aggregates: st.SearchStrategy[Scalar] = st.just(Aggregate("count")) | st.builds(
    Aggregate, st.sampled_from(["avg", "min", "max", "sum"]), _amounts
)
_scalars = _aggregates | st.builds(
    Arithmetic, st.sampled_from("+-*/%^"), _aggregates, _aggregates | st.just(Static("int", 2))
)
_later: st.SearchStrategy[Stage] = st.one_of(
    st.builds(
        ScalarFilter,
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        _scalars,
        st.builds(Static, st.just("int"), st.integers(-1, 3)) | _scalars,
    ),
    st.builds(GroupBy, st.sampled_from([Attribute("", "a"), Attribute("", "b"), Intrinsic("span:status"), *[
        Intrinsic("span:kind"), Attribute("resource", "service.name"), Intrinsic("span:name")]])),
    st.just(Coalesce()),
    st.just(Select((Attribute("", "a"),))),
)  # fmt: skip


def _sides(inner: st.SearchStrategy[SpansetExpr]) -> st.SearchStrategy[SpansetExpr]:
    piped = st.builds(lambda one, more: Pipeline((one, *more)), inner, st.lists(_later, min_size=1, max_size=2))
    return st.builds(Combined, st.sampled_from(["&&", "||", *STRUCTURAL]), inner, inner) | piped


_spansets: st.SearchStrategy[SpansetExpr] = st.recursive(filters, _sides, max_leaves=3)
pipelines = st.builds(
    lambda one, more: Pipeline((one, *more)), _spansets | _later.filter(lambda one: not isinstance(one, Coalesce)),
    st.lists(_spansets | _later, max_size=2),
)  # fmt: skip
