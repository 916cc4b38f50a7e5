"""The audit log: who did what to what, per tenant, kept in the metadata. Details never hold secrets."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final

import msgspec

from nexus.security.actor import Actor
from nexus.storage.metadata.api import AuditFilter, AuditRecord, MetadataStore

MAX_TEXT: Final = 16_384
"""Characters of a detail; the rest is cut off."""


class Audit:
    """See the module text. `now_ns` gives the time."""

    def __init__(self, metadata: MetadataStore, now_ns: Callable[[], int]) -> None:
        """Nothing is read before it is asked for."""
        self._metadata = metadata
        self._now_ns = now_ns

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
        outcome: str = "ok",
        **details: str | int,
    ) -> None:
        """Write down that somebody did `action` (`deletion.started`) to `subject`; durable on return. Raises
        `StorageError`."""
        texts = {name: str(value)[:MAX_TEXT] for name, value in details.items()}
        old, new = (msgspec.json.encode(state).decode() if state is not None else "" for state in (before, after))
        entry = AuditRecord(
            self._now_ns(), tenant, actor.name, action, subject, texts, actor.kind, actor.address, outcome, old, new
        )
        await asyncio.to_thread(self._metadata.add_audit, entry, _chain)

    def entries(self, tenant: str, limit: int) -> list[AuditRecord]:
        """Newest first."""
        return self._metadata.list_audit(AuditFilter(tenant=tenant), limit=limit)


def _chain(before: str, record: AuditRecord) -> str:
    return hashlib.sha256(before.encode() + msgspec.json.encode(record)).hexdigest()
