"""The session cookie: scripts cannot read it, other sites cannot have it sent, and it goes over TLS only where there
is TLS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexus.security.identity import SESSION_COOKIE


def session_cookie(scope: Mapping[str, Any], token: str, max_age: int | None = None) -> bytes:
    """The value of a Set-Cookie header. `max_age` is in seconds; 0 removes the cookie, None keeps it while the
    browser runs."""
    parts = [f"{SESSION_COOKIE}={token}", "Path=/", "HttpOnly", "SameSite=Strict"]
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    if scope.get("scheme") in ("https", "wss"):
        parts.append("Secure")
    return "; ".join(parts).encode("ascii")
