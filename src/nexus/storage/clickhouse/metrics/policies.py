"""Retention of metrics: what native code is told of it, and what becomes of stored rows when it changes. Pure.

`expires_on` depends on nothing but the day of the samples and the days that the policy gives to their series, so that a
change may be applied twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nexus.query.plan import LabelMatcher
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.metrics.fetch import id_set
from nexus.storage.clickhouse.metrics.tables import CHUNKS, EXEMPLARS, SERIES

FOR_EVER: Final = 65_535
"""The largest `Date`."""

EVERYBODY: Final = "*"
"""Stands for the tenants without a policy of their own."""


@dataclass(frozen=True, slots=True)
class MetricPolicy:
    """How long samples of a tenant are kept: the first rule whose matchers all match counts, `days` for the others (None:
    the store's default). 0 days are for ever."""

    rules: tuple[tuple[tuple[LabelMatcher, ...], int], ...] = ()
    days: int | None = None


Policies = Mapping[str, MetricPolicy]
WantedPolicies = Callable[[], Policies]


def completed(wanted: Policies, default_days: int) -> dict[str, MetricPolicy]:
    """Policies with their days filled in, the default's among them; those like the default are left out."""
    everybody = MetricPolicy((), default_days)
    own = {
        tenant: MetricPolicy(policy.rules, default_days if policy.days is None else policy.days)
        for tenant, policy in wanted.items()
    }
    return {EVERYBODY: everybody} | {tenant: policy for tenant, policy in own.items() if policy != everybody}


def encode(policies: Policies) -> bytes:
    """For `MetricsEngine.set_retention`, and for remembering; equal policies have equal bytes."""
    document = {
        tenant: {
            "days": policy.days or 0,
            "rules": [
                {"matchers": [{"name": one.name, "op": one.op, "value": one.value} for one in matchers], "days": days}
                for matchers, days in policy.rules
            ],
        }
        for tenant, policy in sorted(policies.items())
    }
    return json.dumps(document, separators=(",", ":")).encode()


def decode(text: bytes | str) -> dict[str, MetricPolicy]:
    """What `encode` wrote."""
    return {
        tenant: MetricPolicy(tuple((_matchers(rule), int(rule["days"])) for rule in one["rules"]), int(one["days"]))
        for tenant, one in json.loads(text).items()
    }


def policy_of(policies: Policies, tenant: str) -> MetricPolicy:
    """The policy in force for a tenant."""
    return policies.get(tenant) or policies[EVERYBODY]


def longest(policy: MetricPolicy) -> int:
    """The most days that any series of the tenant is kept; 0 is for ever."""
    every = [policy.days or 0, *(days for _, days in policy.rules)]
    return 0 if 0 in every else max(every)


def changed(before: Policies, after: Policies) -> list[str]:
    """Tenants whose samples are kept for other days now; `EVERYBODY` when the default is another."""
    return [
        tenant for tenant in sorted(before.keys() | after.keys()) if policy_of(before, tenant) != policy_of(after, tenant)
    ]


def change_sql(
    tenant: str, others: Sequence[str], days: int, ruled: Sequence[tuple[bytes, int]], marker: str
) -> dict[str, str]:
    """Statements that move stored rows, by table. `others` are the tenants with policies of their own when `tenant` is
    `EVERYBODY`; `ruled` are ids of series (16 bytes each) with their days, each id once."""
    if tenant != EVERYBODY:
        where = f"tenant = {quote(tenant)}"
    else:
        where = f"tenant NOT IN ({', '.join(map(quote, others))})" if others else "1"

    def expiry(day: str) -> str:
        branches = "".join(f"series IN ({id_set(ids)}), {_expiry(day, kept)}, " for ids, kept in ruled if ids)
        return f"multiIf({branches}{_expiry(day, days)})" if branches else _expiry(day, days)

    def statement(table: str, day: str) -> str:
        return (
            f"ALTER TABLE nexus.{table} UPDATE expires_on = {expiry(day)} WHERE {where} AND {quote(marker)} != '' "
            "SETTINGS mutations_sync = 0"
        )

    return {
        CHUNKS: statement(CHUNKS, "day"),
        EXEMPLARS: statement(EXEMPLARS, "day"),
        SERIES: statement(SERIES, "arrayMax(days)"),
    }


def marker_of(tenant: str) -> str:
    """How mutations that follow the policy of a tenant are found in the engine's list."""
    return f"nexus metric retention of {tenant}:"


def _expiry(day: str, days: int) -> str:
    return f"toDate({FOR_EVER})" if days == 0 else f"toDate(least(toUInt32({day}) + {days + 1}, {FOR_EVER - 1}))"


def _matchers(rule: Mapping[str, Any]) -> tuple[LabelMatcher, ...]:
    return tuple(LabelMatcher(one["name"], one["op"], one["value"]) for one in rule["matchers"])
