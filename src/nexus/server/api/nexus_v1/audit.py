"""Reading the audit log."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from nexus.errors import InvalidRequest
from nexus.model.time import format_time
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import lifecycle as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route

DEFAULT: Final = 100
MOST: Final = 10_000


async def list_audit(call: Call) -> Response:
    """Who did what in the tenant, newest first."""
    entries = call.services.audit.entries(call.tenant, limit_of(call, DEFAULT, MOST))
    return json_response(
        schema.AuditList(
            [
                schema.AuditEntry(format_time(entry.at), entry.who, entry.action, entry.subject, entry.details)
                for entry in entries
            ]
        )
    )


def limit_of(call: Call, default: int, most: int) -> int:
    """The query argument `limit`. Raises `InvalidRequest`."""
    text = call.argument("limit")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise InvalidRequest(f"`limit` is {text[:20]!r}; it must be a number from 1 to {most}.")
    return int(text)


ROUTES = (
    Route(
        "GET",
        f"{BASE}/audit",
        Permission.AUDIT_READ,
        list_audit,
        "Who did what",
        answer=schema.AuditList,
        parameters=(Parameter("limit", f"How many of the newest, {DEFAULT} by default, {MOST:,} at most"),),
        tag="lifecycle",
    ),
)
