"""The permissions that routes ask for and principals hold: a bounded vocabulary."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from nexus.errors import InvalidRequest


class Permission(StrEnum):
    """What a caller may do. `ADMIN` implies every other."""

    LOGS_READ = "logs:read"
    LOGS_WRITE = "logs:write"
    LOGS_DELETE = "logs:delete"
    RETENTION_READ = "retention:read"
    RETENTION_WRITE = "retention:write"
    PIPELINES_READ = "pipelines:read"
    PIPELINES_WRITE = "pipelines:write"
    VIEWS_READ = "views:read"
    VIEWS_WRITE = "views:write"
    AUDIT_READ = "audit:read"
    SQL_READ = "sql:read"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    QUERIES_READ = "queries:read"
    QUERIES_CANCEL = "queries:cancel"
    TENANTS_READ = "tenants:read"
    METRICS_READ = "metrics:read"
    API_READ = "api:read"
    ADMIN = "admin"


EVERYTHING: Final = frozenset(Permission)
ROLES: Final = {
    "admin": EVERYTHING,
    "writer": frozenset({Permission.LOGS_WRITE}),
    "reader": frozenset(
        {Permission.LOGS_READ, Permission.SQL_READ, Permission.QUERIES_READ, Permission.QUERIES_CANCEL,
         Permission.TENANTS_READ, Permission.API_READ, Permission.VIEWS_READ, Permission.VIEWS_WRITE,
         Permission.PIPELINES_READ, Permission.RETENTION_READ}
    ),
}  # fmt: skip


def parse_permissions(names: Iterable[str]) -> frozenset[Permission]:
    """Read permission names; `*` is all of them. Raises `InvalidRequest` for a name that is none."""
    found: set[Permission] = set()
    for name in names:
        if name == "*":
            return EVERYTHING
        if name not in Permission._value2member_map_:
            known = ", ".join(sorted(Permission))
            raise InvalidRequest(f"there is no permission {name!r}.", hint=f"The permissions are {known}.")
        found.add(Permission(name))
    return frozenset(found)


def expanded(permissions: Iterable[Permission]) -> frozenset[Permission]:
    """The permissions with everything they imply."""
    held = frozenset(permissions)
    return EVERYTHING if Permission.ADMIN in held else held
