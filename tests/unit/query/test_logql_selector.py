"""What a selector tells the engine of the service: right for every name that a service may have."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.query.logql.ast import Matcher
from nexus.query.logql.lower import UNKNOWN, selector
from nexus.query.plan import All, And, Compare, Not, Or, Predicate

NAMES = st.sampled_from(["", "a", "b", "a.b", "axb", "a-b", "ab", "a b", UNKNOWN, "a|b", "(a)", "\n", "é"])
PATTERNS = st.sampled_from(
    ["", "a", "a|b", "(a|b)", "a\\.b", "a.b", "a\\-b|ab", "a|", "|", ".+", ".*", "(.+)", "a+", "(a)|b", UNKNOWN, "a\\|b", "a b", "(.*)"]
)  # fmt: skip


def holds(where: Predicate, service: str) -> bool:
    """Does a record of this service meet the condition?"""
    match where:
        case All():
            return True
        case And(parts):
            return all(holds(part, service) for part in parts)
        case Or(parts):
            return any(holds(part, service) for part in parts)
        case Not(part):
            return not holds(part, service)
        case Compare(_, _, value):
            return value == service
        case _:
            raise TypeError(where)


@given(st.lists(st.tuples(st.sampled_from(["=", "!=", "=~", "!~"]), PATTERNS), min_size=1, max_size=3), NAMES)
@settings(max_examples=500, deadline=None)
def test_the_condition_holds_where_the_matchers_do(matchers: list[tuple[str, str]], service: str) -> None:
    """No record of a matching stream is left out; an exact condition lets no other in."""
    found = selector(tuple(Matcher("service_name", op, value) for op, value in matchers))
    shown = service or UNKNOWN
    expected = all(
        (shown == value if "~" not in op else re.fullmatch(value, shown, re.DOTALL) is not None) is not op.startswith("!")
        for op, value in matchers
    )
    if expected or found.exact:
        assert holds(found.where, service) is expected


@pytest.mark.parametrize("pattern", [".+", "a|b", "(cart|shop\\.eu)"])
def test_what_dashboards_send_is_exact(pattern: str) -> None:
    """No list of streams is read for it."""
    assert selector((Matcher("service_name", "=~", pattern),)).exact
