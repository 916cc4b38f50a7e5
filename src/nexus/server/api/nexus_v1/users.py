"""Users: making, changing and removing them, their passwords, second factors and sessions."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from nexus.model.time import format_time
from nexus.security.permissions import Permission
from nexus.security.users import By, Directory
from nexus.server.api.nexus_v1.schema import access as schema
from nexus.server.api.nexus_v1.schema.identity import RoleIn, SessionInfo, SessionsEnded
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, Parameter, Route
from nexus.storage.metadata.api import Binding, Session, User


async def list_users(call: Call) -> Response:
    """Every user, by name."""
    directory = await call.services.users.directory()
    passkeys = await call.services.users.passkeys(list(directory.users))
    users = [user_info(directory, user, passkeys[user.name]) for user in directory.users.values()]
    return json_response(schema.UserList(users))


async def create_user(call: Call) -> Response:
    """Make a user; a password that was made up is in this answer only."""
    wanted: schema.CreateUserRequest = call.payload
    user, password = await call.services.users.create_user(
        by(call),
        wanted.name,
        display_name=wanted.display_name,
        email=wanted.email,
        password=wanted.password,
        roles=roles_in(wanted.roles),
    )
    return json_response(schema.CreatedUser(await _info(call, user.name), password))


async def change_user(call: Call) -> Response:
    """Change what is given."""
    wanted: schema.UserChange = call.payload
    user = await call.services.users.change_user(
        by(call),
        call.parameters["name"],
        display_name=wanted.display_name,
        email=wanted.email,
        disabled=wanted.disabled,
        roles=None if wanted.roles is None else roles_in(wanted.roles),
    )
    return json_response(await _info(call, user.name))


async def delete_user(call: Call) -> Response:
    """Remove a user."""
    await call.services.users.delete_user(by(call), call.parameters["name"])
    return json_response(schema.Removed(call.parameters["name"]))


async def reset_password(call: Call) -> Response:
    """Give a user a new password, which is in this answer only."""
    return json_response(schema.PasswordReset(await call.services.users.reset_password(by(call), call.parameters["name"])))


async def remove_second_factor(call: Call) -> Response:
    """Take a user's second factor away."""
    await call.services.users.remove_second_factor(by(call), call.parameters["name"])
    return json_response(await _info(call, call.parameters["name"]))


async def list_sessions(call: Call) -> Response:
    """Logins of a user."""
    sessions = await call.services.users.sessions(call.parameters["name"])
    return json_response(
        schema.UserSessions([_session(session, session.id == call.principal.session_id) for session in sessions])
    )


async def end_sessions(call: Call) -> Response:
    """End every login of a user."""
    return json_response(SessionsEnded(await call.services.users.end_sessions(by(call), call.parameters["name"])))


def by(call: Call) -> By:
    """Who makes the change."""
    return By(call.principal, call.actor)


def roles_in(roles: Sequence[RoleIn]) -> list[tuple[str, str]]:
    """Roles as they came."""
    return [(one.role, one.tenant) for one in roles]


def roles_out(bindings: Sequence[Binding]) -> list[RoleIn]:
    """Roles as they are shown."""
    return [RoleIn(one.role, one.tenant) for one in bindings]


def user_info(directory: Directory, user: User, passkeys: int) -> schema.UserInfo:
    """A user as shown."""
    return schema.UserInfo(
        name=user.name,
        display_name=user.display_name,
        email=user.email,
        source=user.source,
        disabled=user.disabled,
        has_password=bool(user.password_hash),
        second_factor=bool(user.totp) or passkeys > 0,
        passkeys=passkeys,
        created_at=format_time(user.created_at),
        last_login=format_time(user.last_login) if user.last_login else "",
        roles=roles_out(directory.bindings_of("user", user.name)),
        teams=[team.name for team in directory.teams_of(user.name)],
    )


async def _info(call: Call, name: str) -> schema.UserInfo:
    directory = await call.services.users.directory()
    passkeys = await call.services.users.passkeys([name])
    return user_info(directory, directory.users[name], passkeys[name])


def _session(session: Session, current: bool) -> SessionInfo:
    return SessionInfo(
        id=session.id,
        method=session.method,
        address=session.address,
        user_agent=session.user_agent,
        created_at=format_time(session.created_at),
        last_seen=format_time(session.last_seen),
        expires_at=format_time(session.expires_at),
        current=current,
    )


_USERS = f"{BASE}/users"
_USER = f"{_USERS}/{{name}}"
_NAME = (Parameter("name", "Name of the user", "path", True),)
_READ, _WRITE = Permission.USERS_READ, Permission.USERS_WRITE

ROUTES = (
    Route("GET", _USERS, _READ, list_users, "List users", answer=schema.UserList, tag="users", audited="users.listed"),
    Route(
        "POST",
        _USERS,
        _WRITE,
        create_user,
        "Make a user",
        request=schema.CreateUserRequest,
        answer=schema.CreatedUser,
        tag="users",
    ),
    Route(
        "PATCH",
        _USER,
        _WRITE,
        change_user,
        "Change a user",
        request=schema.UserChange,
        answer=schema.UserInfo,
        parameters=_NAME,
        tag="users",
    ),
    Route("DELETE", _USER, _WRITE, delete_user, "Remove a user", answer=schema.Removed, parameters=_NAME, tag="users"),
    Route(
        "POST",
        f"{_USER}/reset-password",
        _WRITE,
        reset_password,
        "Give a user a new password",
        answer=schema.PasswordReset,
        parameters=_NAME,
        tag="users",
    ),
    Route(
        "DELETE",
        f"{_USER}/second-factor",
        _WRITE,
        remove_second_factor,
        "Remove a user's second factor",
        answer=schema.UserInfo,
        parameters=_NAME,
        tag="users",
    ),
    Route(
        "GET",
        f"{_USER}/sessions",
        _READ,
        list_sessions,
        "List a user's sessions",
        answer=schema.UserSessions,
        parameters=_NAME,
        tag="users",
        audited="sessions.listed",
    ),
    Route(
        "DELETE",
        f"{_USER}/sessions",
        _WRITE,
        end_sessions,
        "End a user's sessions",
        answer=SessionsEnded,
        parameters=_NAME,
        tag="users",
    ),
)
