"""Tenants, limits and settings."""

from __future__ import annotations

import json
from typing import Any

from nexus.storage.metadata.api import TENANT_SETTINGS, StoredLimits, Tenant
from nexus.storage.metadata.sql.base import Base
from nexus.storage.metadata.tables import LIMITS, TENANTS


class TenantsSql(Base):
    """What belongs to a tenant goes with it."""

    def get_tenant(self, name: str) -> Tenant | None:
        return self._one(TENANTS, "name = ?", name)

    def put_tenant(self, tenant: Tenant) -> None:
        self._database.write(TENANTS.upsert, *TENANTS.values(tenant))

    def delete_tenant(self, name: str) -> bool:
        with self._database.transaction() as database:
            database.write(
                "DELETE FROM limits WHERE (scope = 'tenant' AND subject = ?) "
                "OR (scope = 'key' AND subject IN (SELECT id FROM api_keys WHERE tenant = ?))",
                name, name,
            )  # fmt: skip
            for table in ("views", "links", "retention", "deletions", "api_keys", "bindings"):
                database.write(f"DELETE FROM {table} WHERE tenant = ?", name)
            for prefix in TENANT_SETTINGS:
                database.write("DELETE FROM settings WHERE name = ?", prefix + name)
            return database.write("DELETE FROM tenants WHERE name = ?", name) > 0

    def list_tenants(self) -> list[Tenant]:
        return self._list(TENANTS, "ORDER BY name")

    def ensure_tenant(self, name: str, now: int) -> bool:
        if self._database.rows("SELECT 1 FROM tenants WHERE name = ?", name):
            return False
        sql = f"{TENANTS.insert} ON CONFLICT (name) DO NOTHING"
        return self._database.write(sql, *TENANTS.values(Tenant(name, now))) > 0

    def put_tenant_settings(self, name: str, settings: dict[str, Any]) -> bool:
        return self._database.write("UPDATE tenants SET settings = ? WHERE name = ?", json.dumps(settings), name) > 0

    # ----------------------------------------------------------------------------------------- limits and settings

    def put_limits(self, limits: StoredLimits) -> None:
        if limits.limits:
            self._database.write(LIMITS.upsert, *LIMITS.values(limits))
        else:
            self._database.write("DELETE FROM limits WHERE scope = ? AND subject = ?", limits.scope, limits.subject)

    def list_limits(self) -> list[StoredLimits]:
        return self._list(LIMITS, "ORDER BY scope, subject")

    def get_setting(self, name: str) -> str | None:
        rows = self._database.rows("SELECT value FROM settings WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def put_setting(self, name: str, value: str) -> None:
        self._database.write(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name, value,
        )  # fmt: skip
