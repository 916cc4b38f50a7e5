"""Users, sessions, API keys and tenants: what may be done with them, over the metadata store.

Lookups are made on the event loop (they take microseconds, keys are cached); changes and password hashes go to threads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from nexus.config import Config
from nexus.errors import InvalidRequest, NotFound, PermissionDenied, TooManyAttempts, Unauthenticated
from nexus.model.tenant import SELF_TENANT, parse_tenant
from nexus.security import secrets
from nexus.security.audit import LOGIN_FAILED, Audit
from nexus.security.backoff import Backoff
from nexus.security.identity import Principal
from nexus.security.permissions import EVERYTHING, Permission, expanded, parse_permissions
from nexus.storage.metadata.api import ApiKey, MetadataStore, Session, User

ADMIN: Final = "admin"
ANY_TENANT: Final = "*"
TOUCH_INTERVAL: Final = 60 * 10**9
CACHE_SECONDS: Final = 5.0
MAX_CACHED_KEYS: Final = 10_000
MAX_TENANTS: Final = 10_000
MAX_NAME: Final = 100
MAX_PASSWORD: Final = 1024
CONCURRENT_HASHES: Final = 2
MAX_WAITING_LOGINS: Final = 32

log = logging.getLogger(__name__)


class Accounts:
    """See the module text. `config` gives the current configuration, `now_ns` the time."""

    def __init__(
        self, metadata: MetadataStore, config: Callable[[], Config], now_ns: Callable[[], int], audit: Audit | None = None
    ) -> None:
        """Nothing is read before it is asked for, but the names of the tenants."""
        self._metadata = metadata
        self._audit = audit or Audit(metadata, now_ns)
        self._config = config
        self._now_ns = now_ns
        self._bootstrap = secrets.digest(config().bootstrap.token) if config().bootstrap.token else ""
        self._keys: dict[str, tuple[ApiKey, float]] = {}
        self._touched: dict[str, int] = {}
        self._tenants = {tenant.name for tenant in metadata.list_tenants()}
        self._by_address = Backoff(300.0)
        self._by_user = Backoff(10.0)
        self._hashing = asyncio.Semaphore(CONCURRENT_HASHES)
        self._waiting_logins = 0

    # ---------------------------------------------------------------------------------------------------- identities

    def by_key(self, secret: str) -> Principal | None:
        """Whose API key this is."""
        mark = secrets.digest(secret)
        if self._bootstrap and secrets.equal(mark, self._bootstrap):
            default = self._config().tenants.default
            return Principal("bootstrap", "bootstrap", "bootstrap", default, EVERYTHING, may_choose_tenant=True)
        key = self._find_key(mark)
        if key is None:
            return None
        self._touched[key.id] = self._now_ns()
        permissions = expanded(Permission(name) for name in key.permissions if name in Permission._value2member_map_)
        tenant = key.tenant or self._config().tenants.default
        return Principal("key", key.id, key.name, tenant, permissions, may_choose_tenant=not key.tenant)

    async def by_session(self, token: str) -> Principal | None:
        """Whose session this is; its end moves on while it is used."""
        now = self._now_ns()
        session = self._metadata.get_session(secrets.digest(token), now)
        user = self._metadata.get_user(session.user) if session else None
        if session is None or user is None or user.disabled:
            return None
        if now - session.last_seen > TOUCH_INTERVAL:
            ends = self._session_end(session.created_at, now)
            await asyncio.to_thread(self._metadata.touch_session, session.token_hash, now, ends)
        return self._user_principal(user)

    def _find_key(self, mark: str) -> ApiKey | None:
        cached = self._keys.get(mark)
        if cached and cached[1] > time.monotonic():
            return cached[0]
        self._keys.pop(mark, None)
        key = self._metadata.find_key(mark)
        if key is not None:
            if len(self._keys) >= MAX_CACHED_KEYS:
                self._keys.clear()
            self._keys[mark] = (key, time.monotonic() + CACHE_SECONDS)
        return key

    def _user_principal(self, user: User) -> Principal:
        permissions = expanded(parse_permissions(user.permissions))
        default = self._config().tenants.default
        return Principal("user", user.name, user.name, default, permissions, may_choose_tenant=True, by_cookie=True)

    def _session_end(self, created_at: int, now: int) -> int:
        session = self._config().session
        return min(created_at + int(session.lifetime * 1e9), now + int(session.idle_timeout * 1e9))

    # --------------------------------------------------------------------------------------------------------- users

    def reset_password(self, name: str) -> str:
        """Give a user a new password and end every session. Raises `NotFound`. Slow: hashes."""
        user = self._metadata.get_user(name)
        if user is None:
            raise NotFound(f"there is no user {name!r}.")
        password = secrets.new_password()
        self._metadata.put_user(
            User(user.name, secrets.hash_password(password), user.permissions, user.created_at, user.disabled)
        )
        self._metadata.delete_sessions(name)
        return password

    async def login(self, name: str, password: str, address: str) -> tuple[str, Principal]:
        """Start a session: its token and whose it is. Raises `Unauthenticated`, `TooManyAttempts`."""
        now = time.monotonic()
        wait = max(self._by_address.wait(address, now), self._by_user.wait(name[:MAX_NAME], now))
        if wait > 0 or self._waiting_logins >= MAX_WAITING_LOGINS:
            raise TooManyAttempts(
                "too many failed logins.", retry_after=max(wait, 1.0), hint="Wait as long as Retry-After says."
            )
        user = self._metadata.get_user(name) if len(name) <= MAX_NAME else None
        stored = user.password_hash if user and not user.disabled else None
        self._waiting_logins += 1
        try:
            async with self._hashing:
                right = await asyncio.to_thread(secrets.verify_password, stored, password[:MAX_PASSWORD])
        finally:
            self._waiting_logins -= 1
        facts = {"fields": {"user": name[:MAX_NAME], "address": address}}
        default = self._config().tenants.default
        if not right or user is None:
            self._by_address.failed(address, time.monotonic())
            self._by_user.failed(name[:MAX_NAME], time.monotonic())
            log.warning("login failed", extra=facts)
            await self._audit.record(default, name[:MAX_NAME], LOGIN_FAILED, "session", address=address)
            raise Unauthenticated("the user name or the password is wrong.", hint="`nexus admin reset-password` helps.")
        self._by_address.succeeded(address)
        self._by_user.succeeded(name)
        log.info("login", extra=facts)
        token = secrets.new_token()
        created = self._now_ns()
        session = Session(secrets.digest(token), user.name, created, created, self._session_end(created, created))
        await asyncio.to_thread(self._metadata.create_session, session)
        await self._audit.record(default, user.name, "login", "session", address=address)
        return token, self._user_principal(user)

    async def logout(self, token: str) -> None:
        """End a session."""
        await asyncio.to_thread(self._metadata.delete_session, secrets.digest(token))

    # ---------------------------------------------------------------------------------------------------------- keys

    def list_keys(self, principal: Principal) -> list[ApiKey]:
        """The keys that the caller may see: of the own tenant, or all for whom may choose."""
        return self._metadata.list_keys(None if principal.may_choose_tenant else principal.tenant)

    async def create_key(
        self, principal: Principal, name: str, tenant: str, permissions: Sequence[str], own_tenant: str
    ) -> tuple[ApiKey, str]:
        """Make a key and return it with its secret. `tenant` empty is `own_tenant`, `*` lets the key choose.

        Raises `InvalidRequest`, and `PermissionDenied` for what the caller does not have.
        """
        wanted = parse_permissions(permissions)
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidRequest(f"a key needs a name of 1 to {MAX_NAME} printable characters.")
        if not wanted:
            raise InvalidRequest("a key needs at least one permission.", hint="logs:write is enough to send logs.")
        if missing := expanded(wanted) - principal.permissions:
            raise PermissionDenied(f"you cannot give away what you do not have: {', '.join(sorted(missing))}.")
        bound_to = "" if tenant == ANY_TENANT else parse_tenant(tenant or own_tenant)
        if bound_to != principal.tenant and not principal.may_choose_tenant:
            raise PermissionDenied(f"you can make keys of the tenant {principal.tenant} only.")
        secret = secrets.new_key()
        key = ApiKey(
            secrets.new_id(),
            secrets.digest(secret),
            name.strip(),
            secret[: secrets.SHOWN_CHARACTERS],
            bound_to,
            tuple(sorted(wanted)),
            self._now_ns(),
        )
        await asyncio.to_thread(self._metadata.create_key, key)
        await self._audit.record(
            bound_to or own_tenant, principal.name, "key.created", key.id,
            name=key.name, tenant=bound_to or ANY_TENANT, permissions=", ".join(key.permissions),
        )  # fmt: skip
        log.info("API key created", extra={"fields": {"key": key.id, "tenant": bound_to, "by": principal.name}})
        return key, secret

    async def revoke_key(self, principal: Principal, key_id: str) -> None:
        """Make a key useless at once. Raises `NotFound`."""
        key = next((key for key in self.list_keys(principal) if key.id == key_id), None)
        if key is None:
            raise NotFound(f"there is no key with the id {key_id[:40]!r}.")
        await asyncio.to_thread(self._metadata.revoke_key, key_id, self._now_ns())
        self._keys.clear()
        tenant = key.tenant or self._config().tenants.default
        await self._audit.record(tenant, principal.name, "key.revoked", key_id, name=key.name)
        log.info("API key revoked", extra={"fields": {"key": key_id, "by": principal.name}})

    # ------------------------------------------------------------------------------------------------------- tenants

    def list_tenants(self, principal: Principal) -> list[str]:
        """The tenants that the caller may read, by name."""
        if not principal.may_choose_tenant:
            return [principal.tenant]
        return sorted({tenant.name for tenant in self._metadata.list_tenants()} | {principal.tenant})

    async def ensure_tenant(self, name: str) -> None:
        """Make the tenant at its first write. Raises `PermissionDenied` when that is not allowed."""
        if name in self._tenants:
            return
        if self._metadata.get_tenant(name) is None:
            tenants = self._config().tenants
            if not tenants.auto_create and name not in (tenants.default, SELF_TENANT):
                raise PermissionDenied(
                    f"there is no tenant {name}.", hint="Turn on tenants.auto_create, or use another tenant."
                )
            if len(self._tenants) >= MAX_TENANTS:
                raise PermissionDenied(f"there are {MAX_TENANTS} tenants already; {name} was not created.")
            await asyncio.to_thread(self._metadata.ensure_tenant, name, self._now_ns())
            log.info("tenant created", extra={"fields": {"tenant": name}})
        self._tenants.add(name)

    # -------------------------------------------------------------------------------------------------- housekeeping

    def tidy(self) -> None:
        """Write down when keys were last used and remove expired sessions: every minute, in a thread."""
        touched, self._touched = self._touched, {}
        for key_id, used in touched.items():
            self._metadata.touch_key(key_id, used)
        self._metadata.purge_sessions(self._now_ns())


def bootstrap_admin(metadata: MetadataStore, configured: str, now_ns: int) -> str | None:
    """Make the user `admin` when there are no users yet. The password, when it was made up here. Slow: hashes."""
    if metadata.list_users():
        return None
    password = configured or secrets.new_password()
    metadata.put_user(User(ADMIN, secrets.hash_password(password), (Permission.ADMIN.value,), now_ns))
    return None if configured else password
