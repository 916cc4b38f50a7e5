"""API keys and tenants, over the metadata store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from nexus.config import Config
from nexus.errors import InvalidRequest, NotFound, PermissionDenied
from nexus.model.tenant import SELF_TENANT, parse_tenant
from nexus.security import secrets
from nexus.security.access import ANY_TENANT, Grant, Role
from nexus.security.actor import Actor
from nexus.security.audit import Audit
from nexus.security.giving import check_giving
from nexus.security.identity import Principal
from nexus.security.permissions import Permission, parse_permissions
from nexus.storage.metadata.api import ApiKey, MetadataStore

CACHE_SECONDS: Final = 5.0
MAX_CACHED_KEYS: Final = 10_000
MAX_TENANTS: Final = 10_000
MAX_NAME: Final = 100

log = logging.getLogger(__name__)


class Accounts:
    """See the module text. `config` gives the current configuration, `now_ns` the time."""

    def __init__(
        self, metadata: MetadataStore, config: Callable[[], Config], now_ns: Callable[[], int], audit: Audit
    ) -> None:
        """Nothing is read before it is asked for, but the names of the tenants."""
        self._metadata = metadata
        self._audit = audit
        self._config = config
        self._now_ns = now_ns
        self._keys: dict[str, tuple[ApiKey, float]] = {}
        self._touched: dict[str, int] = {}
        self._tenants = {tenant.name for tenant in metadata.list_tenants()}

    # ---------------------------------------------------------------------------------------------------- identities

    async def by_secret(self, secret: str) -> ApiKey | None:
        """The key with that secret."""
        key = self._find_key(secrets.digest(secret))
        if key is not None:
            self._touched[key.id] = self._now_ns()
        return key

    def _find_key(self, mark: str) -> ApiKey | None:
        cached = self._keys.get(mark)
        if cached and cached[1] > time.monotonic():
            return cached[0]
        self._keys.pop(mark, None)
        key = self._metadata.find_key(mark, self._now_ns())
        if key is not None:
            if len(self._keys) >= MAX_CACHED_KEYS:
                self._keys.clear()
            self._keys[mark] = (key, time.monotonic() + CACHE_SECONDS)
        return key

    # ---------------------------------------------------------------------------------------------------------- keys

    def list_keys(self, principal: Principal, tenant: str) -> list[ApiKey]:
        """The keys that the caller may see: of the tenant, or all for whom may list those of every one."""
        everywhere = principal.authority.access(ANY_TENANT)
        access = principal.authority.access(tenant)
        return [
            key
            for key in self._metadata.list_keys(None if everywhere.may(Permission.KEYS_READ) else tenant)
            if access.may_on(Permission.KEYS_READ, "key", key.name)
        ]

    async def create_key(
        self, principal: Principal, actor: Actor, name: str, tenant: str, permissions: Sequence[str], own_tenant: str
    ) -> tuple[ApiKey, str]:
        """Make a key and return it with its secret. `tenant` empty is `own_tenant`, `*` lets the key choose.

        Raises `InvalidRequest`, and `PermissionDenied` for what the caller does not have.
        """
        wanted = parse_permissions(permissions)
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidRequest(f"a key needs a name of 1 to {MAX_NAME} printable characters.")
        if not wanted:
            raise InvalidRequest("a key needs at least one permission.", hint="logs:write is enough to send logs.")
        bound_to = "" if tenant == ANY_TENANT else parse_tenant(tenant or own_tenant)
        where = bound_to or ANY_TENANT
        if not principal.authority.access(where).may_on(Permission.KEYS_WRITE, "key", name):
            raise PermissionDenied(f"you cannot make keys of that name in {where!r}.")
        role = Role("a key", "", tuple(Grant(permission) for permission in sorted(wanted)))
        check_giving(principal.authority, [(role, where)])
        secret = secrets.new_key()
        key = ApiKey(
            secrets.new_id(),
            secrets.digest(secret),
            name.strip(),
            secret[: secrets.SHOWN_CHARACTERS],
            bound_to,
            tuple(sorted(wanted)),
            self._now_ns(),
            created_by=principal.name,
        )
        await asyncio.to_thread(self._metadata.create_key, key)
        await self._audit.record(actor, bound_to or own_tenant, "key.created", key.id, after=replace(key, hash=""))
        log.info("API key created", extra={"fields": {"key": key.id, "tenant": bound_to, "by": principal.name}})
        return key, secret

    async def revoke_key(self, principal: Principal, actor: Actor, tenant: str, key_id: str) -> None:
        """Make a key useless at once. Raises `NotFound`."""
        key = next((key for key in self.list_keys(principal, tenant) if key.id == key_id), None)
        if key is None:
            raise NotFound(f"there is no key with the id {key_id[:40]!r}.")
        await asyncio.to_thread(self._metadata.revoke_key, key_id, self._now_ns())
        self._keys.clear()
        await self._audit.record(actor, key.tenant or self._config().tenants.default, "key.revoked", key_id, name=key.name)
        log.info("API key revoked", extra={"fields": {"key": key_id, "by": principal.name}})

    # ------------------------------------------------------------------------------------------------------- tenants

    def list_tenants(self, principal: Principal) -> list[str]:
        """The tenants that the caller reaches, by name."""
        if not principal.authority.everywhere:
            return sorted(principal.authority.tenants)
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
        """Write down when keys were last used: every minute, in a thread."""
        touched, self._touched = self._touched, {}
        for key_id, used in touched.items():
            self._metadata.touch_key(key_id, used)
