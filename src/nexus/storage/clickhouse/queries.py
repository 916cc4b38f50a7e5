"""The query pool: a few threads, each with connections of its own, and a bounded queue before them.

A statement carries its query's number as a comment, by which it is found in the engine's process list: to report
progress and to kill it. Users' SQL runs on connections that are read-only and whose limits were set beforehand, so that no
statement can change them.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from nexus.errors import NexusError, Overloaded
from nexus.query.plan import Limits, Scoped
from nexus.storage.api import SPENT, RunningQuery
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.errors import EngineError, query_error

log = logging.getLogger(__name__)
T = TypeVar("T")

_SQL_CONNECTIONS: Final = 4
"""Read-only connections that a thread keeps, one per set of limits."""

_IN_ORDER: Final = (
    "SET allow_reorder_prewhere_conditions = 0, move_primary_key_columns_to_end_of_prewhere = 0, "
    "optimize_move_to_prewhere = 1, move_all_conditions_to_prewhere = 1"
)
"""For users' SQL: conditions are asked in the order in which they are nested, the tenant's first. In an order of its own the
engine would ask a user's conditions of other tenants' records in the same granule, and an error would tell of them."""

_KILL_SECONDS: Final = 30.0
"""How long to go on killing a query that does not end."""


class Connect(Protocol):
    """What hands out connections."""

    def connect(self) -> Connection: ...
    def release(self, connection: Connection) -> None: ...


@dataclass(slots=True, eq=False)
class Job:
    """One query: what to do with a connection, and who waits for it."""

    number: int
    query: Scoped
    read_only: bool
    work: Callable[[Session], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    began: float = field(default_factory=time.monotonic)
    started: bool = False
    cancelled: bool = False
    bytes_read: int = 0
    stop: Callable[[], None] | None = None

    @property
    def comment(self) -> str:
        """How its statements are found in the engine."""
        return f"/* nexus query {self.number} */"


class Session:
    """A connection for the time of one job; counts what its statements cost."""

    def __init__(self, connection: Connection, job: Job, ask: Callable[[str], list[list[Any]]]) -> None:
        """`ask` runs a statement outside of the job's limits."""
        self._connection = connection
        self._job = job
        self._ask = ask
        self.rows_read = 0
        self.bytes_read = 0
        self.sql: list[str] = []
        self._held = ExitStack()

    def hold(self, context: AbstractContextManager[T]) -> T:
        """Enter a context and leave it when the job has ended."""
        return self._held.enter_context(context)

    def close(self) -> None:
        """The job has ended."""
        self._held.close()

    def query(self, sql: str, format: str) -> bytes:
        """Run a statement. Raises `EngineError`, and `asyncio.CancelledError` once the job is cancelled."""
        if self._job.cancelled:
            raise asyncio.CancelledError
        self.sql.append(sql)
        result = self._connection.query(f"{self._job.comment} {sql}", format)
        self.rows_read += result.rows_read
        self.bytes_read += result.bytes_read
        self._job.bytes_read = self.bytes_read
        return result.data

    def prepare(self, sql: str) -> None:
        """Run a statement of the store's own for its effect on this connection alone. Raises `EngineError`."""
        self._connection.execute(sql)

    def insert(self, table: str, block: bytes) -> None:
        """Fill a table of this connection with a Native block. Raises `EngineError`."""
        self._connection.insert(table, "max_insert_threads = 1", [block])

    def spend(self, size: int) -> None:
        """Count bytes that were read elsewhere than in the engine."""
        self.bytes_read += size
        self._job.bytes_read = self.bytes_read

    def stop_with(self, stop: Callable[[], None]) -> None:
        """Call this when the job is cancelled: native work that no statement ends. Raises `asyncio.CancelledError` when it
        is already."""
        self._job.stop = stop
        if self._job.cancelled:
            raise asyncio.CancelledError

    def rows(self, sql: str) -> list[list[Any]]:
        """Run a small statement of the store's own, which is none of what the asker may read."""
        limits = self._job.query.limits
        return self._ask(sql) if limits.scan_rows or limits.scan_bytes else self._connection.rows(sql)


class QueryPool:
    """See the module text. `start` and `stop` block; `run` belongs on an event loop."""

    def __init__(self, engine: Connect, threads: int, waiting: int) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._waiting_limit = waiting
        self._numbers = itertools.count(1)
        self._running: dict[int, Job] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._control: Connection | None = None
        self._control_lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"query-{number}", daemon=True) for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Cancel what runs, end the threads and close their connections."""
        with self._lock:
            self._stopping = True
            running = list(self._running.values())
        for job in running:
            self._kill(job)
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        with self._control_lock:
            if self._control is not None:
                self._engine.release(self._control)
                self._control = None

    async def run(self, query: Scoped, work: Callable[[Session], T], *, read_only: bool = False) -> T:
        """Run work with a session, in a thread; cancelling the caller kills the query in the engine.

        Raises `Overloaded` when too many queries wait, else what `query_error` makes of the engine's errors.
        """
        loop = asyncio.get_running_loop()
        job = Job(next(self._numbers), query, read_only, work, loop, loop.create_future())
        with self._lock:
            if self._stopping:
                raise _stopping()
            if sum(not (other.started or other.cancelled) for other in self._running.values()) >= self._waiting_limit:
                raise Overloaded(f"{self._waiting_limit} queries are waiting already.", retry_after=1.0)
            self._running[job.number] = job
        self._jobs.put(job)
        spent = SPENT.get()
        try:
            result: T = await job.future
            return result
        except asyncio.CancelledError:
            job.cancelled = True
            if job.started:
                loop.run_in_executor(None, self._kill, job)
            raise
        finally:
            if spent is not None:
                spent(job.bytes_read)

    def running(self, tenant: str) -> list[RunningQuery]:
        """Queries of a tenant, with the progress that the engine reports."""
        with self._lock:
            jobs = [job for job in self._running.values() if job.query.tenant == tenant]
        progress = {job.number: (0, 0, 0) for job in jobs}
        if jobs:
            sql = (
                "SELECT toUInt64OrZero(extract(query, '^/\\\\* nexus query ([0-9]+) ')) AS number, "
                "read_rows, read_bytes, memory_usage FROM system.processes WHERE number != 0"
            )
            # Progress tells of records that a restricted query does not see.
            open_ = {job.number for job in jobs if not job.query.restricted}
            for number, rows, size, memory in self._ask_control(sql):
                if number in open_:
                    progress[number] = (rows, size, max(memory, 0))
        now = time.monotonic()
        return [RunningQuery(job.query.query_id, tenant, (now - job.began) * 1000, *progress[job.number]) for job in jobs]

    # ------------------------------------------------------------------------------------------------ in the threads

    def _run(self) -> None:
        connections = _Connections(self._engine)
        try:
            while (job := self._jobs.get()) is not None:
                self._answer(job, connections)
        finally:
            connections.close()

    def _answer(self, job: Job, connections: _Connections) -> None:
        result: Any = None
        failure: BaseException | None = None
        try:
            with self._lock:
                job.started = True
            if job.cancelled:
                raise asyncio.CancelledError
            if self._stopping:
                raise _stopping()
            connection = connections.for_job(job)
            with closing(Session(connection, job, self._ask_control)) as session:
                result = job.work(session)
        except EngineError as error:
            if not job.cancelled:
                # The text of an error in a user's SQL may quote a record, which is not for those who read this log.
                log.info("query %s failed: %s", job.query.query_id, error.name if job.read_only else error)
            failure = query_error(
                error,
                seconds=job.query.limits.seconds,
                user_sql=job.read_only,
                restricted=job.query.restricted,
            )
        except NexusError as error:
            failure = error
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                log.exception("query %s failed in an unexpected way", job.query.query_id)
            failure = error
        finally:
            with self._lock:
                self._running.pop(job.number, None)
        try:
            job.loop.call_soon_threadsafe(_settle, job.future, result, failure)
        except RuntimeError:
            log.debug("the asker of query %s is gone", job.query.query_id)
        if job.cancelled or failure is not None:
            # Output of a killed or failed query can stay in its connection and come out with the next one's.
            connections.close()

    def _kill(self, job: Job) -> None:
        """Kill what a job runs until the job has ended: its next statement may be just about to start."""
        job.cancelled = True
        give_up = time.monotonic() + _KILL_SECONDS
        while job.number in self._running and time.monotonic() < give_up:
            if job.stop is not None:
                job.stop()
            try:
                self._ask_control(f"KILL QUERY WHERE startsWith(query, '{job.comment}') ASYNC")
            except EngineError as error:
                log.warning("cannot kill query %s: %s", job.query.query_id, error)
            time.sleep(0.05)

    def _ask_control(self, sql: str) -> list[list[Any]]:
        with self._control_lock:
            if self._control is None:
                self._control = self._engine.connect()
            return self._control.rows(sql)


class _Connections:
    """A thread's connections: one for compiled statements, read-only ones for users' SQL."""

    def __init__(self, engine: Connect) -> None:
        self._engine = engine
        self._plain: Connection | None = None
        self._limits: Limits | None = None
        self._sql: dict[Limits, Connection] = {}

    def for_job(self, job: Job) -> Connection:
        limits = job.query.limits
        if job.read_only:
            return self._read_only(limits)
        if self._plain is None:
            self._plain = self._engine.connect()
        if self._limits != limits:
            self._plain.execute(_limit_settings(limits))
            self._limits = limits
        return self._plain

    def _read_only(self, limits: Limits) -> Connection:
        if (known := self._sql.get(limits)) is not None:
            return known
        if len(self._sql) >= _SQL_CONNECTIONS:
            self._engine.release(self._sql.pop(next(iter(self._sql))))
        connection = self._engine.connect()
        connection.execute(_limit_settings(limits))
        connection.execute(_IN_ORDER)
        connection.execute("SET readonly = 1")
        self._sql[limits] = connection
        return connection

    def close(self) -> None:
        """Close all; the next job gets new ones."""
        connections = list(self._all())
        self._plain, self._limits, self._sql = None, None, {}
        for connection in connections:
            try:
                self._engine.release(connection)
            except Exception:
                log.exception("a connection of a query thread does not close")

    def _all(self) -> Iterator[Connection]:
        if self._plain is not None:
            yield self._plain
        yield from self._sql.values()


def _limit_settings(limits: Limits) -> str:
    seconds, memory = max(float(limits.seconds), 0.001), int(limits.memory_bytes)
    return (
        f"SET max_execution_time = {seconds!r}, timeout_overflow_mode = 'throw', "
        f"max_memory_usage = {memory}, max_result_bytes = {int(limits.result_bytes)}, "
        f"max_bytes_before_external_group_by = {memory // 2}, result_overflow_mode = 'throw', "
        f"max_rows_to_read = {int(limits.scan_rows)}, max_bytes_to_read = {int(limits.scan_bytes)}, "
        "read_overflow_mode = 'throw'"
    )


def _stopping() -> Overloaded:
    return Overloaded("Nexus is stopping.", retry_after=5.0)


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    elif isinstance(failure, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(failure)
