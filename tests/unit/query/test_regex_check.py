"""`check_regex` agrees with the engine about what a regular expression is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.query.logs.regex import check_regex

_TOKENS = [
    *"ab1,^$.|()[]-*+?}",
    *("(?:", "(?i)", "(?i:", "(?P<n>", "(?<m>", "[^", "(?-s)", "(?s-i:", "(?)", "(?i-)", "(?=", "(?!", "(?#", "(?P=n)"),
    *("{2}", "{2,", "{0}", "{1001}", "{3,2}", "{40}", "{30}", "??", "**", "\\"),
    *(r"\d", r"\w", r"\b", r"\1", r"\01", r"\12", r"\8", r"\Q", r"\E", r"\pL", r"\p{Greek}", r"\p{Foo}", r"\PN"),
    *(r"\x41", r"\x{41}", r"\xZ", r"\A", r"\z", r"\Z", r"\C", r"\_", r"\-", r"\/", r"\ ", r"\e", r"\a", r"\é", "é", "\n"),
    *("[:alpha:]", "[[:digit:]]", "[:", "a-z", "z-a", r"\d-z", r"a-\d"),
]


@pytest.fixture(scope="module")
def engine_takes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], bool]]:
    import chdb

    path: Path = tmp_path_factory.mktemp("regex")
    connection = chdb.connect(str(path))

    def takes(pattern: str) -> bool:
        literal = pattern.replace("\\", "\\\\").replace("'", "\\'")
        try:
            connection.query(f"SELECT match(materialize('abc'), '{literal}')")
        except RuntimeError:
            return False
        return True

    yield takes
    connection.close()


@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pattern=st.lists(st.sampled_from(_TOKENS), min_size=1, max_size=7).map("".join))
def test_what_it_accepts_the_engine_accepts(engine_takes: Callable[[str], bool], pattern: str) -> None:
    problem = check_regex(pattern)
    accepted = engine_takes(pattern)
    if problem is None:
        assert accepted
    elif "never opened" not in problem.message:  # the engine takes some of these for text
        assert not accepted


@pytest.mark.parametrize(
    ("pattern", "message", "offset"),
    [
        ("a(b", "not closed", 1),
        ("a)b", "never opened", 1),
        ("a[b", "not closed", 1),
        ("a**", "cannot be repeated", 2),
        ("*a", "nothing to repeat", 0),
        ("a|+", "nothing to repeat", 2),
        ("a{5,2}", "counts downwards", 1),
        ("(a{100}){100}", "multiply to more than 1000", 8),
        ("(?<=a)b", "look-behind", 0),
        (r"(a)\1", "backreferences", 3),
        (r"\p{Klingon}", "Unicode property", 0),
        ("[z-a]", "range of characters", 1),
        ("(?P<a>x)(?P<a>y)", "used twice", 12),
        ("a\\", "escapes nothing", 1),
        ("(" * 101 + ")" * 101, "nested more than", 100),
    ],
)
def test_problems_are_placed(pattern: str, message: str, offset: int) -> None:
    problem = check_regex(pattern)
    assert problem is not None
    assert message in problem.message
    assert problem.offset == offset
