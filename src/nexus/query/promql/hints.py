"""The next step after an error in a PromQL query."""

from __future__ import annotations

import difflib
import re
from typing import Final

from nexus.query.promql.functions import AGGREGATIONS, FUNCTIONS

_UNKNOWN: Final = re.compile(r'unknown function with name "([^"]*)"')
_HINTS: Final = (
    ("expected type range vector", "Give the selector a window: metric[5m]."),
    ("got range vector", "Put a function around it that makes one value of a window, such as rate() or last_over_time()."),
    ("got scalar", "A number has no series: put vector() around it, or name a metric."),
    ("comparisons between scalars", "Write `bool` behind the operator to get 0 or 1."),
    ("at least one non-empty matcher", 'Name a metric, or a label: {job="..."}.'),
    ("no grouping allowed", "Set operators match many to many: leave group_left or group_right out."),
    ("ranges only allowed for vector selectors", "To look at a window of an expression, write a subquery: (...)[1h:1m]."),
    ("unclosed left parenthesis", "A closing parenthesis is missing."),
    ("unexpected end of input inside braces", "A closing brace is missing."),
    ("unterminated quoted string", "A closing quote is missing."),
    ("duration must be greater than 0", "Write a duration such as 5m or 90s."),
    ("unexpected left brace", "Matchers are separated by commas within one pair of braces."),
    ("range vector", "Put a function around it that makes one value of a window, such as rate()."),
)


def hint_of(message: str) -> str:
    """What would put a wrong query right, by its error; "" when that is anybody's guess."""
    if found := _UNKNOWN.search(message):
        near = difflib.get_close_matches(found[1].lower(), [*FUNCTIONS, *AGGREGATIONS], n=1, cutoff=0.6)
        return f"Did you mean {near[0]}?" if near else ""
    return next((hint for part, hint in _HINTS if part in message), "")
