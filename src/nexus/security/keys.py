"""API keys: credentials of programs, shown once and stored hashed.

A key has permissions of its own, or those of a role, or it acts as a service account; in one tenant, or in every one. Nobody
gives away more than he has there: not by making a key, and not by rotating one, which shows its secret. What a creator does
not see, his keys do not see: a key with permissions of its own sees every record, so who sees only some of them, or not
whole, makes keys that only write, or keys of a role or an account that shows no more than he sees (`security.giving`). A key
stays what it was made, whatever becomes of its creator; whoever may write keys of its name may revoke it at once, however
much it may do. `signals` narrow what it may write.

A key that was looked up is kept for 5 s, so a key that another process revoked works so long; one of this process stops at
once. While the metadata cannot be reached, keys that were used in the last minutes go on working.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nexus.errors import Conflict, InvalidRequest, NotFound, PermissionDenied, StorageError
from nexus.model.tenant import parse_tenant
from nexus.security import secrets
from nexus.security.access import ANY_TENANT, Authority, Grant, Role
from nexus.security.actor import Actor
from nexus.security.audit.log import Audit
from nexus.security.authority import SIGNALS, Authorities
from nexus.security.giving import check_giving
from nexus.security.identity import Principal
from nexus.security.limits.catalogue import check_set
from nexus.security.permissions import Permission, parse_permissions
from nexus.storage.metadata.api import ApiKey, MetadataStore, StoredLimits

CACHE_SECONDS: Final = 5.0
STALE_SECONDS: Final = 300.0
"""How long a key that was good goes on working while the metadata cannot be reached."""
MAX_CACHED: Final = 10_000
MAX_CACHED_WRONG: Final = 1_000
MAX_NAME: Final = 100
MAX_KEYS: Final = 10_000
"""Keys that are not revoked, of all tenants."""
MAX_LIFETIME: Final = 10 * 366 * 86_400
MAX_OVERLAP: Final = 30 * 86_400
SECOND: Final = 10**9

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is wanted. `tenant` empty is that of the request, `*` a key that may choose. One of `permissions`, `role`
    and `account` says what it may do; `expires_in` is in seconds, 0 never."""

    name: str
    tenant: str = ""
    permissions: Sequence[str] = ()
    role: str = ""
    account: str = ""
    signals: Sequence[str] = ()
    expires_in: int = 0
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    """A key that was found, or None, until when it is believed, and until when if nothing better can be had."""

    key: ApiKey | None
    until: float
    stale: float = 0.0


class Keys:
    """See the module text. Lives on one event loop. `now_ns` gives the time, `clock` seconds of one that never goes back;
    `active` says whether a tenant is not being removed, `default_limit` what holds for keys without limits of their own."""

    def __init__(
        self,
        metadata: MetadataStore,
        authorities: Authorities,
        audit: Audit,
        now_ns: Callable[[], int],
        active: Callable[[str], bool] = lambda tenant: True,
        default_limit: Callable[[str], float] = lambda name: 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is read before it is asked for."""
        self._metadata = metadata
        self._authorities = authorities
        self._audit = audit
        self._now_ns = now_ns
        self._active = active
        self._default_limit = default_limit
        self._clock = clock
        self._right: dict[str, _Known] = {}
        self._wrong: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[ApiKey | None]] = {}
        self._generation = 0
        self._used: dict[str, int] = {}

    # ----------------------------------------------------------------------------------------------------- looking up

    async def by_secret(self, secret: str) -> ApiKey | None:
        """The key with that secret; None when there is none, or it does not count any more. Raises `StorageError`."""
        mark = secrets.digest(secret)
        known = self._right.get(mark) or self._wrong.get(mark)
        if known is not None and known.until > self._clock():
            key = known.key
        else:
            key = await self._look_up(mark, known)
        if key is None or not _counts(key, mark, now := self._now_ns()):
            return None
        self._used[key.id] = now
        return key

    async def _look_up(self, mark: str, known: _Known | None) -> ApiKey | None:
        """Ask the metadata; those who ask for the same key at the same time share the answer."""
        asking = self._asking.get(mark)
        if asking is None:
            asking = self._asking[mark] = asyncio.create_task(self._find(mark))
            asking.add_done_callback(lambda task: self._answered(mark, task))
        try:
            return await asyncio.shield(asking)
        except StorageError:
            if known is not None and known.key is not None and known.stale > self._clock():
                return known.key
            raise

    async def _find(self, mark: str) -> ApiKey | None:
        generation = self._generation
        key = await asyncio.to_thread(self._metadata.find_key, mark, self._now_ns())
        if generation == self._generation:
            # Strangers fill the one with guesses, and not the other.
            cache, most = (self._right, MAX_CACHED) if key else (self._wrong, MAX_CACHED_WRONG)
            (self._wrong if key else self._right).pop(mark, None)
            cache.pop(mark, None)
            while len(cache) >= most:
                del cache[next(iter(cache))]
            now = self._clock()
            cache[mark] = _Known(key, now + CACHE_SECONDS, now + STALE_SECONDS)
        return key

    def _answered(self, mark: str, task: asyncio.Task[ApiKey | None]) -> None:
        self._asking.pop(mark, None)
        if not task.cancelled():
            task.exception()  # Seen, also when nobody waits any more.

    def forget(self) -> None:
        """Keys have changed: look every one up again."""
        self._generation += 1
        self._right.clear()
        self._wrong.clear()

    def tidy(self) -> None:
        """Write down when keys were last used: every minute, in a thread. Raises `StorageError`."""
        used, self._used = self._used, {}
        try:
            for id in list(used):
                self._metadata.touch_key(id, used[id])
                del used[id]
        finally:
            # What could not be written down is tried again, unless the key was used since.
            for id, at in used.items():
                self._used.setdefault(id, at)

    # ------------------------------------------------------------------------------------------------------- changing

    async def visible(self, principal: Principal, tenant: str) -> list[ApiKey]:
        """The keys that the caller may see, oldest first: of the tenant, or of all tenants for whom may see those of all."""
        everywhere = principal.authority.access(ANY_TENANT).may(Permission.KEYS_READ)
        keys = await asyncio.to_thread(self._metadata.list_keys, None if everywhere else tenant)
        return [key for key in keys if _may(principal, Permission.KEYS_READ, key)]

    async def create(self, principal: Principal, actor: Actor, wanted: NewKey, tenant: str) -> tuple[ApiKey, str]:
        """Make a key and return it with its secret; `tenant` is that of the request.

        Raises `InvalidRequest`, `PermissionDenied` for what the caller does not have, `Conflict` for a tenant that is being
        removed, `NotFound` for a role or account that is not there.
        """
        key = self._read(principal, wanted, tenant)
        if not _may(principal, Permission.KEYS_WRITE, key):
            raise PermissionDenied(f"you may not make keys called {key.name!r} in {_place(key)}.")
        if key.tenant and not self._active(key.tenant):
            raise Conflict(f"the tenant {key.tenant} is being deleted.")
        await self._check_giving(principal, key)
        self._check_limits(principal, key.id, wanted.limits)
        if len(await asyncio.to_thread(self._metadata.list_keys)) >= MAX_KEYS:
            raise Conflict(f"there are {MAX_KEYS:,} keys already.", hint="Revoke those that are not used any more.")
        secret = secrets.new_key()
        key = replace(key, hash=secrets.digest(secret), prefix=secret[: secrets.SHOWN_CHARACTERS])
        await asyncio.to_thread(self._store, key, wanted.limits)
        await self._audit.record(
            actor, key.tenant or tenant, "key.created", key.id, after={**described(key), "limits": dict(wanted.limits)}
        )
        log.info("API key created", extra={"fields": {"key": key.id, "tenant": key.tenant, "by": principal.name}})
        return key, secret

    async def rotate(self, principal: Principal, actor: Actor, tenant: str, id: str, overlap: int) -> tuple[ApiKey, str]:
        """Give a key a new secret; the old one works for `overlap` seconds more. Raises `InvalidRequest`, `NotFound`, and
        `PermissionDenied` for a key that may do more than the caller."""
        if not 0 <= overlap <= MAX_OVERLAP:
            raise InvalidRequest(f"the overlap is 0 to {MAX_OVERLAP} seconds, not {overlap}.")
        before = await self._own(principal, tenant, id)
        await self._check_giving(principal, before)
        if before.expires_at and before.expires_at <= self._now_ns():
            raise InvalidRequest("the key has expired; a new secret would not help.", hint="Make a new key.")
        secret = secrets.new_key()
        until = self._now_ns() + overlap * SECOND if overlap else 0
        prefix = secret[: secrets.SHOWN_CHARACTERS]
        if not await asyncio.to_thread(self._metadata.rotate_key, id, secrets.digest(secret), prefix, until):
            raise _missing(id)
        self._changed()
        after = replace(before, hash=secrets.digest(secret), prefix=prefix, previous_until=until)
        await self._audit.record(
            actor, before.tenant or tenant, "key.rotated", id, before=described(before), after=described(after)
        )
        log.info("API key rotated", extra={"fields": {"key": id, "by": principal.name}})
        return after, secret

    async def revoke(self, principal: Principal, actor: Actor, tenant: str, id: str) -> None:
        """Make a key useless at once. Raises `NotFound`, `PermissionDenied`."""
        key = await self._own(principal, tenant, id)
        if not await asyncio.to_thread(self._metadata.revoke_key, id, self._now_ns()):
            raise _missing(id)
        self._changed()
        await asyncio.to_thread(self._metadata.put_limits, StoredLimits("key", id, {}))
        await self._audit.record(actor, key.tenant or tenant, "key.revoked", id, before=described(key))
        log.info("API key revoked", extra={"fields": {"key": id, "by": principal.name}})

    async def limits(self) -> dict[str, dict[str, float]]:
        """The limits that keys have of their own, by id."""
        found = await asyncio.to_thread(self._metadata.list_limits)
        return {one.subject: one.limits for one in found if one.scope == "key"}

    async def account_names(self) -> dict[str, str]:
        """Names of service accounts by id."""
        return {account.id: account.name for account in await asyncio.to_thread(self._metadata.list_accounts)}

    # --------------------------------------------------------------------------------------------------------- checks

    def _read(self, principal: Principal, wanted: NewKey, tenant: str) -> ApiKey:
        """The key that is wanted, without a secret. Raises `InvalidRequest`."""
        name = wanted.name.strip()
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidRequest(f"a key needs a name of 1 to {MAX_NAME} printable characters.")
        if sum(map(bool, (wanted.permissions, wanted.role, wanted.account))) != 1:
            raise InvalidRequest(
                "a key needs permissions, or a role, or a service account; and one of them only.",
                hint='permissions ["logs:write"] is enough to send logs.',
            )
        if unknown := sorted(set(wanted.signals) - set(SIGNALS)):
            raise InvalidRequest(f"there is no signal {unknown[0][:40]!r}.", hint=f"The signals are {', '.join(SIGNALS)}.")
        if not 0 <= wanted.expires_in <= MAX_LIFETIME:
            raise InvalidRequest(f"a key expires in 1 to {MAX_LIFETIME} seconds; 0 is never.")
        now = self._now_ns()
        return ApiKey(
            id=secrets.new_id(),
            hash="",
            name=name,
            prefix="",
            tenant="" if wanted.tenant == ANY_TENANT else parse_tenant(wanted.tenant or tenant),
            permissions=tuple(sorted(permission.value for permission in parse_permissions(wanted.permissions))),
            created_at=now,
            account=wanted.account,
            created_by=principal.name,
            expires_at=now + wanted.expires_in * SECOND if wanted.expires_in else 0,
            role=wanted.role,
            signals=tuple(signal for signal in SIGNALS if signal in wanted.signals),
        )

    async def _check_giving(self, principal: Principal, key: ApiKey) -> None:
        """Raise `PermissionDenied` when the key may do or see more than the caller, `NotFound` when it could do nothing."""
        where = key.tenant or ANY_TENANT
        if key.account:
            if await self._authorities.account(key.account) is None:
                raise NotFound(f"there is no service account {key.account[:40]!r}, or it is disabled.")
            authority = await self._authorities.of_account(key.account)
            given = _pairs(authority.only(where) if key.tenant else authority)
        elif key.role:
            role = (await self._authorities.roles()).get(key.role)
            if role is None:
                raise NotFound(f"there is no role {key.role[:40]!r}.")
            given = [(role, where)]
        else:
            held = tuple(Grant(Permission(name)) for name in key.permissions if name in Permission._value2member_map_)
            given = [(Role("a key", "", held), where)]
        check_giving(principal.authority, given)

    def _check_limits(self, principal: Principal, id: str, limits: Mapping[str, float]) -> None:
        """Raise `InvalidRequest` for limits that make no sense, `PermissionDenied` for those that would let more through."""
        check_set("key", id, limits)
        if principal.authority.access(ANY_TENANT).may(Permission.LIMITS_WRITE):
            return
        for name, value in limits.items():
            most = self._default_limit(name)
            if most and (not value or value > most):
                raise PermissionDenied(
                    f"{name} of a key is {most:g} at most, unless somebody who may change limits raises it.",
                    hint="Leave it out, or name a smaller number.",
                )

    async def _own(self, principal: Principal, tenant: str, id: str) -> ApiKey:
        """A key that the caller may change. Raises `NotFound` for one that he may not see, else `PermissionDenied`."""
        key = await asyncio.to_thread(self._metadata.get_key, id)
        seen = key is not None and (key.tenant == tenant or principal.authority.access(ANY_TENANT).may(Permission.KEYS_READ))
        if (
            key is None
            or not seen
            or not (_may(principal, Permission.KEYS_READ, key) or _may(principal, Permission.KEYS_WRITE, key))
        ):
            raise _missing(id)
        if not _may(principal, Permission.KEYS_WRITE, key):
            raise PermissionDenied(f"you may not change keys called {key.name!r} in {_place(key)}.")
        return key

    def _store(self, key: ApiKey, limits: Mapping[str, float]) -> None:
        # The limits first: the key must not work without them.
        if limits:
            self._metadata.put_limits(StoredLimits("key", key.id, dict(limits)))
        self._metadata.create_key(key)

    def _changed(self) -> None:
        self.forget()
        # Whoever holds a conversation with it is looked at again.
        self._authorities.forget()


def described(key: ApiKey) -> dict[str, Any]:
    """A key as the audit log shows it: without what its secrets are known by."""
    return {
        "name": key.name,
        "prefix": key.prefix,
        "tenant": key.tenant or ANY_TENANT,
        "permissions": list(key.permissions),
        "role": key.role,
        "account": key.account,
        "signals": list(key.signals),
        "expires_at": key.expires_at,
        "previous_until": key.previous_until,
    }


def _counts(key: ApiKey, mark: str, now: int) -> bool:
    """Does the key count now, with the secret of this mark?"""
    if key.revoked_at or (key.expires_at and key.expires_at <= now):
        return False
    return secrets.equal(mark, key.hash) or key.previous_until > now


def _may(principal: Principal, permission: Permission, key: ApiKey) -> bool:
    return principal.authority.access(key.tenant or ANY_TENANT).may_on(permission, "key", key.name)


def _pairs(authority: Authority) -> list[tuple[Role, str]]:
    return [(role, tenant) for tenant, roles in authority.roles.items() for role in roles]


def _place(key: ApiKey) -> str:
    return f"the tenant {key.tenant}" if key.tenant else "every tenant"


def _missing(id: str) -> NotFound:
    return NotFound(f"there is no key with the id {id[:40]!r}.")
