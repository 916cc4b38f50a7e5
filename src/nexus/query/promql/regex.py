"""Regular expressions of matchers: whether one can be compiled, and what it matches. They are those of RE2, match the whole
value, and their dot takes newlines (`crates/nexus-series/src/matcher.rs`)."""

from __future__ import annotations

import json
from functools import lru_cache

from nexus import _native
from nexus.query.logs.regex import check_regex


def check(pattern: str) -> None:
    """Raises `ValueError` with the expression's fault."""
    if (problem := check_regex(pattern)) is not None:
        raise ValueError(f"{problem.message}: `{pattern[:200]}`")
    _compile(pattern)


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> None:
    _native.logql_check("regex", pattern)


@lru_cache(maxsize=1024)
def matches(pattern: str, value: str) -> bool:
    """Does an expression match a value?"""
    program = {"stages": [{"t": "lines", "op": "|~", "any": [{"text": f"^(?s:{pattern})$"}]}]}
    return _native.logql_line(json.dumps(program), value)[0]
