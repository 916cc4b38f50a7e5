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
    METRICS_WRITE = "metrics:write"
    METRICS_DELETE = "metrics:delete"
    TRACES_READ = "traces:read"
    TRACES_WRITE = "traces:write"
    TRACES_DELETE = "traces:delete"
    TARGETS_READ = "targets:read"
    TELEMETRY_READ = "telemetry:read"
    API_READ = "api:read"
    ADMIN = "admin"


EVERYTHING: Final = frozenset(Permission)
WRITING: Final = frozenset({Permission.LOGS_WRITE, Permission.METRICS_WRITE, Permission.TRACES_WRITE})
"""Permissions to send: to `_nexus` and to tenants that are being deleted nobody sends anything."""
READING: Final = frozenset({Permission.LOGS_READ, Permission.SQL_READ, Permission.METRICS_READ, Permission.TRACES_READ})
"""Permissions through which records are seen: what a role's policy and masks are about."""
ABOUT_RECORDS: Final = READING | {
    Permission.LOGS_DELETE, Permission.RETENTION_WRITE, Permission.PIPELINES_READ, Permission.PIPELINES_WRITE,
    Permission.QUERIES_READ, Permission.TENANTS_READ, Permission.METRICS_DELETE, Permission.TRACES_DELETE,
    Permission.TARGETS_READ, Permission.TELEMETRY_READ,
}  # fmt: skip
"""Permissions that count, change or remove records: a role without any of `READING` keeps its policy and masks with
these."""
SYSTEM: Final = frozenset(
    {Permission.TENANTS_WRITE, Permission.USERS_READ, Permission.USERS_WRITE, Permission.ROLES_READ, Permission.ROLES_WRITE,
     Permission.LIMITS_READ, Permission.LIMITS_WRITE, Permission.TELEMETRY_READ}
)  # fmt: skip
"""Permissions about what no single tenant owns: they count only when held in every tenant."""

DESCRIPTIONS: Final = {
    Permission.LOGS_READ: "Search, count, follow and export log records",
    Permission.LOGS_WRITE: "Send log records",
    Permission.LOGS_DELETE: "Delete log records for good",
    Permission.RETENTION_READ: "See how long records are kept",
    Permission.RETENTION_WRITE: "Change how long records are kept",
    Permission.PIPELINES_READ: "See pipelines and what their steps have done",
    Permission.PIPELINES_WRITE: "Change pipelines",
    Permission.VIEWS_READ: "Open saved views and short links",
    Permission.VIEWS_WRITE: "Save views and make short links",
    Permission.AUDIT_READ: "Read, export and verify the audit log",
    Permission.SQL_READ: "Run read-only SQL over records",
    Permission.KEYS_READ: "List API keys",
    Permission.KEYS_WRITE: "Make, rotate and revoke API keys",
    Permission.QUERIES_READ: "See which queries run",
    Permission.QUERIES_CANCEL: "Cancel running queries",
    Permission.TENANTS_READ: "List tenants",
    Permission.TENANTS_WRITE: "Make, change and delete tenants",
    Permission.USERS_READ: "See users, teams and service accounts",
    Permission.USERS_WRITE: "Make and change users, teams and service accounts",
    Permission.ROLES_READ: "See roles and what they show",
    Permission.ROLES_WRITE: "Make and change roles",
    Permission.LIMITS_READ: "See limits and their use",
    Permission.LIMITS_WRITE: "Change limits",
    Permission.METRICS_READ: "Query metrics",
    Permission.METRICS_WRITE: "Send metrics",
    Permission.METRICS_DELETE: "Delete series for good",
    Permission.TRACES_READ: "Search and open traces, see services and their map",
    Permission.TRACES_WRITE: "Send spans",
    Permission.TRACES_DELETE: "Delete spans for good",
    Permission.TARGETS_READ: "See what is scraped, and how",
    Permission.TELEMETRY_READ: "Read the metrics of Nexus itself",
    Permission.API_READ: "See facts about this server and the API description",
    Permission.ADMIN: "Everything",
}
RESOURCES: Final = {
    Permission.PIPELINES_WRITE: ("pipeline",),
    Permission.KEYS_READ: ("key",),
    Permission.KEYS_WRITE: ("key",),
}
"""Kinds of resources, by name, that a permission can be limited to; tenants are chosen where a role is given, signals by the
permission itself."""

_VIEWER: Final = frozenset(
    {Permission.LOGS_READ, Permission.METRICS_READ, Permission.TRACES_READ, Permission.TARGETS_READ, Permission.SQL_READ,
     Permission.QUERIES_READ, Permission.VIEWS_READ, Permission.PIPELINES_READ, Permission.RETENTION_READ,
     Permission.TENANTS_READ, Permission.API_READ}
)  # fmt: skip
_EDITOR: Final = _VIEWER | {Permission.VIEWS_WRITE, Permission.QUERIES_CANCEL}
_OPERATOR: Final = _EDITOR | {
    Permission.LOGS_WRITE, Permission.LOGS_DELETE, Permission.METRICS_WRITE, Permission.METRICS_DELETE,
    Permission.TRACES_WRITE, Permission.TRACES_DELETE, Permission.PIPELINES_WRITE, Permission.RETENTION_WRITE,
    Permission.KEYS_READ, Permission.KEYS_WRITE, Permission.LIMITS_READ, Permission.TELEMETRY_READ,
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
"""The built-in roles. Who sends only needs no role: an API key with `logs:write`, `metrics:write` or
`traces:write`."""

ROLE_DESCRIPTIONS: Final = {
    "viewer": "Sees records, views and pipelines, and changes nothing",
    "editor": "Viewer who saves views and cancels queries",
    "operator": "Editor who runs what comes in: pipelines, retention, deletions, API keys",
    "admin": "Everything",
    "auditor": "Reads the audit log and sees who may do what, but no records",
}


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
