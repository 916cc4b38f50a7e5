"""Which store a tenant has: the embedded one, or a backend that the configuration names. Of any signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar


class Backend(Protocol):
    """A store somewhere else, with a beginning and an end."""

    def start(self) -> None:
        """Begin to hand over what waits."""
        ...

    async def close(self) -> None:
        """Stop; what waits stays on disk."""
        ...


Embedded = TypeVar("Embedded")
Elsewhere = TypeVar("Elsewhere", bound=Backend)


class TenantStores(Generic[Embedded, Elsewhere]):
    """See the module text."""

    def __init__(self, embedded: Embedded, backends: Mapping[str, Elsewhere]) -> None:
        """`backends` by tenant; every other tenant is embedded."""
        self._embedded = embedded
        self._backends = backends

    def start(self) -> None:
        """Begin to hand over what waits for backends."""
        for backend in self._backends.values():
            backend.start()

    async def close(self) -> None:
        """Stop that; the embedded store is not this one's to close."""
        for backend in self._backends.values():
            await backend.close()

    def store_of(self, tenant: str) -> Embedded | Elsewhere:
        """The tenant's store."""
        return self._backends.get(tenant, self._embedded)
