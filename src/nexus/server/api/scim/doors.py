"""The doors of SCIM. Changes go through `security.users`, whose rules hold here as well: a key gives nobody more than it
has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from nexus.security.permissions import Permission
from nexus.security.users import By, Directory
from nexus.server.api.nexus_v1.sso import public_url
from nexus.server.api.scim.errors import MEDIA, ScimError, VersionMismatch, refuse
from nexus.server.api.scim.filters import matches, parse_filter
from nexus.server.api.scim.patch import apply
from nexus.server.api.scim.resources import (
    SOURCE,
    WantedUser,
    find_user,
    group_resource,
    is_visible,
    projected,
    user_resource,
    wanted_group,
    wanted_user,
    writable,
)
from nexus.server.api.scim.schemas import (
    DEFAULT_RESULTS,
    GROUP_SHAPE,
    LIST,
    MAX_RESULTS,
    USER_SHAPE,
    resource_types,
    schemas,
    service_provider,
)
from nexus.server.call import Call
from nexus.server.routes import Handler, Parameter, Route
from nexus.storage.metadata.api import Team, User

BASE: Final = "/scim/v2"
MAX_BODY: Final = 4 << 20

_changing: Final = asyncio.Lock()
"""A change reads, and writes what it makes of that: one after the other."""


# ------------------------------------------------------------------------------------------------------------- discovery


async def service_provider_config(call: Call) -> Response:
    """What is supported."""
    return _answer(service_provider(_base(call)))


async def list_resource_types(call: Call) -> Response:
    """Kinds of resources."""
    return _static_list(call, resource_types(_base(call)))


async def get_resource_type(call: Call) -> Response:
    """A kind of resource."""
    return _answer(_named(resource_types(_base(call)), call.parameters["id"]))


async def list_schemas(call: Call) -> Response:
    """Schemas of the resources."""
    return _static_list(call, schemas(_base(call)))


async def get_schema(call: Call) -> Response:
    """A schema."""
    return _answer(_named(schemas(_base(call)), call.parameters["id"]))


async def unknown(call: Call) -> Response:
    """Nothing else is there, which SCIM's clients are told in SCIM's words."""
    raise NotFound(
        "there is no such endpoint.", hint="There are Users, Groups, ServiceProviderConfig, ResourceTypes, Schemas."
    )


# ----------------------------------------------------------------------------------------------------------------- users


async def list_users(call: Call) -> Response:
    """Users that match a filter."""
    return _page(_asked(call), _all_users(await call.services.users.directory(), _base(call)))


async def search_users(call: Call) -> Response:
    """The same, with what is asked for in the body (RFC 7644, section 3.4.3)."""
    return _page(_searched(call), _all_users(await call.services.users.directory(), _base(call)))


def _all_users(directory: Directory, base: str) -> list[dict[str, Any]]:
    return [user_resource(directory, user, base) for user in directory.users.values() if is_visible(user)]


async def get_user(call: Call) -> Response:
    """A user."""
    directory, user = await _user(call)
    return _resource(call, user_resource(directory, user, _base(call)))


async def create_user(call: Call) -> Response:
    """Make a user."""
    wanted = wanted_user(_document(call))
    user, _ = await call.services.users.create_user(
        _by(call),
        wanted.name,
        display_name=wanted.display_name,
        email=wanted.email,
        password="",
        roles=(),
        source=SOURCE,
        external_id=wanted.external_id,
        disabled=wanted.active is False,
    )
    return await _changed_user(call, user.name, 201)


async def replace_user(call: Call) -> Response:
    """Replace a user."""
    wanted = wanted_user(_document(call))
    async with _changing:
        directory, user = await _user(call)
        _check_version(call, user_resource(directory, user, _base(call)))
        await _store_user(call, user, wanted)
    return await _changed_user(call, user.name)


async def change_user(call: Call) -> Response:
    """Change a user."""
    operations = _operations(call)
    async with _changing:
        directory, user = await _user(call)
        resource = user_resource(directory, user, _base(call))
        _check_version(call, resource)
        changed = apply(writable(resource), operations, USER_SHAPE)
        await _store_user(call, user, wanted_user(changed), unlinked=bool(user.external_id) and "externalId" not in changed)
    return await _changed_user(call, user.name)


async def delete_user(call: Call) -> Response:
    """Remove a user."""
    async with _changing:
        directory, user = await _user(call)
        _check_version(call, user_resource(directory, user, _base(call)))
        await call.services.users.delete_user(_by(call), user.name)
    return Response(status_code=204)


async def _user(call: Call) -> tuple[Directory, User]:
    directory = await call.services.users.directory()
    user = find_user(directory, call.parameters["id"])
    if user is None:
        raise NotFound(f"there is no user with the id {call.parameters['id'][:200]!r}.")
    return directory, user


async def _store_user(call: Call, user: User, wanted: WantedUser, *, unlinked: bool = False) -> None:
    """Store what is wanted. Without an externalId the user keeps his, unless it is to go (`unlinked`)."""
    if wanted.name.lower() != user.name:
        raise ScimError("mutability", "a userName cannot be changed.", hint="Make a new user, and remove this one.")
    linked: dict[str, str] = {}
    if wanted.external_id and (user.source, user.external_id) != (SOURCE, wanted.external_id):
        if user.source != SOURCE and not any(one.link_scim != "off" for one in call.services.config().sso.oidc):
            # Who logs in at a provider by its own id would be locked out.
            raise Conflict(
                f"the user {user.name!r} logs in by {user.source}; with an externalId he could not any more.",
                hint="Set link_scim for a provider of sso.oidc first.",
            )
        linked = {"source": SOURCE, "external_id": wanted.external_id}
    elif unlinked and user.source == SOURCE:
        linked = {"source": SOURCE, "external_id": ""}
    await call.services.users.change_user(
        _by(call),
        user.name,
        display_name=wanted.display_name,
        email=wanted.email,
        disabled=None if wanted.active is None else not wanted.active,
        source=linked.get("source"),
        external_id=linked.get("external_id"),
    )


async def _changed_user(call: Call, name: str, status: int = 200) -> Response:
    directory = await call.services.users.directory()
    if name not in directory.users:
        raise NotFound("the user was removed meanwhile.")
    return _resource(call, user_resource(directory, directory.users[name], _base(call)), status)


# ---------------------------------------------------------------------------------------------------------------- groups


async def list_groups(call: Call) -> Response:
    """Teams that match a filter."""
    return _page(_asked(call), _all_groups(await call.services.users.directory(), _base(call)))


async def search_groups(call: Call) -> Response:
    """The same, with what is asked for in the body."""
    return _page(_searched(call), _all_groups(await call.services.users.directory(), _base(call)))


async def search(call: Call) -> Response:
    """Users and teams."""
    directory, base = await call.services.users.directory(), _base(call)
    return _page(_searched(call), [*_all_users(directory, base), *_all_groups(directory, base)])


def _all_groups(directory: Directory, base: str) -> list[dict[str, Any]]:
    return [group_resource(directory, team, base) for team in directory.teams.values() if team.source == SOURCE]


async def get_group(call: Call) -> Response:
    """A team."""
    directory, team = await _team(call)
    return _resource(call, group_resource(directory, team, _base(call)))


async def create_group(call: Call) -> Response:
    """Make a team."""
    document = _document(call)
    async with _changing:
        directory = await call.services.users.directory()
        team = await _store_team(call, directory, None, document)
    return await _changed_team(call, team.id, 201)


async def replace_group(call: Call) -> Response:
    """Replace a team."""
    document = _document(call)
    async with _changing:
        directory, team = await _team(call)
        _check_version(call, group_resource(directory, team, _base(call)))
        await _store_team(call, directory, team, document)
    return await _changed_team(call, team.id)


async def change_group(call: Call) -> Response:
    """Change a team."""
    operations = _operations(call)
    async with _changing:
        directory, team = await _team(call)
        resource = group_resource(directory, team, _base(call))
        _check_version(call, resource)
        changed = apply(writable(resource), operations, GROUP_SHAPE)
        await _store_team(call, directory, team, changed, unlinked="externalId" not in changed)
    return await _changed_team(call, team.id)


async def delete_group(call: Call) -> Response:
    """Remove a team."""
    async with _changing:
        directory, team = await _team(call)
        _check_version(call, group_resource(directory, team, _base(call)))
        await call.services.users.delete_team(_by(call), team.id)
    return Response(status_code=204)


async def _team(call: Call) -> tuple[Directory, Team]:
    directory = await call.services.users.directory()
    team = directory.teams.get(call.parameters["id"])
    if team is None or team.source != SOURCE:
        raise NotFound(f"there is no group with the id {call.parameters['id'][:200]!r}.")
    return directory, team


async def _store_team(
    call: Call, directory: Directory, team: Team | None, document: Mapping[str, Any], *, unlinked: bool = False
) -> Team:
    wanted = wanted_group(document)
    members = []
    for id in wanted.members:
        user = find_user(directory, id)
        if user is None:
            raise ScimError("invalidValue", f"there is no user with the id {id[:200]!r} to be a member.")
        members.append(user.name)
    if team is not None:
        # Whom SCIM does not see it cannot have left out.
        hidden = (directory.users[name] for name in team.members if name in directory.users)
        members += [user.name for user in hidden if not is_visible(user)]
    return await call.services.users.put_team(
        _by(call),
        team.id if team else "",
        name=wanted.name,
        description=team.description if team else "",
        members=members,
        roles=None,
        source=SOURCE,
        external_id=wanted.external_id or (team.external_id if team and not unlinked else ""),
    )


async def _changed_team(call: Call, id: str, status: int = 200) -> Response:
    directory = await call.services.users.directory()
    if id not in directory.teams:
        raise NotFound("the group was removed meanwhile.")
    return _resource(call, group_resource(directory, directory.teams[id], _base(call)), status)


# ---------------------------------------------------------------------------------------------------------------- pieces


def _base(call: Call) -> str:
    return public_url(call) + BASE


def _by(call: Call) -> By:
    return By(call.principal, call.actor)


def _document(call: Call) -> dict[str, Any]:
    """The body. Raises `ScimError`."""
    try:
        found = msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScimError("invalidSyntax", "the body is not JSON.") from error
    if not isinstance(found, dict):
        raise ScimError("invalidSyntax", "the body is an object.")
    return found


def _operations(call: Call) -> Any:
    return next((value for name, value in _document(call).items() if name.lower() == "operations"), None)


def _check_version(call: Call, resource: Mapping[str, Any]) -> None:
    expected = call.headers.get("if-match", "").strip()
    if expected and expected != "*" and resource["meta"]["version"] not in [one.strip() for one in expected.split(",")]:
        raise VersionMismatch("the resource was changed meanwhile.", hint="Get it again.")


def _resource(call: Call, resource: dict[str, Any], status: int = 200) -> Response:
    version, location = resource["meta"]["version"], resource["meta"]["location"]
    headers = {"ETag": version, "Content-Location": location}
    if call.scope["method"] == "GET" and version in [
        one.strip() for one in call.headers.get("if-none-match", "").split(",")
    ]:
        return Response(status_code=304, headers=headers)
    if status == 201:
        headers["Location"] = location
    asked = _asked(call)
    return _answer(projected(resource, _names(asked, "attributes"), _names(asked, "excludedattributes")), status, headers)


def _page(asked: Mapping[str, str], resources: Sequence[dict[str, Any]]) -> Response:
    """The page of a list that the client asks for (RFC 7644, section 3.4.2)."""
    if text := asked.get("filter"):
        wanted = parse_filter(text)
        resources = [one for one in resources if matches(one, wanted)]
    start = max(_number(asked, "startindex", 1), 1)
    count = min(max(_number(asked, "count", DEFAULT_RESULTS), 0), MAX_RESULTS)
    names, without = _names(asked, "attributes"), _names(asked, "excludedattributes")
    shown = [projected(one, names, without) for one in resources[start - 1 : start - 1 + count]]
    return _answer(
        {
            "schemas": [LIST],
            "totalResults": len(resources),
            "startIndex": start,
            "itemsPerPage": len(shown),
            "Resources": shown,
        }
    )


def _static_list(call: Call, resources: list[dict[str, Any]]) -> Response:
    if _asked(call).get("filter"):
        # RFC 7644, section 4: so that nobody takes a part for the whole.
        raise PermissionDenied("this list cannot be filtered.")
    return _answer(
        {
            "schemas": [LIST],
            "totalResults": len(resources),
            "startIndex": 1,
            "itemsPerPage": len(resources),
            "Resources": resources,
        }
    )


def _named(resources: list[dict[str, Any]], id: str) -> dict[str, Any]:
    for one in resources:
        if one["id"] == id:
            return one
    raise NotFound(f"there is no {id[:100]!r} here.")


def _asked(call: Call) -> dict[str, str]:
    """Parameters of the request, by name in lower case."""
    return {name.lower(): value for name, value in call.query}


def _searched(call: Call) -> dict[str, str]:
    """The same, from the body of a search. Raises `ScimError`."""
    found: dict[str, str] = {}
    for name, value in _document(call).items():
        if isinstance(value, list):
            value = ",".join(one for one in value if isinstance(one, str))
        if not isinstance(value, str | int):
            raise ScimError("invalidValue", f"{name[:60]} is a text, a number or a list.")
        found[name.lower()] = str(value)
    return found


def _names(asked: Mapping[str, str], name: str) -> list[str]:
    return [one for one in asked.get(name, "").split(",") if one.strip()]


def _number(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, "")
    if not text:
        return default
    try:
        return max(min(int(text[:12]), 1 << 31), -1)
    except ValueError as error:
        raise InvalidRequest(f"{name} is a number.") from error


def _answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, MEDIA)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of resource, and what is done with it."""

    name: str
    listed: Handler
    searched: Handler
    got: Handler
    created: Handler
    replaced: Handler
    changed: Handler
    deleted: Handler


_KINDS: Final = (
    _Kind("user", list_users, search_users, get_user, create_user, replace_user, change_user, delete_user),
    _Kind("group", list_groups, search_groups, get_group, create_group, replace_group, change_group, delete_group),
)
_ID: Final = Parameter("id", "Id of the resource", "path", True)
_SHOWN: Final = (
    Parameter("attributes", "Names of the attributes to answer with"),
    Parameter("excludedAttributes", "Names of attributes to leave out"),
)
_LISTED: Final = (
    Parameter("filter", 'Which ones: userName eq "anna"'),
    Parameter("startIndex", "Number of the first one, from 1"),
    Parameter("count", f"How many at most, {DEFAULT_RESULTS} without it, {MAX_RESULTS} in any case"),
    *_SHOWN,
)


def _route(
    method: str, path: str, handler: Handler, summary: str, parameters: tuple[Parameter, ...] = (), *, body: bool = False
) -> Route:
    return Route(
        method,
        BASE + path,
        Permission.USERS_WRITE,
        handler,
        summary,
        parameters=parameters,
        media=(MEDIA,) if body else (),
        answer_media=(MEDIA,),
        raw=MAX_BODY if body else 0,
        refuse=refuse,
        tag="scim",
    )


ROUTES: Final = (
    _route("GET", "/ServiceProviderConfig", service_provider_config, "What SCIM can do here"),
    _route("GET", "/ResourceTypes", list_resource_types, "Kinds of SCIM's resources"),
    _route("GET", "/ResourceTypes/{id}", get_resource_type, "A kind of SCIM's resources", (_ID,)),
    _route("GET", "/Schemas", list_schemas, "Schemas of SCIM's resources"),
    _route("GET", "/Schemas/{id}", get_schema, "A schema of SCIM's resources", (_ID,)),
    _route("POST", "/.search", search, "Users and groups that a directory looks for", body=True),
    *(
        route
        for kind in _KINDS
        for at in (f"/{kind.name.capitalize()}s",)
        for route in (
            _route("GET", at, kind.listed, f"{kind.name.capitalize()}s for a directory", _LISTED),
            _route("POST", at + "/.search", kind.searched, f"{kind.name.capitalize()}s a directory looks for", body=True),
            _route("POST", at, kind.created, f"A directory makes a {kind.name}", _SHOWN, body=True),
            _route("GET", at + "/{id}", kind.got, f"A {kind.name} for a directory", (_ID, *_SHOWN)),
            _route("PUT", at + "/{id}", kind.replaced, f"A directory replaces a {kind.name}", (_ID, *_SHOWN), body=True),
            _route("PATCH", at + "/{id}", kind.changed, f"A directory changes a {kind.name}", (_ID, *_SHOWN), body=True),
            _route("DELETE", at + "/{id}", kind.deleted, f"A directory removes a {kind.name}", (_ID,)),
        )
    ),
    Route(
        "GET", BASE + "/{rest}", Permission.USERS_WRITE, unknown, "Nothing", described=False, refuse=refuse, tag="scim",
        only_this_method=True,
    ),
)  # fmt: skip
