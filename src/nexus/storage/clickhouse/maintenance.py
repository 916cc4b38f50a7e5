"""One thread with a connection of its own for short statements about the table: changes of retention, erasures, progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nexus.errors import NexusError, Overloaded
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.errors import EngineError, query_error
from nexus.storage.clickhouse.queries import Connect

T = TypeVar("T")


class Maintenance:
    """See the module text. `stop` blocks until what runs has ended."""

    def __init__(self, engine: Connect) -> None:
        self._engine = engine
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="maintenance")
        self._connection: Connection | None = None
        self._stopped = False

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run work with the connection. Raises what it raises, errors of the engine as `StorageError` and its like."""
        if self._stopped:
            raise Overloaded("Nexus is stopping.", retry_after=5.0)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, work)

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            return work(self._connection)
        except EngineError as error:
            raise _told(error) from error

    def stop(self) -> None:
        """Run nothing more and close the connection."""
        self._stopped = True
        self._executor.shutdown(wait=True)
        if self._connection is not None:
            self._engine.release(self._connection)
            self._connection = None


def _told(error: EngineError) -> NexusError:
    return query_error(error, seconds=0, user_sql=False)
