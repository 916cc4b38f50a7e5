"""Shapes of sessions, and facts about the server."""

from __future__ import annotations

from msgspec import Struct


class LoginRequest(Struct, forbid_unknown_fields=True):
    username: str
    password: str


class Session(Struct):
    """Who is asking. `tenant` is the tenant that requests without `X-Scope-OrgID` go to."""

    authenticated: bool
    username: str = ""
    role: str = ""
    permissions: list[str] = []
    tenant: str = ""
    tenants: list[str] = []


class ServerInfo(Struct):
    """Version and listening addresses, for snippets. Hosts are as configured."""

    version: str
    http_port: int
    otlp_http_port: int
    otlp_grpc_port: int
    started_at: str
    retention_days: dict[str, int]
