"""The storage contract, in sentences. Implementations: `storage.clickhouse` (embedded engine or cluster).

Writing. `LogStore.append` returns after the batch is durable (survives `kill -9`; with `durability: fsync` also a power
cut) and visible to every query that starts afterwards. It never returns early and never stores part of a batch: when it
raises, either nothing is stored or a retry with the same token completes it. Batches are owned by the store once handed
over. A store groups concurrent batches into one commit; order between batches is not kept.

Tokens. A batch with a token is stored once per (tenant, token) for 24 h, across restarts and `kill -9`. A repeat answers
with the first receipt, `replayed=True`; a repeat with another fingerprint raises `TokenReused`.

Bounds. What waits to be committed is limited in bytes; beyond it `append` raises `Overloaded` at once, with the seconds
after which to retry. A full disk raises `DiskFull`; queries go on.

Reading. A store accepts only `Scoped` plans. An unknown tenant reads as empty. Cancelling the awaiting task cancels the
query in the engine. Results are encoded JSON bytes wherever a caller passes them on, so that no Python object exists
per record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from nexus.query.plan import Scoped


@dataclass(frozen=True, slots=True)
class Token:
    """A sender's idempotency key and the fingerprint (hash) of the payload it stands for."""

    key: str
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Answer to an append. `reply` is the sender-facing answer (JSON) to repeat byte for byte on a replay."""

    records: int
    replayed: bool = False
    reply: bytes = b""


@dataclass(slots=True)
class Statistics:
    """What a query cost."""

    query_id: str = ""
    elapsed_ms: float = 0.0
    rows_read: int = 0
    bytes_read: int = 0
    sql: tuple[str, ...] = ()


@dataclass(slots=True)
class Page:
    """A page of records: one JSON object each, encoded, in order; `next_cursor` is None on the last page."""

    records: list[bytes]
    next_cursor: tuple[int, int, int] | None
    statistics: Statistics


@dataclass(slots=True)
class Table:
    """A small result: column names, engine types and rows of JSON-ready values."""

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    statistics: Statistics = field(default_factory=Statistics)


@dataclass(slots=True)
class EncodedTable:
    """A user's SQL result: columns, and the rows as one encoded JSON array of arrays."""

    columns: list[tuple[str, str]]
    rows: bytes
    row_count: int
    statistics: Statistics


@dataclass(slots=True)
class RawRows:
    """Rows for native code (`nexus._native`): of a `Rows` plan as `render_records` takes them, with the sources of their
    attributes; of a `Tally` plan (bucket, service, resource, severity number, template id, count, bytes, sample, labels)."""

    data: bytes
    attributes: list[tuple[str, str | None]]
    statistics: Statistics


class LogStore(Protocol):
    """Logs: append and query."""

    async def append(self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"") -> Receipt:
        """Store a native `LogBatch`; see the module text. Raises Overloaded, DiskFull, TokenReused, StorageError."""
        ...

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        """The receipt of a token already stored, without needing the batch. Raises TokenReused."""
        ...

    async def search(self, query: Scoped) -> Page:
        """Run a `Search` or `GetRecord` plan."""
        ...

    def stream(self, query: Scoped) -> AsyncIterator[bytes]:
        """Run a `Search` plan as encoded NDJSON chunks of whole records, as the engine finds them."""
        ...

    async def table(self, query: Scoped) -> Table:
        """Run a `Count`, `Histogram`, `Facets`, `ListFields` or `Bounds` plan; columns as documented per plan in the
        compiler: Count (count), Histogram (bucket, key, count), Facets (field, value, count), ListFields (kind, name,
        type, count), Bounds (first, last, count)."""
        ...

    async def raw(self, query: Scoped) -> RawRows:
        """Run a `Rows` or `Tally` plan. Raises `NotTallied` when the store cannot tell which attributes a label means."""
        ...

    async def sql(self, query: Scoped) -> EncodedTable:
        """Run a `SqlStatement` plan."""
        ...

    async def explain(self, query: Scoped) -> list[str]:
        """The SQL text(s) that the plan becomes, without running them."""
        ...


@dataclass(frozen=True, slots=True)
class RunningQuery:
    """A query in progress."""

    query_id: str
    tenant: str
    elapsed_ms: float
    rows_read: int
    bytes_read: int
    memory_bytes: int
