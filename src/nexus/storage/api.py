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

Lifecycle. A record is kept for the days that its tenant's retention says, from the later of its time and its arrival; 0
days are for ever. A changed policy applies to what is stored, too, in the background; every record falls under either the
old policy or the new one, wholly. An erasure removes the records that match when it starts, and none that come later.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from nexus.errors import StorageError
from nexus.query.plan import Predicate, Scoped

SPENT: ContextVar[Callable[[int], None] | None] = ContextVar("SPENT", default=None)
"""Whom to tell how many bytes a query has read, failed ones included; set by whoever asks, told on its event loop."""


@dataclass(frozen=True, slots=True)
class Token:
    """A sender's idempotency key and the fingerprint (hash) of the payload it stands for."""

    key: str
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Answer to an append. `reply` is the sender-facing answer (JSON) to repeat byte for byte on a replay. `refused` records
    were not taken by a backend, for the reason in `sentence`; they are none of the `records`."""

    records: int
    replayed: bool = False
    reply: bytes = b""
    refused: int = 0
    sentence: str = ""


@dataclass(slots=True)
class Statistics:
    """What a query cost. `incomplete` is a sentence when not everything was looked at that the answer is about."""

    query_id: str = ""
    elapsed_ms: float = 0.0
    rows_read: int = 0
    bytes_read: int = 0
    sql: tuple[str, ...] = ()
    incomplete: str = ""


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
class PatternRow:
    """Records of one template: `counts` by (bucket number, severity number), times in ns, and one record as JSON."""

    template_id: int
    count: int
    counts: dict[tuple[int, int], int]
    services: list[str]
    first: int = 0
    last: int = 0
    first_seen: int = 0
    sample: bytes = b""


@dataclass(slots=True)
class PatternSet:
    """Rows in the order asked for; `total` records in `distinct` templates. All counts are of one snapshot."""

    total: int
    distinct: int
    rows: list[PatternRow]
    statistics: Statistics


@dataclass(slots=True)
class Surroundings:
    """A record and its neighbours as encoded JSON, in time order; `record` is None when there is no such record."""

    record: bytes | None
    before: list[bytes]
    after: list[bytes]
    more_before: bool
    more_after: bool
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long records of a tenant are kept: the first rule that matches counts, `days` for the others (None: the store's
    default). 0 days are for ever."""

    rules: tuple[tuple[Predicate, int], ...] = ()
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a change of stored records is: parts of the table that it still has to rewrite; `error` is what it failed with
    at the last attempt, empty when it did not."""

    done: bool
    parts_left: int = 0
    error: str = ""


class ErasureFailed(StorageError):
    """An erasure cannot be completed; trying again does not help."""

    code = "erasure_failed"


@dataclass(slots=True)
class RawRows:
    """Rows for native code (`nexus._native`): of a `Rows` plan as `render_records` takes them, with the sources of their
    attributes; of a `Tally` plan (bucket, service, resource, severity number, template id, count, bytes, sample, labels)."""

    data: bytes
    attributes: list[tuple[str, str | None]]
    statistics: Statistics


class LogStore(Protocol):
    """Logs: append and query."""

    async def append(
        self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"", records: int | None = None
    ) -> Receipt:
        """Store a native `LogBatch`; see the module text. `records` is what the receipt says when that is not the batch's
        number: pipelines may have dropped some. A token is remembered though its batch is empty. Raises Overloaded,
        DiskFull, TokenReused, StorageError."""
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

    def export(self, query: Scoped) -> AsyncIterator[bytes]:
        """Run an `Export` plan: the pieces of the file, at most some tens of MB each however large it is. Every record that
        matches and was stored before is in it once, whatever is stored meanwhile; a piece that fails ends it. Limits hold
        for each piece."""
        ...

    async def table(self, query: Scoped) -> Table:
        """Run a `Count`, `Histogram`, `Facets`, `ListFields` or `Bounds` plan; columns as documented per plan in the
        compiler: Count (count), Histogram (bucket, key, count), Facets (field, value, count), ListFields (kind, name,
        type, count), Bounds (first, last, count). `Profile`, `Contrast`, `FieldSummary`: see `compare` there."""
        ...

    async def patterns(self, query: Scoped) -> PatternSet:
        """Run a `Patterns` plan."""
        ...

    async def context(self, query: Scoped) -> Surroundings:
        """Run a `Context` plan."""
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


class LogLifecycle(Protocol):
    """What happens to stored logs; a store has it beside `LogStore`."""

    async def follow_retention(self) -> None:
        """Take over retention policies that have changed, for records to come and, in the background, for stored ones.
        Raises `StorageError`; it is tried again by itself."""
        ...

    async def retention_progress(self, tenant: str) -> Progress:
        """How far changes of retention that concern a tenant are."""
        ...

    async def erase(self, id: str, query: Scoped) -> int:
        """Begin to remove the records of a `Count` plan's scan, for good; answers with the parts that hold some of them, or
        may. Records stored later are not removed. Once begun it goes on across restarts and kills; the same `id` begins
        once. Raises `StorageError`, `Overloaded`."""
        ...

    async def erasure_progress(self, id: str) -> Progress | None:
        """How far an erasure is; None when it has not begun (or is forgotten). When done, no query finds the records."""
        ...

    async def erased(self, id: str, query: Scoped) -> Progress:
        """Whether nothing on disk holds records of a done erasure any more; `parts_left` are replaced files that are not
        removed yet. Once done, the erasure is forgotten. Raises `ErasureFailed` when records are there all the same."""
        ...

    async def forget_tenant(self, tenant: str) -> None:
        """Forget what is kept of a tenant besides its records, of which there are none: its retention, which is not wanted
        any more, with all that was noted of it on disk. May be repeated. Raises `StorageError`."""
        ...

    async def stop_erasure(self, id: str) -> None:
        """Give an erasure up."""
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
