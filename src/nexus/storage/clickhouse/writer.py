"""The writer of a table: batches in, one insert per commit out, and everybody who waits told at once.

`append` runs on an event loop; committer threads take what waits (`commit` says when and how much), encode it in native
code and insert it. A failed insert fails its waiters only; when several batches shared it and the data may be at fault,
each is tried again alone. Tokens are written down around the insert (`tokens`).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nexus.errors import DiskFull, NexusError, Overloaded, StorageError, TokenReused
from nexus.storage.api import Receipt, Token
from nexus.storage.clickhouse.blocks import Encode, encode_blocks
from nexus.storage.clickhouse.commit import CommitQueue, Pace, Waiting
from nexus.storage.clickhouse.connection import Connection, quote
from nexus.storage.clickhouse.disk import DiskGuard
from nexus.storage.clickhouse.errors import EngineError
from nexus.storage.clickhouse.learned import LearnedColumns
from nexus.storage.clickhouse.options import WriterOptions
from nexus.storage.clickhouse.signal_tables import SignalTable
from nexus.storage.clickhouse.tokens import Entry, Known, TokenLedger, digest_of

log = logging.getLogger(__name__)

SETTINGS: Final = (
    "async_insert = 0, materialize_skip_indexes_on_insert = 0, optimize_on_insert = 0, max_insert_threads = 1, "
    "max_partitions_per_insert_block = 0, input_format_parallel_parsing = 0, "
    # All blocks of a commit become one block, hence one part per day.
    "min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000"
)
Promotion = tuple[str, str, str, str]
"""(attribute key, type letter, column name, column type)."""


class Connect(Protocol):
    """Opens and closes connections: the engine."""

    def connect(self) -> Connection: ...
    def release(self, connection: Connection) -> None: ...


class Arrivals(Protocol):
    """Tells which tenants' rows stay pending, and in which slice of time they arrive."""

    def pends(self, tenant: str) -> bool:
        """Whether rows of a tenant that are stored now are pending."""
        ...

    def arriving(self, tenants: frozenset[str]) -> AbstractContextManager[int]:
        """The slice of rows that are inserted inside; it is not decided before that has ended."""
        ...


@dataclass(slots=True)
class WriterStatistics:
    """Counters since the start, and what waits now."""

    commits: int = 0
    rows: int = 0
    parts: int = 0
    failed_commits: int = 0
    refused_batches: int = 0
    replayed_batches: int = 0
    encode_seconds: float = 0.0
    insert_seconds: float = 0.0
    waiting_rows: int = 0
    waiting_bytes: int = 0


class GroupWriter:
    """See the module text. `expiry` tells the encoder how long a tenant's records are kept; `committed` is called after each
    commit, from the committer's thread; `plain` before one with records that have no skeleton, with its days. With
    `arrivals` rows may be pending; those and others are commits of their own: a commit is still one part a day."""

    def __init__(
        self,
        engine: Connect,
        table: SignalTable,
        encode: Encode,
        ledger: TokenLedger,
        learned: LearnedColumns,
        disk: DiskGuard,
        options: WriterOptions,
        expiry: Callable[[str], dict[str, Any]],
        committed: Callable[[], None],
        plain: Callable[[set[int]], None] | None = None,
        arrivals: Arrivals | None = None,
    ) -> None:
        self._engine = engine
        self._table = table
        self._arrivals = arrivals
        self._encode = encode
        self._ledger = ledger
        self._learned = learned
        self._plain = plain
        self._disk = disk
        self._options = options
        self._expiry = expiry
        self._committed = committed
        self._queue = CommitQueue(options)
        self._pace = Pace(options)
        self._work = threading.Condition()
        self._stopping = False
        self._paused = False
        self._pausing = threading.Lock()
        self._in_flight: dict[bytes, Waiting] = {}
        self._remembering: set[asyncio.Task[None]] = set()
        self._doubtful: dict[int, list[int]] = {}
        self._last_commit_id = 0
        self.statistics = WriterStatistics()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the committers. Raises `EngineError`."""
        for number in range(self._options.committers):
            connection = self._engine.connect()
            thread = threading.Thread(
                target=self._run, args=[connection], name=f"{self._table.name}-committer-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Commit what waits, then end the committers. Blocks; `append` raises from now on."""
        with self._work:
            self._stopping = True
            self._work.notify_all()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is inserted inside: waits for commits under way, and new ones wait. Not for the event loop; one at a
        time."""
        self._pausing.acquire()
        with self._work:
            self._paused = True
            self._work.wait_for(lambda: self._queue.in_commit == 0)
        try:
            yield
        finally:
            with self._work:
                self._paused = False
                self._work.notify_all()
            self._pausing.release()

    @property
    def in_doubt(self) -> bool:
        """Whether it is not known of some commit what is stored of it."""
        return bool(self._doubtful)

    def settle(self, connection: Connection) -> None:
        """Find out what is stored of commits in doubt, while paused. Raises `EngineError`, `sqlite3.Error`."""
        self._settle_doubtful(connection)

    # ---------------------------------------------------------------------------------------- on the event loop

    async def append(
        self, tenant: str, batch: Any, token: Token | None, reply: bytes, records: int | None = None
    ) -> Receipt:
        """See `LogStore.append`."""
        rows = int(batch.num_rows)
        records = rows if records is None else records
        waiting = Waiting(
            tenant, batch, rows, int(batch.num_bytes), tuple(day for day, _ in batch.days()), time.monotonic(),
            asyncio.get_running_loop().create_future(), Receipt(records, reply=reply),
        )  # fmt: skip
        if token is None:
            self._enqueue(waiting)
            return await waiting.future
        waiting.digest = digest = digest_of(tenant, token)
        waiting.fingerprint = token.fingerprint
        if (first := self._in_flight.get(digest)) is not None:
            return await self._attach(first, token)
        known = self._ledger.find(digest)
        if known is None:
            waiting.entry = Entry(digest, token.fingerprint, records, reply, waiting.days)
        elif (receipt := self._replay(known, token)) is not None:
            return receipt
        else:
            waiting.only_days = _days_left(waiting.days, known, int(time.time()) // 86400)
            waiting.receipt = Receipt(known.records, reply=known.reply)
        if waiting.entry and not rows:
            remembering = asyncio.ensure_future(self._remember(waiting.entry, waiting))
            remembering.add_done_callback(self._remembering.discard)
            self._remembering.add(remembering)
        else:
            self._enqueue(waiting)
        self._in_flight[digest] = waiting
        # A sender that goes away must not take along others that wait for the same batch.
        waiting.future.add_done_callback(lambda future: self._landed(digest, waiting, future))
        return await asyncio.shield(waiting.future)

    async def _remember(self, entry: Entry, waiting: Waiting) -> None:
        """Write down a token whose batch is empty."""
        try:
            await asyncio.to_thread(self._ledger.begin, 0, [entry], ())
        except Exception as error:
            failure = StorageError(f"the token could not be written down: {error}.", hint="Retry.")
            waiting.future.set_exception(failure)
        else:
            waiting.future.set_result(waiting.receipt)

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        """See `LogStore.replayed`. Waits for an equal batch that is being stored."""
        digest = digest_of(tenant, token)
        if (first := self._in_flight.get(digest)) is not None:
            return await self._attach(first, token)
        known = self._ledger.find(digest)
        return self._replay(known, token) if known else None

    def _replay(self, known: Known, token: Token) -> Receipt | None:
        """The receipt of a token seen before; None when days of its batch are missing."""
        if known.fingerprint != token.fingerprint:
            raise _reused(token)
        if not known.commits.isdisjoint(self._doubtful):
            raise Overloaded("it is not known yet whether this batch is stored.", retry_after=2.0)
        if known.missing:
            return None
        self.statistics.replayed_batches += 1
        return Receipt(known.records, True, known.reply)

    async def _attach(self, first: Waiting, token: Token) -> Receipt:
        """Share the fate of an equal batch that is under way."""
        if first.fingerprint != token.fingerprint:
            raise _reused(token)
        receipt = await asyncio.shield(first.future)
        self.statistics.replayed_batches += 1
        return Receipt(receipt.records, True, receipt.reply)

    def _enqueue(self, waiting: Waiting) -> None:
        if waiting.rows == 0 or not waiting.stored_days:
            waiting.future.set_result(waiting.receipt)
            return
        self._disk.check()
        with self._work:
            if self._stopping:
                raise Overloaded("the store is stopping.", retry_after=5.0)
            if not self._queue.room_for(waiting.size):
                self.statistics.refused_batches += 1
                raise Overloaded(
                    f"{self._queue.held:,} bytes of records wait to be stored; there is no room for {waiting.size:,} more.",
                    retry_after=1.0,
                    hint="Retry after the time in Retry-After; send larger batches over fewer connections.",
                )
            self._queue.put(waiting)
            self._work.notify()

    def _landed(self, digest: bytes, waiting: Waiting, future: asyncio.Future[Receipt]) -> None:
        if self._in_flight.get(digest) is waiting:
            del self._in_flight[digest]
        if not future.cancelled():
            future.exception()  # Seen, also when nobody waits any more.

    # -------------------------------------------------------------------------------------- in committer threads

    def _run(self, connection: Connection) -> None:
        try:
            while (taken := self._next()) is not None:
                if taken:
                    try:
                        self._commit(connection, taken)
                    except BaseException as error:
                        log.exception("a commit failed in an unexpected way")
                        self._answer([(w, StorageError(f"the commit failed: {error!r}.")) for w in taken])
                    finally:
                        with self._work:
                            self._queue.done(taken)
                            self._work.notify_all()
        finally:
            self._engine.release(connection)

    def _next(self) -> list[Waiting] | None:
        """Wait for the next commit's batches; None when there is nothing left to do for good."""
        with self._work:
            while True:
                if self._paused:
                    self._work.wait()
                    continue
                if not self._queue.batches:
                    if self._stopping:
                        return None
                    self._work.wait()
                    continue
                now = time.monotonic()
                delay = 0.0 if self._stopping else self._pace.delay(self._queue, now)
                if delay <= 0:
                    taken = self._queue.take()
                    self._pace.started(sum(waiting.rows for waiting in taken), now)
                    if self._queue.batches:
                        self._work.notify()
                    return taken
                self._work.wait(delay)

    def _commit(self, connection: Connection, taken: list[Waiting]) -> None:
        try:
            self._disk.check()
        except DiskFull as error:
            self._answer([(waiting, error) for waiting in taken])
            return
        for group in self._alike(taken):
            self._commit_alike(connection, group)

    def _alike(self, taken: list[Waiting]) -> list[list[Waiting]]:
        """Batches that can be one commit."""
        if self._arrivals is None:
            return [taken]
        pending = {tenant: self._arrivals.pends(tenant) for tenant in {waiting.tenant for waiting in taken}}
        groups: dict[bool, list[Waiting]] = {}
        for waiting in taken:
            waiting.pending = pending[waiting.tenant]
            groups.setdefault(waiting.pending, []).append(waiting)
        return list(groups.values())

    def _commit_alike(self, connection: Connection, taken: list[Waiting]) -> None:
        outcome = self._insert_all(connection, taken)
        if outcome and len(taken) > 1 and not any(_is_environment(error) for error in outcome.values()):
            # Some batch may be at fault: those that are not stored are tried one by one.
            for waiting in list(outcome):
                outcome.pop(waiting)
                outcome |= self._insert_all(connection, [waiting])
        self._answer([(waiting, outcome.get(waiting)) for waiting in taken])

    def _insert_all(self, connection: Connection, taken: Sequence[Waiting]) -> dict[Waiting, NexusError]:
        """Insert batches as one commit. Returns those that are not stored (as a whole), with why."""
        arriving: AbstractContextManager[int] = nullcontext(0)
        if self._arrivals is not None and taken[0].pending:
            arriving = self._arrivals.arriving(frozenset(waiting.tenant for waiting in taken))
        with arriving as pending:
            return self._insert_commit(connection, taken, {"pending": pending} if pending else {})

    def _insert_commit(
        self, connection: Connection, taken: Sequence[Waiting], options: dict[str, Any]
    ) -> dict[Waiting, NexusError]:
        entries = [waiting.entry for waiting in taken if waiting.entry]
        retries = [waiting.digest for waiting in taken if waiting.digest and not waiting.entry]
        days = {day for waiting in taken for day in waiting.stored_days}
        # Without tokens and within one day nobody will ask what of the commit is stored.
        commit_id = self._new_commit_id() if entries or retries or len(days) > 1 else 0
        try:
            self._settle_doubtful(connection)
            promoted = self._learned.prepare(connection, [waiting.batch for waiting in taken])
            if entries or retries:
                self._ledger.begin(commit_id, entries, retries)
            self._insert(connection, taken, commit_id, promoted, options)
        except Exception as error:
            return self._after_failure(connection, taken, commit_id, sorted(days), error)
        if entries or retries:
            try:
                self._ledger.complete(commit_id)
            except sqlite3.Error as error:
                log.error("cannot strike off commit %d in the token ledger, trying again later: %s", commit_id, error)
                self._doubtful[commit_id] = sorted(days)
        self.statistics.commits += 1
        self.statistics.parts += len(days)
        self._committed()
        return {}

    def _insert(
        self,
        connection: Connection,
        taken: Sequence[Waiting],
        commit_id: int,
        promoted: list[Promotion],
        options: dict[str, Any],
    ) -> None:
        shared = functools.partial(self._encode, commit_id=commit_id, now_ns=time.time_ns(), promoted=promoted, **options)

        def encode(batch: Any, *, tenant: str, day: int | None) -> tuple[bytes, int]:
            return shared(batch, tenant=tenant, day=day, **self._expiry(tenant))

        expected = 0
        encoding = 0.0

        def blocks() -> Iterator[bytes]:
            nonlocal expected, encoding
            began = time.perf_counter()
            for block, rows, plain in encode_blocks(encode, taken):
                encoding += time.perf_counter() - began
                expected += rows
                if plain and self._plain is not None:
                    self._plain({day for waiting in taken for day in waiting.stored_days})
                yield block
                began = time.perf_counter()

        began = time.perf_counter()
        written = connection.insert(self._table.path, SETTINGS, blocks())
        if written != expected:
            raise EngineError(0, "", f"{written} of {expected} records were written")
        self.statistics.rows += written
        self.statistics.encode_seconds += encoding
        self.statistics.insert_seconds += time.perf_counter() - began - encoding

    def _after_failure(
        self, connection: Connection, taken: Sequence[Waiting], commit_id: int, days: list[int], error: Exception
    ) -> dict[Waiting, NexusError]:
        """Find out what is stored all the same, and say why the rest is not."""
        self.statistics.failed_commits += 1
        failure = self._explain(error)
        log.error("a commit of %d batches failed: %s", len(taken), error)
        if not commit_id:
            return dict.fromkeys(taken, failure)
        try:
            stored = stored_days(self._table, connection, [commit_id], days)
            self._ledger.settle([commit_id], stored)
        except (EngineError, sqlite3.Error) as again:
            log.error("cannot find out yet what of commit %d is stored: %s", commit_id, again)
            self._doubtful[commit_id] = days
            return dict.fromkeys(taken, failure)
        there = {day for _, day in stored}
        if there:
            self._committed()
        for waiting in taken:
            waiting.keep_rest(there)
        return {waiting: failure for waiting in taken if waiting.stored_days}

    def _settle_doubtful(self, connection: Connection) -> None:
        """Settle commits whose outcome could not be found out or written down."""
        for commit_id, days in list(self._doubtful.items()):
            self._ledger.settle([commit_id], stored_days(self._table, connection, [commit_id], days))
            del self._doubtful[commit_id]

    def _explain(self, error: Exception) -> NexusError:
        if isinstance(error, NexusError):
            return error
        if isinstance(error, EngineError):
            if error.no_space:
                return self._disk.report_full(error.message)
            if error.busy:
                return Overloaded(f"the engine cannot take more records now: {error.message}", retry_after=2.0)
        return StorageError(f"the records could not be stored: {error}", hint="Retry; the server's log has more.")

    def _new_commit_id(self) -> int:
        with self._work:
            self._last_commit_id = max(time.time_ns() // 1000, self._last_commit_id + 1)
            return self._last_commit_id

    def _answer(self, outcomes: list[tuple[Waiting, NexusError | None]]) -> None:
        """Resolve futures, one wake-up per event loop."""
        loops: dict[asyncio.AbstractEventLoop, list[tuple[Waiting, NexusError | None]]] = defaultdict(list)
        for waiting, error in outcomes:
            loops[waiting.future.get_loop()].append((waiting, error))
        for loop, group in loops.items():
            try:
                loop.call_soon_threadsafe(_resolve, group)
            except RuntimeError:
                log.warning("%d senders were gone before their records were stored", len(group))

    def refresh_statistics(self) -> WriterStatistics:
        """The counters, with what waits now."""
        with self._work:
            self.statistics.waiting_rows = self._queue.rows
            self.statistics.waiting_bytes = self._queue.held
        return self.statistics


def stored_days(table: SignalTable, connection: Connection, commit_ids: list[int], days: list[int]) -> set[tuple[int, int]]:
    """Which (commit id, UTC day) of these commits and days of a table are there."""
    ids = ", ".join(str(commit_id) for commit_id in commit_ids)
    partitions = ", ".join(map(quote, partitions_of(table, connection, days))) or "''"
    rows = connection.rows(
        f"SELECT commit_id, {table.day} AS day FROM {table.path} "
        f"WHERE commit_id IN ({ids}) AND _partition_id IN ({partitions}) GROUP BY commit_id, day"
    )
    return {(int(commit_id), int(day)) for commit_id, day in rows}


def partitions_of(table: SignalTable, connection: Connection, days: Iterable[int]) -> list[str]:
    """The engine's names for the partitions of UTC days (days since the epoch)."""
    wanted = [str(day) for day in days]
    if not table.pending:
        return wanted
    known = connection.rows(
        f"SELECT DISTINCT partition_id FROM system.parts WHERE database = 'nexus' AND table = {quote(table.name)} AND active"
    )
    return sorted(str(partition) for (partition,) in known if str(partition).partition("-")[0] in wanted)


def _resolve(group: list[tuple[Waiting, NexusError | None]]) -> None:
    for waiting, error in group:
        if waiting.future.done():
            continue
        if error is None:
            waiting.future.set_result(waiting.receipt)
        else:
            waiting.future.set_exception(error)


def _days_left(days: tuple[int, ...], known: Known, today: int) -> tuple[int, ...]:
    """Days of a repeated batch to store. Records without a time of their own got the day of their arrival, which may be
    another one now: days after the first attempt's, up to today, are those records, stored if that day was."""
    left = known.missing.intersection(days)
    if known.first_day in known.missing:
        left |= {day for day in days if known.first_day < day <= today}
    return tuple(sorted(left))


def _is_environment(error: NexusError) -> bool:
    """Whether trying the batches one by one is pointless: disk and memory are no matter of data."""
    return isinstance(error, DiskFull | Overloaded)


def _reused(token: Token) -> TokenReused:
    shown = token.key if len(token.key) <= 80 else token.key[:80] + "..."
    return TokenReused(
        f"the idempotency key {shown!r} was used before for another payload.",
        hint="Use a new key for each new batch, and the same one only to repeat it unchanged.",
    )
