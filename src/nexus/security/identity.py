"""The identity seam: from the headers of a request, or the metadata of a gRPC call, to who asks, for which tenant,
and what they may do and see there.

Credentials are a session cookie, or an API key as `Bearer`, `Splunk`, `ApiKey` or as the password of `Basic`;
protocols with places of their own for a key name them at their routes (`with_key`). A request is about the
principal's default tenant, or one that `X-Scope-OrgID` names and where the principal has a role; any other one is
refused.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final, Literal, Protocol

from nexus.config import Config
from nexus.errors import NexusError, NotFound, PermissionDenied, TenantDeleted, Unauthenticated
from nexus.model.tenant import SELF_TENANT, parse_tenant
from nexus.security import secrets
from nexus.security.access import NO_ACCESS, NO_AUTHORITY, Access, Authority
from nexus.security.authority import FULL_AUTHORITY, Authorities
from nexus.security.permissions import SYSTEM, WRITING, Permission
from nexus.storage.metadata.api import ApiKey, MetadataStore, Session, User

SESSION_COOKIE: Final = "nexus_session"
HOST_COOKIE: Final = "__Host-nexus_session"
"""The same where there is TLS."""
COOKIE_GUARD: Final = "x-nexus-request"
"""Header that scripts of the same site can send and forms of another one cannot."""
TENANT_HEADER: Final = "x-scope-orgid"
MAX_CREDENTIAL: Final = 4096

_KEY_HINT: Final = "Send an API key as `Authorization: Bearer <key>`, or log in."
_OF_NO_TENANT: Final = SYSTEM | {Permission.TENANTS_READ, Permission.API_READ}
"""Permissions for doors that show nothing of the tenant of the request."""
_MUST: Final = {
    "change_password": "the password has to be changed before anything else.",
    "add_second_factor": "a second factor has to be added before anything else.",
}


Must = Literal["", "change_password", "add_second_factor"]
"""What a user has to do before anything else."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `kind` is `user`, `key`, `account` (a key of a service account), `bootstrap` or `anonymous`.

    `tenant` is the one that requests without `X-Scope-OrgID` are about; `by_cookie` calls for the forgery check.
    `must` is what a user has to do before anything else.
    """

    kind: str
    id: str
    name: str
    tenant: str
    authority: Authority = NO_AUTHORITY
    by_cookie: bool = False
    session_id: str = ""
    key_id: str = ""
    must: Must = ""

    @property
    def anonymous(self) -> bool:
        """Is nobody known?"""
        return self.kind == "anonymous"

    def may(self, permission: Permission) -> bool:
        """Is this allowed in the default tenant?"""
        return self.authority.access(self.tenant).may(permission)


ANONYMOUS: Final = Principal("anonymous", "", "", "")


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who was let in: who, for which tenant, and what they may do and see there. `fresh_token` takes the
    place of the session's token, when it is not empty."""

    principal: Principal
    tenant: str
    access: Access
    fresh_token: str = ""


class FoundSession(Protocol):
    """A session that lasts, and whose it is."""

    @property
    def session(self) -> Session:
        """The session."""
        ...

    @property
    def user(self) -> User:
        """Whose it is."""
        ...

    @property
    def fresh_token(self) -> str:
        """Its new token when it was rotated just now, else empty."""
        ...


class SessionSource(Protocol):
    """Where sessions are looked up."""

    async def by_token(self, token: str) -> FoundSession | None:
        """The session of a token; None when there is none, or it has ended."""
        ...


class KeySource(Protocol):
    """Where API keys are looked up."""

    async def by_secret(self, secret: str) -> ApiKey | None:
        """The key with that secret; None when there is none, or it does not count any more."""
        ...


Duty = Callable[[User, Session, Authority], Awaitable[Must]]
"""What a user must do before anything else (`Principal.must`)."""


async def password_duty(user: User, session: Session, authority: Authority) -> Must:
    """Whoever got a password from somebody else changes it first."""
    return "change_password" if user.must_change_password else ""


class Authenticator:
    """Turns headers into a principal, a tenant, and the access there."""

    def __init__(
        self,
        sessions: SessionSource,
        keys: KeySource,
        authorities: Authorities,
        metadata: MetadataStore,
        config: Callable[[], Config],
        now_ns: Callable[[], int],
        duty: Duty = password_duty,
        active: Callable[[str], bool] = lambda tenant: True,
    ) -> None:
        """`config` gives the current configuration, `now_ns` the time; `active` says whether a tenant is not being
        removed."""
        self._active = active
        self._sessions = sessions
        self._keys = keys
        self._authorities = authorities
        self._metadata = metadata
        self._config = config
        self._now_ns = now_ns
        self._duty = duty
        self._bootstrap = secrets.digest(config().bootstrap.token) if config().bootstrap.token else ""

    async def enter(self, headers: Mapping[str, str], permission: Permission | None, *, own: bool = False) -> Entry:
        """Let a caller in who holds the permission in the tenant that the request is about (None: any that is known).

        `own` doors are for a user himself, also when he must do something first. Header names are lower case. Raises
        `Unauthenticated`, `PermissionDenied`, `InvalidRequest`, and `NotFound` or `TenantDeleted` for a tenant that is
        being removed.
        """
        principal, fresh = await self._authenticate(headers)
        try:
            return self._admit(principal, headers, permission, own, fresh)
        except PermissionDenied as error:
            error.by = principal
            raise

    async def again(self, before: Entry, headers: Mapping[str, str], permission: Permission) -> Entry:
        """The same for a conversation that goes on: what counts now. Raises as `enter` does."""
        principal = before.principal
        if not principal.session_id:
            return await self.enter(headers, permission)
        # By the session and not by its token, which may have been exchanged since.
        user, sessions = await asyncio.to_thread(self._session_of, principal.id)
        session = next((one for one in sessions if one.id == principal.session_id), None)
        if user is None or user.disabled or session is None:
            raise Unauthenticated("the session has ended.", hint="Log in again.")
        return self._admit(await self._of_session(user, session), headers, permission, False, "")

    async def recognise(self, headers: Mapping[str, str]) -> Entry:
        """Who asks at a public door; `ANONYMOUS` without valid credentials. A tenant that is out of reach is not
        heard of."""
        try:
            principal, fresh = await self._authenticate(headers)
        except Unauthenticated:
            return Entry(ANONYMOUS, "", NO_ACCESS)
        try:
            tenant = chosen_tenant(principal, headers)
        except NexusError:
            tenant = principal.tenant
        return Entry(principal, tenant, principal.authority.access(tenant), fresh)

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Who asks. An `Authorization` header goes before a cookie. Raises `Unauthenticated`."""
        return (await self._authenticate(headers))[0]

    def _admit(
        self, principal: Principal, headers: Mapping[str, str], permission: Permission | None, own: bool, fresh: str
    ) -> Entry:
        if own and principal.kind != "user":
            raise PermissionDenied(f"this is for users; {principal.kind} {principal.name!r} is none.", hint="Log in.")
        if principal.must and not own:
            raise PermissionDenied(_MUST.get(principal.must, "something has to be done first."), hint="See your profile.")
        tenant = chosen_tenant(principal, headers)
        access = principal.authority.access(tenant)
        if permission is not None and not access.may(permission):
            raise PermissionDenied(
                f"{principal.kind} {principal.name!r} lacks the permission {permission.value} in the tenant {tenant}.",
                hint="It counts only when held in every tenant."
                if permission in SYSTEM and principal.authority.roles
                else "Use a key that has it; an administrator can make one.",
            )
        if permission in WRITING and tenant == SELF_TENANT:
            raise PermissionDenied(f"only Nexus itself writes to the tenant {SELF_TENANT}.")
        if permission is not None and permission not in _OF_NO_TENANT and not self._active(tenant):
            if permission in WRITING:
                raise TenantDeleted(f"the tenant {tenant} is being deleted; nothing is accepted for it.")
            raise NotFound(f"the tenant {tenant} is being deleted.", hint="Choose another one with X-Scope-OrgID.")
        return Entry(principal, tenant, access, fresh)

    async def _authenticate(self, headers: Mapping[str, str]) -> tuple[Principal, str]:
        authorization = headers.get("authorization")
        if authorization is not None:
            principal = await self._by_key(key_of(authorization))
            if principal is None:
                raise Unauthenticated("the API key is not valid; it may have been revoked.", hint=_KEY_HINT)
            return principal, ""
        token = session_token(headers)
        if not token:
            raise Unauthenticated("the request carries no credentials.", hint=_KEY_HINT)
        found = await self._sessions.by_token(token)
        if found is None or found.user.disabled:
            raise Unauthenticated("the session has ended.", hint="Log in again.")
        return await self._of_session(found.user, found.session), found.fresh_token

    async def _by_key(self, secret: str) -> Principal | None:
        if self._bootstrap and secrets.equal(secrets.digest(secret), self._bootstrap):
            return Principal("bootstrap", "bootstrap", "bootstrap", self._config().tenants.default, FULL_AUTHORITY)
        key = await self._keys.by_secret(secret)
        if key is None:
            return None
        authority = await self._authorities.of_key(key)
        tenant = key.tenant or default_tenant(authority, self._config().tenants.default)
        if not key.account:
            return Principal("key", key.id, key.name, tenant, authority, key_id=key.id)
        account = await self._authorities.account(key.account)
        if account is None:
            return None
        return Principal("account", account.id, account.name, tenant, authority, key_id=key.id)

    async def _of_session(self, user: User, session: Session) -> Principal:
        authority = await self._authorities.of_user(user.name)
        return Principal(
            "user",
            user.name,
            user.name,
            default_tenant(authority, self._config().tenants.default),
            authority,
            by_cookie=True,
            session_id=session.id,
            must=await self._duty(user, session, authority),
        )

    def _session_of(self, name: str) -> tuple[User | None, list[Session]]:
        return self._metadata.get_user(name), self._metadata.list_sessions(name, self._now_ns())


def default_tenant(authority: Authority, configured: str) -> str:
    """The tenant of requests that name none: the configured one when it is in reach."""
    if authority.reaches(configured) or not authority.tenants:
        return configured
    return min(authority.tenants)


def chosen_tenant(principal: Principal, headers: Mapping[str, str]) -> str:
    """The tenant of a request. Raises `PermissionDenied`, and `InvalidRequest` for a name that is none."""
    wanted = headers.get(TENANT_HEADER)
    if wanted is None or wanted == principal.tenant:
        return principal.tenant
    tenant = parse_tenant(wanted)
    if not principal.authority.reaches(tenant):
        raise PermissionDenied(
            f"{principal.kind} {principal.name!r} belongs to the tenant {principal.tenant}, not to {tenant}.",
            hint="Leave X-Scope-OrgID out, or ask an administrator for a role in that tenant.",
        )
    return tenant


def key_of(authorization: str) -> str:
    """The API key in an Authorization header. Raises `Unauthenticated`."""
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if not value or len(value) > MAX_CREDENTIAL:
        raise Unauthenticated("the Authorization header holds no key.", hint=_KEY_HINT)
    match scheme.lower():
        case "bearer" | "splunk" | "token":
            return value
        case "apikey":
            # Elasticsearch's clients send base64 of "id:key".
            return _after_colon(value) or value
        case "basic":
            if password := _after_colon(value):
                return password
            raise Unauthenticated("the Basic credentials hold no password; it is the API key.", hint=_KEY_HINT)
    raise Unauthenticated(
        f"the authorization scheme {scheme[:20]!r} is not known here.", hint="Use Bearer, Basic, Splunk, Token or ApiKey."
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
        found = SimpleCookie(text)
    except CookieError:
        return ""
    morsel = found.get(HOST_COOKIE) or found.get(SESSION_COOKIE)
    return morsel.value if morsel else ""


def _after_colon(encoded: str) -> str:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[2]
