"""What principals may do: roles from the metadata, put together per user, service account and key.

What was looked up is kept for 5 s, so a change by another process counts after that; one of this process (`forget`) at once,
and whoever holds a long conversation (live sockets) is told (`changed`). A stored role whose policy or masks cannot be
understood, any more, shows nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from nexus.errors import InvalidRequest, NexusError
from nexus.query import masks
from nexus.query.fields import resolve
from nexus.query.logs import lower, parse
from nexus.query.plan import All, Field, FieldKind, Or, Predicate
from nexus.security.access import ANY_TENANT, ANYTHING, NO_AUTHORITY, Authority, Grant, Role
from nexus.security.permissions import ROLE_DESCRIPTIONS, ROLES, Permission
from nexus.storage.metadata.api import ApiKey, Binding, MetadataStore, ServiceAccount, StoredRole

CACHE_SECONDS: Final = 5.0
MAX_CACHED: Final = 10_000
SIGNALS: Final = ("logs", "metrics", "traces")

BUILTIN: Final[Mapping[str, Role]] = {
    name: Role(
        name,
        ROLE_DESCRIPTIONS[name],
        tuple(Grant(permission) for permission in sorted({Permission.ADMIN} if name == "admin" else held)),
        builtin=True,
    )
    for name, held in ROLES.items()
}
"""Roles that are there everywhere and always."""

FULL_AUTHORITY: Final = Authority({ANY_TENANT: (BUILTIN["admin"],)})
"""What the bootstrap token may do."""

log = logging.getLogger(__name__)


class Authorities:
    """See the module text. Lives on one event loop; `clock` gives seconds."""

    def __init__(self, metadata: MetadataStore, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read before it is asked for."""
        self._metadata = metadata
        self._clock = clock
        self._cache: dict[tuple[str, str], tuple[Authority, float]] = {}
        self._accounts: dict[str, tuple[ServiceAccount | None, float]] = {}
        self._roles: tuple[Mapping[str, Role], float] = ({}, 0.0)
        self._generation = 0
        self._change = asyncio.Event()

    async def of_user(self, name: str) -> Authority:
        """The roles of a user, own ones and those of teams; none when there is no such user."""
        return await self._of("user", name)

    async def of_account(self, id: str) -> Authority:
        """The roles of a service account; none when there is none, or it is disabled."""
        return await self._of("account", id)

    async def account(self, id: str) -> ServiceAccount | None:
        """The service account, unless it is disabled."""
        account, until = self._accounts.get(id, (None, 0.0))
        if until <= self._clock():
            generation = self._generation
            account = await asyncio.to_thread(self._metadata.get_account, id)
            account = None if account is None or account.disabled else account
            if generation == self._generation:
                if len(self._accounts) >= MAX_CACHED:
                    self._accounts.clear()
                self._accounts[id] = (account, self._clock() + CACHE_SECONDS)
        return account

    async def of_key(self, key: ApiKey) -> Authority:
        """What a key may do: as its service account, as its role, or what it holds itself; in its tenant, or all of them."""
        if key.account:
            authority = await self.of_account(key.account)
            authority = authority.only(key.tenant) if key.tenant else authority
        elif key.role:
            role = (await self.roles()).get(key.role)
            authority = Authority({key.tenant or ANY_TENANT: (role,)}) if role else NO_AUTHORITY
        else:
            authority = await self._of_permissions(key)
        return _of_signals(authority, key.signals) if key.signals else authority

    async def roles(self) -> Mapping[str, Role]:
        """Every role by name, the built-in ones first."""
        roles, until = self._roles
        if until <= self._clock():
            generation = self._generation
            roles = await asyncio.to_thread(self._read_roles)
            if generation == self._generation:
                self._roles = (roles, self._clock() + CACHE_SECONDS)
        return roles

    def forget(self) -> None:
        """Something has changed: look everything up again, and tell those who wait for it. On the event loop."""
        self._generation += 1
        self._cache.clear()
        self._accounts.clear()
        self._roles = ({}, 0.0)
        changed, self._change = self._change, asyncio.Event()
        changed.set()

    @property
    def generation(self) -> int:
        """A number that is another one after each change in this process."""
        return self._generation

    async def changed(self, since: int, seconds: float) -> None:
        """Return when something has changed since that generation, or after that time."""
        if since != self._generation:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._change.wait()

    async def _of(self, kind: str, subject: str) -> Authority:
        cached = self._cache.get((kind, subject))
        if cached and cached[1] > self._clock():
            return cached[0]
        generation = self._generation
        roles = await self.roles()
        bindings = await asyncio.to_thread(self._bindings, kind, subject)
        authority = authority_of(bindings, roles)
        self._keep((kind, subject), authority, generation)
        return authority

    async def _of_permissions(self, key: ApiKey) -> Authority:
        # A key is used for every delivery: what its permissions add up to is made once in a while only.
        place = ("key", f"{key.tenant} {' '.join(key.permissions)}")
        cached = self._cache.get(place)
        if cached:
            return cached[0]
        held = tuple(Grant(Permission(name)) for name in key.permissions if name in Permission._value2member_map_)
        authority = Authority({key.tenant or ANY_TENANT: (Role("its own permissions", "", held),)})
        self._keep(place, authority, self._generation)
        return authority

    def _keep(self, place: tuple[str, str], authority: Authority, generation: int) -> None:
        if generation != self._generation:
            return
        while len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache.pop(place, None)
        self._cache[place] = (authority, self._clock() + CACHE_SECONDS)

    def _read_roles(self) -> Mapping[str, Role]:
        own = {role.name: stored_role(role) for role in self._metadata.list_roles() if role.name not in BUILTIN}
        return {**BUILTIN, **own}

    def _bindings(self, kind: str, subject: str) -> list[Binding]:
        if kind == "user":
            user = self._metadata.get_user(subject)
            if user is None or user.disabled:
                return []
            teams = [("team", team.id) for team in self._metadata.list_teams(subject)]
            return self._metadata.list_bindings([("user", subject), *teams])
        account = self._metadata.get_account(subject)
        return [] if account is None or account.disabled else self._metadata.list_bindings([("account", subject)])


def authority_of(bindings: list[Binding], roles: Mapping[str, Role]) -> Authority:
    """The authority of a subject with these bindings; what names a role that is not there counts for nothing."""
    held: dict[str, dict[str, Role]] = defaultdict(dict)
    for binding in bindings:
        if role := roles.get(binding.role):
            held[binding.tenant][role.name] = role
    return Authority({tenant: tuple(found.values()) for tenant, found in held.items()})


def stored_role(stored: StoredRole) -> Role:
    """A role as it counts. Of what is not understood any more nothing counts, and nothing is shown."""
    grants = tuple(Grant(Permission(name), on) for name, on in stored.grants if name in Permission._value2member_map_)
    try:
        policy = lower_policy(stored.policy)
        masked = masked_fields(stored.masked)
    except NexusError as error:
        log.error("the role %s shows nothing: %s", stored.name, error)
        return Role(stored.name, stored.description, grants, Or(()), policy_text="-*")
    text = stored.policy if policy is not None else ""
    return Role(stored.name, stored.description, grants, policy, masked, policy_text=text)


@lru_cache(maxsize=1024)
def lower_policy(text: str) -> Predicate | None:
    """The predicate of a policy in the search language; None when it shows every record. What it shows must not
    depend on when it is asked, so it may not name a time relative to now. Raises `QuerySyntaxError`,
    `InvalidRequest`."""
    root = parse(text).root
    predicate = lower(root, now_ns=10**18)
    if predicate != lower(root, now_ns=2 * 10**18):
        raise InvalidRequest(
            f"the policy {text[:80]!r} names a time relative to now.",
            hint="Say what records are shown by what they say, or by fixed times.",
        )
    return None if isinstance(predicate, All) else predicate


def masked_fields(names: tuple[str, ...]) -> frozenset[Field]:
    """Fields by their names in the search language. A bare name is hidden wherever a sender puts it: in records and in
    resources. Raises `InvalidRequest`, also for those that cannot be masked."""
    fields = frozenset(_hidden(name) for name in names)
    masks.complete(fields)
    return fields


def _hidden(name: str) -> Field:
    field = resolve(name)
    bare = field.kind is FieldKind.ATTRIBUTE and field.name == name
    return Field(FieldKind.ANYWHERE, name) if bare else field


def _of_signals(authority: Authority, signals: tuple[str, ...]) -> Authority:
    """Without the permissions to write other signals."""
    lost = {f"{signal}:write" for signal in SIGNALS if signal not in signals}
    narrowed: dict[str, tuple[Role, ...]] = {}
    for tenant, roles in authority.roles.items():
        kept = []
        for role in roles:
            held = role.permissions
            grants = role.grants if Permission.ADMIN not in held else tuple(Grant(one, ANYTHING) for one in sorted(held))
            # Who may do everything could take what is left out here.
            grants = tuple(one for one in grants if one.permission not in lost and one.permission is not Permission.ADMIN)
            kept.append(Role(role.name, role.description, grants, role.policy, role.masked, False, role.policy_text))
        narrowed[tenant] = tuple(kept)
    return Authority(narrowed)
