"""What the ways of logs and of metrics have in common: who may hand something over, what is under way, and the stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from nexus.errors import NexusError, Overloaded
from nexus.pipeline.decode import DecodePool
from nexus.security.limits.limiter import Meter
from nexus.telemetry import Histogram

T = TypeVar("T")


class Deliveries:
    """Base of a way from receivers to a store. Lives on one event loop."""

    def __init__(
        self,
        seconds: Histogram,
        pool: DecodePool,
        ensure_tenant: Callable[[str], Awaitable[None]],
        max_body_bytes: Callable[[], int],
        meter_of: Callable[[str], Meter | None],
        check_tenant: Callable[[str], None],
    ) -> None:
        """`seconds` times deliveries by receiver; `ensure_tenant` makes a tenant that is not there yet, or raises;
        `max_body_bytes` may change; `meter_of` gives the limits of a tenant to receivers whose senders have no others;
        `check_tenant` raises for a tenant that takes nothing any more."""
        self.meter_of = meter_of
        self._seconds = seconds
        self._pool = pool
        self._ensure_tenant = ensure_tenant
        self._max_body_bytes = max_body_bytes
        self._check_tenant = check_tenant
        self._running: set[asyncio.Task[Any]] = set()
        self._draining = False

    @property
    def max_body_bytes(self) -> int:
        """Largest body after decompression, in bytes."""
        return self._max_body_bytes()

    @property
    def draining(self) -> bool:
        """Is new work refused?"""
        return self._draining

    async def drain(self) -> None:
        """Refuse new deliveries, and wait until those handed over are stored."""
        self._draining = True
        while self._running:
            await asyncio.wait(self._running)

    async def settle(self, seconds: float) -> None:
        """Wait until the deliveries that are under way now are stored or refused, but not for longer."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=seconds)

    def check_open(self) -> None:
        """Raise `Overloaded` when the process is about to stop."""
        if self._draining:
            raise Overloaded("Nexus is stopping.", retry_after=5.0, hint="Retry after the time in Retry-After.")

    def _admit(self, tenant: str) -> None:
        """Raise when nothing may be handed over for the tenant now."""
        self.check_open()
        self._check_tenant(tenant)

    async def _run(self, tenant: str, receiver: str, work: Coroutine[Any, Any, T]) -> T:
        """Do it to its end, whether or not somebody waits for it."""
        try:
            self._admit(tenant)
        except NexusError:
            work.close()
            raise
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        with self._seconds.time(receiver):
            # A sender that goes away now changes nothing: what was handed over is stored.
            return await asyncio.shield(task)
