"""The queries that are running: for the list, for cancelling, and so that an id is used once at a time."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from nexus.errors import InvalidRequest, NexusError, NotFound

T = TypeVar("T")

MAX_RUNNING: Final = 1000
_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class QueryCancelled(NexusError):
    """Somebody cancelled the query."""

    code = "cancelled"
    http_status = 409


@dataclass(slots=True)
class _Running:
    tenant: str
    began: float
    task: asyncio.Task[Any]
    cancelled: bool = False


class RunningQueries:
    """Queries in progress by tenant and id. Lives on one event loop."""

    def __init__(self) -> None:
        """Start with none."""
        self._running: dict[tuple[str, str], _Running] = {}

    def __len__(self) -> int:
        """How many are running."""
        return len(self._running)

    async def run(self, tenant: str, query_id: str, work: Coroutine[Any, Any, T]) -> T:
        """Run under this id. Raises `QueryCancelled` when `cancel` was called meanwhile."""
        key = (tenant, query_id)
        if key in self._running:
            work.close()
            raise InvalidRequest(f"a query with the id {query_id} is running already.", hint="Choose another query_id.")
        task = asyncio.ensure_future(work)
        entry = self._running[key] = _Running(tenant, time.monotonic(), task)
        try:
            return await task
        except asyncio.CancelledError:
            if entry.cancelled:
                raise QueryCancelled("the query was cancelled.") from None
            raise
        finally:
            del self._running[key]
            if not task.done():
                task.cancel()

    def elapsed(self, tenant: str) -> dict[str, float]:
        """Milliseconds that each running query of a tenant has taken so far, by id."""
        now = time.monotonic()
        return {
            query_id: (now - entry.began) * 1000 for (owner, query_id), entry in self._running.items() if owner == tenant
        }

    def cancel(self, tenant: str, query_id: str) -> None:
        """Cancel a running query. Raises `NotFound`."""
        entry = self._running.get((tenant, query_id))
        if entry is None:
            raise NotFound(f"no query with the id {query_id[:80]!r} is running.")
        entry.cancelled = True
        entry.task.cancel()

    def cancel_of(self, tenant: str) -> None:
        """Cancel every query of a tenant."""
        for entry in self._running.values():
            if entry.tenant == tenant:
                entry.cancelled = True
                entry.task.cancel()

    def cancel_all(self) -> None:
        """Cancel every query: the process stops."""
        for entry in self._running.values():
            entry.cancelled = True
            entry.task.cancel()


def checked_id(query_id: str) -> str:
    """The caller's query id, or a new one. Raises `InvalidRequest`."""
    if not query_id:
        return secrets.token_hex(8)
    if not _ID.fullmatch(query_id):
        raise InvalidRequest("a query_id is 1 to 64 letters, digits, '_', '.', ':' or '-'.")
    return query_id
