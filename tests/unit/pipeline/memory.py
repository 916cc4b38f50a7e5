"""A store in memory: the smallest thing that keeps the contract of `storage.api`; and the pipeline over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nexus.errors import NexusError, TokenReused
from nexus.pipeline.topology import Topology
from nexus.storage.api import Receipt, Token
from nexus.telemetry import Registry


@dataclass
class MemoryStore:
    """Batches by tenant; `failure` is raised by the next append; appends wait while `gate` is closed."""

    batches: list[tuple[str, Any]] = field(default_factory=list)
    receipts: dict[tuple[str, str], tuple[int, Receipt]] = field(default_factory=dict)
    failure: NexusError | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def append(
        self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"", records: int | None = None
    ) -> Receipt:
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        if token and (known := await self.replayed(tenant, token)):
            return known
        self.batches.append((tenant, batch))
        receipt = Receipt(batch.num_rows if records is None else records, reply=reply)
        if token:
            self.receipts[tenant, token.key] = (token.fingerprint, receipt)
        return receipt

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        found = self.receipts.get((tenant, token.key))
        if found is None:
            return None
        if found[0] != token.fingerprint:
            raise TokenReused("the key was used for another payload.")
        return Receipt(found[1].records, True, found[1].reply)

    @property
    def records(self) -> int:
        return sum(batch.num_rows for _, batch in self.batches)


async def turns(number: int = 50) -> None:
    """So many turns of the event loop, for what needs some but no time: on a busy machine a moment may hold a single one."""
    for _ in range(number):
        await asyncio.sleep(0)


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for what other tasks or threads bring about."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass
class Bench:
    """A pipeline under test and what is around it."""

    store: MemoryStore
    registry: Registry
    topology: Topology
    tenants: list[str]
