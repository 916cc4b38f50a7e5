"""Which metric store a tenant has: the embedded one, or a backend that the configuration names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from nexus.model.batch import MetricBatch
from nexus.query.plan import Scoped
from nexus.storage import tenant_stores
from nexus.storage.metric_api import Estimate, MetricReceipt, MetricStore, SeriesAnswer
from nexus.storage.tenant_stores import TenantStores


class Backend(MetricStore, tenant_stores.Backend, Protocol):
    """A `MetricStore` somewhere else."""


class MetricRouter(TenantStores[MetricStore, Backend]):
    """A `MetricStore` that hands everything on to the tenant's store."""

    def dialect(self, tenant: str) -> Literal["promql", "metricsql"]:
        """See `MetricStore`."""
        return self.store_of(tenant).dialect(tenant)

    async def append(self, tenant: str, batch: MetricBatch) -> MetricReceipt:
        """See `MetricStore`."""
        return await self.store_of(tenant).append(tenant, batch)

    async def answer(self, query: Scoped) -> SeriesAnswer:
        """See `MetricStore`."""
        return await self.store_of(query.tenant).answer(query)

    def read(self, query: Scoped, encoding: str) -> AsyncIterator[bytes]:
        """See `MetricStore`."""
        return self.store_of(query.tenant).read(query, encoding)

    async def estimate(self, query: Scoped) -> Estimate:
        """See `MetricStore`."""
        return await self.store_of(query.tenant).estimate(query)

    async def erase(self, tenant: str, query: Scoped) -> int:
        """See `MetricStore`."""
        return await self.store_of(tenant).erase(tenant, query)

    async def forget_tenant(self, tenant: str) -> None:
        """See `MetricStore`. What the embedded store has from before a backend was named goes, too."""
        if tenant in self._backends:
            await self._backends[tenant].forget_tenant(tenant)
        await self._embedded.forget_tenant(tenant)
