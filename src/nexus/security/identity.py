"""The identity seam: from the headers of a request, or the metadata of a gRPC call, to who asks and for which tenant.

Credentials are a session cookie, or an API key as `Bearer`, `Splunk`, `ApiKey` or as the password of `Basic`; protocols
with places of their own for a key name them at their routes (`with_key`). A key
belongs to one tenant, or may choose one with `X-Scope-OrgID`; naming another one than one's own is refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final, Protocol

from nexus.errors import PermissionDenied, Unauthenticated
from nexus.model.tenant import SELF_TENANT, parse_tenant
from nexus.security.permissions import Permission

SESSION_COOKIE: Final = "nexus_session"
COOKIE_GUARD: Final = "x-nexus-request"
"""Header that scripts of the same site can send and forms of another one cannot."""
TENANT_HEADER: Final = "x-scope-orgid"
MAX_CREDENTIAL: Final = 4096

_KEY_HINT: Final = "Send an API key as `Authorization: Bearer <key>`, or log in."


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `kind` is `user`, `key`, `bootstrap` or `anonymous`; `by_cookie` calls for the forgery check."""

    kind: str
    id: str
    name: str
    tenant: str
    permissions: frozenset[Permission] = frozenset()
    may_choose_tenant: bool = False
    by_cookie: bool = False

    @property
    def anonymous(self) -> bool:
        """Is nobody known?"""
        return self.kind == "anonymous"

    def may(self, permission: Permission) -> bool:
        """Is this allowed?"""
        return permission in self.permissions


ANONYMOUS: Final = Principal("anonymous", "", "", "")


class Credentials(Protocol):
    """Where credentials are looked up: `nexus.security.accounts.Accounts`."""

    def by_key(self, secret: str) -> Principal | None:
        """Whose API key this is."""
        ...

    async def by_session(self, token: str) -> Principal | None:
        """Whose session this is."""
        ...


class Authenticator:
    """Turns headers into a principal and a tenant."""

    def __init__(self, credentials: Credentials) -> None:
        """Look credentials up there."""
        self._credentials = credentials

    async def enter(self, headers: Mapping[str, str], permission: Permission | None) -> tuple[Principal, str]:
        """Let a caller in who holds the permission (None: any that is known); the tenant is the one the request is about.

        Header names are lower case. Raises `Unauthenticated`, `PermissionDenied`, `InvalidRequest`.
        """
        principal = await self.authenticate(headers)
        if permission is not None and not principal.may(permission):
            raise PermissionDenied(
                f"{principal.kind} {principal.name!r} lacks the permission {permission.value}.",
                hint="Use a key that has it; an administrator can make one.",
            )
        tenant = chosen_tenant(principal, headers)
        if permission is Permission.LOGS_WRITE and tenant == SELF_TENANT:
            raise PermissionDenied(f"only Nexus itself writes to the tenant {SELF_TENANT}.")
        return principal, tenant

    async def recognise(self, headers: Mapping[str, str]) -> tuple[Principal, str]:
        """Who asks at a public door; `ANONYMOUS` without valid credentials."""
        try:
            principal = await self.authenticate(headers)
        except Unauthenticated:
            return ANONYMOUS, ""
        return principal, principal.tenant

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Who asks. An `Authorization` header goes before a cookie. Raises `Unauthenticated`."""
        authorization = headers.get("authorization")
        if authorization is not None:
            principal = self._credentials.by_key(key_of(authorization))
            if principal is None:
                raise Unauthenticated("the API key is not valid; it may have been revoked.", hint=_KEY_HINT)
            return principal
        token = session_token(headers)
        if not token:
            raise Unauthenticated("the request carries no credentials.", hint=_KEY_HINT)
        session = await self._credentials.by_session(token)
        if session is None:
            raise Unauthenticated("the session has ended.", hint="Log in again.")
        return session


def chosen_tenant(principal: Principal, headers: Mapping[str, str]) -> str:
    """The tenant of a request. Raises `PermissionDenied`, and `InvalidRequest` for a name that is none."""
    wanted = headers.get(TENANT_HEADER)
    if wanted is None or wanted == principal.tenant:
        return principal.tenant
    tenant = parse_tenant(wanted)
    if not principal.may_choose_tenant:
        raise PermissionDenied(
            f"{principal.kind} {principal.name!r} belongs to the tenant {principal.tenant}, not to {tenant}.",
            hint="Leave X-Scope-OrgID out, or use a key that may choose a tenant.",
        )
    return tenant


def key_of(authorization: str) -> str:
    """The API key in an Authorization header. Raises `Unauthenticated`."""
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if not value or len(value) > MAX_CREDENTIAL:
        raise Unauthenticated("the Authorization header holds no key.", hint=_KEY_HINT)
    match scheme.lower():
        case "bearer" | "splunk":
            return value
        case "apikey":
            # Elasticsearch's clients send base64 of "id:key".
            return _after_colon(value) or value
        case "basic":
            if password := _after_colon(value):
                return password
            raise Unauthenticated("the Basic credentials hold no password; it is the API key.", hint=_KEY_HINT)
    raise Unauthenticated(
        f"the authorization scheme {scheme[:20]!r} is not known here.", hint="Use Bearer, Basic, Splunk or ApiKey."
    )


def with_key(
    headers: dict[str, str],
    places: Iterable[tuple[str, str]],
    query: Iterable[tuple[str, str]],
    parameters: Mapping[str, str],
) -> dict[str, str]:
    """The headers with an API key that a protocol carries elsewhere, as an Authorization header; one that is there stays.

    `places` are (`header`, `query` or `path`, name), best first.
    """
    if "authorization" in headers:
        return headers
    arguments = dict(query)
    for place, name in places:
        source: Mapping[str, str] = headers if place == "header" else arguments if place == "query" else parameters
        if key := source.get(name, "").strip():
            return {**headers, "authorization": f"Bearer {key}"}
    return headers


def session_token(headers: Mapping[str, str]) -> str:
    """The session token in the cookies, empty when there is none."""
    text = headers.get("cookie", "")
    if SESSION_COOKIE not in text or len(text) > 2 * MAX_CREDENTIAL:
        return ""
    try:
        morsel = SimpleCookie(text).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _after_colon(encoded: str) -> str:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[2]
