"""A tenant's policy of tail sampling: as people write it and as it is stored (JSON), and as stores are told (`trace_plan`).

Conditions of rules are TraceQL about single spans: `{ status = error }`, `{ .http.route = "/pay" && duration > 1s }`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.model.time import TimeRange
from nexus.query.trace_plan import EVERY_SPAN, SamplingPolicy, SamplingRule, SpanExpr
from nexus.query.traces.lower import lower_search
from nexus.query.traces.parser import parse

MAX_RULES: Final = 50
MAX_NAME: Final = 100
SLOWEST: Final = 0.9999
"""The largest quantile of `slow`: beyond it an hour of an operation says nothing."""


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule with its condition as text, "" for every span."""

    name: str
    where: str = ""
    slow: float | None = None
    probability: float | None = None
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class WrittenPolicy:
    """Rules in order, and the probability with which other traces are kept."""

    rules: tuple[WrittenRule, ...] = ()
    otherwise: float = 1.0

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is ever dropped: then there is nothing to decide."""
        return self.otherwise >= 1 and all(rule.probability is not None and rule.probability >= 1 for rule in self.rules)


@lru_cache(maxsize=1024)
def condition_of(text: str) -> SpanExpr:
    """The condition of a rule. Raises `QuerySyntaxError`, and `InvalidRequest` when it is about more than one span."""
    if not text.strip():
        return EVERY_SPAN
    spansets = lower_search(parse(text), text, TimeRange()).spansets
    if spansets.program or len(spansets.leaves) != 1:
        raise InvalidRequest(
            f"the condition {text[:80]!r} is about more than one span.",
            hint="A rule asks whether some span of the trace meets what stands in one pair of braces: { status = error }.",
        )
    return spansets.leaves[0]


def lower_policy(written: WrittenPolicy) -> SamplingPolicy:
    """The policy for stores. Raises `InvalidRequest` and `QuerySyntaxError`, which name the rule and what is wrong in it."""
    if len(written.rules) > MAX_RULES:
        raise InvalidRequest(f"there are {len(written.rules)} rules, {MAX_RULES} at most are allowed.")
    _check_share(written.otherwise, "`otherwise`")
    names: set[str] = set()
    lowered = []
    for number, rule in enumerate(written.rules, 1):
        what = f"rule {number}{f' ({rule.name})' if rule.name else ''}"
        if not rule.name or len(rule.name) > MAX_NAME:
            raise InvalidRequest(f"{what}: a name of 1 to {MAX_NAME} characters is needed.")
        if rule.name in names:
            raise InvalidRequest(f"{what}: another rule has this name, too.")
        names.add(rule.name)
        lowered.append(_lower_rule(rule, what))
    return SamplingPolicy(tuple(lowered), written.otherwise)


def _lower_rule(rule: WrittenRule, what: str) -> SamplingRule:
    if rule.slow is not None and not 0.5 <= rule.slow <= SLOWEST:
        raise InvalidRequest(
            f"{what}: `slow` is {rule.slow:g}, it has to be a quantile from 0.5 to {SLOWEST}.",
            hint="0.99 matches traces with a span slower than 99 of 100 of its operation.",
        )
    if rule.slow is None and not rule.where.strip():
        raise InvalidRequest(
            f"{what}: it says neither `where` nor `slow`, so it would match every trace.",
            hint="Use `otherwise` for the traces that no rule matches.",
        )
    if (rule.probability is None) == (rule.per_second is None):
        raise InvalidRequest(f"{what}: one of `probability` and `perSecond` has to say what is kept.")
    if rule.probability is not None:
        _check_share(rule.probability, f"{what}: `probability`")
    if rule.per_second is not None and not (math.isfinite(rule.per_second) and 0 < rule.per_second <= 1_000_000):
        raise InvalidRequest(f"{what}: `perSecond` is {rule.per_second:g}, it has to be more than 0 and 1,000,000 at most.")
    try:
        where = condition_of(rule.where)
    except QuerySyntaxError as error:
        raise QuerySyntaxError(
            f"{what}: {error.message}", offset=error.offset, length=error.length, hint=error.hint
        ) from None
    except InvalidRequest as error:
        raise InvalidRequest(f"{what}: {error.message}", hint=error.hint) from None
    return SamplingRule(rule.name, where, rule.slow, rule.probability, rule.per_second)


def _check_share(value: float, what: str) -> None:
    if not 0 <= value <= 1:
        raise InvalidRequest(f"{what} is {value:g}, it has to be a probability from 0 to 1.")


def dump_policy(policy: WrittenPolicy) -> str:
    """The setting; empty when there are no rules and every trace is kept."""
    if policy == WrittenPolicy():
        return ""
    rules = [
        {"name": r.name, "where": r.where, "slow": r.slow, "probability": r.probability, "perSecond": r.per_second}
        for r in policy.rules
    ]
    return json.dumps({"rules": rules, "otherwise": policy.otherwise})


def load_policy(text: str | None) -> WrittenPolicy:
    """What `dump_policy` wrote."""
    if not text:
        return WrittenPolicy()
    stored: dict[str, Any] = json.loads(text)
    rules = tuple(
        WrittenRule(one["name"], one["where"], one["slow"], one["probability"], one["perSecond"]) for one in stored["rules"]
    )
    return WrittenPolicy(rules, stored["otherwise"])
