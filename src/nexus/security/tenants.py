"""Tenants: made by hand or by the first write to them, described, and removed for good.

A tenant that is being removed is there and is not: nothing enters it (`TenantDeleted`), nothing of it is seen. Its removal
is the work of `nexus.server.removals`; here is who may ask for it, and the mark that stops everything else at once.
Afterwards the name may be used again, and is empty. The default tenant and that of Nexus itself stay.

What another process on the same metadata does counts within a minute.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from nexus.config import Config
from nexus.errors import Conflict, InvalidRequest, NotFound, PermissionDenied, TenantDeleted
from nexus.model.tenant import SELF_TENANT, parse_tenant
from nexus.security import secrets
from nexus.security.actor import SYSTEM, Actor
from nexus.security.audit.log import Audit
from nexus.security.identity import Principal
from nexus.security.permissions import Permission
from nexus.storage.metadata.api import MetadataStore, StoredTenantDeletion, Tenant

MAX_TENANTS: Final = 10_000
MAX_DESCRIPTION: Final = 1_000
KEPT_REMOVALS: Final = 1_000
"""Reports of removals that are done."""

log = logging.getLogger(__name__)


class Tenants:
    """See the module text. Lives on one event loop; `config` gives the current configuration, `now_ns` the time."""

    def __init__(
        self, metadata: MetadataStore, config: Callable[[], Config], now_ns: Callable[[], int], audit: Audit
    ) -> None:
        """Read the names of the tenants; it blocks."""
        self._metadata = metadata
        self._config = config
        self._now_ns = now_ns
        self._audit = audit
        self._known: set[str] = set()
        self._leaving: set[str] = set()
        self._changes = 0
        self._take_over(metadata.list_tenants())

    # -------------------------------------------------------------------------------------------------------- looking

    def active(self, name: str) -> bool:
        """Is the tenant not being removed? One that is not there yet is active. Fast."""
        return name not in self._leaving

    def check_active(self, name: str) -> None:
        """Raise `TenantDeleted` when the tenant is being removed."""
        if name in self._leaving:
            raise TenantDeleted(
                f"the tenant {name} is being deleted; nothing is accepted for it.", hint="Send to another tenant."
            )

    async def ensure(self, name: str) -> None:
        """Make the tenant at its first write. Raises `TenantDeleted`, `PermissionDenied` when it may not be made."""
        if name in self._known:
            return
        self.check_active(name)
        found = await asyncio.to_thread(self._metadata.get_tenant, name)
        if found is None:
            tenants = self._config().tenants
            if not tenants.auto_create and name not in (tenants.default, SELF_TENANT):
                raise PermissionDenied(
                    f"there is no tenant {name}.", hint="Turn on tenants.auto_create, make it, or use another tenant."
                )
            if len(self._known) >= MAX_TENANTS:
                raise PermissionDenied(f"there are {MAX_TENANTS} tenants already; {name} was not created.")
            if await asyncio.to_thread(self._metadata.ensure_tenant, name, self._now_ns()):
                await self._audit.record(SYSTEM, name, "tenant.created", name, reason="the first write to it")
                log.info("tenant created", extra={"fields": {"tenant": name}})
        elif found.deleted_at:
            self._mark(name)
        # It may have been marked meanwhile.
        self.check_active(name)
        self._known.add(name)

    async def visible(self, principal: Principal) -> list[Tenant]:
        """The tenants that the caller reaches and may read of, by name; those being removed, too."""
        found = {tenant.name: tenant for tenant in await asyncio.to_thread(self._metadata.list_tenants)}
        for name in (principal.tenant, *principal.authority.tenants):
            # Not written to yet, but in reach.
            if name not in found and self.active(name):
                found[name] = Tenant(name, 0)
        authority = principal.authority
        return [
            tenant
            for name, tenant in sorted(found.items())
            if authority.reaches(name) and authority.access(name).may(Permission.TENANTS_READ)
        ]

    async def reachable(self, principal: Principal) -> list[str]:
        """The names of the tenants in which the caller has any role, by name; not those being removed."""
        authority = principal.authority
        names = {principal.tenant, *authority.tenants}
        if authority.everywhere:
            names |= {tenant.name for tenant in await asyncio.to_thread(self._metadata.list_tenants)}
        return sorted(name for name in names if authority.reaches(name) and self.active(name))

    # ------------------------------------------------------------------------------------------------------- changing

    async def create(self, actor: Actor, name: str, description: str) -> Tenant:
        """Make a tenant by hand. Raises `InvalidRequest`, `Conflict` when there is one."""
        parse_tenant(name)
        tenant = Tenant(name, self._now_ns(), {}, _checked(description))
        self._check_free(name)
        if len(self._known) >= MAX_TENANTS:
            raise Conflict(f"there are {MAX_TENANTS} tenants already.", hint="Delete those that are not used any more.")
        if not await asyncio.to_thread(self._metadata.ensure_tenant, name, tenant.created_at):
            self._check_free(name)
            raise Conflict(f"there is a tenant {name} already.")
        if tenant.description:
            await asyncio.to_thread(self._metadata.describe_tenant, name, tenant.description)
        await self._audit.record(actor, name, "tenant.created", name, after=tenant)
        log.info("tenant created", extra={"fields": {"tenant": name}})
        return tenant

    async def change(self, actor: Actor, name: str, description: str) -> Tenant:
        """Describe a tenant. Raises `InvalidRequest`, `NotFound`, `Conflict` when it is being removed."""
        before = await self._found(name)
        if before.deleted_at or not self.active(name):
            raise Conflict(f"the tenant {name} is being deleted.")
        after = Tenant(name, before.created_at, before.settings, _checked(description))
        if not await asyncio.to_thread(self._metadata.describe_tenant, name, after.description):
            raise Conflict(f"the tenant {name} is being deleted.")
        await self._audit.record(actor, name, "tenant.changed", name, before=before, after=after)
        return after

    async def begin_removal(self, actor: Actor, name: str) -> StoredTenantDeletion:
        """Mark a tenant as being removed: from now on nothing enters it, and nothing of it is seen. Raises `InvalidRequest`
        for one that has to stay, `NotFound`, `Conflict` when its removal goes on."""
        if name in (self._config().tenants.default, SELF_TENANT):
            raise InvalidRequest(
                f"the tenant {name} cannot be deleted: Nexus needs it.",
                hint="Delete its records at logs/deletions, or name another tenants.default.",
            )
        await self._found(name)
        removal = StoredTenantDeletion(name, secrets.new_id(), actor.name, "running", 0, self._now_ns())
        was_active = self.active(name)
        self._mark(name)
        try:
            begun = await asyncio.to_thread(self._metadata.begin_tenant_deletion, removal, KEPT_REMOVALS)
        except BaseException:
            if was_active:
                self.removed(name)
            raise
        if not begun:
            raise Conflict(f"the tenant {name} is being deleted already.", hint="GET tenants/{name}/deletion shows it.")
        await self._audit.record(actor, name, "tenant.deletion_started", name, id=removal.id)
        log.info("the deletion of a tenant has begun", extra={"fields": {"tenant": name, "by": actor.name}})
        return removal

    def removed(self, name: str) -> None:
        """A tenant is gone for good: its name may be used again."""
        self._changes += 1
        self._leaving.discard(name)

    async def refresh(self) -> None:
        """Take over what other processes have made and removed: every minute. Raises `StorageError`."""
        changes = self._changes
        tenants = await asyncio.to_thread(self._metadata.list_tenants)
        if changes == self._changes:
            self._take_over(tenants)

    def _take_over(self, tenants: list[Tenant]) -> None:
        self._leaving = {tenant.name for tenant in tenants if tenant.deleted_at}
        self._known = {tenant.name for tenant in tenants if not tenant.deleted_at}

    def _mark(self, name: str) -> None:
        self._changes += 1
        self._leaving.add(name)
        self._known.discard(name)

    async def _found(self, name: str) -> Tenant:
        tenant = await asyncio.to_thread(self._metadata.get_tenant, name)
        if tenant is None:
            raise NotFound(f"there is no tenant {name[:80]!r}.")
        return tenant

    def _check_free(self, name: str) -> None:
        if not self.active(name):
            raise Conflict(f"the tenant {name} is being deleted.", hint="Make it again when that is done.")


def _checked(description: str) -> str:
    text = description.strip()
    if len(text) > MAX_DESCRIPTION:
        raise InvalidRequest(f"a description has {MAX_DESCRIPTION} characters at most.")
    return text
