"""One's own account: for the user of a session."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response

from nexus.model.time import format_time
from nexus.security.login import totp
from nexus.security.login.profiles import Me
from nexus.server.api.nexus_v1.auth import origin, set_session, site
from nexus.server.api.nexus_v1.schema import identity as schema
from nexus.server.call import Call
from nexus.server.errors import json_response
from nexus.server.routes import BASE, SELF, Parameter, Route
from nexus.storage.metadata.api import Passkey, Session

_PROFILE: Final = f"{BASE}/profile"


async def show(call: Call) -> Response:
    """The account."""
    return json_response(await _profile(call))


async def change(call: Call) -> Response:
    """Change name or address."""
    wanted: schema.ProfileChange = call.payload
    await call.services.profiles.change(me(call), wanted.display_name, wanted.email, wanted.password, wanted.code)
    return json_response(await _profile(call))


async def change_password(call: Call) -> Response:
    """Change the password; every other session ends."""
    wanted: schema.PasswordChange = call.payload
    token = await call.services.profiles.change_password(me(call), wanted.current, wanted.new)
    return _renewed(call, schema.Done(), token)


async def begin_totp(call: Call) -> Response:
    """A new secret for an authenticator app."""
    wanted: schema.Confirmation = call.payload
    setup = await call.services.profiles.begin_totp(me(call), wanted.password, wanted.code)
    return json_response(schema.TotpSetup(setup.secret, setup.uri, totp.qr(setup.uri)))


async def finish_totp(call: Call) -> Response:
    """Put the new secret in force."""
    wanted: schema.TotpConfirm = call.payload
    codes, token = await call.services.profiles.finish_totp(me(call), wanted.code)
    return _renewed(call, schema.RecoveryCodes(codes), token)


async def remove_totp(call: Call) -> Response:
    """Remove the authenticator app."""
    wanted: schema.Confirmation = call.payload
    token = await call.services.profiles.remove_totp(me(call), wanted.password, wanted.code)
    return _renewed(call, schema.Done(), token)


async def new_recovery_codes(call: Call) -> Response:
    """New recovery codes in the place of the old ones."""
    wanted: schema.Confirmation = call.payload
    codes = await call.services.profiles.new_recovery_codes(me(call), wanted.password, wanted.code)
    return json_response(schema.RecoveryCodes(codes))


async def begin_passkey(call: Call) -> Response:
    """What to ask the browser to make a passkey with."""
    wanted: schema.Confirmation = call.payload
    token, asked = await call.services.profiles.begin_passkey(me(call), site(call), wanted.password, wanted.code)
    return json_response(schema.PasskeyOptions(token, asked))


async def finish_passkey(call: Call) -> Response:
    """Keep the passkey that the browser made."""
    wanted: schema.PasskeyFinishRequest = call.payload
    passkey, codes, token = await call.services.profiles.finish_passkey(
        me(call), wanted.token, wanted.credential, wanted.name
    )
    return _renewed(call, schema.PasskeyAdded(_passkey(passkey), codes), token)


async def remove_passkey(call: Call) -> Response:
    """Remove a passkey."""
    wanted: schema.Confirmation = call.payload
    id = call.parameters["id"]
    token = await call.services.profiles.remove_passkey(me(call), id, wanted.password, wanted.code)
    return _renewed(call, schema.Done(), token)


async def end_session(call: Call) -> Response:
    """End one of the own logins."""
    ended = await call.services.profiles.end_session(me(call), call.parameters["id"])
    return json_response(schema.SessionsEnded(ended))


async def end_others(call: Call) -> Response:
    """End every other login."""
    return json_response(schema.SessionsEnded(await call.services.profiles.end_others(me(call))))


def me(call: Call) -> Me:
    """Who asks."""
    return Me(call.principal.id, call.principal.session_id, origin(call))


async def _profile(call: Call) -> schema.Profile:
    services, asking = call.services, me(call)
    user = await services.profiles.user(asking)
    sessions = await services.sessions.list(user.name)
    passkeys = await services.profiles.passkeys(asking)
    authority = call.principal.authority
    teams = await asyncio.to_thread(services.metadata.list_teams, user.name)
    return schema.Profile(
        username=user.name,
        display_name=user.display_name,
        email=user.email,
        source=user.source,
        has_password=bool(user.password_hash),
        password_changed_at=_time(user.password_changed_at),
        totp=bool(user.totp),
        recovery_codes_left=len(user.recovery),
        passkeys=[_passkey(one) for one in passkeys],
        sessions=[_session(one, one.id == asking.session_id) for one in sessions],
        roles=[schema.RoleIn(role.name, tenant) for tenant, held in sorted(authority.roles.items()) for role in held],
        teams=[team.name for team in teams],
        second_factor_required=services.logins.requires_second_factor(authority),
    )


def _renewed(call: Call, answer: schema.Done | schema.RecoveryCodes | schema.PasskeyAdded, token: str) -> Response:
    """An answer that brings another token for the session."""
    response = json_response(answer)
    if token:
        set_session(response, call, token)
    return response


def _session(session: Session, current: bool) -> schema.SessionInfo:
    return schema.SessionInfo(
        session.id,
        session.method,
        session.address,
        session.user_agent,
        _time(session.created_at),
        _time(session.last_seen),
        _time(session.expires_at),
        current,
    )


def _passkey(passkey: Passkey) -> schema.PasskeyInfo:
    return schema.PasskeyInfo(passkey.id, passkey.name, _time(passkey.created_at), _time(passkey.last_used))


def _time(at: int) -> str:
    return format_time(at) if at else ""


_SESSION = (Parameter("id", "Id of the session", "path", True),)
_PASSKEY = (Parameter("id", "Id of the passkey", "path", True),)

ROUTES = (
    Route("GET", _PROFILE, SELF, show, "The own account", answer=schema.Profile, tag="profile"),
    Route(
        "PATCH",
        _PROFILE,
        SELF,
        change,
        "Change name or address",
        request=schema.ProfileChange,
        answer=schema.Profile,
        tag="profile",
    ),
    Route(
        "POST",
        f"{_PROFILE}/password",
        SELF,
        change_password,
        "Change the password",
        request=schema.PasswordChange,
        answer=schema.Done,
        tag="profile",
    ),
    Route(
        "POST",
        f"{_PROFILE}/totp/begin",
        SELF,
        begin_totp,
        "Begin to add an authenticator app",
        request=schema.Confirmation,
        answer=schema.TotpSetup,
        tag="profile",
    ),
    Route(
        "POST",
        f"{_PROFILE}/totp/confirm",
        SELF,
        finish_totp,
        "Add the authenticator app",
        request=schema.TotpConfirm,
        answer=schema.RecoveryCodes,
        tag="profile",
    ),
    Route(
        "POST",
        f"{_PROFILE}/totp/remove",
        SELF,
        remove_totp,
        "Remove the authenticator app",
        request=schema.Confirmation,
        answer=schema.Done,
        tag="profile",
    ),
    Route(
        "POST",
        f"{_PROFILE}/recovery-codes",
        SELF,
        new_recovery_codes,
        "New recovery codes",
        request=schema.Confirmation,
        answer=schema.RecoveryCodes,
        tag="profile",
    ),
    Route(
        "POST",
        f"{_PROFILE}/passkeys/begin",
        SELF,
        begin_passkey,
        "Begin to add a passkey",
        request=schema.Confirmation,
        answer=schema.PasskeyOptions,
        tag="profile",
    ),
    Route(
        "POST",
        f"{_PROFILE}/passkeys/finish",
        SELF,
        finish_passkey,
        "Add the passkey",
        request=schema.PasskeyFinishRequest,
        answer=schema.PasskeyAdded,
        tag="profile",
    ),
    Route(
        "POST",
        f"{_PROFILE}/passkeys/{{id}}/remove",
        SELF,
        remove_passkey,
        "Remove a passkey",
        request=schema.Confirmation,
        answer=schema.Done,
        parameters=_PASSKEY,
        tag="profile",
    ),
    Route(
        "DELETE",
        f"{_PROFILE}/sessions",
        SELF,
        end_others,
        "End every other login",
        answer=schema.SessionsEnded,
        tag="profile",
    ),
    Route(
        "DELETE",
        f"{_PROFILE}/sessions/{{id}}",
        SELF,
        end_session,
        "End one of the own logins",
        answer=schema.SessionsEnded,
        parameters=_SESSION,
        tag="profile",
    ),
)
