"""Shapes of facts about the server."""

from __future__ import annotations

from msgspec import Struct


class ServerInfo(Struct):
    """Version and listening addresses, for snippets. Hosts are as configured."""

    version: str
    http_port: int
    otlp_http_port: int
    otlp_grpc_port: int
    started_at: str
    retention_days: dict[str, int]
