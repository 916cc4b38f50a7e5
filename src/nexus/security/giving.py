"""Who may give what: nobody gives more than he has. Pure.

A role is given in a tenant by making a binding, a key, a member of a team; or to everybody who has it, by changing
it. Whoever does so must hold in that tenant (`*`: in every one) each of its permissions, on the same resources or
more, and see every record and field that the role shows. What cannot be decided by looking at the two policies is
refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from nexus.errors import PermissionDenied
from nexus.query.plan import And, Or, Predicate
from nexus.security.access import ANY_TENANT, ANYTHING, Access, Authority, Grant, Role
from nexus.security.permissions import ABOUT_RECORDS, SYSTEM, Permission


def lacking(giver: Access, role: Role, tenant: str) -> str:
    """What the giver lacks to give the role in the tenant, empty when nothing. `giver` is his access there."""
    if Permission.ADMIN in role.permissions and Permission.ADMIN not in giver.permissions:
        return f"the permission {Permission.ADMIN.value}"
    missing = sorted(
        grant.permission.value + ("" if grant.resource == ANYTHING else f" on {grant.resource}")
        for grant in role.grants
        if (tenant == ANY_TENANT or grant.permission not in SYSTEM) and not _holds(giver, grant)
    )
    if missing:
        return f"the permission {', '.join(missing)}" if len(missing) == 1 else f"the permissions {', '.join(missing)}"
    # Who may not see, count, change or remove some records must not get at them with what he gives.
    sights = [giver] if role.permissions & ABOUT_RECORDS else []
    if Permission.LOGS_DELETE in role.permissions:
        sights.append(giver.erasing)
    if Permission.TRACES_DELETE in role.permissions:
        sights.append(giver.erasing_spans)
    for sight in sights:
        if sight.policy is not None and (role.policy is None or not implies(role.policy, sight.policy)):
            return "the sight of every record that it shows"
        if not sight.masked <= role.masked:
            return "the sight of every field that it shows"
    return ""


def check_giving(giver: Authority, roles: Iterable[tuple[Role, str]]) -> None:
    """Raise `PermissionDenied` for the first of (role, tenant) that is more than the giver has."""
    for role, tenant in roles:
        if missing := lacking(giver.access(tenant), role, tenant):
            where = "in every tenant" if tenant == ANY_TENANT else f"in the tenant {tenant}"
            raise PermissionDenied(
                f"{role.name!r} {where} is more than you have: you lack {missing}.",
                hint="Nobody can give, take or change more than he has; ask an administrator.",
            )


def implies(inner: Predicate, outer: Predicate) -> bool:
    """Does every record that matches `inner` surely match `outer`? False when that does not show in their form."""
    if inner == outer:
        return True
    if isinstance(inner, Or):
        return all(implies(part, outer) for part in inner.parts)
    if isinstance(outer, And):
        return all(implies(inner, part) for part in outer.parts)
    if isinstance(outer, Or) and any(implies(inner, part) for part in outer.parts):
        return True
    return isinstance(inner, And) and any(implies(part, outer) for part in inner.parts)


def _holds(giver: Access, grant: Grant) -> bool:
    if grant.permission not in giver.permissions:
        return False
    return Permission.ADMIN in giver.permissions or any(
        held.permission is grant.permission and _wider(held.resource, grant.resource) for held in giver.grants
    )


def _wider(held: str, given: str) -> bool:
    """Does one pattern match whatever the other one matches? A `*` of the given one can only be matched by one."""
    if held in (ANYTHING, given):
        return True
    return "?" not in held and given != ANYTHING and fnmatchcase(given, held)
