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
    TENANTS_WRITE = "tenants:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    ROLES_READ = "roles:read"
    ROLES_WRITE = "roles:write"
    LIMITS_READ = "limits:read"
    LIMITS_WRITE = "limits:write"
    METRICS_READ = "metrics:read"
    API_READ = "api:read"
    ADMIN = "admin"


EVERYTHING: Final = frozenset(Permission)
READING: Final = frozenset({Permission.LOGS_READ, Permission.SQL_READ})
"""Permissions through which records are seen: what a role's policy and masks are about."""
SYSTEM: Final = frozenset(
    {Permission.TENANTS_WRITE, Permission.USERS_READ, Permission.USERS_WRITE, Permission.ROLES_READ, Permission.ROLES_WRITE,
     Permission.LIMITS_READ, Permission.LIMITS_WRITE, Permission.METRICS_READ}
)  # fmt: skip
"""Permissions about what no single tenant owns: they count only when held in every tenant."""

_VIEWER: Final = frozenset(
    {Permission.LOGS_READ, Permission.SQL_READ, Permission.QUERIES_READ, Permission.VIEWS_READ, Permission.PIPELINES_READ,
     Permission.RETENTION_READ, Permission.TENANTS_READ, Permission.API_READ}
)  # fmt: skip
_EDITOR: Final = _VIEWER | {Permission.VIEWS_WRITE, Permission.QUERIES_CANCEL}
_OPERATOR: Final = _EDITOR | {
    Permission.LOGS_WRITE, Permission.LOGS_DELETE, Permission.PIPELINES_WRITE, Permission.RETENTION_WRITE,
    Permission.KEYS_READ, Permission.KEYS_WRITE, Permission.LIMITS_READ, Permission.METRICS_READ,
}  # fmt: skip
ROLES: Final = {
    "viewer": _VIEWER,
    "editor": _EDITOR,
    "operator": _OPERATOR,
    "admin": EVERYTHING,
    "auditor": frozenset(
        {Permission.AUDIT_READ, Permission.USERS_READ, Permission.ROLES_READ, Permission.KEYS_READ, Permission.TENANTS_READ,
         Permission.LIMITS_READ, Permission.API_READ}
    ),
}  # fmt: skip
"""The built-in roles. Who sends only needs no role: an API key with `logs:write`."""


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
