"""Pipelines: what is in force, changing it, trying it out, and what its steps have done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest, PermissionDenied
from nexus.pipeline.compiling import compiled
from nexus.pipeline.pipelines import PipelineSets, StepTotals
from nexus.pipeline.processors.catalog import PROCESSORS, Processor
from nexus.pipeline.spec import PipelineSpec
from nexus.pipeline.trial import MAX_RECORDS, Trial, batch_of_lines, batch_of_stored, failed_tests, tried
from nexus.query.logs import parse
from nexus.query.plan import LogScan, Search, TimeRange
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.asking import ask, close_plan, lowered
from nexus.server.api.nexus_v1.schema import pipelines as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.queries import checked_id
from nexus.server.routes import BASE, Route


def _sets(call: Call) -> PipelineSets:
    sets = call.services.topology.pipelines
    assert sets is not None
    return sets


async def _answer(call: Call) -> Response:
    shared, own, version = await asyncio.to_thread(_sets(call).of, call.tenant)
    infos = [schema.PipelineInfo(spec, "file") for spec in shared] + [schema.PipelineInfo(spec, "tenant") for spec in own]
    return json_response(schema.PipelinesAnswer(infos, version))


async def get(call: Call) -> Response:
    """The pipelines in the order in which they run."""
    return await _answer(call)


async def put(call: Call) -> Response:
    """Replace the tenant's own pipelines."""
    wanted: schema.PipelinesRequest = call.payload
    call.check_sees_all("what pipelines do")
    before = (await asyncio.to_thread(_sets(call).of, call.tenant))[1]
    for name in touched(before, wanted.pipelines):
        if not call.access.may_on(Permission.PIPELINES_WRITE, "pipeline", name):
            raise PermissionDenied(
                f"you may not change the pipeline {name!r}, or its place.",
                hint="Leave those as they are that your roles do not name.",
            )
    await call.services.tenants.ensure(call.tenant)
    await _sets(call).replace(call.tenant, wanted.pipelines, wanted.version)
    await call.services.audit.record(
        call.actor, call.tenant, "pipelines.changed", "pipelines", before=before, after=wanted.pipelines
    )
    return await _answer(call)


def touched(before: Sequence[PipelineSpec], after: Sequence[PipelineSpec]) -> list[str]:
    """Names of pipelines that are new, gone, or not what they were; all when those that stay have changed places."""
    old = {spec.name: spec for spec in before}
    new = {spec.name: spec for spec in after}
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if [name for name in old if name in new] != [name for name in new if name in old]:
        return list({**old, **new})
    return changed


async def processors(call: Call) -> Response:
    """The processors that steps may name."""
    return json_response(schema.ProcessorsAnswer([_info(processor) for processor in PROCESSORS]))


def _info(processor: Processor) -> schema.ProcessorInfo:
    options = [
        schema.ProcessorOption(
            option.name, option.type, option.description, option.required, option.default, list(option.choices)
        )
        for option in processor.options
    ]
    return schema.ProcessorInfo(processor.type, processor.title, processor.description, options, processor.example)


async def preview(call: Call) -> Response:
    """What pipelines would do to stored or given records."""
    wanted: schema.PreviewRequest = call.payload
    if len(wanted.records) > MAX_RECORDS:
        raise InvalidRequest(f"a preview takes at most {MAX_RECORDS} records.")
    now = call.services.now_ns()
    stored: list[bytes] = []
    if not wanted.records:
        query_id = checked_id("")
        plan = Search(LogScan(TimeRange(), lowered(call, parse(wanted.query).root, now)), "desc", wanted.limit)
        page = await ask(call, query_id, call.services.store.search(close_plan(call, plan, query_id)))
        stored = page.records
    route_tenants = tuple(call.services.config().pipelines.route_tenants)
    trials, failures = await asyncio.to_thread(_try, wanted.pipelines, wanted.records, stored, route_tenants, now)
    return json_response(msgspec.json.encode({"records": [_preview(trial) for trial in trials], "tests": failures}))


def _try(
    pipelines: list[PipelineSpec],
    records: list[dict[str, Any]],
    stored: list[bytes],
    route_tenants: tuple[str, ...],
    now_ns: int,
) -> tuple[list[Trial], list[str]]:
    native = compiled(pipelines, route_tenants)
    trials: list[Trial] = []
    if records or stored:
        batch = batch_of_lines(records, now_ns) if records else batch_of_stored(stored)
        trials = tried(native, batch, now_ns=now_ns)
        for trial, record in zip(trials, stored, strict=False):
            trial.before = record
    return trials, failed_tests(pipelines)


def _preview(trial: Trial) -> dict[str, Any]:
    return {
        "before": msgspec.Raw(trial.before),
        "after": [msgspec.Raw(record) for _, record in trial.after],
        "steps": [step.document() for step in trial.steps],
    }


async def statistics(call: Call) -> Response:
    """What each step has done since the start of the process; nothing to whom does not see every record whole, because the
    counts tell of the others."""
    totals_of = _sets(call).statistics if call.access.unrestricted else _none
    steps = [
        schema.StepStatistics(
            spec.name,
            place,
            spec.steps[place].type,
            totals.records_in,
            totals.records_out,
            totals.dropped,
            totals.failed,
            totals.seconds,
        )
        for spec, place, totals in await asyncio.to_thread(totals_of, call.tenant)
    ]
    return json_response(schema.PipelineStatisticsAnswer(steps))


def _none(tenant: str) -> list[tuple[PipelineSpec, int, StepTotals]]:
    return []


_PATH = f"{BASE}/pipelines"

ROUTES = (
    Route(
        "GET",
        _PATH,
        Permission.PIPELINES_READ,
        get,
        "Pipelines in force",
        answer=schema.PipelinesAnswer,
        tag="pipelines",
    ),
    Route(
        "PUT",
        _PATH,
        Permission.PIPELINES_WRITE,
        put,
        "Replace the tenant's pipelines",
        request=schema.PipelinesRequest,
        answer=schema.PipelinesAnswer,
        tag="pipelines",
    ),
    Route(
        "GET",
        f"{_PATH}/processors",
        Permission.PIPELINES_READ,
        processors,
        "Processors that steps may name",
        answer=schema.ProcessorsAnswer,
        tag="pipelines",
    ),
    Route(
        "POST",
        f"{_PATH}/preview",
        Permission.LOGS_READ,
        preview,
        "Try pipelines out on records",
        request=schema.PreviewRequest,
        answer=schema.PreviewAnswer,
        tag="pipelines",
    ),
    Route(
        "GET",
        f"{_PATH}/statistics",
        Permission.PIPELINES_READ,
        statistics,
        "What each step has done",
        answer=schema.PipelineStatisticsAnswer,
        tag="pipelines",
    ),
)
