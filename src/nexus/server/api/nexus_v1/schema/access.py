"""Shapes of users, teams, roles, service accounts, keys and tenants. Paths are below `/api/nexus/v1`; times are RFC
3339, empty for never. Subjects of roles: `user` (by name), `team` and `account` (by id)."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from nexus.server.api.nexus_v1.schema.identity import RoleIn, SessionInfo

# --------------------------------------------------------------------------------------------------------------- users


class UserInfo(Struct):
    """A user. `roles` are the own ones, `teams` names of teams, which may bring more."""

    name: str
    display_name: str
    email: str
    source: str
    disabled: bool
    has_password: bool
    second_factor: bool
    passkeys: int
    created_at: str
    last_login: str
    roles: list[RoleIn]
    teams: list[str]


class UserList(Struct):
    """GET users."""

    users: list[UserInfo]


class CreateUserRequest(Struct, forbid_unknown_fields=True):
    """POST users. Without a password one is made up, which has to be changed at the first login."""

    name: str
    display_name: str = ""
    email: str = ""
    password: str = ""
    roles: list[RoleIn] = []


class CreatedUser(Struct):
    """`password`, when it was made up, is shown this once."""

    user: UserInfo
    password: str = ""


class UserChange(Struct, forbid_unknown_fields=True):
    """PATCH users/{name}: what is given is changed; `roles` replace the own ones. DELETE users/{name} removes."""

    display_name: str | None = None
    email: str | None = None
    disabled: bool | None = None
    roles: list[RoleIn] | None = None


class PasswordReset(Struct):
    """POST users/{name}/reset-password: shown this once; every session has ended. DELETE users/{name}/second-factor
    takes TOTP, recovery codes and passkeys away."""

    password: str


class UserSessions(Struct):
    """GET users/{name}/sessions; DELETE ends them all."""

    sessions: list[SessionInfo]


class Removed(Struct):
    """`id` (or name) is gone."""

    id: str


# --------------------------------------------------------------------------------------------------------------- roles


class GrantInfo(Struct, forbid_unknown_fields=True):
    """A permission, on everything (`*`) or on resources such as `pipeline:web-*` or `key:ci-*`."""

    permission: str
    resource: str = "*"


class PermissionInfo(Struct):
    """A permission. `resources`: kinds of resources that it can be limited to. `system`: counts only when held in all
    tenants."""

    name: str
    description: str
    resources: list[str] = []
    system: bool = False


class RoleInfo(Struct):
    """A role. `policy` is a query of the search language that records must match to be seen, `masked` are fields
    whose values are not seen. `subjects` counts bindings."""

    name: str
    description: str
    builtin: bool
    grants: list[GrantInfo]
    policy: str = ""
    masked: list[str] = []
    subjects: int = 0


class RoleList(Struct):
    """GET roles."""

    roles: list[RoleInfo]
    permissions: list[PermissionInfo]


class RoleRequest(Struct, forbid_unknown_fields=True):
    """PUT roles/{name}; DELETE roles/{name} removes it with its bindings. Built-in ones cannot be changed."""

    description: str = ""
    grants: list[GrantInfo] = []
    policy: str = ""
    masked: list[str] = []


class RolePreviewRequest(Struct, forbid_unknown_fields=True):
    """POST roles/preview: what somebody would see: one of a `user`, a `role`, or a role as `draft`; in the tenant of
    the request."""

    user: str = ""
    role: str = ""
    draft: RoleRequest | None = None


class Preview(Struct):
    """`records` of `total` of the last 24 hours are visible; `samples` are records as the caller would see them.
    `grants` are what it adds up to, `because` which role in which tenant and by which team."""

    grants: list[GrantInfo]
    policy: str
    masked: list[str]
    records: int
    total: int
    samples: list[dict[str, Any]]
    because: list[str]


# -------------------------------------------------------------------------------------------- teams and service accounts


class TeamInfo(Struct):
    id: str
    name: str
    description: str
    source: str
    members: list[str]
    roles: list[RoleIn]
    created_at: str


class TeamList(Struct):
    """GET teams."""

    teams: list[TeamInfo]


class TeamRequest(Struct, forbid_unknown_fields=True):
    """POST teams, PUT teams/{id}; DELETE teams/{id} removes."""

    name: str
    description: str = ""
    members: list[str] = []
    roles: list[RoleIn] = []


class AccountInfo(Struct):
    """A service account; what its keys may do is what roles it has."""

    id: str
    name: str
    description: str
    disabled: bool
    roles: list[RoleIn]
    keys: int
    created_at: str


class AccountList(Struct):
    """GET accounts."""

    accounts: list[AccountInfo]


class AccountRequest(Struct, forbid_unknown_fields=True):
    """POST accounts, PUT accounts/{id}; DELETE accounts/{id} removes it and revokes its keys."""

    name: str
    description: str = ""
    disabled: bool = False
    roles: list[RoleIn] = []


# ---------------------------------------------------------------------------------------------------------------- keys


class ApiKey(Struct):
    """A key: `permissions` of its own, or of a `role`, or of the service `account` (id). `signals` empty: all.
    `limits` as in schema/protection.py. `previous_until`: the secret before the rotation works until then."""

    id: str
    name: str
    prefix: str
    tenant: str
    permissions: list[str]
    created_at: str
    last_used_at: str = ""
    role: str = ""
    account: str = ""
    account_name: str = ""
    signals: list[str] = []
    created_by: str = ""
    expires_at: str = ""
    previous_until: str = ""
    limits: dict[str, float] = {}


class CreateKeyRequest(Struct, forbid_unknown_fields=True):
    """POST keys. No `tenant` means the one of the request; `*` makes a key that may choose with `X-Scope-OrgID`. One of
    `permissions`, `role` and `account`. `expires_in` in seconds, 0 never."""

    name: str
    tenant: str = ""
    permissions: list[str] = field(default_factory=list)
    role: str = ""
    account: str = ""
    signals: list[str] = []
    expires_in: int = 0
    limits: dict[str, float] = {}


class CreatedKey(Struct):
    """`secret` is shown this once."""

    key: ApiKey
    secret: str


class RotateKeyRequest(Struct, forbid_unknown_fields=True):
    """POST keys/{id}/rotate: a new secret (`CreatedKey`); the old one works for `overlap` seconds more."""

    overlap: int = 86_400


class KeyList(Struct):
    """GET keys."""

    keys: list[ApiKey]


# ------------------------------------------------------------------------------------------------------------- tenants


class TenantInfo(Struct):
    """A tenant. `records` and `bytes` since the start of the process; `state` is `active` or `deleting`."""

    name: str
    description: str = ""
    created_at: str = ""
    state: Literal["active", "deleting"] = "active"
    retention_days: int | None = None
    keys: int = 0
    records: int = 0
    bytes: int = 0


class TenantList(Struct):
    """GET tenants: those that the caller reaches, by name."""

    tenants: list[TenantInfo]


class CreateTenantRequest(Struct, forbid_unknown_fields=True):
    """POST tenants. `retention_days` None: as the configuration says; 0: for ever."""

    name: str
    description: str = ""
    retention_days: int | None = None


class TenantChange(Struct, forbid_unknown_fields=True):
    """PATCH tenants/{name}."""

    description: str | None = None


class DeleteTenantRequest(Struct, forbid_unknown_fields=True):
    """POST tenants/{name}/delete: the name again, as typed by whoever wants it gone."""

    confirm: str


class TenantDeletion(Struct):
    """GET tenants/{name}/deletion, and the answer to deleting: how far it is. `state` is `running`, `verifying`, `done` or
    `failed`; `records` were there, `left` are still on disk; `proof` says in sentences what was checked."""

    name: str
    state: Literal["running", "verifying", "done", "failed"]
    records: int = 0
    left: int = 0
    parts_left: int = 0
    requested_by: str = ""
    started_at: str = ""
    finished_at: str = ""
    proof: list[str] = []
    error: str = ""
