"""A tenant's own retention of metrics as it is stored: selectors of PromQL with days, as JSON in a setting. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from nexus.errors import QuerySyntaxError
from nexus.query.plan import LabelMatcher
from nexus.query.promql.lower import matchers_of as lowered
from nexus.query.promql.parser import parse_selector

Rule = tuple[tuple[LabelMatcher, ...], int]


@lru_cache(maxsize=1024)
def matchers_of(selector: str) -> tuple[LabelMatcher, ...]:
    """The matchers of a selector such as `{job="api"}`. Raises `QuerySyntaxError`."""
    return lowered(parse_selector(selector))


def lower_rules(rules: Iterable[tuple[str, int]]) -> tuple[Rule, ...]:
    """(matchers, days) of each (selector, days), in order. Raises `QuerySyntaxError`, which names the rule."""
    lowered = []
    for number, (selector, days) in enumerate(rules, 1):
        try:
            lowered.append((matchers_of(selector), days))
        except QuerySyntaxError as error:
            raise QuerySyntaxError(
                f"rule {number}: {error.message}", offset=error.offset, length=error.length, hint=error.hint
            ) from None
    return tuple(lowered)


def dump_policy(rules: Iterable[tuple[str, int]], days: int | None) -> str:
    """The setting; empty when nothing differs from the configuration."""
    listed = [[selector, kept] for selector, kept in rules]
    return json.dumps({"rules": listed, "days": days}) if listed or days is not None else ""


def load_policy(text: str | None) -> tuple[list[tuple[str, int]], int | None]:
    """(selector, days) and days for the others, of the setting."""
    if not text:
        return [], None
    stored = json.loads(text)
    return [(str(selector), int(days)) for selector, days in stored["rules"]], stored["days"]


def parse_policy(text: str) -> tuple[tuple[Rule, ...], int | None]:
    """The same as matchers."""
    rules, days = load_policy(text)
    return lower_rules(rules), days
