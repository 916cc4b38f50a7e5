"""Retention of metrics: what native code is told of it, and what becomes of stored rows when it changes. Pure.

`expires_on` depends on nothing but the day of the samples and the days that the policy gives to their series, so that a
change may be applied twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from nexus.query.plan import LabelMatcher
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.metrics.fetch import id_set
from nexus.storage.clickhouse.metrics.tables import CHUNKS, EXEMPLARS, ROLLUPS, SERIES

FOR_EVER: Final = 65_535
"""The largest `Date`."""

EVERYBODY: Final = "*"
"""Stands for the tenants without a policy of their own."""


TIERS: Final = (300, 3600)
"""Windows of rollups, seconds."""

Rollups = tuple[tuple[int, int], ...]
"""Windows of rollups (`TIERS`), each with its days."""

Matchers = tuple[LabelMatcher, ...]
Rule = tuple[Matchers, int, Rollups]
"""Matchers, days of the samples, rollups."""


Kept = tuple[int, Rollups]
"""Days of the samples of a series, and its rollups."""


@dataclass(frozen=True, slots=True)
class MetricPolicy:
    """How long samples of a tenant are kept, and rollups of them: the first rule whose matchers all match counts, `days`
    (None: the store's default) and `rollups` for the others. 0 days are for ever."""

    rules: tuple[Rule, ...] = ()
    days: int | None = None
    rollups: Rollups = ()

    @property
    def tiers(self) -> tuple[int, ...]:
        """All windows of which there are rollups."""
        every = (self.rollups, *(rollups for _, _, rollups in self.rules))
        return tuple(sorted({tier for rollups in every for tier, _ in rollups}))

    @property
    def shape(self) -> tuple[object, ...]:
        """What decides of which series there are rollups: where it differs, they are made anew."""
        windows = tuple((matchers, tuple(tier for tier, _ in rollups)) for matchers, _, rollups in self.rules)
        return windows, tuple(tier for tier, _ in self.rollups)


Policies = Mapping[str, MetricPolicy]
WantedPolicies = Callable[[], Policies]


def completed(wanted: Policies, default_days: int) -> dict[str, MetricPolicy]:
    """Policies with their days filled in, the default's among them; those like the default are left out."""
    everybody = MetricPolicy((), default_days)
    own = {
        tenant: replace(policy, days=default_days if policy.days is None else policy.days)
        for tenant, policy in wanted.items()
    }
    return {EVERYBODY: everybody} | {tenant: policy for tenant, policy in own.items() if policy != everybody}


def encode(policies: Policies) -> bytes:
    """For `MetricsEngine.set_retention`, and for remembering; equal policies have equal bytes."""
    document = {
        tenant: {
            "days": policy.days or 0,
            "rollups": policy.rollups,
            "rules": [
                {
                    "matchers": [{"name": one.name, "op": one.op, "value": one.value} for one in matchers],
                    "days": days,
                    "rollups": rollups,
                }
                for matchers, days, rollups in policy.rules
            ],
        }
        for tenant, policy in sorted(policies.items())
    }
    return json.dumps(document, separators=(",", ":")).encode()


def decode(text: bytes | str) -> dict[str, MetricPolicy]:
    """What `encode` wrote, also before there were rollups."""
    return {
        tenant: MetricPolicy(
            tuple((_matchers(rule), int(rule["days"]), _rollups(rule)) for rule in one["rules"]),
            int(one["days"]),
            _rollups(one),
        )
        for tenant, one in json.loads(text).items()
    }


def policy_of(policies: Policies, tenant: str) -> MetricPolicy:
    """The policy in force for a tenant."""
    return policies.get(tenant) or policies[EVERYBODY]


def longest(policy: MetricPolicy) -> int:
    """The most days that samples of any series of the tenant are kept; 0 is for ever."""
    every = [policy.days or 0, *(days for _, days, _ in policy.rules)]
    return 0 if 0 in every else max(every)


def longest_of(kept: Kept) -> int:
    """The most days that anything of a series is kept; 0 is for ever."""
    every = [kept[0], *(days for _, days in kept[1])]
    return 0 if 0 in every else max(every)


def changed(before: Policies, after: Policies) -> list[str]:
    """Tenants whose samples are kept for other days now; `EVERYBODY` when the default is another."""
    return [
        tenant for tenant in sorted(before.keys() | after.keys()) if policy_of(before, tenant) != policy_of(after, tenant)
    ]


def change_sql(
    tenant: str, others: Sequence[str], rest: Kept, ruled: Sequence[tuple[bytes, Kept]], marker: str
) -> dict[str, str]:
    """Statements that move stored rows, by table. `others` are the tenants with policies of their own when `tenant` is
    `EVERYBODY`; `ruled` are ids of series (16 bytes each) with what is kept of them, each id once; `rest` is of others."""
    if tenant != EVERYBODY:
        where = f"tenant = {quote(tenant)}"
    else:
        where = f"tenant NOT IN ({', '.join(map(quote, others))})" if others else "1"

    def statement(table: str, expiry: Callable[[Kept], str]) -> str:
        branches = "".join(f"series IN ({id_set(ids)}), {expiry(kept)}, " for ids, kept in ruled if ids)
        value = f"multiIf({branches}{expiry(rest)})" if branches else expiry(rest)
        return (
            f"ALTER TABLE nexus.{table} UPDATE expires_on = {value} WHERE {where} AND {quote(marker)} != '' "
            "SETTINGS mutations_sync = 0"
        )

    return {
        CHUNKS: statement(CHUNKS, lambda kept: _expiry("day", kept[0])),
        EXEMPLARS: statement(EXEMPLARS, lambda kept: _expiry("day", kept[0])),
        ROLLUPS: statement(ROLLUPS, _rollup_expiry),
        SERIES: statement(SERIES, lambda kept: _expiry("arrayMax(days)", longest_of(kept))),
    }


def marker_of(tenant: str) -> str:
    """How mutations that follow the policy of a tenant are found in the engine's list."""
    return f"nexus metric retention of {tenant}:"


def _expiry(day: str, days: int) -> str:
    return f"toDate({FOR_EVER})" if days == 0 else f"toDate(least(toUInt32({day}) + {days + 1}, {FOR_EVER - 1}))"


def _rollup_expiry(kept: Kept) -> str:
    """Rollups that nobody wants any more have expired."""
    branches = "".join(f"tier = {tier}, {_expiry('day', days)}, " for tier, days in kept[1])
    return f"multiIf({branches}toDate(1))" if branches else "toDate(1)"


def _rollups(one: Mapping[str, Any]) -> Rollups:
    return tuple((int(tier), int(days)) for tier, days in one.get("rollups", ()))


def _matchers(rule: Mapping[str, Any]) -> tuple[LabelMatcher, ...]:
    return tuple(LabelMatcher(one["name"], one["op"], one["value"]) for one in rule["matchers"])
