"""API keys."""

from __future__ import annotations

from nexus.storage.metadata.api import ApiKey
from nexus.storage.metadata.sql.base import Base
from nexus.storage.metadata.tables import KEYS


class KeysSql(Base):
    """Credentials of programs. Revoked ones stay, so that their ids and secrets are never used again."""

    def create_key(self, key: ApiKey) -> None:
        self._database.write(KEYS.insert, *KEYS.values(key))

    def find_key(self, hash: str, now: int) -> ApiKey | None:
        return self._one(
            KEYS,
            "(hash = ? OR (previous_hash = ? AND previous_until > ?)) AND revoked_at = 0 "
            "AND (expires_at = 0 OR expires_at > ?)",
            hash, hash, now, now,
        )  # fmt: skip

    def get_key(self, id: str) -> ApiKey | None:
        return self._one(KEYS, "id = ? AND revoked_at = 0", id)

    def list_keys(self, tenant: str | None = None) -> list[ApiKey]:
        if tenant is None:
            return self._list(KEYS, "WHERE revoked_at = 0 ORDER BY created_at, id")
        return self._list(KEYS, "WHERE revoked_at = 0 AND tenant = ? ORDER BY created_at, id", tenant)

    def rotate_key(self, id: str, hash: str, prefix: str, previous_until: int) -> bool:
        changed = self._database.write(
            "UPDATE api_keys SET previous_hash = hash, previous_until = ?, hash = ?, prefix = ? "
            "WHERE id = ? AND revoked_at = 0",
            previous_until, hash, prefix, id,
        )  # fmt: skip
        return changed > 0

    def revoke_key(self, id: str, now: int) -> bool:
        return self._database.write("UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at = 0", now, id) > 0

    def touch_key(self, id: str, last_used: int) -> None:
        self._database.write("UPDATE api_keys SET last_used = ? WHERE id = ? AND last_used < ?", last_used, id, last_used)
