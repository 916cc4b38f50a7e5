"""Single sign-on: the way to a provider and back, logging out from there, and which login is whose.

The session cookie is `SameSite=Strict`, so a browser does not send it when it comes back from the provider by a redirect:
the callback answers with a page of this site that goes on to where the user wanted to be, which a redirect would not do.
"""

from __future__ import annotations

import html
import re
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response

from nexus.errors import InvalidRequest, NexusError, UnsupportedEncoding
from nexus.model.time import format_time
from nexus.pipeline.http import retry_headers
from nexus.security.permissions import Permission
from nexus.security.sso.jwt import MAX_SUBJECT
from nexus.security.sso.signon import COOKIE_PREFIX
from nexus.security.users import LOCAL, By
from nexus.server.api.nexus_v1.schema.sso import SignOnLink, SignOnLinkRequest
from nexus.server.call import Call
from nexus.server.cookies import session_cookie
from nexus.server.errors import error_response, json_response
from nexus.server.routes import BASE, PUBLIC, Parameter, Route
from nexus.storage.metadata.api import User

MAX_LOGOUT_BODY: Final = 96 << 10
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


async def start(call: Call) -> Response:
    """Go to the provider."""
    provider = call.parameters["id"]
    try:
        begun = await call.services.sso.begin(provider, call.argument("next") or "/", _redirect_uri(call, provider))
    except NexusError as error:
        return _refusal(call, error)
    response = Response(status_code=303, headers={"Location": begun.url})
    response.headers.append("Set-Cookie", _cookie(call, begun.cookie, begun.value, 600))
    return response


async def callback(call: Call) -> Response:
    """Come back from the provider: start the session and go on."""
    provider = call.parameters["id"]
    arguments = dict(call.query)
    cookies = _cookies(call)
    try:
        if len(arguments) < len(call.query):
            raise InvalidRequest("a parameter of the answer comes twice.")
        finished = await call.services.sso.finish(
            provider, arguments, cookies, call.address, call.headers.get("user-agent", "")
        )
    except NexusError as error:
        return _refusal(call, error)
    response = _page("Logged in", f'<p><a href="{html.escape(finished.next)}">Go on</a></p>', 200, finished.next)
    lifetime = int(call.services.config().session.lifetime)
    response.headers.append("Set-Cookie", session_cookie(call.scope, finished.token, lifetime).decode())
    for name in cookies:
        response.headers.append("Set-Cookie", _cookie(call, name, "", 0))
    return response


async def back_channel_logout(call: Call) -> Response:
    """End sessions because the provider says so (OpenID Connect Back-Channel Logout 1.0)."""
    if not call.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        raise UnsupportedEncoding("a logout is told with a form.")
    try:
        form = parse_qsl(call.body.decode("ascii"), max_num_fields=10)
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest("the form cannot be read.") from error
    tokens = [value for name, value in form if name == "logout_token"]
    if len(tokens) != 1:
        raise InvalidRequest("the form holds no `logout_token`, or several.")
    await call.services.sso.logged_out_there(call.parameters["id"], tokens[0], call.address)
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


async def link(call: Call) -> Response:
    """Let a login at a provider be a user's."""
    wanted: SignOnLinkRequest = call.payload
    source = call.services.sso.source(wanted.provider)
    if not 0 < len(wanted.subject) <= MAX_SUBJECT or not wanted.subject.isprintable():
        raise InvalidRequest(f"a subject has 1 to {MAX_SUBJECT} printable characters.")
    user = await call.services.users.change_user(
        By(call.principal, call.actor), call.parameters["name"], source=source, external_id=wanted.subject
    )
    return json_response(_link(user))


async def unlink(call: Call) -> Response:
    """Let a user have no login at a provider any more, and none of the roles that it gave."""
    services = call.services
    user = await services.users.change_user(
        By(call.principal, call.actor), call.parameters["name"], source=LOCAL, external_id=""
    )
    await services.sso.take_roles(user, call.actor)
    return json_response(_link(user))


def public_url(call: Call) -> str:
    """Where browsers reach this server, without a slash at its end. Raises `InvalidRequest` for a Host that is none."""
    if configured := call.services.config().http.public_url:
        return configured.rstrip("/")
    host = call.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise InvalidRequest("the Host header is not a host.")
    return f"{call.scope.get('scheme', 'http')}://{host}"


def oauth_refusal(error: NexusError) -> Response:
    """An error as providers expect it."""
    if error.http_status >= 500:
        return error_response(error)
    return json_response({"error": "invalid_request", "error_description": error.message}, error.http_status)


def _redirect_uri(call: Call, provider: str) -> str:
    return f"{public_url(call)}{BASE}/auth/oidc/{provider}/callback"


def _cookie(call: Call, name: str, value: str, max_age: int) -> str:
    # Lax: it has to come along when the provider sends the browser back.
    parts = [f"{name}={value}", f"Path={BASE}/auth/oidc", "HttpOnly", "SameSite=Lax", f"Max-Age={max_age}"]
    return "; ".join(parts + ["Secure"] * (call.scope.get("scheme") == "https"))


def _cookies(call: Call) -> dict[str, str]:
    """The cookies of logins under way."""
    try:
        found = SimpleCookie(call.headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items() if re.fullmatch(rf"{COOKIE_PREFIX}[0-9a-f]{{16}}", name)}


def _refusal(call: Call, error: NexusError) -> Response:
    """An error for the browser of a person, or for a program."""
    if "text/html" not in call.headers.get("accept", ""):
        return error_response(error)
    text = f'<p>{html.escape(error.message)} {html.escape(error.hint)}</p><p><a href="/login">To the login page</a></p>'
    response = _page("The login did not succeed", text, error.http_status)
    response.headers.update(retry_headers(error))
    return response


def _page(title: str, content: str, status: int, onward: str = "") -> Response:
    nonce = secrets.token_urlsafe(16)
    move = f'<meta http-equiv="refresh" content="0; url={html.escape(onward)}">' if onward else ""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} - Nexus</title>{move}'
        f'<meta name="viewport" content="width=device-width"><style nonce="{nonce}">'
        "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem;color-scheme:light dark}"
        f"</style></head><body><h1>{title}</h1>{content}</body></html>"
    )
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return Response(text, status, headers, "text/html; charset=utf-8")


def _link(user: User) -> SignOnLink:
    provider = user.source.removeprefix("oidc:") if user.source.startswith("oidc:") else ""
    return SignOnLink(user.name, provider, user.external_id if provider else "", format_time(user.created_at))


_ID = Parameter("id", "Id of the provider", "path", True)
_NAME = Parameter("name", "Name of the user", "path", True)
_OIDC = f"{BASE}/auth/oidc/{{id}}"

ROUTES = (
    Route(
        "GET",
        f"{_OIDC}/start",
        PUBLIC,
        start,
        "Log in at a provider",
        parameters=(_ID, Parameter("next", "Path of the page to be at afterwards")),
        answer_media=("text/html",),
        tag="auth",
    ),
    Route(
        "GET",
        f"{_OIDC}/callback",
        PUBLIC,
        callback,
        "Come back from a provider",
        parameters=(
            _ID,
            Parameter("code", "Authorization code"),
            Parameter("state", "Which login this is"),
            Parameter("iss", "The provider's issuer (RFC 9207)"),
            Parameter("error", "Why there is no code"),
        ),
        answer_media=("text/html",),
        tag="auth",
    ),
    Route(
        "POST",
        f"{_OIDC}/back-channel-logout",
        PUBLIC,
        back_channel_logout,
        "A provider ends sessions",
        parameters=(_ID,),
        media=("application/x-www-form-urlencoded",),
        answer_media=(),
        raw=MAX_LOGOUT_BODY,
        refuse=oauth_refusal,
        tag="auth",
    ),
    Route(
        "PUT",
        f"{BASE}/users/{{name}}/link",
        Permission.USERS_WRITE,
        link,
        "Let a login at a provider be a user's",
        request=SignOnLinkRequest,
        answer=SignOnLink,
        parameters=(_NAME,),
        tag="users",
    ),
    Route(
        "DELETE",
        f"{BASE}/users/{{name}}/link",
        Permission.USERS_WRITE,
        unlink,
        "Let a user have no login at a provider",
        answer=SignOnLink,
        parameters=(_NAME,),
        tag="users",
    ),
)
