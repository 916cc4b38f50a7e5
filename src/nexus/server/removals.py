"""Removals of tenants in progress: their records go from disk, then what is known of them, and the proof stays.

A removal is written down before it begins and gone on with after a restart, wherever it was. It works by deletions
(`nexus.server.deletions`) of every record of the tenant. A batch that was under way when the tenant was marked may come in
behind a deletion; nothing else comes in any more, so records are counted after it, and deleted again until there are none.
Metrics and traces are removed as a whole by their stores, which prove it in the same way. Only then are keys, roles given,
views, pipelines, limits and settings removed, all in the moment in which the removal is noted as done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nexus.errors import NexusError
from nexus.query import policy
from nexus.query.plan import All, Count, LogScan, TimeRange
from nexus.security import secrets
from nexus.security.actor import SYSTEM, Actor
from nexus.security.audit.log import Audit
from nexus.server.deletions import Deletions
from nexus.storage.api import LogLifecycle, LogStore
from nexus.storage.metadata.api import (
    METRIC_RETENTION,
    TRACE_RETENTION,
    TRACE_SAMPLING,
    MetadataStore,
    StoredDeletion,
    StoredRetention,
    StoredTenantDeletion,
)
from nexus.storage.metric_api import MetricStore
from nexus.storage.trace_api import TraceLifecycle

MAX_ROUNDS: Final = 10
SETTLE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 5.0
EVERYTHING: Final = "*"
"""Every record, in the search language."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RemovalProgress:
    """A removal, the records that a query would still find, and the parts on disk that may still hold some."""

    removal: StoredTenantDeletion
    left: int = 0
    parts_left: int = 0
    error: str = ""


class RemovalFailed(Exception):
    """A removal cannot be completed without somebody's help; the text says which."""


class Removals:
    """See the module text. Lives on one event loop; `run` is its background task.

    `settle` waits for batches that are under way. `forget` are told the name of a tenant when it is gone: they drop what
    they remember of it; `removed` is told last.
    """

    def __init__(
        self,
        metadata: MetadataStore,
        store: LogStore,
        lifecycle: LogLifecycle,
        metrics: MetricStore,
        traces: TraceLifecycle,
        deletions: Deletions,
        audit: Audit,
        now_ns: Callable[[], int],
        settle: Callable[[float], Awaitable[None]],
        forget: Sequence[Callable[[str], object]],
        removed: Callable[[str], None],
    ) -> None:
        """Nothing begins before `run`."""
        self._metadata = metadata
        self._store = store
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._traces = traces
        self._deletions = deletions
        self._audit = audit
        self._now_ns = now_ns
        self._settle = settle
        self._forget = forget
        self._removed = removed
        self._wake = asyncio.Event()

    def begin(self) -> None:
        """There is a removal to work on."""
        self._wake.set()

    async def progress(self, tenant: str) -> RemovalProgress | None:
        """How far the newest removal of a tenant of that name is. Raises `StorageError`."""
        removal = await asyncio.to_thread(self._metadata.get_tenant_deletion, tenant)
        if removal is None:
            return None
        if removal.state == "done":
            return RemovalProgress(removal)
        deletion = await asyncio.to_thread(self._newest_deletion, removal)
        return RemovalProgress(
            removal,
            await self._count(tenant),
            deletion.parts_left if deletion else 0,
            removal.error or (deletion.error if deletion else ""),
        )

    async def run(self) -> None:
        """Work through them for ever; those that a stop interrupted come first."""
        while True:
            self._wake.clear()
            try:
                waiting = [one for one in await asyncio.to_thread(self._metadata.list_tenant_deletions) if _open(one)]
                if waiting:
                    await self._finish(waiting[0])
                    continue
            except NexusError as error:
                log.warning("the deletion of a tenant goes on later: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception:
                log.exception("the deletion of a tenant goes on later")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await self._wake.wait()

    # ------------------------------------------------------------------------------------------------------- one of them

    async def _finish(self, removal: StoredTenantDeletion) -> None:
        tenant = removal.tenant
        try:
            removal, proof = await self._erase(removal)
        except RemovalFailed as error:
            log.error("the deletion of the tenant %s failed: %s", tenant, error)
            failed = replace(removal, state="failed", error=str(error), finished_at=self._now_ns())
            await asyncio.to_thread(self._metadata.put_tenant_deletion, failed)
            await self._audit.record(
                SYSTEM, tenant, "tenant.deletion_failed", tenant, outcome="erasure_failed", error=failed.error
            )
            return
        contents = await asyncio.to_thread(self._metadata.count_tenant, tenant)
        # First, or the store would take a policy that is gone for one that has changed.
        await asyncio.to_thread(self._metadata.put_retention, StoredRetention(tenant, (), None))
        for setting in (METRIC_RETENTION + tenant, TRACE_RETENTION + tenant, TRACE_SAMPLING + tenant):
            if await asyncio.to_thread(self._metadata.get_setting, setting):
                await asyncio.to_thread(self._metadata.put_setting, setting, "")
        await self._lifecycle.forget_tenant(tenant)
        await self._metrics.forget_tenant(tenant)
        await self._traces.forget_tenant(tenant)
        done = replace(removal, state="done", finished_at=self._now_ns(), error="", proof=(*proof, *_told(contents)))
        # Before it is done, so that a stop in between leaves it twice in the log rather than not at all.
        await self._audit.record(
            SYSTEM, tenant, "tenant.deleted", tenant,
            id=done.id, requested_by=done.requested_by, records=done.records, proof="\n".join(done.proof),
        )  # fmt: skip
        await asyncio.to_thread(self._metadata.delete_tenant, tenant, done)
        if any((await asyncio.to_thread(self._metadata.count_tenant, tenant)).values()):
            # A request that was let in before the mark has stored something since.
            await asyncio.to_thread(self._metadata.delete_tenant, tenant)
        self._tell(tenant)
        log.info("the tenant %s is deleted", tenant, extra={"fields": {"records": done.records}})

    def _tell(self, tenant: str) -> None:
        for forget in self._forget:
            forget(tenant)
        self._removed(tenant)

    async def _erase(self, removal: StoredTenantDeletion) -> tuple[StoredTenantDeletion, list[str]]:
        """Delete records until there are none; the removal as noted, and what was proved."""
        await self._settle(SETTLE_SECONDS)
        ended: list[StoredDeletion] = []
        for number in range(1, MAX_ROUNDS + 1):
            id = _deletion_id(removal, number)
            deletion = await asyncio.to_thread(self._metadata.get_deletion, id)
            if deletion is None:
                found = await self._count(removal.tenant)
                if found == 0 and ended:
                    return removal, _proof(removal, ended)
                records = found + sum(one.records for one in ended)
                removal = await self._note(removal, state="running", records=records)
                deletion = await self._start(removal, id, found)
            deletion = await self._wait_for(removal, deletion)
            if deletion.state == "failed":
                raise RemovalFailed(deletion.error)
            ended.append(deletion)
        raise RemovalFailed(f"after {MAX_ROUNDS} deletions there are still records; something goes on storing them.")

    async def _start(self, removal: StoredTenantDeletion, id: str, records: int) -> StoredDeletion:
        deletion = StoredDeletion(
            id, removal.tenant, EVERYTHING, None, None, "the tenant is deleted", removal.requested_by, "running",
            records, 0, 0, self._now_ns(),
        )  # fmt: skip
        return await self._deletions.add(deletion, Actor("system", removal.requested_by))

    async def _wait_for(self, removal: StoredTenantDeletion, deletion: StoredDeletion) -> StoredDeletion:
        while deletion.state in ("running", "verifying"):
            removal = await self._note(removal, state=deletion.state)
            await asyncio.sleep(LOOK_SECONDS)
            found = await asyncio.to_thread(self._metadata.get_deletion, deletion.id)
            if found is None:
                raise RemovalFailed("the note of its deletion is gone.")
            deletion = found
        return deletion

    async def _note(self, removal: StoredTenantDeletion, *, state: str, records: int | None = None) -> StoredTenantDeletion:
        changed = replace(removal, state=state, records=removal.records if records is None else records)
        if changed != removal:
            await asyncio.to_thread(self._metadata.put_tenant_deletion, changed)
        return changed

    async def _count(self, tenant: str) -> int:
        plan = Count(LogScan(TimeRange(None, None), All()))
        table = await self._store.table(policy.scope(plan, tenant=tenant, query_id=f"removal-{secrets.new_id()}"))
        return int(table.rows[0][0]) if table.rows else 0

    def _newest_deletion(self, removal: StoredTenantDeletion) -> StoredDeletion | None:
        newest = None
        for number in range(1, MAX_ROUNDS + 1):
            found = self._metadata.get_deletion(_deletion_id(removal, number))
            if found is None:
                break
            newest = found
        return newest


def _open(removal: StoredTenantDeletion) -> bool:
    return removal.state in ("running", "verifying")


def _deletion_id(removal: StoredTenantDeletion, number: int) -> str:
    return f"{removal.id}-{number}"


def _proof(removal: StoredTenantDeletion, ended: list[StoredDeletion]) -> list[str]:
    times = "once" if len(ended) == 1 else f"{len(ended)} times"
    parts = sum(one.parts_total for one in ended)
    return [
        f"{removal.records:,} records were there when they were deleted; parts of the table that held some were rewritten "
        f"without them {times} ({parts:,} parts).",
        "No folder on disk holds a part from before the deletion any more, and none that was set aside.",
        "A count over the whole table then found 0 records of the tenant.",
        "Metrics were removed from memory, from the log and from all their tables in the same way; a count then found none.",
        "Spans of traces were removed from their table in the same way; a count then found none.",
    ]


def _told(contents: dict[str, int]) -> list[str]:
    removed = ", ".join(f"{number:,} {what}" for what, number in contents.items() if number and what != "deletions")
    return [
        f"Removed from the metadata with it: {removed or 'nothing else was there'}.",
        "What stays: this report, entries of the audit log, and names of attributes, which other tenants may have, too.",
    ]
