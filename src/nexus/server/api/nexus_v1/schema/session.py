"""Shapes of keys, tenants, and facts about the server."""

from __future__ import annotations

from msgspec import Struct, field


class ServerInfo(Struct):
    """Version and listening addresses, for snippets. Hosts are as configured."""

    version: str
    http_port: int
    otlp_http_port: int
    otlp_grpc_port: int
    started_at: str
    retention_days: dict[str, int]


class ApiKey(Struct):
    id: str
    name: str
    prefix: str
    tenant: str
    permissions: list[str]
    created_at: str
    last_used_at: str = ""


class CreateKeyRequest(Struct, forbid_unknown_fields=True):
    """No `tenant` means the one of the request; `*` makes a key that may choose with `X-Scope-OrgID`."""

    name: str
    tenant: str = ""
    permissions: list[str] = field(default_factory=lambda: ["logs:write"])


class CreatedKey(Struct):
    """`secret` is shown this once."""

    key: ApiKey
    secret: str


class KeyList(Struct):
    keys: list[ApiKey]


class RevokedKey(Struct):
    """`id` is useless from now on."""

    id: str


class TenantInfo(Struct):
    name: str


class TenantList(Struct):
    """The tenants that the caller may read, by name."""

    tenants: list[TenantInfo]
