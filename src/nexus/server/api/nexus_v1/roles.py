"""Roles: what they grant and show, making and changing them, and what somebody would see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest, NotFound
from nexus.model.time import NS_PER_HOUR
from nexus.query import policy
from nexus.query.fields import name_of
from nexus.query.plan import All, And, Count, Limits, LogScan, Plan, Scoped, Search, TimeRange
from nexus.security.access import ANY_TENANT, Access, Grant, Role, combine
from nexus.security.permissions import DESCRIPTIONS, EVERYTHING, READING, RESOURCES, SYSTEM, Permission
from nexus.security.users import Directory, checked_role
from nexus.server.api.nexus_v1.asking import ask
from nexus.server.api.nexus_v1.schema import access as schema
from nexus.server.api.nexus_v1.users import by
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.queries import checked_id
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import StoredRole

SAMPLES: Final = 10
SPAN: Final = 24 * NS_PER_HOUR


async def list_roles(call: Call) -> Response:
    """Every role, and the permissions there are."""
    directory = await call.services.users.directory()
    subjects = Counter(binding.role for binding in directory.bindings)
    roles = [_info(directory, role, subjects[role.name]) for role in directory.roles.values()]
    permissions = [
        schema.PermissionInfo(name.value, DESCRIPTIONS[name], list(RESOURCES.get(name, ())), name in SYSTEM)
        for name in Permission
    ]
    return json_response(schema.RoleList(roles, permissions))


async def put_role(call: Call) -> Response:
    """Make or replace a role; whoever has it has the new one at once."""
    await call.services.users.put_role(by(call), _stored(call.parameters["name"], call.payload))
    directory = await call.services.users.directory()
    role = directory.roles[call.parameters["name"]]
    return json_response(_info(directory, role, sum(one.role == role.name for one in directory.bindings)))


async def delete_role(call: Call) -> Response:
    """Remove a role; whoever has it loses it."""
    await call.services.users.delete_role(by(call), call.parameters["name"])
    return json_response(schema.Removed(call.parameters["name"]))


# -------------------------------------------------------------------------------------------------------------- preview


async def preview(call: Call) -> Response:
    """What somebody would see in the tenant of the request. Nobody is shown more than he sees himself, or is told of it."""
    wanted: schema.RolePreviewRequest = call.payload
    if sum((bool(wanted.user), bool(wanted.role), wanted.draft is not None)) != 1:
        raise InvalidRequest("a preview is of one of `user`, `role` and `draft`.")
    directory = await call.services.users.directory()
    if wanted.draft is not None:
        role = checked_role(_stored("draft", wanted.draft))
        shown, because = combine([role]), [f"the draft in {call.tenant}"]
    elif wanted.role:
        if wanted.role not in directory.roles:
            raise NotFound(f"there is no role {wanted.role[:100]!r}.")
        shown, because = combine([directory.roles[wanted.role]]), [f"{wanted.role} in {call.tenant}"]
    else:
        if wanted.user not in directory.users:
            raise NotFound(f"there is no user {wanted.user[:100]!r}.")
        shown, because = _of_user(directory, wanted.user, call.tenant)
    records, total, samples = await _looked_at(call, shown)
    return json_response(
        schema.Preview(
            grants=_grants(shown),
            policy=shown.policy_text,
            masked=sorted(name_of(field) for field in shown.masked),
            records=records,
            total=total,
            samples=samples,
            because=because,
        )
    )


def _of_user(directory: Directory, name: str, tenant: str) -> tuple[Access, list[str]]:
    teams = {team.id: team.name for team in directory.teams_of(name)}
    because = []
    for one in directory.all_of_user(name):
        if one.tenant in (ANY_TENANT, tenant) and one.role in directory.roles:
            where = "every tenant" if one.tenant == ANY_TENANT else one.tenant
            by_team = f" by the team {teams[one.subject]}" if one.subject_kind == "team" else ""
            because.append(f"{one.role} in {where}{by_team}")
    if directory.users[name].disabled:
        return Access(), ["the user is disabled"]
    return directory.authority_of_user(name).access(tenant), because or [f"no role in {tenant}"]


async def _looked_at(call: Call, shown: Access) -> tuple[int, int, list[dict[str, Any]]]:
    """Records of the last 24 hours that are visible, how many there are, and some of those visible: as far as the caller
    sees them himself."""
    if not call.may(Permission.LOGS_READ):
        return 0, 0, []
    now = call.services.now_ns()
    scan = LogScan(TimeRange(now - SPAN, None))
    store = call.services.store
    total = await _count(call, Count(scan), call.access)
    if not shown.permissions & READING:
        return 0, total, []
    # As a condition of the caller's own: it may not ask for what is masked for him.
    where = shown.policy or All()
    records = await _count(call, Count(LogScan(scan.time, where)), call.access)
    both = Access(policy=And((call.access.policy or All(), where)), masked=call.access.masked | shown.masked)
    query_id = checked_id("")
    page = await ask(call, query_id, store.search(_closed(call, Search(scan, "desc", SAMPLES), both, query_id)))
    return records, total, [msgspec.json.decode(record) for record in page.records]


async def _count(call: Call, plan: Count, access: Access) -> int:
    query_id = checked_id("")
    table = await ask(call, query_id, call.services.store.table(_closed(call, plan, access, query_id)))
    return int(table.rows[0][0]) if table.rows else 0


def _closed(call: Call, plan: Plan, access: Access, query_id: str) -> Scoped:
    limits = call.services.config().query
    return policy.scope(
        plan,
        tenant=call.tenant,
        policy=access.policy,
        masked=access.masked,
        limits=Limits(limits.timeout, limits.memory_bytes, limits.result_rows, limits.result_bytes),
        query_id=query_id,
    )


# --------------------------------------------------------------------------------------------------------------- shapes


def _stored(name: str, wanted: schema.RoleRequest) -> StoredRole:
    grants = tuple((one.permission, one.resource) for one in wanted.grants)
    return StoredRole(name, wanted.description, grants, wanted.policy.strip(), tuple(wanted.masked), 0, 0)


def _info(directory: Directory, role: Role, subjects: int) -> schema.RoleInfo:
    stored = directory.stored.get(role.name)
    return schema.RoleInfo(
        name=role.name,
        description=role.description,
        builtin=role.builtin,
        grants=_shown(role.grants),
        policy=stored.policy if stored else "",
        masked=list(stored.masked) if stored else [],
        subjects=subjects,
    )


def _grants(access: Access) -> list[schema.GrantInfo]:
    """Every permission with what it is on; those that an administrator has by being one, too."""
    if access.may(Permission.ADMIN):
        return _shown([Grant(permission) for permission in EVERYTHING & access.permissions])
    return _shown([grant for grant in access.grants if grant.permission in access.permissions])


def _shown(grants: Sequence[Grant]) -> list[schema.GrantInfo]:
    ordered = sorted(grants, key=lambda grant: (grant.permission.value, grant.resource))
    return [schema.GrantInfo(grant.permission.value, grant.resource) for grant in ordered]


_ROLES = f"{BASE}/roles"
_ROLE = f"{_ROLES}/{{name}}"
_NAME = (Parameter("name", "Name of the role", "path", True),)

ROUTES = (
    Route("GET", _ROLES, Permission.ROLES_READ, list_roles, "List roles", answer=schema.RoleList, tag="roles"),
    Route(
        "POST",
        f"{_ROLES}/preview",
        Permission.ROLES_READ,
        preview,
        "What somebody would see",
        request=schema.RolePreviewRequest,
        answer=schema.Preview,
        tag="roles",
        audited="role.previewed",
        audited_fields=("user", "role"),
    ),
    Route(
        "PUT",
        _ROLE,
        Permission.ROLES_WRITE,
        put_role,
        "Make or change a role",
        request=schema.RoleRequest,
        answer=schema.RoleInfo,
        parameters=_NAME,
        tag="roles",
    ),
    Route(
        "DELETE",
        _ROLE,
        Permission.ROLES_WRITE,
        delete_role,
        "Remove a role",
        answer=schema.Removed,
        parameters=_NAME,
        tag="roles",
    ),
)
