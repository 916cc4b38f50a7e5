"""Retention of metrics in force: what new samples get, and the change of stored ones when it is another.

What was applied last is remembered in `ingest.sqlite`. A change is told to native code first, then issued as mutations while
nothing is inserted, then remembered; after a kill in between it is done again, which changes nothing. Where a policy wants
rollups, its mutations wait until these are made.
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
from nexus.storage.clickhouse.metrics.policies import EVERYBODY, MetricPolicy, Policies, WantedPolicies
from nexus.storage.clickhouse.metrics.rolled_days import RolledDays
from nexus.storage.clickhouse.metrics.tables import TABLES

log = logging.getLogger(__name__)

_APPLIED: Final = "metric_retention"
_ALL_TIME: Final = (0, 1 << 62)
_QUERY_SIZE: Final = 1 << 30

Waits = Callable[[str, MetricPolicy], bool]


class MetricRetention:
    """See the module text. Any thread."""

    def __init__(
        self,
        database: IngestDatabase,
        engine: _native.MetricsEngine,
        default_days: Callable[[], int],
        wanted: WantedPolicies,
        days: RolledDays,
    ) -> None:
        """`days` is told when other series are to have rollups."""
        self._days = days
        self._waits: Waits = lambda tenant, policy: False
        self._database = database
        self._engine = engine
        self._default_days = default_days
        self._wanted = wanted
        self._lock = threading.Lock()
        self._applied: dict[str, MetricPolicy] = {}
        """What stored samples follow."""
        self._used: dict[str, MetricPolicy] = {}
        """What new samples follow."""
        self._longest: dict[str, int] = {}

    def longest(self, tenant: str) -> int:
        """The most days that any series of a tenant is kept; 0 is for ever."""
        found = self._longest.get(tenant)
        return self._longest[EVERYBODY] if found is None else found

    def policies(self) -> Policies:
        """What new samples follow."""
        return self._used

    def wait_for(self, waits: Waits) -> None:
        """Leave stored samples alone while `waits` says that a tenant's new policy wants rollups that are not made yet: by
        the policy, their samples may have expired."""
        self._waits = waits

    def waiting(self, tenant: str) -> bool:
        """Do stored samples of a tenant follow an older policy, because rollups are to be made of them first?"""
        with self._lock:
            return policies.policy_of(self._applied, tenant) != policies.policy_of(self._used, tenant)

    def start(self) -> None:
        """Take over what was in force, before the first sample comes in; `follow` brings what is wanted now."""
        with self._lock:
            rows = self._database.rows("SELECT value FROM state WHERE name = ?", (_APPLIED,))
            if rows:
                self._applied = policies.decode(str(rows[0][0]))
            else:
                self._applied = self._completed()
                self._remember(self._applied)
            self._use(self._applied)

    def follow(self, connection: Connection, paused: Callable[[], AbstractContextManager[None]]) -> bool:
        """Take over what has changed; `paused` keeps inserts out. True when stored samples follow something new. Raises
        `EngineError`."""
        with self._lock:
            before, after = self._applied, self._completed()
            used = self._used
            if policies.changed(used, after):
                for tenant in policies.changed(used, after):
                    if policies.policy_of(used, tenant).shape != policies.policy_of(after, tenant).shape:
                        self._days.touched(tenant)
                self._use(after)
            changed = policies.changed(before, after)
            tenants = [tenant for tenant in changed if not self._waits(tenant, policies.policy_of(after, tenant))]
            if not tenants:
                return False
            # Those that wait keep what they had.
            applied = after | {tenant: policies.policy_of(before, tenant) for tenant in changed if tenant not in tenants}
            with paused():
                connection.execute(f"SET max_query_size = {_QUERY_SIZE}")
                for tenant in tenants:
                    self._issue(connection, tenant, after)
                self._remember(applied)
            self._applied = applied
            return True

    def forget(self, connection: Connection, tenant: str) -> None:
        """Drop every trace of a tenant's policy, which is not wanted any more. Raises `EngineError`."""
        with self._lock:
            self._applied = {name: policy for name, policy in self._applied.items() if name != tenant}
            self._use({name: policy for name, policy in self._used.items() if name != tenant})
            self._remember(self._applied)
            self._days.forget(tenant)
            own = quote(policies.marker_of(tenant))
            for table in TABLES:
                connection.execute(
                    f"KILL MUTATION WHERE database = 'nexus' AND table = {quote(table)} "
                    f"AND position(command, {own}) > 0 SYNC"
                )
        self._database.scrub()

    def _completed(self) -> dict[str, MetricPolicy]:
        return policies.completed(self._wanted(), self._default_days())

    def _use(self, used: dict[str, MetricPolicy]) -> None:
        self._engine.set_retention(policies.encode(used))
        self._used = used
        self._longest = {tenant: policies.longest(policy) for tenant, policy in used.items()}

    def _remember(self, applied: dict[str, MetricPolicy]) -> None:
        with self._database.transaction() as write:
            write.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (_APPLIED, policies.encode(applied).decode()))

    def _issue(self, connection: Connection, tenant: str, after: dict[str, MetricPolicy]) -> None:
        policy = policies.policy_of(after, tenant)
        others = sorted(after.keys() - {EVERYBODY})
        ruled: list[tuple[bytes, policies.Kept]] = []
        seen: set[bytes] = set()
        for matchers, days, rollups in policy.rules:
            ids = [one for one in _split(self._ids(tenant, matchers)) if one not in seen]
            seen.update(ids)
            ruled.append((b"".join(ids), (days, rollups)))
        marker, rest = policies.marker_of(tenant), (policy.days or 0, policy.rollups)
        for sql in policies.change_sql(tenant, others, rest, ruled, marker).values():
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
