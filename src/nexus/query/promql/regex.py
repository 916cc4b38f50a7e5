"""Regular expressions of matchers: whether one can be compiled, and what it matches. They are those of the native module,
match the whole value, and their dot takes newlines (`crates/nexus-series/src/matcher.rs`)."""

from __future__ import annotations

import json

from nexus import _native


def check(pattern: str) -> None:
    """Raises `ValueError` with the expression's fault."""
    _native.logql_check("regex", pattern)


def matches(pattern: str, value: str) -> bool:
    """Does an expression match a value?"""
    program = {"stages": [{"t": "lines", "op": "|~", "any": [{"text": f"^(?s:{pattern})$"}]}]}
    return _native.logql_line(json.dumps(program), value)[0]
