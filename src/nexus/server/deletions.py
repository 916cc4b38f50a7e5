"""Deletions of records and spans in progress: written down, begun before they are answered, followed to their end one after
the other, gone on with after a restart.

What is deleted is what was stored at the beginning: a record that comes after the answer stays. `running` while the engine
rewrites what holds the records; `verifying` when no query finds them any more, until nothing on disk holds them; then
`done`. What fails for a while (a full disk) is tried again; `failed` is what cannot be helped.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from nexus.errors import InvalidRequest, NexusError, Overloaded
from nexus.query import policy
from nexus.query.logs import lower, parse
from nexus.query.plan import Count, LogScan, Scoped, TimeRange
from nexus.query.trace_plan import SpanCount, SpanScan
from nexus.query.traces.lower import lower_scan
from nexus.query.traces.parser import parse as parse_traceql
from nexus.security.actor import SYSTEM, Actor
from nexus.security.audit.log import Audit
from nexus.storage.api import ErasureFailed, LogLifecycle
from nexus.storage.metadata.api import MetadataStore, StoredDeletion

MAX_OPEN: Final = 100
"""Deletions that run or wait, of all tenants."""

LOOK_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 5.0
GIVE_UP_SECONDS: Final = 900.0
"""After so long of failing without a break the engine is told to give up."""

log = logging.getLogger(__name__)


class Deletions:
    """See the module text. Lives on one event loop; `run` is its background task."""

    def __init__(
        self, metadata: MetadataStore, lifecycles: Mapping[str, LogLifecycle], audit: Audit, now_ns: Callable[[], int]
    ) -> None:
        """`lifecycles` are those of logs and traces, by signal. Nothing begins before `run`."""
        self._metadata = metadata
        self._lifecycles = lifecycles
        self._audit = audit
        self._now_ns = now_ns
        self._wake = asyncio.Event()
        self._beginning = asyncio.Lock()
        """Held while a deletion is written down and begun: `run` sees it afterwards, or one that it has brought to its end
        could begin again."""

    async def add(self, deletion: StoredDeletion, actor: Actor) -> StoredDeletion:
        """Write a deletion down and begin it; the deletion as it is now. When the engine cannot begin it at once, it has an
        `error` and begins later. Raises `Overloaded`, `StorageError`."""
        async with self._beginning:
            if len(await asyncio.to_thread(self._metadata.open_deletions)) >= MAX_OPEN:
                raise Overloaded(
                    f"{MAX_OPEN} deletions run or wait already.", retry_after=60.0, hint="Put several into one with OR."
                )
            await asyncio.to_thread(self._metadata.put_deletion, deletion)
            await self._audit.record(
                actor, deletion.tenant, "deletion.started", deletion.id,
                signal=deletion.signal, query=deletion.query, reason=deletion.reason, records=deletion.records,
                **{"from": _shown(deletion.start), "to": _shown(deletion.end)},
            )  # fmt: skip
            self._wake.set()
            try:
                return await self._begin(deletion, scoped(deletion))
            except NexusError as error:
                log.warning("deletion %s begins later: %s", deletion.id, error)
                return await self._note(deletion, error=str(error))

    async def _begin(self, deletion: StoredDeletion, query: Scoped) -> StoredDeletion:
        parts = await self._lifecycles[deletion.signal].erase(deletion.id, query)
        return await self._note(deletion, parts_total=parts, parts_left=parts, error="")

    async def run(self) -> None:
        """Work through them for ever; those that a stop interrupted come first."""
        while True:
            self._wake.clear()
            try:
                async with self._beginning:
                    waiting = await asyncio.to_thread(self._metadata.open_deletions)
                if waiting:
                    await self._finish(waiting[0])
                    continue
            except Exception:
                log.exception("deletions go on later")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await self._wake.wait()

    async def _finish(self, deletion: StoredDeletion) -> None:
        try:
            query = scoped(deletion)
            if deletion.state == "running":
                deletion = await self._patiently(deletion, lambda job: self._erase(job, query))
            deletion = await self._patiently(deletion, lambda job: self._verify(job, query))
        except (ErasureFailed, InvalidRequest) as error:
            log.error("deletion %s failed: %s", deletion.id, error)
            deletion = await self._note(deletion, state="failed", error=str(error), finished_at=self._now_ns())
        else:
            deletion = await self._note(deletion, state="done", parts_left=0, error="", finished_at=self._now_ns())
        await self._audit.record(
            SYSTEM, deletion.tenant, f"deletion.{deletion.state}", deletion.id,
            requested_by=deletion.requested_by, records=deletion.records, error=deletion.error,
        )  # fmt: skip

    async def _patiently(
        self, deletion: StoredDeletion, work: Callable[[StoredDeletion], Awaitable[StoredDeletion]]
    ) -> StoredDeletion:
        """Do a part of the work, again and again when it cannot be done now."""
        while True:
            try:
                return await work(deletion)
            except (ErasureFailed, InvalidRequest):
                raise
            except NexusError as error:
                log.warning("deletion %s goes on later: %s", deletion.id, error)
                deletion = await self._note(deletion, error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:
                log.exception("deletion %s goes on later", deletion.id)
                deletion = await self._note(deletion, error=f"{type(error).__name__}: the log says more")
                await asyncio.sleep(RETRY_SECONDS)

    async def _erase(self, deletion: StoredDeletion, query: Scoped) -> StoredDeletion:
        lifecycle = self._lifecycles[deletion.signal]
        if await lifecycle.erasure_progress(deletion.id) is None:
            deletion = await self._begin(deletion, query)
        failing_since = 0.0
        while True:
            progress = await lifecycle.erasure_progress(deletion.id)
            if progress is None:
                raise ErasureFailed("the engine has given the deletion up.", hint="Its log says why; delete again.")
            if progress.done:
                return await self._note(deletion, state="verifying", parts_left=0, error="")
            deletion = await self._note(deletion, parts_left=progress.parts_left, error=progress.error[:1000])
            failing_since = (failing_since or time.monotonic()) if progress.error else 0.0
            if failing_since and time.monotonic() - failing_since > GIVE_UP_SECONDS:
                await lifecycle.stop_erasure(deletion.id)
                raise ErasureFailed(f"the engine could not do it: {progress.error[:1000]}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _verify(self, deletion: StoredDeletion, query: Scoped) -> StoredDeletion:
        lifecycle = self._lifecycles[deletion.signal]
        while True:
            progress = await lifecycle.erased(deletion.id, query)
            if not progress.parts_left:
                return deletion
            deletion = await self._note(deletion, parts_left=progress.parts_left, error="")
            await asyncio.sleep(LOOK_SECONDS)

    async def _note(self, deletion: StoredDeletion, **changes: str | int) -> StoredDeletion:
        """Write down what has changed."""
        changed: StoredDeletion = replace(deletion, **changes)  # type: ignore[arg-type]
        if changed != deletion:
            await asyncio.to_thread(self._metadata.put_deletion, changed)
        return changed


def scan(query: str, start: int | None, end: int | None, now_ns: int) -> LogScan:
    """What is deleted; `now` in the query is the time of the request. Raises `QuerySyntaxError`."""
    return LogScan(TimeRange(start, end), lower(parse(query).root, now_ns=now_ns))


def span_scan(query: str, start: int | None, end: int | None) -> SpanScan:
    """What is deleted of spans; the query is TraceQL. Raises `QuerySyntaxError`."""
    return lower_scan(parse_traceql(query), query, TimeRange(start, end))


def scoped(deletion: StoredDeletion) -> Scoped:
    """The records or spans of a deletion, closed over its tenant and what its asker could see."""
    plan: Count | SpanCount
    if deletion.signal == "traces":
        plan = SpanCount(span_scan(deletion.query, deletion.start, deletion.end))
    else:
        plan = Count(scan(deletion.query, deletion.start, deletion.end, deletion.created_at))
    visible = lower(parse(deletion.policy).root, now_ns=deletion.created_at) if deletion.policy else None
    return policy.scope(plan, tenant=deletion.tenant, policy=visible, query_id=f"deletion-{deletion.id}")


def _shown(ns: int | None) -> str:
    return "" if ns is None else str(ns)
