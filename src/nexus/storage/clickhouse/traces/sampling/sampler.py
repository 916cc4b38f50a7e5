"""Decides traces and moves what is kept: one thread that takes slices in their order, each `wait` seconds after its end.

For each slice: the decisions of each tenant are stored, in one part each; the slice and its number of chunks are written
down; the spans that are kept are stored in chunks, each with a commit id that tells slice and chunk; the slice is written
down as settled, which is the moment from which queries count its spans where they stay; when nobody reads by an earlier view
any more, its partitions are dropped. After a kill the slice is begun again: what was decided is not decided anew, and of the
chunks only those days are stored that are not there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

from nexus.query.trace_plan import SamplingPolicy
from nexus.storage.clickhouse.catalog import Catalog, first_move
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.literals import quote
from nexus.storage.clickhouse.options import SamplingOptions
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.traces.sampling import sql
from nexus.storage.clickhouse.traces.sampling.arrivals import SliceClock
from nexus.storage.clickhouse.traces.sampling.journal import Journal
from nexus.storage.clickhouse.traces.sampling.sql import Slice
from nexus.storage.clickhouse.traces.sampling.visibility import Visibility

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often to look for slices that are due while there are any."""
REST_SECONDS: Final = 10.0
"""How often to ask for policies that have changed."""
RETRY_SECONDS: Final = 5.0

Policies = Callable[[], Mapping[str, SamplingPolicy]]
"""The policies of the tenants that sample."""


Counted = Callable[[str, str, bool, int, int], None]
"""Told (tenant, rule, kept, spans, traces)."""


def uncounted(tenant: str, rule: str, kept: bool, spans: int, traces: int) -> None:
    """A `Counted` for nobody."""


class Source(Protocol):
    """What the sampler has to know of the store's spans: `SignalIngest`."""

    @property
    def in_doubt(self) -> bool: ...
    def settle(self, connection: Connection) -> None: ...
    def attributes(self) -> Catalog: ...
    def moving(self) -> AbstractContextManager[None]: ...
    def changed(self) -> None: ...


class Connect(Protocol):
    """Opens and closes connections: the engine."""

    def connect(self) -> Connection: ...
    def release(self, connection: Connection) -> None: ...


Count = Counter[tuple[str, str, bool]]
"""By tenant, rule ("": none) and whether they were kept."""


@dataclass(slots=True)
class SamplingStatistics:
    """Counters since the start, and what is pending now."""

    spans: Count = field(default_factory=Counter)
    traces: Count = field(default_factory=Counter)
    """Traces by slice: one with late spans counts again with these."""
    slices: int = 0
    early: int = 0
    """Slices that were decided before their time because too much was pending."""
    failures: int = 0
    seconds: float = 0.0
    pending_bytes: int = 0
    pending_spans: int = 0
    lag: float = 0.0
    """Seconds by which the oldest slice is late."""


class Sampler:
    """See the module text. `start` and `stop` block. `settle_slice` is public for whoever drives it without the thread."""

    def __init__(
        self, engine: Connect, database: IngestDatabase, options: SamplingOptions, policies: Policies,
        clock: Callable[[], float] = time.time, counted: Counted = uncounted,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._database = database
        self._options = options
        self._wanted = policies
        self._clock = clock
        self._counted = counted
        self._journal = Journal(database)
        self._policies: Mapping[str, SamplingPolicy] = {}
        self.visibility = Visibility()
        self.arrivals = SliceClock(self.visibility, self._pends, options.slice_seconds, clock)
        self.statistics = SamplingStatistics()
        self._source: Source | None = None
        self._recovered: set[int] = set()
        """Slices that were there at the start: some of their chunks may be stored."""
        self._undropped: list[str] = []
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    # -------------------------------------------------------------------------------------------------- start and stop

    def prepare(self, connection: Connection, source: Source, *, lost: bool) -> None:
        """Find out what is pending, before anything is inserted or read. `lost` says that what was written down last may be
        missing. Raises `EngineError`."""
        self._source = source
        self.follow()
        settled = self._journal.settled
        pending = self._pending(connection)
        slices = sorted({slice for _, slice in pending if slice > (settled or 0)})
        if settled is None or lost:
            # Slices go in their order: what was before the first that is there is settled.
            settled = max(settled or 0, slices[0] - 1 if slices else int(self._clock()))
        self._recovered = set(slices)
        moving = self._journal.moving
        latest = max([settled, *slices, *([moving[0]] if moving else [])])
        self.arrivals.start(latest)
        self.visibility.settle(settled)
        tenants = connection.rows(f"SELECT DISTINCT tenant FROM {SPANS.path} WHERE pending > 0") if pending else []
        self.visibility.include(frozenset(self._policies) | {str(tenant) for (tenant,) in tenants})
        self._undropped = [partition for partition, slice in pending if slice <= settled]

    def start(self) -> None:
        """Start the thread. Raises `EngineError`."""
        connection = self._engine.connect()
        self._thread = threading.Thread(target=self._run, args=[connection], name="sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a statement that runs is finished."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def follow(self) -> None:
        """Take over policies that have changed: for spans that come and for traces that are decided from now on."""
        try:
            policies = dict(self._wanted())
        except Exception:
            self.statistics.failures += 1
            log.exception("the policies of tail sampling cannot be read; those that were read last hold on")
            return
        self._policies = policies
        self.visibility.include(frozenset(policies))

    def _pends(self, tenant: str) -> bool:
        return tenant in self._policies

    def _run(self, connection: Connection) -> None:
        followed = time.monotonic()
        try:
            while not self._stopping:
                rest = REST_SECONDS
                try:
                    if time.monotonic() - followed >= REST_SECONDS:
                        self.follow()
                        followed = time.monotonic()
                    # Tenants that sample, and those that did: some of their spans may be left.
                    if self.visibility.view.tenants:
                        self.look(connection)
                        if self._policies or self.statistics.pending_spans or self._undropped:
                            rest = LOOK_SECONDS
                except Exception:
                    rest = RETRY_SECONDS
                    self.statistics.failures += 1
                    log.exception("tail sampling: a slice could not be settled and is tried again")
                self._wake.wait(rest)
        finally:
            self._engine.release(connection)

    # ------------------------------------------------------------------------------------------------------ the way of it

    def look(self, connection: Connection) -> int:
        """Settle the slices that are due, and return how many. Raises `EngineError`, `sqlite3.Error`."""
        settled = 0
        while not self._stopping:
            self._drop(connection)
            due = self._due(connection)
            if due is None or not self.settle_slice(connection, due):
                break
            settled += 1
        return settled

    def _due(self, connection: Connection) -> int | None:
        """The next slice, once it is due."""
        sizes = self._sizes(connection)
        statistics = self.statistics
        statistics.pending_spans = sum(spans for spans, _ in sizes.values())
        statistics.pending_bytes = sum(size for _, size in sizes.values())
        if not sizes:
            statistics.lag = 0.0
            return None
        slice = min(sizes)
        late = self._clock() - slice - self._options.wait_seconds
        statistics.lag = max(late, 0.0)
        if not self.arrivals.closed(slice):
            return None
        if late >= 0:
            return slice
        if statistics.pending_bytes <= self._options.pending_bytes:
            return None
        statistics.early += 1
        log.warning(
            "tail sampling decides %d s early: %d bytes of spans are pending, %d are allowed (traces.sampling.pending)",
            int(-late), statistics.pending_bytes, self._options.pending_bytes,
        )  # fmt: skip
        return slice

    def settle_slice(self, connection: Connection, end: int) -> bool:
        """Decide and move one slice, the oldest. False when it has to wait for readers."""
        source = self._of_store()
        if not self.visibility.unread():
            # Somebody reads who may not know that spans of a tenant are about to be stored twice.
            return False
        began = time.perf_counter()
        with source.moving():
            if source.in_doubt:
                source.settle(connection)
            self._move(connection, Slice(end, self._options.slice_seconds))
        self.statistics.slices += 1
        self.statistics.seconds += time.perf_counter() - began
        self._drop(connection)
        return True

    def _move(self, connection: Connection, slice: Slice) -> None:
        source = self._of_store()
        days = self._days(connection, slice.end)
        tenants = self._tenants(connection, slice.end)
        stored = self._stored(connection, slice.end, days) if slice.end in self._recovered else {}
        moving = self._journal.moving
        if moving is not None and moving[0] == slice.end:
            chunks = moving[1]
        elif stored:
            chunks = min(stored) >> 12 & sql.MAX_CHUNKS
        else:
            self._decide(connection, slice, tenants)
            self._count(connection, slice, tenants)
            chunks = self._chunks(connection, slice.end)
            self._journal.move(slice.end, chunks)
        columns = self._columns(connection)
        for chunk in range(chunks):
            there = stored.get(sql.move_id(slice.end, chunks, chunk), set())
            if tenants and there < days:
                connection.execute(sql.move(columns, tenants, slice, chunk, chunks, there))
        # The days of what was moved have to be known before anybody counts it there.
        source.changed()
        self._journal.settle(slice.end)
        self.visibility.settle(slice.end)
        source.changed()
        self._recovered.discard(slice.end)
        self._undropped += [partition for partition, pending in self._pending(connection) if pending == slice.end]

    def _decide(self, connection: Connection, slice: Slice, tenants: Sequence[str]) -> None:
        now = int(self._clock())
        for tenant in tenants:
            policy = self._policies.get(tenant)
            if policy is None:
                continue
            if any(rule.slow is not None for rule in policy.rules):
                connection.execute(sql.count_baseline(tenant, slice, now))
            expires = min(now + self._options.decision_seconds, (1 << 32) - 1)
            connection.execute(sql.decide(tenant, slice, policy, self._of_store().attributes(), now, expires))

    def _count(self, connection: Connection, slice: Slice, tenants: Sequence[str]) -> None:
        """Note what became of the spans of a slice."""
        if not tenants:
            return
        for tenant, rule, kept, spans, traces in connection.rows(sql.tally(tenants, slice)):
            key = str(tenant), str(rule), bool(kept)
            self.statistics.spans[key] += int(spans)
            self.statistics.traces[key] += int(traces)
            self._counted(*key, int(spans), int(traces))

    def _chunks(self, connection: Connection, end: int) -> int:
        """How many inserts a slice needs so that each stays within `chunk_bytes` of memory, if all of it were kept."""
        ((size,),) = connection.rows(
            f"SELECT sum(data_uncompressed_bytes) FROM system.parts WHERE {_ACTIVE} AND endsWith(partition_id, '-{end}')"
        )
        return min(max(-(-int(size or 0) // self._options.chunk_bytes), 1), sql.MAX_CHUNKS)

    def _drop(self, connection: Connection) -> None:
        """Drop what is settled, once nobody reads it any more."""
        if self._undropped and self.visibility.unread():
            while self._undropped:
                connection.execute(f"ALTER TABLE {SPANS.path} DROP PARTITION ID {quote(self._undropped[0])}")
                del self._undropped[0]
            self._of_store().changed()

    # ---------------------------------------------------------------------------------------------------------- questions

    def _of_store(self) -> Source:
        assert self._source is not None, "prepare() comes first"
        return self._source

    def _pending(self, connection: Connection) -> list[tuple[str, int]]:
        """(partition, slice) of everything that is pending, the oldest first."""
        rows = connection.rows(f"SELECT DISTINCT partition_id FROM system.parts WHERE {_ACTIVE}")
        found = [(str(id), int(str(id).rpartition("-")[2])) for (id,) in rows]
        return sorted((one for one in found if one[1] > 0), key=lambda one: (one[1], one[0]))

    def _sizes(self, connection: Connection) -> dict[int, tuple[int, int]]:
        """Spans and bytes of the slices that are not settled."""
        rows = connection.rows(
            f"SELECT toUInt32OrZero(splitByChar('-', partition_id)[-1]) AS slice, sum(rows), sum(bytes_on_disk) "
            f"FROM system.parts WHERE {_ACTIVE} GROUP BY slice HAVING slice > {self.visibility.view.settled}"
        )
        return {int(slice): (int(spans), int(size)) for slice, spans, size in rows}

    def _days(self, connection: Connection, end: int) -> set[int]:
        return {int(id.partition("-")[0]) for id, slice in self._pending(connection) if slice == end}

    def _tenants(self, connection: Connection, end: int) -> list[str]:
        rows = connection.rows(f"SELECT DISTINCT tenant FROM {SPANS.path} WHERE pending = {end} ORDER BY tenant")
        return [str(tenant) for (tenant,) in rows]

    def _stored(self, connection: Connection, end: int, days: set[int]) -> dict[int, set[int]]:
        """Which days of which chunks of a slice are where they stay, by commit id."""
        if not days:
            return {}
        partitions = ", ".join(quote(f"{day}-0") for day in sorted(days))
        rows = connection.rows(
            f"SELECT commit_id, groupUniqArray({SPANS.day}) FROM {SPANS.path} WHERE _partition_id IN ({partitions}) "
            f"AND commit_id >= {first_move(end)} AND commit_id < {first_move(end + 1)} GROUP BY commit_id"
        )
        return {int(id): {int(day) for day in found} for id, found in rows}

    def _columns(self, connection: Connection) -> list[str]:
        rows = connection.rows(
            f"SELECT name FROM system.columns WHERE database = 'nexus' AND table = {quote(SPANS.name)} "
            "AND default_kind != 'ALIAS' ORDER BY position"
        )
        return [str(name) for (name,) in rows]

    # --------------------------------------------------------------------------------------------------------- to look at

    def metrics(self) -> dict[str, tuple[str, float]]:
        """Name, help text and value of what is worth watching."""
        found = self.statistics
        kept: Counter[bool] = Counter()
        for (_, _, one), spans in found.spans.items():
            kept[one] += spans
        return {
            "sampling_pending_spans": ("Tail sampling: spans whose traces are not decided.", found.pending_spans),
            "sampling_pending_bytes": ("Tail sampling: bytes on disk of these.", found.pending_bytes),
            "sampling_lag_seconds": ("Tail sampling: by how much the oldest slice is late.", found.lag),
            "sampling_slices": ("Tail sampling: slices of time settled since the start.", found.slices),
            "sampling_early_slices": ("Tail sampling: slices decided early, because too much was pending.", found.early),
            "sampling_kept_spans": ("Tail sampling: spans kept since the start.", kept[True]),
            "sampling_dropped_spans": ("Tail sampling: spans dropped since the start.", kept[False]),
            "sampling_seconds": ("Tail sampling: time spent deciding and moving.", found.seconds),
            "sampling_failures": ("Tail sampling: attempts that failed.", found.failures),
        }

    def forget(self, connection: Connection, tenant: str) -> None:
        """Remove what is known of a tenant's traces and operations. Raises `EngineError`."""
        for table in (sql.DECISIONS, sql.BASELINES):
            connection.execute(
                f"ALTER TABLE nexus.{table} DELETE WHERE tenant = {quote(tenant)} SETTINGS mutations_sync = 1"
            )
        for count in (self.statistics.spans, self.statistics.traces):
            for key in [key for key in count if key[0] == tenant]:
                del count[key]


_ACTIVE: Final = f"database = 'nexus' AND table = {quote(SPANS.name)} AND active"
