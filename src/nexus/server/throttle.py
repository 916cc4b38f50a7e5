"""Limits at the doors: what class a door is of, whom its caller counts as, and the headers of the answer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Final

from nexus.errors import NexusError, RateLimited
from nexus.security.identity import Entry, session_token
from nexus.security.limits.catalogue import EndpointClass
from nexus.security.limits.limiter import Limiter, Meter, Quota, Subjects, address_subject, headers
from nexus.security.permissions import READING
from nexus.server.routes import BASE, WEBSOCKET, Route
from nexus.storage.api import SPENT

_LIMITS: Final = "nexus.limits"
"""Place in the scope of the headers that tell about limits."""
_LOGIN: Final = (f"{BASE}/auth/", f"{BASE}/public/")


def class_of(route: Route) -> EndpointClass | None:
    """What a door is for; None for those that are never limited: the state of the process, and pages."""
    if route.receiver is not None:
        return EndpointClass.INGEST
    if route.method == WEBSOCKET:
        return EndpointClass.LIVE
    if route.path.startswith(_LOGIN):
        return EndpointClass.AUTH
    if route.public:
        return None
    if route.permission in READING:
        return EndpointClass.QUERY
    return EndpointClass.ADMIN


class Throttle:
    """Asks the limits at a door. Headers of the answer are kept in the scope of the request until it has one."""

    def __init__(self, limiter: Limiter) -> None:
        """`limiter` is the process' own."""
        self._limiter = limiter

    def knock(self, kind: EndpointClass | None, scope: dict[str, Any], client: str) -> str:
        """Before anything is known but the address: whom it counts as. Raises `RateLimited`."""
        if kind is None or not client:
            return ""
        address = address_subject(client)
        subjects = Subjects(address)
        self._limiter.check("auth_failures", subjects)
        self._tell(scope, self._limiter.requests(kind, subjects))
        return address

    def failed(self, address: str, request_headers: Mapping[str, str]) -> None:
        """Credentials were wrong."""
        if "authorization" in request_headers or session_token(request_headers):
            self._limiter.spend("auth_failures", Subjects(address), 1)

    def enter(
        self,
        kind: EndpointClass | None,
        scope: dict[str, Any],
        address: str,
        entry: Entry,
        held: contextlib.ExitStack,
    ) -> Meter:
        """The caller is known: count the request, and a query as running until `held` ends; what is used beyond that goes
        through the meter. Raises `RateLimited`."""
        if SPENT.get() is not None:
            # Requests that come one behind the other on a connection inherit it.
            SPENT.set(None)
        principal = entry.principal
        key = principal.key_id or ("bootstrap" if principal.kind == "bootstrap" else "")
        subjects = Subjects("", entry.tenant, key, principal.id if principal.kind == "user" else "")
        if kind is None or kind is EndpointClass.AUTH:
            return Meter(self._limiter, subjects)
        self._tell(scope, self._limiter.requests(kind, subjects))
        if kind in (EndpointClass.QUERY, EndpointClass.LIVE) and "query_bytes" in self._limiter.rules.limited:
            self._limiter.check("query_bytes", subjects)
            SPENT.set(lambda size: self._limiter.spend("query_bytes", subjects, size))
        if kind is EndpointClass.QUERY:
            held.enter_context(self._limiter.running(subjects))
        return Meter(self._limiter, Subjects(address, subjects.tenant, subjects.key, subjects.user))

    def _tell(self, scope: dict[str, Any], quotas: tuple[Quota, ...]) -> None:
        if quotas:
            known = scope.setdefault(_LIMITS, {"quotas": []})
            known["quotas"] += quotas


def refused(scope: dict[str, Any], error: NexusError) -> None:
    """Remember what a refusal tells about its limit, for the head of the answer."""
    if isinstance(error, RateLimited):
        scope[_LIMITS] = {"headers": error.headers}


def limit_headers(scope: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """What the head of the answer says about limits; nothing where there are none."""
    found = scope.get(_LIMITS)
    if found is None:
        return []
    told = found.get("headers") or headers(found.get("quotas", ()))
    return [(name.lower().encode("ascii"), value.encode("latin-1", "replace")) for name, value in told.items()]
