"""How long records are kept, and their deletions."""

from __future__ import annotations

from nexus.storage.metadata.api import StoredDeletion, StoredRetention
from nexus.storage.metadata.sql.base import Base
from nexus.storage.metadata.tables import DELETIONS, RETENTION


class RecordsSql(Base):
    """Retention policies and deletions."""

    def list_retention(self) -> list[StoredRetention]:
        return self._list(RETENTION, "ORDER BY tenant")

    def put_retention(self, retention: StoredRetention) -> None:
        if not retention.rules and retention.days is None:
            self._database.write("DELETE FROM retention WHERE tenant = ?", retention.tenant)
        else:
            self._database.write(RETENTION.upsert, *RETENTION.values(retention))

    def put_deletion(self, deletion: StoredDeletion) -> None:
        self._database.write(DELETIONS.upsert, *DELETIONS.values(deletion))

    def get_deletion(self, id: str) -> StoredDeletion | None:
        return self._one(DELETIONS, "id = ?", id)

    def list_deletions(self, tenant: str, limit: int) -> list[StoredDeletion]:
        return self._list(DELETIONS, "WHERE tenant = ? ORDER BY created_at DESC, id LIMIT ?", tenant, limit)

    def open_deletions(self) -> list[StoredDeletion]:
        return self._list(DELETIONS, "WHERE state IN ('running', 'verifying') ORDER BY created_at, id")
