"""All that stores one signal: tokens, learned columns, retention and the writer of its table; and what removes it again."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nexus.storage.api import Progress, Receipt, Token
from nexus.storage.clickhouse import erasure, retention
from nexus.storage.clickhouse.attributes import Learner
from nexus.storage.clickhouse.blocks import Encode
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.disk import DiskGuard
from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.learned import LearnedColumns, read_learned
from nexus.storage.clickhouse.maintenance import Maintenance
from nexus.storage.clickhouse.retention import Policies, Retention
from nexus.storage.clickhouse.seen_keys import SeenKeys
from nexus.storage.clickhouse.signal_tables import SignalTable
from nexus.storage.clickhouse.tokens import TokenLedger
from nexus.storage.clickhouse.writer import Arrivals, GroupWriter, stored_days


class SignalIngest:
    """See the module text. Made with a connection that is not kept; `changed` is called when records came or went or columns
    were added, from any thread."""

    def __init__(
        self,
        engine: Engine,
        connection: Connection,
        database: IngestDatabase,
        maintenance: Maintenance,
        disk: DiskGuard,
        table: SignalTable,
        encode: Encode,
        retention_days: Callable[[], int],
        policies: Policies,
        changed: Callable[[], None],
        plain: Callable[[set[int]], None] | None = None,
        arrivals: Arrivals | None = None,
    ) -> None:
        options = engine.options
        self.table = table
        self._engine = engine
        self._maintenance = maintenance
        self._disk = disk
        self._moving = threading.Lock()
        self.changed = changed
        ((empty,),) = connection.rows(f"SELECT count() = 0 FROM {table.path}")
        self.was_empty = bool(empty)
        self.ledger = TokenLedger(database, table, hours=options.token_hours, max_tokens=options.max_tokens)
        self.ledger.settle_all(functools.partial(stored_days, table, connection))
        seen = SeenKeys(database, table, table_is_empty=self.was_empty)
        learner = Learner(read_learned(connection, table), options.max_learned_columns)
        self.learned = LearnedColumns(table, learner, seen, self._changed_schema)
        self.retention = Retention(database, retention_days, policies, self.attributes, table)
        self.retention.start(connection)
        self.writer = GroupWriter(
            engine, table, encode, self.ledger, self.learned, disk, options.writer, self.retention.expiry, changed, plain,
            arrivals,
        )  # fmt: skip

    def attributes(self) -> Catalog:
        """Where attributes are held, for conditions that need no partitions."""
        return Catalog(self.learned.columns, (), self.learned.seen, table=self.table)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Stored rows are read and inserted again inside: no change of stored rows begins meanwhile."""
        with self._moving:
            yield

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Nothing is inserted inside, by whomever."""
        with self._moving, self.writer.paused():
            yield

    @property
    def in_doubt(self) -> bool:
        """Whether it is not known of some commit what is stored of it."""
        return self.writer.in_doubt

    def settle(self, connection: Connection) -> None:
        """Find out what is stored of commits in doubt. Raises `EngineError`, `sqlite3.Error`."""
        with self.writer.paused():
            self.writer.settle(connection)

    def _changed_schema(self) -> None:
        self._engine.save_schema()
        self.changed()

    # ------------------------------------------------------------------------------------------------------ appending

    async def append(
        self, tenant: str, batch: Any, token: Token | None = None, reply: bytes = b"", records: int | None = None
    ) -> Receipt:
        """See `storage.api`."""
        return await self.writer.append(tenant, batch, token, reply, records)

    async def replayed(self, tenant: str, token: Token) -> Receipt | None:
        """See `storage.api`."""
        return await self.writer.replayed(tenant, token)

    # ------------------------------------------------------------------------------------------------------ lifecycle

    def follow(self, connection: Connection) -> bool:
        """Take over policies of retention that have changed. Raises `EngineError`."""
        return self.retention.follow(connection, self._quiet)

    async def follow_retention(self) -> None:
        """See `storage.api`."""
        await self._maintenance.run(self.follow)

    async def retention_progress(self, tenant: str) -> Progress:
        """See `storage.api`."""
        return await self._maintenance.run(lambda connection: retention.progress(connection, tenant, self.table))

    async def erase(self, id: str, condition: Callable[[], str]) -> int:
        """Begin to remove what meets a condition, which is made once nothing is inserted; see `storage.api`."""

        def work(connection: Connection) -> int:
            with self._quiet():
                self.writer.settle(connection)
                return erasure.begin(connection, id, condition(), self.table.name)

        self._disk.check()
        return await self._maintenance.run(work)

    async def erasure_progress(self, id: str) -> Progress | None:
        """See `storage.api`."""
        found = await self._maintenance.run(lambda connection: erasure.progress(connection, id, self.table.name))
        if found is not None and found.done:
            self.changed()
        return found

    async def erased(self, id: str, condition: Callable[[], str]) -> Progress:
        """See `storage.api`."""
        return await self._maintenance.run(lambda connection: erasure.finish(connection, id, condition(), self.table.name))

    async def stop_erasure(self, id: str) -> None:
        """See `storage.api`."""
        await self._maintenance.run(lambda connection: erasure.stop(connection, id, self.table.name))

    async def forget_policy(self, tenant: str) -> None:
        """Forget a tenant's policy of retention, which is not wanted any more."""
        await self._maintenance.run(lambda connection: self.retention.forget(connection, tenant, self._quiet))

    # ------------------------------------------------------------------------------------------------------ to look at

    def metrics(self, what: str, prefix: str = "") -> dict[str, tuple[str, float]]:
        """Name, help text and value of what is worth watching; `what` are the records called."""
        writer = self.writer.refresh_statistics()
        refused = "Times that the cap kept an attribute from a column."
        told = {
            "commits": ("Commits since the start.", writer.commits),
            "rows": (f"{what.capitalize()} stored since the start.", writer.rows),
            "parts": ("Parts written since the start.", writer.parts),
            "failed_commits": ("Commits that failed.", writer.failed_commits),
            "refused_batches": ("Batches refused because too much was waiting.", writer.refused_batches),
            "replayed_batches": ("Batches answered from their idempotency key.", writer.replayed_batches),
            "encode_seconds": ("Time spent encoding blocks.", writer.encode_seconds),
            "insert_seconds": ("Time spent in inserts, encoding not counted.", writer.insert_seconds),
            "waiting_rows": (f"{what.capitalize()} waiting to be committed.", writer.waiting_rows),
            "waiting_bytes": ("Bytes waiting to be committed.", writer.waiting_bytes),
            "learned_columns": ("Attributes that have a column of their own.", len(self.learned.columns)),
            "refused_columns": (refused, self.learned.refused),
            "evicted_tokens": ("Idempotency keys forgotten early, because of too many.", self.ledger.evicted),
        }
        return {f"{prefix}{name}": (f"Spans: {text}" if prefix else text, value) for name, (text, value) in told.items()}
