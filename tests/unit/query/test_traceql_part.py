"""Parts of a trace as queries."""

from __future__ import annotations

import pytest

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.query.traces.parser import parse
from nexus.query.traces.part import MAX_STEPS, Part
from nexus.query.traces.printer import print_query

ID = bytes(range(16))
OF = f"trace:id = `{ID.hex()}`"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Part("{ status = error }"), f"{{ {OF} && status = error }}"),
        (Part("{ }", -1), f"{{ {OF} }} || ({{ {OF} }} << {{ {OF} }})"),
        (
            Part("{ name = `a` || .b = 1 }", 0, 2),
            f"{{ {OF} && (name = `a` || .b = 1) }} || ({{ {OF} && (name = `a` || .b = 1) }} > {{ {OF} }}) || "
            f"(({{ {OF} && (name = `a` || .b = 1) }} > {{ {OF} }}) > {{ {OF} }})",
        ),
        (
            Part("{ kind = server }", 1, -1),
            f"{{ {OF} && kind = server }} || ({{ {OF} && kind = server }} < {{ {OF} }}) || "
            f"({{ {OF} && kind = server }} >> {{ {OF} }})",
        ),
    ],
)
def test_a_part(part: Part, expected: str) -> None:
    """The spans that meet the condition, and their relatives."""
    assert print_query(part.query(ID)) == print_query(parse(expected))


@pytest.mark.parametrize("text", ["{ } | rate()", "{ } >> { }", "{ } | count() > 1", "{ status = ", "({ }) || ({ })", "x"])
def test_what_is_no_condition(text: str) -> None:
    """Only what is asked of single spans."""
    with pytest.raises(QuerySyntaxError):
        Part(text).query(ID)


def test_too_many_steps() -> None:
    """They would be a long query."""
    assert Part("{ }", MAX_STEPS, MAX_STEPS).query(ID)
    with pytest.raises(InvalidRequest, match="steps"):
        Part("{ }", MAX_STEPS + 1).query(ID)
