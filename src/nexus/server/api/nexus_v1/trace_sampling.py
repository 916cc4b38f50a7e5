"""Which traces of a tenant are kept: rules of tail sampling, and what they would have kept."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from nexus.model.time import NS_PER_HOUR, TimeRange
from nexus.query.trace_plan import SamplingPreview
from nexus.query.traces.sampling import WrittenPolicy, WrittenRule, dump_policy, load_policy, lower_policy
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.answers import statistics_of
from nexus.server.api.nexus_v1.schema import sampling as schema
from nexus.server.api.tracing.asking import Asker, asking
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Route
from nexus.storage.metadata.api import TRACE_SAMPLING

_WHAT = "which traces are kept"


async def get_sampling(call: Call) -> Response:
    """The policy of the tenant. Without one every trace is kept."""
    return json_response(_shown(load_policy(await _stored(call))))


async def put_sampling(call: Call) -> Response:
    """Replace the policy. It holds for spans that come and for traces that are decided from now on; what was decided stays
    so."""
    call.check_sees_all(_WHAT)
    call.services.trace_lifecycle.check_here(call.tenant, "Tail sampling")
    policy = _written(call.payload)
    lower_policy(policy)
    await _put(call, policy)
    return json_response(_shown(policy))


async def delete_sampling(call: Call) -> Response:
    """Keep every trace. Those that are not decided yet are kept, too."""
    call.check_sees_all(_WHAT)
    await _put(call, WrittenPolicy())
    return json_response(_shown(WrittenPolicy()))


async def preview_sampling(call: Call) -> Response:
    """What a policy would have kept of the last hour, by rule; nothing is changed. Spans count by their weight: where traces
    were sampled before, those that were dropped count by estimate."""
    call.check_sees_all(_WHAT)
    wanted: schema.SamplingPolicy = call.payload
    policy = lower_policy(_written(wanted))
    end = call.services.now_ns()
    plan = SamplingPreview(TimeRange(end - NS_PER_HOUR, end), policy)

    async def work(call: Call, asker: Asker) -> Response:
        rows = (await asker.table(plan)).rows
        rules = [schema.SampledByRule(name, *(round(count, 1) for count in counts)) for name, *counts in rows]
        answer = schema.SamplingPreviewAnswer(
            rules=rules,
            traces=round(sum(rule.traces for rule in rules), 1),
            kept_traces=round(sum(rule.kept_traces for rule in rules), 1),
            spans=round(sum(rule.spans for rule in rules), 1),
            kept_spans=round(sum(rule.kept_spans for rule in rules), 1),
            statistics=statistics_of(asker.spent, asker.query_id),
        )
        return json_response(answer)

    return await asking(call, work)


async def _stored(call: Call) -> str | None:
    return await asyncio.to_thread(call.services.metadata.get_setting, TRACE_SAMPLING + call.tenant)


async def _put(call: Call, policy: WrittenPolicy) -> None:
    services = call.services
    await services.tenants.ensure(call.tenant)
    before, after = await _stored(call), dump_policy(policy)
    await asyncio.to_thread(services.metadata.put_setting, TRACE_SAMPLING + call.tenant, after)
    await services.audit.record(
        call.actor, call.tenant, "trace_sampling.changed", call.tenant, before=before or "", after=after
    )
    await services.trace_lifecycle.follow_sampling()


def _written(wanted: schema.SamplingPolicy) -> WrittenPolicy:
    rules = tuple(WrittenRule(one.name, one.where, one.slow, one.probability, one.per_second) for one in wanted.rules)
    return WrittenPolicy(rules, wanted.otherwise)


def _shown(policy: WrittenPolicy) -> schema.SamplingPolicy:
    rules = [schema.SamplingRule(one.name, one.where, one.slow, one.probability, one.per_second) for one in policy.rules]
    return schema.SamplingPolicy(rules, policy.otherwise)


_PATH = f"{BASE}/traces/sampling"

ROUTES = (
    Route(
        "GET",
        _PATH,
        Permission.PIPELINES_READ,
        get_sampling,
        "Which traces are kept",
        answer=schema.SamplingPolicy,
        tag="traces",
    ),
    Route(
        "PUT",
        _PATH,
        Permission.PIPELINES_WRITE,
        put_sampling,
        "Change which traces are kept",
        request=schema.SamplingPolicy,
        answer=schema.SamplingPolicy,
        tag="traces",
    ),
    Route(
        "DELETE",
        _PATH,
        Permission.PIPELINES_WRITE,
        delete_sampling,
        "Keep every trace",
        answer=schema.SamplingPolicy,
        tag="traces",
    ),
    Route(
        "POST",
        f"{_PATH}/preview",
        Permission.PIPELINES_READ,
        preview_sampling,
        "What rules of sampling would have kept",
        request=schema.SamplingPolicy,
        answer=schema.SamplingPreviewAnswer,
        tag="traces",
    ),
)
