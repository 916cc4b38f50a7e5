"""Hypothesis strategies for syntax trees of the search language, in the normal form that the parser makes."""

from __future__ import annotations

from hypothesis import strategies as st

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
    disjunction,
)
from nexus.query.logs.regex import check_regex
from nexus.query.plan import CompareOp

characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, min_size=1, max_size=12) | st.sampled_from(
    ["AND", "OR", "NOT", "TO", "*", "-", "!", "a b", 'say "x"', "C:\\temp", "/a/", ">=5", "[1 TO 2]", "\\", "a\nb", "(", "é"]
)
names = texts
pieces = st.text(characters.filter(lambda c: True), max_size=6)
regexes = (
    (st.text(st.sampled_from(list("ab/\\.*+?()[]{}|^$d \n1,é")), min_size=1, max_size=12))
    .filter(lambda pattern: check_regex(pattern) is None)
    .map(lambda pattern: pattern.replace("\\/", "/"))
    .filter(lambda pattern: bool(pattern) and check_regex(pattern) is None)
)


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    inner = draw(st.lists(pieces.filter(bool), max_size=2))
    ends = draw(st.tuples(pieces, pieces).filter(lambda pair: bool(inner) or any(pair)))
    return Pattern((ends[0], *inner, ends[1]))


def matchers(*, of_field: bool) -> st.SearchStrategy:
    """Matchers; those behind a field may also compare, be empty, or ask for presence."""
    everywhere = st.one_of(texts.map(Text), patterns(), regexes.map(Regex))
    if not of_field:
        return everywhere
    literals = st.text(characters, max_size=8)
    ends = st.none() | texts
    return st.one_of(
        everywhere,
        st.just(Text("")),
        st.just(Present()),
        st.builds(Comparison, st.sampled_from(CompareOp), literals),
        st.builds(Range, ends, ends, st.booleans(), st.booleans()),
    )


def _compound(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(several.map(conjunction), several.map(disjunction), inner.map(Not))


def group_contents() -> st.SearchStrategy[Node]:
    leaf = st.builds(Term, st.none(), matchers(of_field=True))
    return st.recursive(leaf, _compound, max_leaves=4)


def trees() -> st.SearchStrategy[Node]:
    """Whole queries."""
    leaf = st.one_of(
        st.just(Everything()),
        st.builds(Term, st.none(), matchers(of_field=False)),
        st.builds(Term, names, matchers(of_field=True)),
        st.builds(Group, names, group_contents()),
    )
    return st.recursive(leaf, _compound, max_leaves=8)


__all__ = ["And", "Or", "trees"]
