"""Teams: users who get roles together."""

from __future__ import annotations

from starlette.responses import Response

from nexus.model.time import format_time
from nexus.security.permissions import Permission
from nexus.security.users import Directory
from nexus.server.api.nexus_v1.schema import access as schema
from nexus.server.api.nexus_v1.users import by, roles_in, roles_out
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import Team


async def list_teams(call: Call) -> Response:
    """Every team, by name."""
    directory = await call.services.users.directory()
    return json_response(schema.TeamList([_info(directory, team) for team in directory.teams.values()]))


async def create_team(call: Call) -> Response:
    """Make a team."""
    return await _put(call, "")


async def change_team(call: Call) -> Response:
    """Change a team as a whole."""
    return await _put(call, call.parameters["id"])


async def delete_team(call: Call) -> Response:
    """Remove a team."""
    await call.services.users.delete_team(by(call), call.parameters["id"])
    return json_response(schema.Removed(call.parameters["id"]))


async def _put(call: Call, id: str) -> Response:
    wanted: schema.TeamRequest = call.payload
    team = await call.services.users.put_team(
        by(call),
        id,
        name=wanted.name,
        description=wanted.description,
        members=wanted.members,
        roles=roles_in(wanted.roles),
    )
    return json_response(_info(await call.services.users.directory(), team))


def _info(directory: Directory, team: Team) -> schema.TeamInfo:
    return schema.TeamInfo(
        id=team.id,
        name=team.name,
        description=team.description,
        source=team.source,
        members=list(team.members),
        roles=roles_out(directory.bindings_of("team", team.id)),
        created_at=format_time(team.created_at),
    )


_TEAMS = f"{BASE}/teams"
_TEAM = f"{_TEAMS}/{{id}}"
_ID = (Parameter("id", "Id of the team", "path", True),)
_READ, _WRITE = Permission.USERS_READ, Permission.USERS_WRITE

ROUTES = (
    Route("GET", _TEAMS, _READ, list_teams, "List teams", answer=schema.TeamList, tag="teams"),
    Route(
        "POST",
        _TEAMS,
        _WRITE,
        create_team,
        "Make a team",
        request=schema.TeamRequest,
        answer=schema.TeamInfo,
        tag="teams",
    ),
    Route(
        "PUT",
        _TEAM,
        _WRITE,
        change_team,
        "Change a team",
        request=schema.TeamRequest,
        answer=schema.TeamInfo,
        parameters=_ID,
        tag="teams",
    ),
    Route("DELETE", _TEAM, _WRITE, delete_team, "Remove a team", answer=schema.Removed, parameters=_ID, tag="teams"),
)
