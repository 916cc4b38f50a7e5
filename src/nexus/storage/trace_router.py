"""Which trace store a tenant has: the embedded one, or a Jaeger or Tempo that the configuration names."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from nexus.errors import KeptElsewhere
from nexus.query.plan import Scoped
from nexus.query.trace_plan import SamplingPreview
from nexus.storage import tenant_stores
from nexus.storage.api import Progress, Receipt, Table, Token
from nexus.storage.tenant_stores import TenantStores
from nexus.storage.trace_api import SeriesSet, SpanRows, Tell, TraceHits, TraceLifecycle, TraceStore

log = logging.getLogger(__name__)


class Backend(TraceStore, tenant_stores.Backend, Protocol):
    """A `TraceStore` somewhere else. Its spans are kept, sampled and deleted by it."""

    name: str
    """What it is called in messages."""

    async def forget(self) -> None:
        """Drop what waits."""
        ...


class Embedded(TraceStore, TraceLifecycle, Protocol):
    """The store of this process."""


class TraceRouter(TenantStores[Embedded, Backend]):
    """A `TraceStore` and `TraceLifecycle` that hands everything on to the tenant's store."""

    def check_here(self, tenant: str, what: str) -> None:
        """See `TraceLifecycle`."""
        backend = self._backends.get(tenant)
        if backend is not None:
            raise KeptElsewhere(
                f"{what} is a matter of {backend.name}, which keeps the spans of this tenant.",
                hint=f"Set it up there; the configuration of Nexus names that {backend.name} under `traces`.",
            )

    # ----------------------------------------------------------------------------------------------------- TraceStore

    async def append(
        self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"", records: int | None = None
    ) -> Receipt:
        """See `TraceStore`."""
        return await self.store_of(tenant).append(tenant, batch, token, reply, records)

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        """See `TraceStore`."""
        return await self.store_of(tenant).replayed(tenant, token)

    async def spans(self, query: Scoped) -> SpanRows:
        """See `TraceStore`."""
        return await self.store_of(query.tenant).spans(query)

    async def find(self, query: Scoped, tell: Tell[TraceHits] | None = None) -> TraceHits:
        """See `TraceStore`."""
        return await self.store_of(query.tenant).find(query, tell)

    async def series(self, query: Scoped, tell: Tell[SeriesSet] | None = None) -> SeriesSet:
        """See `TraceStore`."""
        return await self.store_of(query.tenant).series(query, tell)

    async def table(self, query: Scoped) -> Table:
        """See `TraceStore`."""
        if isinstance(query.plan, SamplingPreview):
            self.check_here(query.tenant, "Tail sampling")
        return await self.store_of(query.tenant).table(query)

    # ------------------------------------------------------------------------------------------------- TraceLifecycle
    # Of a tenant with a backend these are about what the embedded store has from before the backend was named.

    async def follow_sampling(self) -> None:
        """See `TraceLifecycle`."""
        await self._embedded.follow_sampling()

    async def count(self, query: Scoped) -> Table:
        """See `TraceLifecycle`."""
        return await self._embedded.count(query)

    async def follow_retention(self) -> None:
        """See `LogLifecycle`."""
        await self._embedded.follow_retention()

    async def retention_progress(self, tenant: str) -> Progress:
        """See `LogLifecycle`."""
        return await self._embedded.retention_progress(tenant)

    async def erase(self, id: str, query: Scoped) -> int:
        """See `LogLifecycle`."""
        return await self._embedded.erase(id, query)

    async def erasure_progress(self, id: str) -> Progress | None:
        """See `LogLifecycle`."""
        return await self._embedded.erasure_progress(id)

    async def erased(self, id: str, query: Scoped) -> Progress:
        """See `LogLifecycle`."""
        return await self._embedded.erased(id, query)

    async def stop_erasure(self, id: str) -> None:
        """See `LogLifecycle`."""
        await self._embedded.stop_erasure(id)

    async def forget_tenant(self, tenant: str) -> None:
        """See `TraceLifecycle`. What waits for the backend and what the embedded store has goes; what the backend has it
        keeps, which has no way to be told."""
        if (backend := self._backends.get(tenant)) is not None:
            await backend.forget()
            log.warning("spans of the deleted tenant %s are still in %s: delete them there", tenant, backend.name)
        await self._embedded.forget_tenant(tenant)
