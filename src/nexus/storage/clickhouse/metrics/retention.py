"""Retention of metrics in force: what new samples get, and the change of stored ones when it is another.

What was applied last is remembered in `ingest.sqlite`. A change is told to native code first, then issued as mutations while
nothing is inserted, then remembered; after a kill in between it is done again, which changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from nexus import _native
from nexus.query.plan import LabelMatcher
from nexus.storage.api import Progress
from nexus.storage.clickhouse.connection import Connection, quote
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.metrics import policies
from nexus.storage.clickhouse.metrics.asking import EVERYTHING, encode_matchers
from nexus.storage.clickhouse.metrics.policies import EVERYBODY, MetricPolicy, WantedPolicies
from nexus.storage.clickhouse.metrics.tables import TABLES

log = logging.getLogger(__name__)

_APPLIED: Final = "metric_retention"
_ALL_TIME: Final = (0, 1 << 62)
_QUERY_SIZE: Final = 1 << 30


class MetricRetention:
    """See the module text. Any thread."""

    def __init__(
        self,
        database: IngestDatabase,
        engine: _native.MetricsEngine,
        default_days: Callable[[], int],
        wanted: WantedPolicies,
    ) -> None:
        self._database = database
        self._engine = engine
        self._default_days = default_days
        self._wanted = wanted
        self._lock = threading.Lock()
        self._applied: dict[str, MetricPolicy] = {}
        self._longest: dict[str, int] = {}

    def longest(self, tenant: str) -> int:
        """The most days that any series of a tenant is kept; 0 is for ever."""
        found = self._longest.get(tenant)
        return self._longest[EVERYBODY] if found is None else found

    def start(self) -> None:
        """Take over what was in force, before the first sample comes in; `follow` brings what is wanted now."""
        with self._lock:
            rows = self._database.rows("SELECT value FROM state WHERE name = ?", (_APPLIED,))
            if rows:
                self._use(policies.decode(str(rows[0][0])))
            else:
                wanted = self._completed()
                self._use(wanted)
                self._remember(wanted)

    def follow(self, connection: Connection, paused: Callable[[], AbstractContextManager[None]]) -> bool:
        """Take over what has changed; `paused` keeps inserts out. True when there was something. Raises `EngineError`."""
        with self._lock:
            before, after = self._applied, self._completed()
            tenants = policies.changed(before, after)
            if not tenants:
                return False
            self._use(after)
            try:
                with paused():
                    connection.execute(f"SET max_query_size = {_QUERY_SIZE}")
                    for tenant in tenants:
                        self._issue(connection, tenant, after)
                    self._remember(after)
            except BaseException:
                # New samples follow the new policy already, stored ones are tried again.
                self._applied = before
                raise
            return True

    def forget(self, connection: Connection, tenant: str) -> None:
        """Drop every trace of a tenant's policy, which is not wanted any more. Raises `EngineError`."""
        with self._lock:
            after = {name: policy for name, policy in self._applied.items() if name != tenant}
            self._use(after)
            self._remember(after)
            own = quote(policies.marker_of(tenant))
            for table in TABLES:
                connection.execute(
                    f"KILL MUTATION WHERE database = 'nexus' AND table = {quote(table)} "
                    f"AND position(command, {own}) > 0 SYNC"
                )
        self._database.scrub()

    def _completed(self) -> dict[str, MetricPolicy]:
        return policies.completed(self._wanted(), self._default_days())

    def _use(self, applied: dict[str, MetricPolicy]) -> None:
        self._engine.set_retention(policies.encode(applied))
        self._applied = applied
        self._longest = {tenant: policies.longest(policy) for tenant, policy in applied.items()}

    def _remember(self, applied: dict[str, MetricPolicy]) -> None:
        with self._database.transaction() as write:
            write.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (_APPLIED, policies.encode(applied).decode()))

    def _issue(self, connection: Connection, tenant: str, after: dict[str, MetricPolicy]) -> None:
        policy = policies.policy_of(after, tenant)
        others = sorted(after.keys() - {EVERYBODY})
        ruled: list[tuple[bytes, int]] = []
        seen: set[bytes] = set()
        for matchers, days in policy.rules:
            ids = [one for one in _split(self._ids(tenant, matchers)) if one not in seen]
            seen.update(ids)
            ruled.append((b"".join(ids), days))
        marker = policies.marker_of(tenant)
        for sql in policies.change_sql(tenant, others, policy.days or 0, ruled, marker).values():
            connection.execute(sql)
        whose = "tenants without a policy of their own" if tenant == EVERYBODY else f"tenant {tenant}"
        log.info("the retention of metrics of %s changed; stored samples follow in the background", whose)

    def _ids(self, tenant: str, matchers: tuple[LabelMatcher, ...]) -> bytes:
        return self._engine.select(tenant, encode_matchers([matchers]), EVERYTHING, *_ALL_TIME).series_ids()


def progress(connection: Connection, tenant: str) -> Progress:
    """How far changes that concern a tenant are. Raises `EngineError`."""
    own, everybody = quote(policies.marker_of(tenant)), quote(policies.marker_of(EVERYBODY))
    ((running, parts, reason),) = connection.rows(
        "SELECT count(), sum(parts_to_do), max(latest_fail_reason) FROM system.mutations "
        f"WHERE database = 'nexus' AND table IN ({', '.join(map(quote, TABLES))}) AND NOT is_done AND "
        f"(position(command, {own}) > 0 OR position(command, {everybody}) > 0)"
    )
    return Progress(int(running) == 0, int(parts), str(reason))


def _split(ids: bytes) -> list[bytes]:
    return [ids[at : at + 16] for at in range(0, len(ids), 16)]
