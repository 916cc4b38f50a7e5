"""Logging in and out of the web UI, and who is logged in."""

from __future__ import annotations

from starlette.responses import Response

from nexus.errors import UnsupportedEncoding
from nexus.security.access import Access
from nexus.security.identity import COOKIE_GUARD, SESSION_COOKIE, Principal, session_token
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.schema import LoginRequest, Session
from nexus.server.call import Call
from nexus.server.cookies import session_cookie
from nexus.server.errors import Forbidden, json_response
from nexus.server.routes import BASE, PUBLIC, Route


async def session(call: Call) -> Response:
    """Who is asking; `authenticated` is false for nobody known."""
    return json_response(await _session(call, call.principal, call.access))


async def login(call: Call) -> Response:
    """Start a session; its token is in a cookie that scripts cannot read."""
    if not call.headers.get("content-type", "").startswith("application/json"):
        # A form of another site can send anything but this.
        raise UnsupportedEncoding("a login is JSON.", hint="Send the header Content-Type: application/json.")
    token, _ = await call.services.accounts.login(call.payload.username, call.payload.password, call.actor)
    entry = await call.services.authenticator.recognise({"cookie": f"{SESSION_COOKIE}={token}"})
    response = json_response(await _session(call, entry.principal, entry.access))
    _set_cookie(response, call, token, int(call.services.config().session.lifetime))
    return response


async def logout(call: Call) -> Response:
    """End the session of the cookie; no error when there is none."""
    token = session_token(call.headers)
    if token:
        if call.headers.get(COOKIE_GUARD) != "1":
            raise Forbidden("logging out needs the header X-Nexus-Request: 1.")
        await call.services.accounts.logout(call.principal.session_id)
        call.services.authorities.forget()
    response = json_response(Session(False))
    _set_cookie(response, call, "", 0)
    return response


async def _session(call: Call, principal: Principal, access: Access) -> Session:
    if principal.anonymous:
        return Session(False)
    role = "admin" if access.may(Permission.ADMIN) else principal.kind
    tenants = await call.services.tenants.reachable(principal)
    return Session(True, principal.name, role, sorted(access.permissions), principal.tenant, tenants)


def _set_cookie(response: Response, call: Call, token: str, max_age: int) -> None:
    response.headers.append("Set-Cookie", session_cookie(call.scope, token, max_age).decode())


ROUTES = (
    Route("GET", f"{BASE}/auth/session", PUBLIC, session, "Who is asking", answer=Session, tag="auth"),
    Route("POST", f"{BASE}/auth/login", PUBLIC, login, "Log in", request=LoginRequest, answer=Session, tag="auth"),
    Route("POST", f"{BASE}/auth/logout", PUBLIC, logout, "Log out", answer=Session, tag="auth"),
)
