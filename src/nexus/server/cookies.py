"""The session cookie: scripts cannot read it, other sites cannot have it sent, and it goes over TLS only where there
is TLS. There its name begins with `__Host-`: browsers take such a cookie from this host alone, over TLS, for every path,
so neither a neighbour's domain nor plain HTTP can plant one.

It stays `SameSite=Strict`, single sign-on or not: the page that a provider sends the browser back to needs no session, and
what that page asks for comes from this site.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexus.security.identity import HOST_COOKIE, SESSION_COOKIE


def session_cookie(scope: Mapping[str, Any], token: str, max_age: int | None = None) -> bytes:
    """The value of a Set-Cookie header. `max_age` is in seconds; 0 removes the cookie, None keeps it while the
    browser runs."""
    secure = is_secure(scope)
    parts = [f"{HOST_COOKIE if secure else SESSION_COOKIE}={token}", "Path=/", "HttpOnly", "SameSite=Strict"]
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    if secure:
        parts.append("Secure")
    return "; ".join(parts).encode("ascii")


def is_secure(scope: Mapping[str, Any]) -> bool:
    """Did the request come over TLS, to us or to a proxy that is believed?"""
    return scope.get("scheme") in ("https", "wss")


def usable_cookies(scope: Mapping[str, Any], text: str) -> str:
    """The Cookie header without the session cookie of plain HTTP, where there is TLS: anybody on the way could have
    set it."""
    if not is_secure(scope) or SESSION_COOKIE not in text:
        return text
    pairs = (pair.strip() for pair in text.split(";"))
    return "; ".join(pair for pair in pairs if pair.partition("=")[0].strip() != SESSION_COOKIE)
