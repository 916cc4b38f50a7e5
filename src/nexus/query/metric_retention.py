"""A tenant's own retention of metrics as it is stored: selectors of PromQL with days and rollups, as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.query.plan import LabelMatcher
from nexus.query.promql.lower import matchers_of as lowered
from nexus.query.promql.parser import parse_selector

Window = Literal["5m", "1h"]

WINDOWS: Final[dict[Window, int]] = {"5m": 300, "1h": 3600}
"""Windows of rollups, as they are written and in seconds."""

Rollups = tuple[tuple[int, int], ...]
"""Windows (s), ascending, with days."""

Rule = tuple[tuple[LabelMatcher, ...], int, Rollups]
"""Matchers, days of samples, rollups."""


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """(selector, days, rollups) of the rules, days of the others (None: what the configuration says) and their rollups."""

    rules: tuple[tuple[str, int, Rollups], ...] = ()
    days: int | None = None
    rollups: Rollups = ()


@lru_cache(maxsize=1024)
def matchers_of(selector: str) -> tuple[LabelMatcher, ...]:
    """The matchers of a selector such as `{job="api"}`. Raises `QuerySyntaxError`."""
    return lowered(parse_selector(selector))


def lower_rules(rules: Iterable[tuple[str, int, Rollups]]) -> tuple[Rule, ...]:
    """The rules with matchers, in order. Raises `QuerySyntaxError`, which names the rule."""
    lowered = []
    for number, (selector, days, rollups) in enumerate(rules, 1):
        try:
            lowered.append((matchers_of(selector), days, rollups))
        except QuerySyntaxError as error:
            raise QuerySyntaxError(
                f"rule {number}: {error.message}", offset=error.offset, length=error.length, hint=error.hint
            ) from None
    return tuple(lowered)


def check_rollups(days: int, rollups: Sequence[tuple[Window, int]], where: str) -> Rollups:
    """(window, days) as they are stored. Longer windows are kept at least as long as shorter ones, all of them as long as
    the samples; 0 days are for ever. `where` begins the message. Raises `InvalidRequest`."""
    found: dict[int, int] = {}
    for window, kept in rollups:
        if WINDOWS[window] in found:
            raise InvalidRequest(f"{where}rollups of {window} are named twice.")
        found[WINDOWS[window]] = kept
    shorter, name = days, "the samples"
    for window, seconds in WINDOWS.items():
        if seconds in found:
            if _less(found[seconds], shorter):
                raise InvalidRequest(
                    f"{where}rollups of {window} are kept for {found[seconds]} days, less than {name}.",
                    hint="Longer windows are for longer times: give them at least as many days (0 is for ever).",
                )
            shorter, name = found[seconds], f"the rollups of {window}"
    return tuple(sorted(found.items()))


def named(rollups: Rollups) -> list[tuple[Window, int]]:
    """(window, days) as they are written."""
    names = {seconds: window for window, seconds in WINDOWS.items()}
    return [(names[seconds], days) for seconds, days in rollups]


def dump_policy(policy: StoredPolicy) -> str:
    """The setting; empty when nothing differs from the configuration."""
    if policy == StoredPolicy():
        return ""
    return json.dumps({"rules": policy.rules, "days": policy.days, "rollups": policy.rollups})


def load_policy(text: str | None) -> StoredPolicy:
    """What `dump_policy` wrote, also before there were rollups."""
    if not text:
        return StoredPolicy()
    stored = json.loads(text)
    rules = tuple((str(selector), int(days), _rollups(rest)) for selector, days, *rest in stored["rules"])
    return StoredPolicy(rules, stored["days"], _rollups([stored.get("rollups", ())]))


def _rollups(listed: Sequence[Any]) -> Rollups:
    return tuple((int(window), int(days)) for window, days in listed[0]) if listed else ()


def _less(days: int, other: int) -> bool:
    return days != 0 and (other == 0 or days < other)
