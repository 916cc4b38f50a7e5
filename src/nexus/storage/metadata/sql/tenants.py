"""Tenants, limits and settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from nexus.storage.metadata.api import TENANT_SETTINGS, StoredLimits, StoredTenantDeletion, Tenant
from nexus.storage.metadata.sql.base import Base
from nexus.storage.metadata.tables import LIMITS, TENANT_DELETIONS, TENANTS

_OWN: Final = (
    ("views", "views"),
    ("links", "links"),
    ("retention policies", "retention"),
    ("deletions", "deletions"),
    ("keys", "api_keys"),
    ("roles given", "bindings"),
)


def _contents() -> Iterator[tuple[str, str, str, int]]:
    """What belongs to a tenant: what it is called, its table, the condition, and how often that names the tenant. Limits of
    keys go before the keys."""
    settings = " OR ".join(f"name = '{prefix}' || ?" for prefix in TENANT_SETTINGS)
    yield (
        "limits", "limits",
        "(scope = 'tenant' AND subject = ?) OR (scope = 'key' AND subject IN (SELECT id FROM api_keys WHERE tenant = ?))", 2,
    )  # fmt: skip
    for what, table in _OWN:
        yield what, table, "tenant = ?", 1
    yield "settings", "settings", settings, len(TENANT_SETTINGS)


class TenantsSql(Base):
    """What belongs to a tenant goes with it."""

    def get_tenant(self, name: str) -> Tenant | None:
        return self._one(TENANTS, "name = ?", name)

    def put_tenant(self, tenant: Tenant) -> None:
        self._database.write(TENANTS.upsert, *TENANTS.values(tenant))

    def describe_tenant(self, name: str, description: str) -> bool:
        sql = "UPDATE tenants SET description = ? WHERE name = ? AND deleted_at = 0"
        return self._database.write(sql, description, name) > 0

    def begin_tenant_deletion(self, deletion: StoredTenantDeletion, keep: int) -> bool:
        with self._database.transaction("tenant_deletions") as database:
            marked = database.write(
                "UPDATE tenants SET deleted_at = ? WHERE name = ? AND (deleted_at = 0 OR name IN "
                "(SELECT tenant FROM tenant_deletions WHERE state = 'failed'))",
                deletion.created_at, deletion.tenant,
            )  # fmt: skip
            if not marked:
                return False
            database.write(TENANT_DELETIONS.upsert, *TENANT_DELETIONS.values(deletion))
            database.write(
                "DELETE FROM tenant_deletions WHERE state = 'done' AND tenant NOT IN (SELECT tenant FROM tenant_deletions "
                "WHERE state = 'done' ORDER BY finished_at DESC, tenant LIMIT ?)",
                keep,
            )
            return True

    def put_tenant_deletion(self, deletion: StoredTenantDeletion) -> None:
        self._database.write(TENANT_DELETIONS.upsert, *TENANT_DELETIONS.values(deletion))

    def get_tenant_deletion(self, tenant: str) -> StoredTenantDeletion | None:
        return self._one(TENANT_DELETIONS, "tenant = ?", tenant)

    def list_tenant_deletions(self) -> list[StoredTenantDeletion]:
        return self._list(TENANT_DELETIONS, "ORDER BY created_at, tenant")

    def count_tenant(self, name: str) -> dict[str, int]:
        return {
            what: int(
                self._database.rows(f"SELECT count(*) FROM {table} WHERE {condition}", *(name for _ in range(names)))[0][0]
            )
            for what, table, condition, names in _contents()
        }

    def delete_tenant(self, name: str, deletion: StoredTenantDeletion | None = None) -> bool:
        with self._database.transaction("tenant_deletions") as database:
            for _, table, condition, names in _contents():
                database.write(f"DELETE FROM {table} WHERE {condition}", *(name for _ in range(names)))
            gone = database.write("DELETE FROM tenants WHERE name = ?", name) > 0
            if deletion is not None:
                database.write(TENANT_DELETIONS.upsert, *TENANT_DELETIONS.values(deletion))
        self._database.scrub()
        return gone

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

    def list_settings(self, prefix: str) -> dict[str, str]:
        rows = self._database.rows("SELECT name, value FROM settings WHERE substr(name, 1, ?) = ?", len(prefix), prefix)
        return {str(name): str(value) for name, value in rows}

    def put_setting(self, name: str, value: str) -> None:
        self._database.write(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name, value,
        )  # fmt: skip
