"""The metadata contract, in sentences.

Calls are synchronous; every change is durable when the call returns, and seen by every later call, in any process. Any
thread may call. Times are nanoseconds since the Unix epoch and handed in. Secrets come in hashed: a store never sees a
password, a key or a session token.

No call is fast: in SQLite a lookup takes about 10 us, but in PostgreSQL it travels, and waits for a server that is away. So
no call is made on an event loop: what every request asks for (keys, sessions, roles, tenants) is kept for a few seconds by
its module in `security/`, everything else goes through `asyncio.to_thread`.

What cannot be read or stored, because a disk or a server fails, raises `StorageError`; the same call may succeed later. So
does what refers to nothing (a session of nobody), or is there already where it must be new. Characters that databases cannot
keep (NUL, halves of surrogate pairs) are replaced; integers beyond 64 bits raise `InvalidRequest`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

METRIC_RETENTION: Final = "metric_retention:"
"""How the names of the settings begin that hold how long the metrics of a tenant are kept."""

TRACE_RETENTION: Final = "trace_retention:"
"""The same of traces."""

TRACE_SAMPLING: Final = "trace_sampling:"
"""Before a tenant's name: its policy of tail sampling (`query.traces.sampling`)."""

TENANT_SETTINGS: Final = ("pipelines:", METRIC_RETENTION, TRACE_RETENTION, TRACE_SAMPLING)
"""How the names of settings begin that belong to a tenant; its name is the rest. They go with it."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log in; `name` is lower case. `password_hash` is in PHC form, empty for whom has no password.

    `source` is `local`, `oidc:<provider>` or `scim`, `external_id` the name there. `totp` is the encrypted secret of the
    second factor, empty when there is none, `totp_step` the last time step that was used; `recovery` are hashes of codes not
    used yet.
    """

    name: str
    password_hash: str
    created_at: int
    disabled: bool = False
    display_name: str = ""
    email: str = ""
    source: str = "local"
    external_id: str = ""
    password_changed_at: int = 0
    must_change_password: bool = False
    totp: str = ""
    totp_step: int = 0
    recovery: tuple[str, ...] = ()
    last_login: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """A login. `token_hash` is what it is looked up by; the hash before the last rotation counts until `previous_until`.

    `method` says how (`password`, `password+totp`, `passkey`, `oidc`). Of a single sign-on, `issuer` and `issuer_session`
    name the session there, for logging out from there.
    """

    id: str
    token_hash: str
    user: str
    method: str
    created_at: int
    last_seen: int
    rotated_at: int
    expires_at: int
    address: str = ""
    user_agent: str = ""
    issuer: str = ""
    issuer_session: str = ""
    previous_hash: str = ""
    previous_until: int = 0


@dataclass(frozen=True, slots=True)
class Passkey:
    """A WebAuthn credential; `id` is base64url."""

    id: str
    user: str
    name: str
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    created_at: int
    last_used: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Something that is used once: a link to a new password, a login that waits for its second factor, a challenge, a
    sign-on under way. `data` is JSON."""

    hash: str
    kind: str
    subject: str
    data: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class StoredRole:
    """A role that somebody made. `grants` are (permission, resource) with `*` for all, or `pipeline:web-*`; `policy` is a
    query of the search language, empty for every record; `masked` are names of fields."""

    name: str
    description: str
    grants: tuple[tuple[str, str], ...]
    policy: str
    masked: tuple[str, ...]
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Team:
    """Users who get roles together. `source` is `local`, `oidc:<provider>` or `scim`."""

    id: str
    name: str
    description: str
    members: tuple[str, ...]
    created_at: int
    source: str = "local"
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """A role that a subject has in a tenant (`*`: in every one). `subject_kind` is `user`, `team` or `account`; a user is
    named by name, the others by id."""

    id: str
    subject_kind: str
    subject: str
    role: str
    tenant: str
    created_at: int


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A program: what its keys may do is what roles it has."""

    id: str
    name: str
    description: str
    disabled: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A credential for programs. `tenant` is empty for keys that may choose one; `prefix` is shown to people.

    A key has `permissions` of its own, or those of a `role`, or those of a service `account`. `signals` that it may write,
    empty for all. After a rotation the old secret counts until `previous_until`. `expires_at` 0 is never.
    """

    id: str
    hash: str
    name: str
    prefix: str
    tenant: str
    permissions: tuple[str, ...]
    created_at: int
    last_used: int = 0
    revoked_at: int = 0
    account: str = ""
    created_by: str = ""
    expires_at: int = 0
    previous_hash: str = ""
    previous_until: int = 0
    role: str = ""
    signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant that was written to, or made by hand. One with `deleted_at` is being removed: nothing enters, nothing is
    seen."""

    name: str
    created_at: int
    settings: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    deleted_at: int = 0


@dataclass(frozen=True, slots=True)
class StoredTenantDeletion:
    """How far the removal of a tenant is, and afterwards what was proved. `state` is `running`, `verifying`, `done` or
    `failed`; `records` is how many there were. The newest of a tenant's name is kept when it is done, too."""

    tenant: str
    id: str
    requested_by: str
    state: str
    records: int
    created_at: int
    finished_at: int = 0
    proof: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class StoredLimits:
    """Limits that somebody set. `scope` is `tenant`, `key`, `user` or `address`; `subject` `*` stands for each one without
    limits of its own. `limits` by name, see `security.limits`."""

    scope: str
    subject: str
    limits: dict[str, float]


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
    """A deletion of records or of spans (`signal`: logs or traces, whose query is TraceQL). `start` and `end` are the range
    in ns, None where it is open; `state` is `running`, `verifying`, `done` or `failed`."""

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
    policy: str = ""
    """What the asker could see, in the search language; empty: everything."""
    signal: str = "logs"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who (`kind` of principal, name, from which address) did what to what, in which tenant, with which outcome (`ok`, or
    the code of the error); `before` and `after` are JSON with secrets masked, empty when nothing changed.

    `number` counts from 1 without gaps; `hash` chains the records: see `security.audit`. Both are 0 and empty before it is
    stored.
    """

    at: int
    tenant: str
    who: str
    action: str
    subject: str
    details: dict[str, str] = field(default_factory=dict)
    kind: str = "user"
    address: str = ""
    outcome: str = "ok"
    before: str = ""
    after: str = ""
    number: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class AuditCheckpoint:
    """A signature over the chain up to and with the record `number`; `first` is the oldest record that retention has
    left."""

    number: int
    at: int
    hash: str
    first: int
    signature: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records of the log: empty and None are any. `start` counts, `end` does not. `text` occurs in who, action,
    subject, address, tenant, details or changes; upper and lower case of ASCII letters are the same. With `system`, what
    is of no tenant (`*`) counts beside what is of `tenant`."""

    tenant: str = ""
    who: str = ""
    action: str = ""
    subject: str = ""
    outcome: str = ""
    text: str = ""
    start: int | None = None
    end: int | None = None
    system: bool = False


class MetadataStore(Protocol):
    """Users and how they log in, roles, teams, keys, tenants, limits, settings, views, links, retention, deletions,
    audit."""

    # users

    def get_user(self, name: str) -> User | None:
        """The user of that name."""
        ...

    def find_user(self, *, source: str = "", external_id: str = "", email: str = "") -> User | None:
        """The user known there by that id, or with that e-mail address (without case)."""
        ...

    def put_user(self, user: User) -> None:
        """Create or replace a user; sessions, passkeys and memberships stay. Read the user anew after `use_totp`,
        `use_recovery` or `note_login`: what was read before them would undo them."""
        ...

    def note_login(self, name: str, at: int) -> None:
        """Note when a user logged in last, and change nothing else."""
        ...

    def use_totp(self, name: str, step: int) -> bool:
        """Note that the time step was used; False when it, or a later one, was used before."""
        ...

    def use_recovery(self, name: str, hash: str) -> bool:
        """Use up a recovery code; False when the user has none with this hash. Of two callers one gets True."""
        ...

    def delete_user(self, name: str) -> bool:
        """Remove a user with sessions, passkeys, memberships and bindings; False when there is none."""
        ...

    def list_users(self) -> list[User]:
        """Every user, by name."""
        ...

    # sessions, passkeys, tickets

    def create_session(self, session: Session) -> None:
        """Store a session."""
        ...

    def get_session(self, token_hash: str, now: int) -> Session | None:
        """The session with this token, or with this as its previous one, unless it has expired."""
        ...

    def touch_session(self, id: str, last_seen: int, expires_at: int) -> None:
        """Note that a session was used, and until when it lasts now."""
        ...

    def rotate_session(self, id: str, token_hash: str, fresh_hash: str, now: int, previous_until: int) -> bool:
        """Replace the token `token_hash` by `fresh_hash`; False when it is not the current one any more."""
        ...

    def list_sessions(self, user: str, now: int) -> list[Session]:
        """Sessions of a user that have not expired, newest first."""
        ...

    def delete_session(self, id: str) -> bool:
        """End a session; False when there is none."""
        ...

    def delete_sessions(self, user: str, keep: str = "") -> int:
        """End every session of a user but the one with the id `keep`; returns how many."""
        ...

    def delete_issuer_sessions(self, issuer: str, *, issuer_session: str = "", users: Sequence[str] = ()) -> int:
        """End the sessions of a single sign-on: of one session there, or of users; returns how many."""
        ...

    def purge_sessions(self, now: int) -> int:
        """Remove expired sessions and tickets; returns how many."""
        ...

    def put_passkey(self, passkey: Passkey) -> None:
        """Create or replace a passkey. Raises `Conflict` when it is another user's."""
        ...

    def get_passkey(self, id: str) -> Passkey | None:
        """The passkey of that id."""
        ...

    def list_passkeys(self, user: str) -> list[Passkey]:
        """Passkeys of a user, oldest first."""
        ...

    def delete_passkey(self, user: str, id: str) -> bool:
        """Remove a passkey; False when the user has none of that id."""
        ...

    def put_ticket(self, ticket: Ticket) -> None:
        """Store a ticket, in the place of one with the same hash."""
        ...

    def get_ticket(self, hash: str, kind: str, now: int) -> Ticket | None:
        """The ticket, unless it has expired."""
        ...

    def take_ticket(self, hash: str, kind: str, now: int) -> Ticket | None:
        """The ticket, and remove it: of two callers one gets it. None when it has expired."""
        ...

    # roles, teams, bindings, service accounts

    def put_role(self, role: StoredRole) -> None:
        """Create or replace a role."""
        ...

    def list_roles(self) -> list[StoredRole]:
        """Every role that somebody made, by name."""
        ...

    def delete_role(self, name: str) -> bool:
        """Remove a role and its bindings; False when there is none."""
        ...

    def put_team(self, team: Team) -> None:
        """Create or replace a team with its members. Raises `Conflict` when another one has the name, `NotFound` for a
        member who does not exist."""
        ...

    def get_team(self, id: str) -> Team | None:
        """The team of that id."""
        ...

    def list_teams(self, user: str = "") -> list[Team]:
        """Every team, or those of a user, by name."""
        ...

    def delete_team(self, id: str) -> bool:
        """Remove a team with its bindings; False when there is none."""
        ...

    def add_binding(self, binding: Binding) -> bool:
        """Give a role; False when the subject has it already."""
        ...

    def list_bindings(self, subjects: Sequence[tuple[str, str]] | None = None) -> list[Binding]:
        """Bindings of (kind, subject) pairs, or all, oldest first."""
        ...

    def delete_binding(self, id: str) -> bool:
        """Take a role away; False when there is no such binding."""
        ...

    def put_account(self, account: ServiceAccount) -> None:
        """Create or replace a service account. Raises `Conflict` when another one has the name."""
        ...

    def get_account(self, id: str) -> ServiceAccount | None:
        """The service account of that id."""
        ...

    def list_accounts(self) -> list[ServiceAccount]:
        """Every service account, by name."""
        ...

    def delete_account(self, id: str, now: int) -> bool:
        """Remove a service account and its bindings, revoke its keys; False when there is none."""
        ...

    # keys

    def create_key(self, key: ApiKey) -> None:
        """Store a key; its id and hash must be new."""
        ...

    def find_key(self, hash: str, now: int) -> ApiKey | None:
        """The key with this hash, or with this as its previous one while that counts, unless it was revoked or has
        expired."""
        ...

    def get_key(self, id: str) -> ApiKey | None:
        """The key of that id, unless it was revoked."""
        ...

    def list_keys(self, tenant: str | None = None) -> list[ApiKey]:
        """Keys that were not revoked, oldest first; of one tenant, or all of them."""
        ...

    def rotate_key(self, id: str, hash: str, prefix: str, previous_until: int) -> bool:
        """Give a key a new secret, the old one counts until then; False when there is none or it was revoked."""
        ...

    def revoke_key(self, id: str, now: int) -> bool:
        """Make a key useless; False when there is none of that id or it was revoked before."""
        ...

    def touch_key(self, id: str, last_used: int) -> None:
        """Note that a key was used. May be delayed and coalesced by the caller."""
        ...

    # tenants, limits, settings

    def get_tenant(self, name: str) -> Tenant | None:
        """The tenant of that name."""
        ...

    def put_tenant(self, tenant: Tenant) -> None:
        """Create or replace a tenant."""
        ...

    def describe_tenant(self, name: str, description: str) -> bool:
        """Change the description of a tenant; False when there is none, or it is being removed."""
        ...

    def begin_tenant_deletion(self, deletion: StoredTenantDeletion, keep: int) -> bool:
        """Mark the tenant as being removed and note how, in the place of an earlier removal of the name; False, and nothing
        changed, when there is no such tenant, or its removal goes on. Of removals that are done the newest `keep` stay
        noted."""
        ...

    def put_tenant_deletion(self, deletion: StoredTenantDeletion) -> None:
        """Create or replace the note of a removal."""
        ...

    def get_tenant_deletion(self, tenant: str) -> StoredTenantDeletion | None:
        """The newest removal of a tenant of that name."""
        ...

    def list_tenant_deletions(self) -> list[StoredTenantDeletion]:
        """The newest removal of each name, oldest first."""
        ...

    def count_tenant(self, name: str) -> dict[str, int]:
        """What `delete_tenant` would remove besides the tenant itself: how many of what, by names such as `views`."""
        ...

    def delete_tenant(self, name: str, deletion: StoredTenantDeletion | None = None) -> bool:
        """Remove what is known of a tenant: views, links, retention, deletions, keys, bindings, limits, settings and itself,
        and note its removal in the same transaction; the audit log stays. False when there is none. What SQLite removed is
        not in its files any more when this returns; of PostgreSQL nobody can say that."""
        ...

    def list_tenants(self) -> list[Tenant]:
        """Every tenant, by name, those being removed, too."""
        ...

    def put_limits(self, limits: StoredLimits) -> None:
        """Store limits of a subject; without any they are removed."""
        ...

    def list_limits(self) -> list[StoredLimits]:
        """Every subject's limits."""
        ...

    def ensure_tenant(self, name: str, now: int) -> bool:
        """Make a tenant unless it is there; True when it was made. One that is being removed is there."""
        ...

    def put_tenant_settings(self, name: str, settings: dict[str, Any]) -> bool:
        """Replace the settings of a tenant; False when there is no such tenant."""
        ...

    def get_setting(self, name: str) -> str | None:
        """A setting of the whole system."""
        ...

    def list_settings(self, prefix: str) -> dict[str, str]:
        """Settings whose names begin so."""
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

    # audit

    def add_audit(self, record: AuditRecord, chain: Callable[[str, AuditRecord], str]) -> AuditRecord:
        """Append a record and return it as stored: it gets the next number, and the hash that `chain` makes of the last
        record's hash (empty for the first) and the record with its number. No two callers get the same number or link to the
        same record."""
        ...

    def list_audit(self, wanted: AuditFilter, *, limit: int, before: int = 0) -> list[AuditRecord]:
        """Records newest first; `before` a number, for the next page (0: from the newest)."""
        ...

    def walk_audit(self, after: int, limit: int) -> list[AuditRecord]:
        """Records of every tenant by number, from the one after `after`: for verifying, exporting and forwarding."""
        ...

    def audit_head(self) -> AuditRecord | None:
        """The newest record of all."""
        ...

    def purge_audit(self, before: int) -> int:
        """Remove the records with smaller numbers than `before`, but not the newest of all; returns how many."""
        ...

    def put_checkpoint(self, checkpoint: AuditCheckpoint) -> None:
        """Store a checkpoint."""
        ...

    def list_checkpoints(self) -> list[AuditCheckpoint]:
        """Every checkpoint, by number."""
        ...

    def walk_checkpoints(self, after: int, limit: int) -> list[AuditCheckpoint]:
        """Checkpoints by number, from the one after `after`."""
        ...

    def delete_checkpoints(self, before: int) -> None:
        """Remove the checkpoints with smaller numbers."""
        ...

    def close(self) -> None:
        """Close it; no call may follow."""
        ...
