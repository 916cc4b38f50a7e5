"""Where a tenant's Jaeger or Tempo is, and what may be kept and fetched. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nexus.storage.forwarding.http import Access


@dataclass(frozen=True, slots=True)
class Backend:
    """`query` is the base of its API, `otlp` that of its OTLP/HTTP, to which `/v1/traces` is added. `max_traces` and
    `max_bytes` bound what one query fetches, `lookback` (s) how far back a search without a beginning goes. `attributes`
    says whether it may be asked for spans by their attributes: not where it does not index all of them."""

    tenant: str
    query: str
    otlp: str
    access: Access
    queue: Path = Path()
    queue_bytes: int = 4 << 30
    fsync: bool = False
    max_traces: int = 1_000
    max_bytes: int = 256 << 20
    lookback: int = 7 * 86_400
    attributes: bool = True
    insert_timeout: float = 30.0
