"""The metadata contract, in sentences.

Calls are short and synchronous; every change is durable when the call returns, and seen by every later call. Any thread
may call. Times are nanoseconds since the Unix epoch and handed in. Secrets come in hashed: a store never sees a
password, a key or a session token. What cannot be stored because the disk fails raises `StorageError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log in. `password_hash` is in PHC form, `permissions` are names of permissions."""

    name: str
    password_hash: str
    permissions: tuple[str, ...]
    created_at: int
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A login. `token_hash` is what it is looked up by."""

    token_hash: str
    user: str
    created_at: int
    last_seen: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A credential for programs. `tenant` is empty for keys that may choose one; `prefix` is shown to people."""

    id: str
    hash: str
    name: str
    prefix: str
    tenant: str
    permissions: tuple[str, ...]
    created_at: int
    last_used: int = 0
    revoked_at: int = 0


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant that was written to, or made by hand."""

    name: str
    created_at: int
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """A saved state of a page. `owner` identifies the principal that may change it, `owner_name` is shown."""

    id: str
    tenant: str
    name: str
    description: str
    page: str
    state: str
    shared: bool
    owner: str
    owner_name: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Link:
    """A short name of a path of the UI."""

    id: str
    tenant: str
    path: str
    created_at: int


@dataclass(frozen=True, slots=True)
class StoredRetention:
    """A tenant's own retention: (query, days) in order, the first that matches counts; `days` for the others, None is what
    the configuration says. 0 days are for ever."""

    tenant: str
    rules: tuple[tuple[str, int], ...]
    days: int | None


@dataclass(frozen=True, slots=True)
class StoredDeletion:
    """A deletion of records. `start` and `end` are the range in ns, None where it is open; `state` is `running`,
    `verifying`, `done` or `failed`."""

    id: str
    tenant: str
    query: str
    start: int | None
    end: int | None
    reason: str
    requested_by: str
    state: str
    records: int
    parts_total: int
    parts_left: int
    created_at: int
    finished_at: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who did what to what, in which tenant."""

    at: int
    tenant: str
    who: str
    action: str
    subject: str
    details: dict[str, str] = field(default_factory=dict)


class MetadataStore(Protocol):
    """Users, sessions, keys, tenants, settings, views, links, retention, deletions and audit."""

    def get_user(self, name: str) -> User | None:
        """The user of that name."""
        ...

    def put_user(self, user: User) -> None:
        """Create or replace a user."""
        ...

    def list_users(self) -> list[User]:
        """Every user, by name."""
        ...

    def create_session(self, session: Session) -> None:
        """Store a session."""
        ...

    def get_session(self, token_hash: str, now: int) -> Session | None:
        """The session with this token unless it has expired."""
        ...

    def touch_session(self, token_hash: str, last_seen: int, expires_at: int) -> None:
        """Note that a session was used, and until when it lasts now."""
        ...

    def delete_session(self, token_hash: str) -> None:
        """End a session; no error when there is none."""
        ...

    def delete_sessions(self, user: str) -> None:
        """End every session of a user."""
        ...

    def purge_sessions(self, now: int) -> int:
        """Remove expired sessions; returns how many."""
        ...

    def create_key(self, key: ApiKey) -> None:
        """Store a key; its id and hash must be new."""
        ...

    def find_key(self, hash: str) -> ApiKey | None:
        """The key with this hash, unless it was revoked."""
        ...

    def list_keys(self, tenant: str | None = None) -> list[ApiKey]:
        """Keys that were not revoked, oldest first; of one tenant, or all of them."""
        ...

    def revoke_key(self, id: str, now: int) -> bool:
        """Make a key useless; False when there is none of that id or it was revoked before."""
        ...

    def touch_key(self, id: str, last_used: int) -> None:
        """Note that a key was used. May be delayed and coalesced by the caller."""
        ...

    def get_tenant(self, name: str) -> Tenant | None:
        """The tenant of that name."""
        ...

    def list_tenants(self) -> list[Tenant]:
        """Every tenant, by name."""
        ...

    def ensure_tenant(self, name: str, now: int) -> bool:
        """Make a tenant unless it is there; True when it was made."""
        ...

    def put_tenant_settings(self, name: str, settings: dict[str, Any]) -> bool:
        """Replace the settings of a tenant; False when there is no such tenant."""
        ...

    def get_setting(self, name: str) -> str | None:
        """A setting of the whole system."""
        ...

    def put_setting(self, name: str, value: str) -> None:
        """Store a setting of the whole system."""
        ...

    def put_view(self, view: View, limit: int) -> bool:
        """Create or replace a view; False, and nothing stored, when it is new and the tenant has `limit` views."""
        ...

    def get_view(self, id: str) -> View | None:
        """The view of that id."""
        ...

    def list_views(self, tenant: str, owner: str) -> list[View]:
        """The shared views of a tenant and those of an owner, by name."""
        ...

    def delete_view(self, id: str) -> bool:
        """Remove a view; False when there is none."""
        ...

    def put_link(self, link: Link, *, max_links: int, max_bytes: int) -> Link | None:
        """The tenant's link to this path, which is stored when there is none yet; None when the tenant has as many links or
        as many bytes of paths as it may have."""
        ...

    def get_link(self, id: str) -> Link | None:
        """The link of that id."""
        ...

    def list_retention(self) -> list[StoredRetention]:
        """Every tenant's own retention."""
        ...

    def put_retention(self, retention: StoredRetention) -> None:
        """Store a tenant's own retention; without rules and days it is removed."""
        ...

    def put_deletion(self, deletion: StoredDeletion) -> None:
        """Create or replace a deletion."""
        ...

    def get_deletion(self, id: str) -> StoredDeletion | None:
        """The deletion of that id."""
        ...

    def list_deletions(self, tenant: str, limit: int) -> list[StoredDeletion]:
        """Deletions of a tenant, newest first."""
        ...

    def open_deletions(self) -> list[StoredDeletion]:
        """Deletions of all tenants that are running or verifying, oldest first."""
        ...

    def add_audit(self, record: AuditRecord) -> None:
        """Store an audit record."""
        ...

    def list_audit(self, tenant: str, limit: int) -> list[AuditRecord]:
        """Audit records of a tenant, newest first."""
        ...

    def purge_audit(self, *, action: str, keep: int) -> int:
        """Remove the oldest records of an action (empty: of every one) beyond `keep` per tenant; returns how many."""
        ...

    def close(self) -> None:
        """Close it; no call may follow."""
        ...
