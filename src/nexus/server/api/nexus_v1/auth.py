"""Logging in and out of the web UI, and who is logged in.

These doors are public. What they take is JSON, which no form of another site can send; whoever logs in gets a new session.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from starlette.responses import Response

from nexus.errors import NexusError, UnsupportedEncoding
from nexus.query.fields import name_of
from nexus.security.access import ANY_TENANT
from nexus.security.identity import COOKIE_GUARD, SESSION_COOKIE, Entry, session_token
from nexus.security.login.logins import Began, Origin, Waiting
from nexus.security.login.passkeys import PasskeysOff, Site, site_of
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import identity as schema
from nexus.server.api.nexus_v1.sso import public_url
from nexus.server.call import Call
from nexus.server.cookies import session_cookie
from nexus.server.errors import Forbidden, json_response
from nexus.server.routes import BASE, PUBLIC, Route

_AUTH: Final = f"{BASE}/auth"


async def options(call: Call) -> Response:
    """How one can log in here."""
    reason = ""
    try:
        site(call)
    except PasskeysOff as error:
        reason = error.message
    security = call.services.config().security
    providers = [schema.Provider(id, name, f"{_AUTH}/oidc/{id}/start") for id, name in call.services.sso.offered()]
    return json_response(
        schema.LoginOptions(security.password_login, not reason, call.services.resets.on, providers, reason)
    )


async def session(call: Call) -> Response:
    """Who is asking; `authenticated` is false for nobody known."""
    return json_response(await session_of(call, call.entry))


async def login(call: Call) -> Response:
    """Log in with a password: start a session, whose token is in a cookie that scripts cannot read, or ask for the second
    factor."""
    check_json(call)
    wanted: schema.LoginRequest = call.payload
    return await _answer(call, await call.services.logins.password(wanted.username, wanted.password, origin(call)))


async def second_factor(call: Call) -> Response:
    """Complete a login with a code."""
    check_json(call)
    wanted: schema.SecondFactorRequest = call.payload
    return await _answer(call, await call.services.logins.code(wanted.token, wanted.code, origin(call)))


async def link(call: Call) -> Response:
    """Log in with a link that the command line has made."""
    check_json(call)
    wanted: schema.LoginLinkRequest = call.payload
    return await _answer(call, await call.services.logins.link(wanted.token, origin(call)))


async def begin_passkey(call: Call) -> Response:
    """What to ask the browser's passkeys."""
    check_json(call)
    wanted: schema.PasskeyBeginRequest = call.payload
    services = call.services
    if wanted.token:
        user = await services.logins.waiting_user(wanted.token)
        token, asked = await services.passkeys.begin_second(site(call), user, wanted.token)
    else:
        token, asked = await services.passkeys.begin_login(site(call))
    return json_response(schema.PasskeyOptions(token, asked))


async def finish_passkey(call: Call) -> Response:
    """Log in with what a passkey has answered, or complete a login with it."""
    check_json(call)
    wanted: schema.PasskeyFinishRequest = call.payload
    return await _answer(call, await call.services.logins.passkey(wanted.token, wanted.credential, origin(call)))


async def request_reset(call: Call) -> Response:
    """Ask for a link to a new password; the answer is the same for nobody."""
    check_json(call)
    wanted: schema.ResetRequest = call.payload
    call.services.resets.request(wanted.username, origin(call))
    return json_response(schema.Done())


async def finish_reset(call: Call) -> Response:
    """Choose a new password with a link."""
    check_json(call)
    wanted: schema.ResetFinishRequest = call.payload
    await call.services.resets.finish(wanted.token, wanted.password, origin(call))
    return json_response(schema.Done())


async def logout(call: Call) -> Response:
    """End the session of the cookie; no error when there is none. Of a single sign-on, the answer says where the browser
    logs out there."""
    redirect = ""
    if session_token(call.headers):
        if call.headers.get(COOKIE_GUARD) != "1":
            raise Forbidden("logging out needs the header X-Nexus-Request: 1.")
        ended = await call.services.sessions.leave(call.principal.id, call.principal.session_id)
        if ended is not None:
            await call.services.audit.record(call.actor, ANY_TENANT, "session.ended", call.principal.name, by="logout")
            # The session has ended here whatever the provider says.
            with contextlib.suppress(NexusError):
                redirect = await call.services.sso.leave(ended, f"{public_url(call)}/login") if ended.issuer else ""
    response = json_response(schema.Done(redirect=redirect))
    set_session(response, call, "", 0)
    return response


# -------------------------------------------------------------------------------------------------------------- shared


def check_json(call: Call) -> None:
    """Refuse what a form of another site could send. Raises `UnsupportedEncoding`."""
    if not call.headers.get("content-type", "").lower().startswith("application/json"):
        raise UnsupportedEncoding("this is JSON.", hint="Send the header Content-Type: application/json.")


def origin(call: Call) -> Origin:
    """Where the request comes from."""
    return Origin(call.address, call.headers.get("user-agent", ""))


def site(call: Call) -> Site:
    """What passkeys are bound to here. Raises `PasskeysOff`."""
    scheme = "https" if call.scope.get("scheme") in ("https", "wss") else "http"
    return site_of(call.services.config().http.public_url, scheme, call.headers.get("host", ""))


def set_session(response: Response, call: Call, token: str, max_age: int | None = None) -> None:
    """Give the browser the token of a session."""
    lifetime = int(call.services.config().session.lifetime) if max_age is None else max_age
    response.headers.append("Set-Cookie", session_cookie(call.scope, token, lifetime).decode())


async def session_of(call: Call, entry: Entry) -> schema.Session:
    """Who that is."""
    principal, access = entry.principal, entry.access
    if principal.anonymous:
        return schema.Session(False)
    roles = [
        schema.RoleIn(role.name, tenant)
        for tenant, held in sorted(principal.authority.roles.items())
        for role in held
        if principal.kind == "user"
    ]
    user = None
    if principal.kind == "user":
        user = await asyncio.to_thread(call.services.metadata.get_user, principal.id)
    return schema.Session(
        authenticated=True,
        username=principal.name,
        display_name=user.display_name if user else "",
        role="admin" if access.may(Permission.ADMIN) else roles[0].role if roles else principal.kind,
        roles=roles,
        permissions=sorted(access.permissions),
        tenant=principal.tenant,
        tenants=await call.services.tenants.reachable(principal),
        must=principal.must,
        masked=sorted(name_of(field) for field in access.masked),
        filtered=access.policy is not None,
    )


async def _answer(call: Call, result: Began | Waiting) -> Response:
    if isinstance(result, Waiting):
        challenge = schema.Challenge(result.token, result.methods)
        return json_response(schema.Session(False, challenge=challenge))
    if call.principal.session_id:
        # The browser forgets its token; nobody else is to find it.
        await call.services.sessions.leave(call.principal.id, call.principal.session_id)
    entry = await call.services.authenticator.recognise({"cookie": f"{SESSION_COOKIE}={result.token}"})
    response = json_response(await session_of(call, entry))
    set_session(response, call, result.token)
    return response


ROUTES = (
    Route("GET", f"{_AUTH}/options", PUBLIC, options, "How to log in", answer=schema.LoginOptions, tag="auth"),
    Route("GET", f"{_AUTH}/session", PUBLIC, session, "Who is asking", answer=schema.Session, tag="auth"),
    Route("POST", f"{_AUTH}/login", PUBLIC, login, "Log in", request=schema.LoginRequest, answer=schema.Session, tag="auth"),
    Route(
        "POST",
        f"{_AUTH}/second-factor",
        PUBLIC,
        second_factor,
        "Complete a login with a code",
        request=schema.SecondFactorRequest,
        answer=schema.Session,
        tag="auth",
    ),
    Route(
        "POST",
        f"{_AUTH}/link",
        PUBLIC,
        link,
        "Log in with a link of the command line",
        request=schema.LoginLinkRequest,
        answer=schema.Session,
        tag="auth",
    ),
    Route(
        "POST",
        f"{_AUTH}/passkey/begin",
        PUBLIC,
        begin_passkey,
        "Begin to use a passkey",
        request=schema.PasskeyBeginRequest,
        answer=schema.PasskeyOptions,
        tag="auth",
    ),
    Route(
        "POST",
        f"{_AUTH}/passkey/finish",
        PUBLIC,
        finish_passkey,
        "Log in with a passkey",
        request=schema.PasskeyFinishRequest,
        answer=schema.Session,
        tag="auth",
    ),
    Route(
        "POST",
        f"{_AUTH}/reset/request",
        PUBLIC,
        request_reset,
        "Ask for a new password by mail",
        request=schema.ResetRequest,
        answer=schema.Done,
        tag="auth",
    ),
    Route(
        "POST",
        f"{_AUTH}/reset/finish",
        PUBLIC,
        finish_reset,
        "Choose a new password",
        request=schema.ResetFinishRequest,
        answer=schema.Done,
        tag="auth",
    ),
    Route("POST", f"{_AUTH}/logout", PUBLIC, logout, "Log out", answer=schema.Done, tag="auth"),
)
