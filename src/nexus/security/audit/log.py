"""The audit log: who did what to what, from where, with which outcome, and what it was before and after. Never a secret.

`record` writes down a change, `observed` a sensitive read or a refused attempt. Both are durable when they return. Failures
and reads are braked: of a kind only so many a minute are written down, the others become one record that says how many there
were.

When the log cannot be written, the caller gets a `StorageError`: a change that was made already is owed to the log and
written down as soon as that works again, and until then `check` refuses further changes. Reading goes on, but for reads that
have to be recorded. What is owed is kept in memory, and told to the log of the process, in case that ends first.

The records of all tenants are one chain: see `security.chain` and `security.ledger`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from nexus.errors import Overloaded, StorageError
from nexus.security.actor import SYSTEM, Actor
from nexus.security.audit.brake import Brake, Kind
from nexus.security.audit.chain import Examined
from nexus.security.audit.ledger import Ledger
from nexus.security.audit.masking import MASKED, document, masked_text, secret_name
from nexus.storage.metadata.api import AuditFilter, AuditRecord, MetadataStore
from nexus.telemetry import Registry

FAILURES_A_MINUTE: Final = 10
READS_A_MINUTE: Final = 60
LISTS_A_MINUTE: Final = 5
"""Of lists that a page looks at again and again: of the audit log itself, of users, of keys."""
SEARCHES_AT_A_TIME: Final = 2
MAX_NAME: Final = 300
MAX_OWED: Final = 1000
RETRY_SECONDS: Final = 1.0
TICK_SECONDS: Final = 2.0
REMOVE_EVERY: Final = 6 * 3600.0
REMOVED_AT_ONCE: Final = 50_000
MAX_RECORDS: Final = 20_000_000
"""Records that are kept at most, whatever retention says: about 10 GB."""
OK: Final = "ok"
ACTIONS: Final = (
    "access.denied",
    "account.changed",
    "account.created",
    "account.deleted",
    "accounts.listed",
    "audit.exported",
    "audit.held_back",
    "audit.read",
    "audit.removed",
    "audit.verified",
    "confirmation.failed",
    "deletion.done",
    "deletion.failed",
    "deletion.started",
    "key.created",
    "key.revoked",
    "key.rotated",
    "keys.listed",
    "limits.changed",
    "limits.removed",
    "link.created",
    "login.failed",
    "login.succeeded",
    "logs.exported",
    "metrics.deleted",
    "metrics.exported",
    "targets.reloaded",
    "pipelines.changed",
    "query.cancelled",
    "records.counted",
    "spans.counted",
    "recovery_codes.made",
    "retention.changed",
    "metric_retention.changed",
    "trace_retention.changed",
    "trace_sampling.changed",
    "role.changed",
    "role.created",
    "role.deleted",
    "role.previewed",
    "second_factor.added",
    "second_factor.removed",
    "session.ended",
    "sessions.listed",
    "sql.queried",
    "team.changed",
    "team.created",
    "team.deleted",
    "tenant.changed",
    "tenant.created",
    "tenant.deleted",
    "tenant.deletion_failed",
    "tenant.deletion_started",
    "user.changed",
    "user.created",
    "user.deleted",
    "user.password_changed",
    "user.password_link_sent",
    "user.password_reset",
    "user.roles_changed",
    "user.second_factor_removed",
    "user.sessions_ended",
    "users.listed",
    "view.changed",
    "view.created",
    "view.deleted",
)
"""What the log tells of."""

log = logging.getLogger(__name__)


class Audit:
    """See the module text. Without a ledger of its own nothing is signed: for tests of what records."""

    def __init__(
        self,
        metadata: MetadataStore,
        now_ns: Callable[[], int],
        ledger: Ledger | None = None,
        registry: Registry | None = None,
        retention_seconds: Callable[[], float] = lambda: 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`retention_seconds` is how long records are kept, 0 for ever."""
        self._metadata = metadata
        self._now_ns = now_ns
        self._ledger = ledger or Ledger(metadata, now_ns)
        self._retention = retention_seconds
        self._monotonic = monotonic
        self._brake = Brake()
        self._owed: deque[AuditRecord] = deque(maxlen=MAX_OWED)
        self._tried = float("-inf")
        self._removed_at = float("-inf")
        self._examining = asyncio.Lock()
        self._settling = asyncio.Lock()
        self._searching = asyncio.Semaphore(SEARCHES_AT_A_TIME)
        self._news = asyncio.Event()
        self._actions = set(ACTIONS)
        registry = registry or Registry()
        self._written = registry.counter(
            "nexus_audit_records_total", "Records of the audit log, by action and outcome.", "action", "outcome"
        )
        self._held = registry.counter("nexus_audit_held_back_total", "Failures and reads that were only counted.", "action")
        self._failed = registry.counter("nexus_audit_write_failures_total", "Records that could not be written at once.")
        registry.gauge("nexus_audit_owed", "Records waiting to be written.", read=lambda: len(self._owed))
        registry.gauge("nexus_audit_unsigned", "Records after the newest checkpoint.", read=lambda: self._ledger.unsigned)
        registry.gauge(
            "nexus_audit_chain_breaks", "Times that the log did not end as it was written.", read=lambda: self._ledger.breaks
        )

    # -------------------------------------------------------------------------------------------------------- writing

    async def record(
        self,
        actor: Actor,
        tenant: str,
        action: str,
        subject: str,
        /,
        *,
        before: object = None,
        after: object = None,
        outcome: str = OK,
        **details: str | int,
    ) -> None:
        """Write down that somebody did `action` (`deletion.started`) to `subject`; durable on return. Raises `StorageError`.

        `before` and `after` are anything that can be written as JSON. Secrets are masked here, texts cut.
        """
        if outcome != OK and not self._admitted(actor, tenant, action, outcome, FAILURES_A_MINUTE):
            return
        # Masking a large state takes a while.
        entry = await asyncio.to_thread(
            _entry, self._now_ns(), actor, tenant, action, subject, outcome, before, after, details
        )
        await self._write(entry)

    async def observed(
        self, actor: Actor, tenant: str, action: str, subject: str, details: Mapping[str, str | int], *, outcome: str = OK
    ) -> None:
        """Write down a read, or an attempt that was refused; so many a minute of a kind at most. Raises `StorageError`."""
        limit = LISTS_A_MINUTE if action.endswith((".listed", "audit.read")) else READS_A_MINUTE
        limit = limit if outcome == OK else FAILURES_A_MINUTE
        if self._admitted(actor, tenant, action, outcome, limit):
            await self._write(_entry(self._now_ns(), actor, tenant, action, subject, outcome, None, None, details))

    async def check(self) -> None:
        """Refuse a change while the log cannot be written. Raises `StorageError`."""
        if self._owed:
            await self._settle()

    def _admitted(self, actor: Actor, tenant: str, action: str, outcome: str, limit: int) -> bool:
        # A stranger has no name of his own: what he calls himself must not make another kind.
        who = "" if actor.kind == "anonymous" else actor.name[:MAX_NAME]
        kind = Kind(tenant, actor.kind, who, action, outcome)
        admitted = self._brake.admit(kind, limit, self._monotonic())
        if not admitted:
            self._held.add(1, action)
        return admitted

    async def _write(self, entry: AuditRecord) -> None:
        if self._owed:
            # In order: what is owed comes first.
            self._owe(entry)
            await self._settle()
            return
        try:
            await asyncio.to_thread(self._ledger.append, entry)
        except StorageError as error:
            self._owe(entry)
            raise _not_written(error) from error
        self._noted(entry)

    async def _settle(self) -> None:
        """Write down what is owed. Raises `StorageError`."""
        async with self._settling:
            now = self._monotonic()
            if self._owed and now - self._tried < RETRY_SECONDS:
                raise _not_written(None)
            self._tried = now
            while self._owed:
                entry = self._owed[0]
                try:
                    await asyncio.to_thread(self._ledger.append, entry)
                except StorageError as error:
                    raise _not_written(error) from error
                if self._owed and self._owed[0] is entry:
                    self._owed.popleft()
                self._noted(entry)
            self._tried = float("-inf")

    def _owe(self, entry: AuditRecord) -> None:
        self._failed.add(1)
        if len(self._owed) == MAX_OWED:
            log.error("more records of the audit log are owed than are kept; the oldest is in this log only")
        self._owed.append(entry)
        log.error(
            "a record of the audit log was not written",
            extra={"fields": {"who": entry.who, "action": entry.action, "subject": entry.subject, "tenant": entry.tenant}},
        )

    def _noted(self, entry: AuditRecord) -> None:
        self._actions.add(entry.action)
        self._written.add(1, entry.action, entry.outcome)
        self._news.set()

    # -------------------------------------------------------------------------------------------------------- reading

    async def entries(self, wanted: AuditFilter, limit: int, before: int = 0) -> list[AuditRecord]:
        """Records newest first; `before` a number (0: from the newest). Raises `StorageError`."""
        # A text may be looked for in millions of records: others must find room to read meanwhile.
        async with self._searching:
            return await asyncio.to_thread(self._metadata.list_audit, wanted, limit=limit, before=before)

    def after(self, number: int, limit: int) -> list[AuditRecord]:
        """Records of every tenant by number, from the one after that. Blocks. Raises `StorageError`."""
        return self._metadata.walk_audit(number, limit)

    @property
    def actions(self) -> list[str]:
        """What the log tells of, by name."""
        return sorted(self._actions)

    @property
    def newest(self) -> int:
        """Number of the newest record."""
        return self._ledger.newest

    async def news(self) -> None:
        """Wait for another record, for one task that follows; it may have been written before."""
        await self._news.wait()
        self._news.clear()

    async def examine(self) -> Examined:
        """Is every record there, unaltered and in its place? Raises `StorageError`, `Overloaded` while another asks."""
        if self._examining.locked():
            raise Overloaded("the audit log is being verified already.", retry_after=5.0)
        async with self._examining:
            return await asyncio.to_thread(self._ledger.examine)

    # ---------------------------------------------------------------------------------------------------- housekeeping

    async def run(self) -> None:
        """Sign, tell what was held back, remove what is old; for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self._tick()
            except StorageError as error:
                log.warning("housekeeping of the audit log goes on later: %s", error)
            except Exception:
                log.exception("housekeeping of the audit log goes on later")

    async def close(self) -> None:
        """Write and sign what there is; nothing may be recorded afterwards."""
        try:
            await self._tell(everything=True)
            if self._owed:
                self._tried = float("-inf")
                await self._settle()
        except StorageError as error:
            log.error("the audit log is not complete: %s", error)
        await asyncio.to_thread(self._ledger.sign, at_once=True)

    async def _tick(self) -> None:
        await self.check()
        await self._tell()
        await asyncio.to_thread(self._ledger.sign)
        now = self._monotonic()
        if now - self._removed_at >= REMOVE_EVERY:
            gone = await self.remove_old()
            # A long backlog is removed in pieces.
            self._removed_at = now if gone < REMOVED_AT_ONCE else float("-inf")

    async def _tell(self, *, everything: bool = False) -> None:
        for kind, held in self._brake.due(self._monotonic(), everything=everything):
            actor = Actor(kind.kind, kind.who)
            details: dict[str, str | int] = {"more": held, "within": "1 min"}
            await self._write(_entry(self._now_ns(), actor, kind.tenant, kind.action, "", kind.outcome, None, None, details))

    async def remove_old(self) -> int:
        """Remove records that are older than retention says, a piece of them; how many. Raises `StorageError`."""
        seconds = self._retention()
        cutoff = self._now_ns() - int(seconds * 1e9) if seconds > 0 else -(2**63)
        gone = await asyncio.to_thread(self._ledger.remove_before, cutoff, REMOVED_AT_ONCE, MAX_RECORDS)
        if gone:
            await self.record(SYSTEM, "*", "audit.removed", "audit", records=gone)
        return gone


def _entry(
    now: int,
    actor: Actor,
    tenant: str,
    action: str,
    subject: str,
    outcome: str,
    before: object,
    after: object,
    details: Mapping[str, str | int],
) -> AuditRecord:
    texts = {
        name[:MAX_NAME]: MASKED if secret_name(name) and value else masked_text(str(value))
        for name, value in details.items()
    }
    return AuditRecord(
        now,
        tenant[:MAX_NAME],
        masked_text(actor.name, MAX_NAME),
        action,
        masked_text(subject, MAX_NAME),
        texts,
        actor.kind,
        actor.address[:MAX_NAME],
        outcome,
        document(before, after),
        document(after, before),
    )


def _not_written(error: StorageError | None) -> StorageError:
    reason = f": {error.message.rstrip('.')}" if error else ""
    return StorageError(
        f"the audit log cannot be written{reason}.",
        hint="A change that was made is written down later, no other is made until then. Check the disk of the metadata.",
    )
