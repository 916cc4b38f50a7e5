"""How long samples of a tenant's series and their rollups are kept: selectors with days, for new and for stored ones."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from nexus.errors import StorageError
from nexus.query.metric_retention import (
    Rollups,
    StoredPolicy,
    check_rollups,
    dump_policy,
    load_policy,
    lower_rules,
    named,
)
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import lifecycle as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Route
from nexus.storage.metadata.api import METRIC_RETENTION


async def get_metric_retention(call: Call) -> Response:
    """The policy of the tenant, and whether stored samples still follow it."""
    return json_response(await _answer(call))


async def put_metric_retention(call: Call) -> Response:
    """Replace the policy. It holds for every sample that comes from now on; stored ones follow in the background."""
    call.check_sees_all("how long metrics are kept")
    wanted: schema.MetricRetentionRequest = call.payload
    services = call.services
    stored = _stored(wanted, services.config().retention.metrics.days)
    lower_rules(stored.rules)
    await services.tenants.ensure(call.tenant)
    before = await asyncio.to_thread(services.metadata.get_setting, METRIC_RETENTION + call.tenant)
    after = dump_policy(stored)
    await asyncio.to_thread(services.metadata.put_setting, METRIC_RETENTION + call.tenant, after)
    await services.audit.record(
        call.actor, call.tenant, "metric_retention.changed", call.tenant, before=before or "", after=after
    )
    try:
        await services.metric_lifecycle.retention_changed()
    except StorageError as error:
        raise StorageError(f"the policy is noted but not in force yet: {error.message}", hint=error.hint) from error
    return json_response(await _answer(call))


async def _answer(call: Call) -> schema.MetricRetentionAnswer:
    services = call.services
    stored = load_policy(await asyncio.to_thread(services.metadata.get_setting, METRIC_RETENTION + call.tenant))
    progress = await services.metric_lifecycle.retention_progress(call.tenant)
    return schema.MetricRetentionAnswer(
        rules=[schema.MetricRetentionRule(selector, days, _shown(rollups)) for selector, days, rollups in stored.rules],
        days=stored.days,
        rollups=_shown(stored.rollups),
        default_days=services.config().retention.metrics.days,
        applying=not progress.done,
        parts_left=progress.parts_left,
    )


def _stored(wanted: schema.MetricRetentionRequest, default_days: int) -> StoredPolicy:
    """Raises `InvalidRequest` for rollups that make no sense."""

    def rollups(days: int, listed: list[schema.MetricRollup], where: str) -> Rollups:
        return check_rollups(days, [(one.window, one.days) for one in listed], where)

    rules = tuple(
        (rule.selector, rule.days, rollups(rule.days, rule.rollups, f"rule {number}: "))
        for number, rule in enumerate(wanted.rules, 1)
    )
    days = default_days if wanted.days is None else wanted.days
    return StoredPolicy(rules, wanted.days, rollups(days, wanted.rollups, ""))


def _shown(rollups: Rollups) -> list[schema.MetricRollup]:
    return [schema.MetricRollup(window, days) for window, days in named(rollups)]


ROUTES = (
    Route(
        "GET",
        f"{BASE}/retention/metrics",
        Permission.RETENTION_READ,
        get_metric_retention,
        "How long metrics are kept",
        answer=schema.MetricRetentionAnswer,
        tag="lifecycle",
    ),
    Route(
        "PUT",
        f"{BASE}/retention/metrics",
        Permission.RETENTION_WRITE,
        put_metric_retention,
        "Change how long metrics are kept",
        request=schema.MetricRetentionRequest,
        answer=schema.MetricRetentionAnswer,
        tag="lifecycle",
    ),
)
