"""What somebody may do and see: roles, and what they add up to in a tenant. Pure.

A role grants permissions, each on everything or on named resources (`pipeline:web-*`); it may show only the records
that match its policy, and hide the values of some fields. A subject (user, team, service account) has roles in
tenants. In one tenant they add up so that no role ever takes a right away and no sum ever shows what none of them
would have shown:

* permissions: all of them together;
* records: those that any reading role shows;
* masked fields: with one reading role that neither filters nor masks, none; else all that any reading role masks, because a
  record may be seen through one of them only;
* records that may be deleted: those that are seen and that any role which deletes shows.

Without a reading role the same holds of those roles that have to do with records in other ways (`ABOUT_RECORDS`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from nexus.query.plan import All, And, Field, Or, Predicate
from nexus.security.permissions import ABOUT_RECORDS, EVERYTHING, READING, SYSTEM, Permission

ANY_TENANT: Final = "*"
ANYTHING: Final = "*"
MAX_KNOWN_TENANTS: Final = 1_000
"""For so many tenants an authority remembers what its roles add up to."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission on resources: `*`, or `kind:name` with `*` and `?` in the name."""

    permission: Permission
    resource: str = ANYTHING

    def covers(self, kind: str, name: str) -> bool:
        """Is the resource one of them?"""
        return self.resource == ANYTHING or fnmatchcase(f"{kind}:{name}", self.resource)


@dataclass(frozen=True, slots=True)
class Role:
    """A role, its policy lowered; None shows every record. `policy_text` is the policy in the search language."""

    name: str
    description: str
    grants: tuple[Grant, ...]
    policy: Predicate | None = None
    masked: frozenset[Field] = frozenset()
    builtin: bool = False
    policy_text: str = ""

    @property
    def permissions(self) -> frozenset[Permission]:
        """Permissions, whatever they are on."""
        held = frozenset(grant.permission for grant in self.grants)
        return EVERYTHING if Permission.ADMIN in held else held


@dataclass(frozen=True, slots=True)
class Sight:
    """Records and fields that some roles show together. `text` is the policy in the search language."""

    policy: Predicate | None = None
    masked: frozenset[Field] = frozenset()
    text: str = ""


EVERY_RECORD: Final = Sight()


@dataclass(frozen=True, slots=True)
class Access:
    """What a principal may do and see in one tenant."""

    grants: frozenset[Grant] = frozenset()
    policy: Predicate | None = None
    masked: frozenset[Field] = frozenset()
    permissions: frozenset[Permission] = field(default=frozenset())
    policy_text: str = ""
    """The policy in the search language: what outlives the request (a deletion) is closed over this again."""
    erasable: Sight = EVERY_RECORD
    """What the roles that delete records show."""
    erasable_spans: Sight = EVERY_RECORD
    """The same of spans."""

    @property
    def erasing(self) -> Access:
        """The same for deleting records: only what is seen, and shown by a role that deletes them."""
        return self._within(self.erasable)

    @property
    def erasing_spans(self) -> Access:
        """The same for deleting spans."""
        return self._within(self.erasable_spans)

    def _within(self, sight: Sight) -> Access:
        if sight == EVERY_RECORD or sight == Sight(self.policy, self.masked, self.policy_text):
            return self
        policies = [one for one in (self.policy, sight.policy) if one is not None]
        texts = [f"({one})" for one in (self.policy_text, sight.text) if one]
        return replace(
            self,
            policy=And(tuple(policies)) if policies else None,
            masked=self.masked | sight.masked,
            policy_text=" AND ".join(texts),
        )

    def may(self, permission: Permission) -> bool:
        """Is this allowed on some resource?"""
        return permission in self.permissions

    def may_on(self, permission: Permission, kind: str, name: str) -> bool:
        """Is this allowed on that resource?"""
        if permission not in self.permissions:
            return False
        return Permission.ADMIN in self.permissions or any(
            grant.permission is permission and grant.covers(kind, name) for grant in self.grants
        )

    @property
    def unrestricted(self) -> bool:
        """Does it see every record, and every field?"""
        return self.policy is None and not self.masked


NO_ACCESS: Final = Access()


def full_access(permissions: Iterable[Permission]) -> Access:
    """Permissions on everything, with neither policy nor masks."""
    held = frozenset(permissions)
    held = EVERYTHING if Permission.ADMIN in held else held
    return Access(frozenset(Grant(permission) for permission in held), permissions=held)


def combine(roles: Iterable[Role]) -> Access:
    """What roles add up to: see the module text."""
    every = list(roles)
    grants = frozenset(grant for role in every for grant in role.grants)
    permissions = frozenset(permission for role in every for permission in role.permissions)
    reading = [role for role in every if role.permissions & READING]
    seen = _sight(reading or [role for role in every if role.permissions & ABOUT_RECORDS])
    erasable, spans = (
        _sight([role for role in every if permission in role.permissions])
        for permission in (Permission.LOGS_DELETE, Permission.TRACES_DELETE)
    )
    return Access(grants, seen.policy, seen.masked, permissions, seen.text, erasable, spans)


def _sight(roles: list[Role]) -> Sight:
    """What these roles show together: every record when there is none."""
    if not roles or any(role.policy is None and not role.masked for role in roles):
        return EVERY_RECORD
    policies = [role.policy for role in roles]
    masked = frozenset(name for role in roles for name in role.masked)
    shown = [policy for policy in policies if policy is not None]
    if len(shown) < len(policies) or any(isinstance(policy, All) for policy in shown):
        return Sight(None, masked)
    if len(shown) == 1:
        return Sight(shown[0], masked, roles[0].policy_text)
    return Sight(Or(tuple(shown)), masked, " OR ".join(f"({role.policy_text})" for role in roles))


@dataclass(frozen=True, slots=True)
class Authority:
    """The roles of a principal by tenant; `*` are those in every one."""

    roles: Mapping[str, tuple[Role, ...]]
    _known: dict[str, Access] = field(default_factory=dict, init=False, repr=False, compare=False)
    _only: dict[str, Authority] = field(default_factory=dict, init=False, repr=False, compare=False)

    def access(self, tenant: str) -> Access:
        """What they add up to in that tenant (`*`: in one without roles of its own). Permissions about what no tenant
        owns count only when held in every one."""
        found = self._known.get(tenant)
        if found is None:
            everywhere = combine(self.roles.get(ANY_TENANT, ()))
            found = everywhere
            if tenant != ANY_TENANT and (here := self.roles.get(tenant)):
                found = _within(combine((*self.roles.get(ANY_TENANT, ()), *here)), everywhere)
            if len(self._known) >= MAX_KNOWN_TENANTS:
                self._known.clear()
            self._known[tenant] = found
        return found

    def only(self, tenant: str) -> Authority:
        """The same in one tenant, and nothing in others."""
        found = self._only.get(tenant)
        if found is None:
            here = (*self.roles.get(ANY_TENANT, ()), *self.roles.get(tenant, ()))
            if len(self._only) >= MAX_KNOWN_TENANTS:
                self._only.clear()
            found = self._only[tenant] = Authority({tenant: here}) if here else NO_AUTHORITY
        return found

    @property
    def everywhere(self) -> bool:
        """Does it reach every tenant, those to come included?"""
        return bool(self.roles.get(ANY_TENANT))

    @property
    def tenants(self) -> frozenset[str]:
        """Tenants that are named."""
        return frozenset(tenant for tenant, roles in self.roles.items() if roles and tenant != ANY_TENANT)

    def reaches(self, tenant: str) -> bool:
        """Is there any role in that tenant?"""
        return self.everywhere or bool(tenant != ANY_TENANT and self.roles.get(tenant))


NO_AUTHORITY: Final = Authority({})


def _within(access: Access, everywhere: Access) -> Access:
    """Without the permissions about the whole system that are not held everywhere."""
    lost = (access.permissions & SYSTEM) - everywhere.permissions
    if not lost:
        return access
    grants = frozenset(grant for grant in access.grants if grant.permission not in lost)
    return replace(access, grants=grants, permissions=access.permissions - lost)
