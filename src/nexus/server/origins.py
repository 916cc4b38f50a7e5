"""Browsers: under which names they may use this server, and what pages of other origins may do. Pure.

A page of a stranger must not get anything done with the session of somebody who is logged in here (forged requests), and its
name must not be turned to this machine's address to get inside (DNS rebinding). Cookies of a session are SameSite=Strict and
belong to the name they were set under; what is checked here holds in browsers that know none of that. Programs send keys,
which no page has, so none of this concerns them.

Sources: Fetch Standard (CORS, Sec-Fetch-Site), RFC 9110 section 15.5.20 (421).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import ClassVar, Final
from urllib.parse import urlsplit

from nexus.config import HttpConfig
from nexus.errors import NexusError

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_ALLOWED_HEADERS: Final = "Authorization, Content-Type, Content-Encoding, Idempotency-Key, X-Nexus-Request, X-Scope-OrgID"
_ALLOWED_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
_EXPOSED: Final = (
    "Content-Disposition, RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, "
    "X-Nexus-Query-Id"
)
PREFLIGHT_SECONDS: Final = 600


class WrongHost(NexusError):
    """A browser came under a name that this server does not have."""

    code: ClassVar[str] = "wrong_host"
    http_status: ClassVar[int] = 421


def host_name(host: str) -> str:
    """The name in a Host header, lower case, without port, brackets and a dot at its end."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return (host.partition(":")[0] if host.count(":") == 1 else host).rstrip(".")


def check_host(config: HttpConfig, host: str) -> None:
    """Raise `WrongHost` for a name that a browser must not use; addresses are not names, so nobody can turn them here."""
    name = host_name(host)
    if not name or name == "localhost" or name.endswith(".localhost") or _is_address(name):
        return
    names = {name.lower().rstrip(".") for name in config.allowed_hosts}
    if config.public_url:
        names.add((urlsplit(config.public_url).hostname or "").rstrip("."))
    # Without any name: a server for this machine alone has none. One that others reach may have been given one that we do
    # not know, and so may one behind a proxy.
    open_to_others = config.host not in _LOOPBACK or bool(config.trusted_proxies)
    if name in names or name == config.host.lower() or (not names and open_to_others):
        return
    raise WrongHost(
        f"this server is not called {name[:100]!r}.",
        hint="Use its address or localhost, or add the name to http.allowed_hosts (NEXUS_HTTP_ALLOWED_HOSTS).",
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def is_own(config: HttpConfig, headers: Mapping[str, str]) -> bool:
    """Does a browser's request come from a page of this server, or from one that may use its sessions? Programs say nothing
    about where they come from, and count as own."""
    origin = headers.get("origin", "")
    if origin and origin in config.cors_credentials:
        return True
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    if not origin:
        return True
    own = {headers.get("host", ""), urlsplit(config.public_url).netloc}
    # Of pages that have no host (`null`, a file, an app) nothing is known.
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc != "" and parts.netloc in own


def cors_headers(origins: Collection[str], credentials: Collection[str], origin: str) -> list[tuple[bytes, bytes]]:
    """What the answer to a page of another origin says. `Vary` comes with any answer once there are such origins."""
    if not origins:
        return []
    found = [(b"vary", b"Origin")]
    if origin in origins:
        found.append((b"access-control-allow-origin", origin.encode("latin-1")))
        found.append((b"access-control-expose-headers", _EXPOSED.encode()))
        # A page that was let in by name must be able to read what it asked for.
        found.append((b"cross-origin-resource-policy", b"cross-origin"))
        if origin in credentials:
            found.append((b"access-control-allow-credentials", b"true"))
    return found


def preflight_headers() -> dict[str, str]:
    """The answer to a browser's question whether it may send such a request; `cors_headers` come beside it."""
    return {
        "Access-Control-Allow-Methods": _ALLOWED_METHODS,
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
