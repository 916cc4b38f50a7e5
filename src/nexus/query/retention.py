"""Rules of retention: texts of the search language with numbers of days, as predicates.

Which rule a record falls under must not depend on when it is asked, so a rule may not name a time relative to now.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from nexus.errors import InvalidRequest
from nexus.query.logs import lower, parse
from nexus.query.plan import Predicate


@lru_cache(maxsize=1024)
def lower_rule(query: str) -> Predicate:
    """The predicate of one rule. Raises `QuerySyntaxError`, `InvalidRequest`."""
    root = parse(query).root
    predicate = lower(root, now_ns=10**18)
    if predicate != lower(root, now_ns=2 * 10**18):
        raise InvalidRequest(
            f"the rule {query[:80]!r} names a time relative to now.",
            hint="A rule is about what a record says, not about its age; days say how long it is kept.",
        )
    return predicate


def lower_rules(rules: Iterable[tuple[str, int]]) -> tuple[tuple[Predicate, int], ...]:
    """(predicate, days) of each rule, in order. Raises as `lower_rule` does."""
    return tuple((lower_rule(query), days) for query, days in rules)
