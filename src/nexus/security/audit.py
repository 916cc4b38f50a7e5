"""The audit log: who did what to what, per tenant, kept in the metadata. Details never hold secrets.

Recorded are deletions, retention changes, API keys made and revoked, views removed, logins that worked or failed, and
whatever else calls `record`. Each tenant keeps its newest `KEPT` entries; of failed logins, which strangers can cause, only
the newest `KEPT_FAILURES`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from nexus.storage.metadata.api import AuditRecord, MetadataStore

KEPT: Final = 100_000
KEPT_FAILURES: Final = 2_000
LOGIN_FAILED: Final = "login.failed"
MAX_TEXT: Final = 16_384
"""Characters of a detail; the rest is cut off."""


class Audit:
    """See the module text. `now_ns` gives the time."""

    def __init__(self, metadata: MetadataStore, now_ns: Callable[[], int]) -> None:
        """Nothing is read before it is asked for."""
        self._metadata = metadata
        self._now_ns = now_ns

    async def record(self, tenant: str, who: str, action: str, subject: str, /, **details: str | int) -> None:
        """Write down that `who` did `action` (`deletion.started`) to `subject`; durable on return. Raises `StorageError`."""
        texts = {name: str(value)[:MAX_TEXT] for name, value in details.items()}
        entry = AuditRecord(self._now_ns(), tenant, who, action, subject, texts)
        await asyncio.to_thread(self._metadata.add_audit, entry)

    def entries(self, tenant: str, limit: int) -> list[AuditRecord]:
        """Newest first."""
        return self._metadata.list_audit(tenant, limit)

    def tidy(self) -> None:
        """Remove what goes beyond the bounds. Blocks."""
        self._metadata.purge_audit(action=LOGIN_FAILED, keep=KEPT_FAILURES)
        self._metadata.purge_audit(action="", keep=KEPT)
