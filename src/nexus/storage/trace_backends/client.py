"""What a trace backend is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from nexus import _native
from nexus.query.plan import TimeRange
from nexus.storage.trace_backends.narrowing import Search


@dataclass(slots=True)
class Fetched:
    """Whole traces. `more` says that there are, or may be, others that were not fetched."""

    batches: list[_native.SpanBatch] = field(default_factory=list)
    more: bool = False


class Client(Protocol):
    """The query API of a backend. Lives on an event loop."""

    ordered: bool
    """Does it tell of the newest traces first, by its own word?"""

    async def find(self, search: Search, limit: int, *, within: float) -> Fetched:
        """At most `limit` whole traces that a search finds, or more than it finds; the newest when it is `ordered`. Times of
        the search are bounded. Raises `Away`, `InvalidRequest`, `LimitExceeded`, `Overloaded`."""
        ...

    async def traces(self, ids: Sequence[bytes], hint: TimeRange, *, within: float) -> Fetched:
        """Traces by their ids, those that are there. Raises as `find`."""
        ...

    async def services(self, *, within: float) -> list[str]:
        """Names of services. Raises as `find`."""
        ...

    async def operations(self, service: str, *, within: float) -> list[str]:
        """Names of a service's operations. Raises as `find`."""
        ...
