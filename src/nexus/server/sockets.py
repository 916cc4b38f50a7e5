"""The live sockets that are open, counted and bounded by tenant."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

from nexus.errors import Overloaded

MAX_SOCKETS: Final = 100
"""Of one tenant."""


class Sockets:
    """How many sockets each tenant has open."""

    def __init__(self) -> None:
        """None."""
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        """Of all tenants."""
        return self._open.total()

    @contextlib.contextmanager
    def entered(self, tenant: str) -> Iterator[None]:
        """Count one more while it lasts. Raises `Overloaded`."""
        if self._open[tenant] >= MAX_SOCKETS:
            raise Overloaded(
                f"the tenant {tenant} has {MAX_SOCKETS} live sockets.",
                retry_after=30.0,
                hint="One socket takes many subscriptions.",
            )
        self._open[tenant] += 1
        try:
            yield
        finally:
            self._open[tenant] -= 1
            if not self._open[tenant]:
                del self._open[tenant]
