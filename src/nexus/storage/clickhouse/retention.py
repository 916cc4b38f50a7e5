"""Retention: whole partitions are dropped once everything in them has expired; merges remove single rows (table TTL).

`expires_on` of a record is the later of its day and the day of its arrival plus the days that its tenant's policy says, or
the largest date for "for ever". When a policy changes, stored records are moved by the difference, in the background and
once: the change is written down first and carries a number that the engine's own list of mutations shows. Nothing is
inserted while a change is issued, so a record either carries the new policy or is older than the change and moved by it.

The default is a policy like any other, of all tenants that have none of their own (`EVERYBODY`).
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from nexus import _native
from nexus.query.encode import encode_predicate
from nexus.query.plan import Predicate
from nexus.storage.api import Progress, RetentionPolicy
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.connection import Connection, quote
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.predicate_text import dump, load
from nexus.storage.clickhouse.scan import condition_of
from nexus.storage.clickhouse.signal_tables import LOGS, SignalTable

log = logging.getLogger(__name__)

FOR_EVER: Final = 65_535
"""The largest `Date`, 2149-06-06."""

EVERYBODY: Final = "*"
"""Stands for the tenants without a policy of their own; no tenant is called so."""


@dataclass(frozen=True, slots=True)
class _Names:
    """What the policies of a table are written down as."""

    prefix: str

    @property
    def applied(self) -> str:
        return f"{self.prefix}retention_days"

    @property
    def own(self) -> str:
        return f"{self.prefix}retention_policy:"

    @property
    def change(self) -> str:
        return f"{self.prefix}retention_change"

    @property
    def number(self) -> str:
        return f"{self.prefix}retention_number"


Policies = Callable[[], Mapping[str, RetentionPolicy]]
"""The policies that are wanted, by tenant."""


class Retention:
    """The policies in force: what new records get, and where stored ones have been moved.

    `start` and `follow` bring both to what is wanted now; `follow` is called when something has changed, and from time to
    time. `expiry` is for commits: what it says holds until the commit has ended. Any thread.
    """

    def __init__(
        self,
        database: IngestDatabase,
        wanted_days: Callable[[], int],
        wanted: Policies = dict,
        catalog: Callable[[], Catalog] = Catalog,
        table: SignalTable = LOGS,
    ) -> None:
        """`wanted_days` is the default; `catalog` tells which columns hold attributes (partitions are not needed)."""
        self._database = database
        self._table = table
        self._names = _Names(table.prefix)
        self._wanted_days = wanted_days
        self._wanted = wanted
        self._catalog = catalog
        self._lock = threading.Lock()
        self._applied: dict[str, RetentionPolicy] = {}
        self._made: dict[str, Any] = {}

    @property
    def days(self) -> int:
        """The default in force."""
        return self._applied[EVERYBODY].days or 0

    def policy(self, tenant: str) -> RetentionPolicy:
        """The policy in force for a tenant; its days are filled in."""
        return self._applied.get(tenant) or self._applied[EVERYBODY]

    def expiry(self, tenant: str) -> dict[str, Any]:
        """What `encode_native` is to know of a tenant's retention."""
        policy = self.policy(tenant)
        if not policy.rules:
            return {"retention_days": policy.days or 0}
        made = self._made.get(tenant)
        if made is None or made[0] is not policy:
            rules = [(_native.Filter(encode_predicate(where)), days) for where, days in policy.rules]
            made = self._made[tenant] = (policy, {"retention_days": policy.days or 0, "retention": rules})
        options: dict[str, Any] = made[1]
        return options

    def start(self, connection: Connection) -> None:
        """Take over changes made while the store was closed, before anything is inserted. Raises `EngineError`."""
        with self._lock:
            self._applied = read_applied(self._database, self._wanted_days(), self._table)
            self._finish_change(connection)
            for tenant, policy in self._pending():
                self._change(connection, tenant, policy)

    def follow(self, connection: Connection, paused: Callable[[], AbstractContextManager[None]]) -> bool:
        """Take over what has changed; `paused` keeps inserts out. True when there was something. Raises `EngineError`."""
        with self._lock:
            if not self._pending() and _state(self._database, self._names.change) is None:
                return False
            with paused():
                self._finish_change(connection)
                for tenant, policy in self._pending():
                    self._change(connection, tenant, policy)
            return True

    def forget(self, connection: Connection, tenant: str, paused: Callable[[], AbstractContextManager[None]]) -> None:
        """Drop the policy of a tenant without records, with every trace of its rules: in what is written down, and in the
        engine's list of changes. Its policy is not wanted any more. Raises `EngineError`."""
        with self._lock, paused():
            self._finish_change(connection)
            with self._database.transaction() as write:
                write.execute("DELETE FROM state WHERE name = ?", (self._names.own + tenant,))
            self._applied.pop(tenant, None)
            self._made.pop(tenant, None)
            own = quote(_marker(tenant) + " ")
            connection.execute(f"KILL MUTATION WHERE {_of(self._table)} AND position(command, {own}) > 0 SYNC")
        self._database.scrub()

    def _pending(self) -> list[tuple[str, RetentionPolicy]]:
        """What differs from what is wanted, the default first: it moves those that have no policy of their own yet."""
        everybody = RetentionPolicy((), self._wanted_days())
        targets = {EVERYBODY: everybody} | dict.fromkeys(self._applied.keys() - {EVERYBODY}, everybody)
        for tenant, policy in self._wanted().items():
            targets[tenant] = RetentionPolicy(policy.rules, everybody.days if policy.days is None else policy.days)
        return [
            (tenant, policy)
            for tenant, policy in targets.items()
            if self._applied.get(tenant) != policy and not (tenant not in self._applied and policy == everybody)
        ] + [
            # Without a difference to the default they are like everybody again.
            (tenant, policy)
            for tenant, policy in targets.items()
            if tenant != EVERYBODY and self._applied.get(tenant) == policy == everybody
        ]

    def _change(self, connection: Connection, tenant: str, policy: RetentionPolicy) -> None:
        before = self.policy(tenant)
        if before != policy:
            number = int(_state(self._database, self._names.number) or 0) + 1
            change = {"number": number, "tenant": tenant, "from": _dump(before), "to": _dump(policy)}
            _put_state(self._database, {self._names.change: json.dumps(change), self._names.number: str(number)})
            self._finish_change(connection)
        elif tenant != EVERYBODY:
            self._note(tenant, policy)

    def _finish_change(self, connection: Connection) -> None:
        """Issue the change that is written down, if there is one, and write down that it was."""
        text = _state(self._database, self._names.change)
        if text is None:
            return
        change = json.loads(text)
        tenant = str(change.get("tenant", EVERYBODY))
        before, after = _load(change["from"]), _load(change["to"])
        others = sorted(self._applied.keys() - {EVERYBODY})
        expression = change_expression(before, after, self._catalog())
        _issue(connection, self._table, int(change["number"]), tenant, others, expression)
        self._note(tenant, after)

    def _note(self, tenant: str, policy: RetentionPolicy) -> None:
        like_everybody = tenant != EVERYBODY and policy == self._applied[EVERYBODY]
        with self._database.transaction() as write:
            write.execute("DELETE FROM state WHERE name = ?", (self._names.change,))
            if tenant == EVERYBODY:
                write.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (self._names.applied, str(policy.days or 0)))
            elif like_everybody:
                write.execute("DELETE FROM state WHERE name = ?", (self._names.own + tenant,))
            else:
                write.execute(
                    "INSERT OR REPLACE INTO state VALUES (?, ?)", (self._names.own + tenant, json.dumps(_dump(policy)))
                )
        self._made.pop(tenant, None)
        if like_everybody:
            self._applied.pop(tenant, None)
        else:
            self._applied[tenant] = policy


def read_applied(database: IngestDatabase, default_days: int, table: SignalTable = LOGS) -> dict[str, RetentionPolicy]:
    """The policies that were in force; the default is `default_days` when the store is new."""
    names = _Names(table.prefix)
    stored = _state(database, names.applied)
    if stored is None:
        _put_state(database, {names.applied: str(default_days)})
    applied = {EVERYBODY: RetentionPolicy((), default_days if stored is None else int(stored))}
    own = database.rows("SELECT name, value FROM state WHERE substr(name, 1, ?) = ?", (len(names.own), names.own))
    return applied | {name.removeprefix(names.own): _load(json.loads(value)) for name, value in own}


def change_expression(before: RetentionPolicy, after: RetentionPolicy, catalog: Catalog) -> str:
    """What `expires_on` becomes when a policy with its days filled in takes the place of another one. Pure."""
    latest = FOR_EVER - 1
    days = [f"toInt32(toDate32({column}))" for column in catalog.table.times]
    seen = days[0] if len(days) == 1 else f"greatest({', '.join(days)})"
    old, new = _days(before, catalog), _days(after, catalog)
    if old == "0":
        arrival = seen
    else:
        arrival = f"if(expires_on = toDate({FOR_EVER}), {seen}, toInt32(expires_on) - {old})"
    if new == "0":
        return f"toDate({FOR_EVER})"
    moved = f"toDate(greatest(least({arrival} + {new}, {latest}), 1))"
    if not after.rules:
        return moved
    return f"if({new} = 0, toDate({FOR_EVER}), {moved})"


def _days(policy: RetentionPolicy, catalog: Catalog) -> str:
    """The days of a record by a policy."""
    if not policy.rules:
        return str(policy.days or 0)
    branches = ", ".join(f"{condition_of(where, catalog)}, {days}" for where, days in policy.rules)
    return f"toInt32(multiIf({branches}, {policy.days or 0}))"


def _issue(connection: Connection, table: SignalTable, number: int, tenant: str, others: list[str], expression: str) -> bool:
    # Rules hold text of users, in which this comparison cannot occur: quotes within literals are escaped.
    marker = f"{quote(f'{_marker(tenant)} {number}:')} != ''"
    known = connection.rows(
        f"SELECT 1 FROM system.mutations WHERE {_of(table)} AND position(command, {quote(marker)}) > 0 LIMIT 1"
    )
    if known:
        return False
    if tenant != EVERYBODY:
        whose = f"tenant = {quote(tenant)} AND "
    else:
        whose = f"tenant NOT IN ({', '.join(map(quote, others))}) AND " if others else ""
    connection.execute(
        f"ALTER TABLE {table.path} UPDATE expires_on = {expression} WHERE {whose}{marker} SETTINGS mutations_sync = 0"
    )
    log.info("the retention of %s of %s changed; what is stored follows in the background", table.name, _shown(tenant))
    return True


def progress(connection: Connection, tenant: str, table: SignalTable = LOGS) -> Progress:
    """How far changes of a table that concern a tenant are. Raises `EngineError`."""
    own, everybody = quote(_marker(tenant) + " "), quote(_marker(EVERYBODY) + " ")
    ((running, parts, reason),) = connection.rows(
        "SELECT count(), sum(parts_to_do), max(latest_fail_reason) FROM system.mutations "
        f"WHERE {_of(table)} AND NOT is_done AND "
        f"(position(command, {own}) > 0 OR position(command, {everybody}) > 0)"
    )
    return Progress(int(running) == 0, int(parts), str(reason))


def _of(table: SignalTable) -> str:
    return f"database = 'nexus' AND table = {quote(table.name)}"


def _marker(tenant: str) -> str:
    return f"nexus retention of {tenant} change"


def _shown(tenant: str) -> str:
    return "tenants without a policy of their own" if tenant == EVERYBODY else f"tenant {tenant}"


def _dump(policy: RetentionPolicy) -> dict[str, Any]:
    return {"rules": [[dump(where), days] for where, days in policy.rules], "days": policy.days}


def _load(value: Any) -> RetentionPolicy:
    if isinstance(value, int):
        return RetentionPolicy((), value)
    rules: list[tuple[Predicate, int]] = [(load(where), int(days)) for where, days in value["rules"]]
    return RetentionPolicy(tuple(rules), value["days"])


def drop_expired(connection: Connection, table: str = "logs") -> list[tuple[str, int]]:
    """Drop partitions in which every record has expired; returns (partition, records). Raises `EngineError`."""
    candidates = connection.rows(
        f"SELECT partition_id FROM system.parts WHERE database = 'nexus' AND table = {quote(table)} AND active "
        # This column wraps beyond 2106, so it only picks candidates.
        "GROUP BY partition_id HAVING max(delete_ttl_info_max) <= now() ORDER BY partition_id"
    )
    dropped = []
    for (partition,) in candidates:
        ((expired, records),) = connection.rows(
            f"SELECT max(expires_on) <= toDate(now('UTC')), count() FROM nexus.{table} "
            f"WHERE _partition_id = {quote(partition)} SETTINGS max_threads = 1"
        )
        if expired and records:
            connection.execute(f"ALTER TABLE nexus.{table} DROP PARTITION ID {quote(partition)}")
            log.info("dropped partition %s of %s: its %d records have expired", partition, table, records)
            dropped.append((str(partition), int(records)))
    return dropped


def _state(database: IngestDatabase, name: str) -> str | None:
    rows = database.rows("SELECT value FROM state WHERE name = ?", (name,))
    return str(rows[0][0]) if rows else None


def _put_state(database: IngestDatabase, values: dict[str, str]) -> None:
    with database.transaction() as write:
        write.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", sorted(values.items()))
