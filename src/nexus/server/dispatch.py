"""The ASGI application: finds the route, lets the caller in, reads the body, runs the handler, puts errors on the wire.

The order is fixed: route, name of the server, limits of the address, identity, permission, forgery check, limits of the
caller, body, handler. Nothing before the identity reads a byte of a body. Every answer gets the security headers and is
counted; defects are logged and answered without details.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.responses import Response

from nexus.config import HttpConfig
from nexus.errors import (
    InvalidRequest,
    NexusError,
    NotFound,
    PermissionDenied,
    StorageError,
    Unauthenticated,
    Unavailable,
)
from nexus.pipeline.body import BodyLimits, Budget, ClientGone, Lease, read_body
from nexus.pipeline.decode import decompress
from nexus.pipeline.http import HttpReceiver, Reply, Request
from nexus.pipeline.inspection import Inspection, inspecting, wanted
from nexus.pipeline.topology import Delivery
from nexus.security.actor import Actor
from nexus.security.identity import COOKIE_GUARD, TENANT_HEADER, Entry, Principal, with_key
from nexus.security.limits.limiter import Meter
from nexus.security.permissions import Permission
from nexus.server.call import Call, parse_payload, query_pairs
from nexus.server.cookies import session_cookie, usable_cookies
from nexus.server.errors import Forbidden, MethodNotAllowed, error_response, json_response
from nexus.server.http import CERTIFIED
from nexus.server.origins import check_host, cors_headers, is_own, preflight_headers
from nexus.server.routes import BASE, SELF, WEBSOCKET, Match, Route, Router
from nexus.server.services import Services
from nexus.server.static import SHARED_PATHS, UI_PATHS, StaticFiles, takes_html
from nexus.server.throttle import Throttle, class_of, limit_headers, refused

MAX_JSON_BODY: Final = 1 << 20
MAX_JSON_IN_FLIGHT: Final = 64 << 20
_ONCE: Final = frozenset(
    {
        "authorization", "host", "origin", "x-scope-orgid", "idempotency-key", "content-encoding", "dd-api-key",
        "x-amz-firehose-access-key", "x-nexus-request", "sec-fetch-site",
    }
)  # fmt: skip
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (
        b"permissions-policy",
        b"accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
        b"magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
_CLOSED_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")

_FRESH: Final = "nexus.fresh_token"
_ENTRY: Final = "nexus.entry"
"""Place in the scope of a token that takes the place of the session's."""

Send = Callable[[Any], Awaitable[None]]

log = logging.getLogger(__name__)
access = logging.getLogger("nexus.access")


class Dispatcher:
    """One ASGI application over a route table; `static` is the web UI, if this door has one."""

    def __init__(self, router: Router, services: Services, static: StaticFiles | None = None) -> None:
        """The routes were checked when the router was made."""
        self._router = router
        self._services = services
        self._static = static
        self._throttle = Throttle(services.limiter)
        self._classes = {id(route): class_of(route) for route in router.routes}
        # Apart from the receivers' budget: queries go on while senders have to wait.
        self._budget = Budget(MAX_JSON_IN_FLIGHT, "requests being received")
        self._requests = services.registry.counter(
            "nexus_http_requests_total", "HTTP requests, by route and status.", "method", "route", "status"
        )
        self._seconds = services.registry.histogram("nexus_http_request_seconds", "Seconds per HTTP request.", "route")

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":
            # The routes know it by a method of its own; everything else is the same.
            scope["method"] = WEBSOCKET
        elif scope["type"] != "http":
            return
        began = time.perf_counter()
        status = 0

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "websocket.accept":
                status = 101
                message["headers"] = [*message.get("headers", ()), *cookies(scope, message, self._lifetime())]
            elif message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                message["headers"] = [
                    *self._with_security(scope, message.get("headers", ())),
                    *cookies(scope, message, self._lifetime()),
                ]
            await send(message)

        match = self._router.find(scope["method"], scope["path"])
        route = match.route if isinstance(match, Match) else None
        try:
            # What is held for as long as a query runs is held until its answer is sent.
            with contextlib.ExitStack() as held:
                response = await self._answer(match, scope, receive, sending, held)
                if scope["type"] == "http" or not status:
                    await response(scope, receive, sending)
        except ClientGone:
            status = 499
        except Exception:
            path = self._router.shown(match, scope["path"])
            log.exception("a request failed", extra={"fields": {"path": path[:200]}})
            if not status:
                await error_response(NexusError("the request failed; the log of Nexus says why."))(scope, receive, sending)
        finally:
            name = route.path if route else "other"
            self._requests.add(1, scope["method"] if route else "other", name, str(status))
            self._seconds.observe(time.perf_counter() - began, name)
            if self._services.config().log.access:
                self._log_access(scope, self._router.shown(match, scope["path"]), status, began)

    async def _answer(
        self, match: Any, scope: dict[str, Any], receive: Any, send: Send, held: contextlib.ExitStack
    ) -> Response:
        try:
            headers = header_map(scope)
            if "cookie" in headers:
                headers["cookie"] = usable_cookies(scope, headers["cookie"])
        except NexusError as error:
            return error_response(error)
        if scope["path"] in SHARED_PATHS and self._static is not None and "text/html" in headers.get("accept", ""):
            # A browser; programs that ask here want to know what speaks there, or Nexus' own metrics.
            match = None
        named = isinstance(match, Match) and match.route.path_parameters
        if isinstance(match, Match) and named and match.route.only_this_method and UI_PATHS.fullmatch(scope["path"]):
            # A path of any name is no page's.
            match = None
        config = self._services.config().http
        if config.cors_origins and is_preflight(scope, headers) and headers["origin"] in config.cors_origins:
            return Response(status_code=204, headers=preflight_headers())
        route = match.route if isinstance(match, Match) else None
        if "authorization" not in headers and not (route and (route.receiver or route.path.startswith("/-/"))):
            # A browser, as far as can be told: programs send keys, and ask for the state of the process.
            try:
                check_host(config, headers.get("host", ""))
            except NexusError as error:
                return route.refuse(error) if route and route.refuse else error_response(error)
        if route is None or not isinstance(match, Match):
            return await self._no_route(match, scope, headers)
        if route.receiver is not None:
            return await self._deliver(match, scope, receive, headers, held)
        query_id, payload, body = "", None, b""
        try:
            entry, meter = await self._enter(route, scope, headers, held)
            if route.request is not None or route.raw:
                with Lease(self._budget) as lease:
                    body = await read_body(receive, headers, self._limits(route.raw or MAX_JSON_BODY), lease)
                if encoding := headers.get("content-encoding", ""):
                    body = decompress(body, encoding, route.raw or MAX_JSON_BODY)
            if route.request is not None:
                payload = parse_payload(body, route.request)
                query_id = getattr(payload, "query_id", "")
            call = Call(
                scope, receive, headers, self._services, entry.principal, entry.tenant, match.parameters, payload,
                body, send, entry.access, meter,
            )  # fmt: skip
            assert route.handler is not None
            if route.changes:
                await self._services.audit.check()
            response = await route.handler(call)
            if route.audited:
                outcome = "ok" if response.status_code < 400 else f"status_{response.status_code}"
                await self._observed(match, scope, entry.principal, entry.tenant, payload, route.audited, outcome)
            return response
        except NexusError as error:
            refused(scope, error)
            await self._refused(match, scope, payload, error)
            return route.refuse(error) if route.refuse else error_response(error, query_id)

    async def _enter(
        self, route: Route, scope: dict[str, Any], headers: dict[str, str], held: contextlib.ExitStack
    ) -> tuple[Entry, Meter]:
        kind, client = self._classes[id(route)], scope.get("client")
        address = self._throttle.knock(kind, scope, client[0] if client else "")
        try:
            entry = await self._identified(route, scope, headers)
        except Unauthenticated:
            self._throttle.failed(address, headers)
            raise
        return entry, self._throttle.enter(kind, scope, address, entry, held)

    async def _identified(self, route: Route, scope: dict[str, Any], headers: dict[str, str]) -> Entry:
        authenticator = self._services.authenticator
        named = route.method == WEBSOCKET or route.tenant_argument
        if named and (tenant := dict(query_pairs(scope)).get("tenant")):
            # Browsers cannot set headers on a WebSocket or a download.
            headers.setdefault(TENANT_HEADER, tenant)
        config = self._services.config().http
        if scope["method"] not in SAFE_METHODS and "authorization" not in headers and not is_own(config, headers):
            raise Forbidden(
                "a page of another site asks for something to be done here.",
                hint="Use an API key; or add the site to http.cors_origins and http.cors_credentials.",
            )
        if route.public:
            entry = await authenticator.recognise(headers)
            scope[_FRESH] = entry.fresh_token
            return entry
        permission = route.permission if isinstance(route.permission, Permission) else None
        entry = await authenticator.enter(headers, permission, own=route.permission is SELF)
        scope[_ENTRY] = entry
        scope[_FRESH] = entry.fresh_token
        principal = entry.principal
        if scope["method"] == WEBSOCKET:
            check_origin(principal, headers, config)
        elif principal.by_cookie and scope["method"] not in SAFE_METHODS and headers.get(COOKIE_GUARD) != "1":
            raise Forbidden(
                "a request with a session cookie that changes something needs the header X-Nexus-Request: 1.",
                hint="Add the header, or use an API key.",
            )
        return entry

    async def _refused(self, match: Match, scope: dict[str, Any], payload: Any, error: NexusError) -> None:
        """Write down that somebody known tried what he may not do, or that a read that is recorded did not work."""
        route, entry = match.route, scope.get(_ENTRY)
        known = getattr(error, "by", None)
        principal = known if isinstance(known, Principal) else entry.principal if entry else None
        denied = isinstance(error, PermissionDenied | Forbidden) and (route.changes or route.method == WEBSOCKET)
        if principal is None or not (denied or route.audited):
            return
        action = route.audited if route.audited and not isinstance(error, PermissionDenied | Forbidden) else "access.denied"
        try:
            tenant = entry.tenant if entry else principal.tenant
            await self._observed(match, scope, principal, tenant, payload, action, error.code)
        except StorageError:
            # It is owed to the audit log, and the answer is a refusal anyway.
            log.warning("a refusal waits to be written to the audit log")

    async def _observed(
        self,
        match: Match,
        scope: dict[str, Any],
        principal: Principal,
        tenant: str,
        payload: Any,
        action: str,
        outcome: str,
    ) -> None:
        route, client = match.route, scope.get("client")
        details = audited_details(route, payload, scope)
        if action != route.audited:
            details["route"] = f"{scope['method']} {route.path}"
        actor = Actor(principal.kind, principal.name, client[0] if client else "")
        subject = "/".join(match.parameters.values()) or route.path.removeprefix(f"{BASE}/")
        await self._services.audit.observed(actor, tenant, action, subject, details, outcome=outcome)

    async def _deliver(
        self, match: Match, scope: dict[str, Any], receive: Any, headers: dict[str, str], held: contextlib.ExitStack
    ) -> Response:
        route, parameters = match.route, match.parameters
        receiver = route.receiver
        assert receiver is not None
        request = Request(scope["path"], headers, (), scope["method"], parameters)
        services = self._services
        try:
            if route.keys:
                headers = with_key(headers, route.keys, query_pairs(scope), parameters)
            self._check_certificate(scope)
            entry, meter = await self._enter(route, scope, headers, held)
            services.topology.check_open()
            request = Request(scope["path"], headers, query_pairs(scope), scope["method"], parameters)
            with Lease(services.budget, meter.take_bytes) as lease:
                delivery = Delivery(
                    receiver.name,
                    entry.tenant,
                    await read_body(receive, headers, self._limits(services.config().ingest.max_body_bytes), lease),
                    headers.get("content-encoding", ""),
                    headers.get("idempotency-key", ""),
                    lease,
                    meter.take_records,
                )
                if wanted(headers, request.query):
                    return await self._inspected(receiver, request, delivery)
                return _response(await receiver.receive(request, delivery))
        except ClientGone:
            services.topology.statistics.refused(receiver.name, "client_gone")
            raise
        except Exception as error:
            if not isinstance(error, NexusError):
                # A defect of ours. 503, because a sender must not drop records that nobody has called bad.
                log.exception("a delivery failed", extra={"fields": {"receiver": receiver.name}})
                error = Unavailable("the delivery failed; the log of Nexus says why.", retry_after=5.0)
            services.topology.statistics.refused(receiver.name, error.code)
            refused(scope, error)
            return _response(receiver.refuse(request, error))

    def _check_certificate(self, scope: dict[str, Any]) -> None:
        """Refuse a sender without a client's certificate where one is asked for. Raises `Unauthenticated`."""
        tls = self._services.config().http.tls
        if tls.client_ca and tls.client_certificates == "receivers" and not scope.get(CERTIFIED):
            raise Unauthenticated(
                "records are taken from clients with a certificate only.",
                hint="Send with a certificate of an authority in http.tls.client_ca.",
            )

    async def _inspected(self, receiver: HttpReceiver, request: Request, delivery: Delivery) -> Response:
        """What would become of the delivery, with nothing stored; the receiver's own answer when it delivered nothing."""
        services = self._services
        inspection = Inspection(lambda tenant: services.config().retention.logs.days)
        with inspecting(inspection):
            try:
                reply = await receiver.receive(request, delivery)
            except NexusError:
                # Receivers refuse what holds no good record; here the reasons are the answer.
                if not inspection.deliveries:
                    raise
                return json_response(inspection.answer())
        return json_response(inspection.answer()) if inspection.deliveries else _response(reply)

    def _with_security(self, scope: Mapping[str, Any], headers: Any) -> list[tuple[bytes, bytes]]:
        given = [*headers, *limit_headers(scope)]
        names = {name for name, _ in given}
        if b"content-security-policy" not in names:
            given.append(_CLOSED_POLICY)
        if b"cache-control" not in names:
            given.append((b"cache-control", b"no-store"))
        if scope["scheme"] in ("https", "wss"):
            given.append(_HSTS)
        config = self._services.config().http
        if config.cors_origins:
            origin = next((value for name, value in scope["headers"] if name == b"origin"), b"").decode("latin-1")
            given += cors_headers(config.cors_origins, config.cors_credentials, origin)
        names = {name for name, _ in given}
        return [*given, *(pair for pair in _HEADERS if pair[0] not in names)]

    def _lifetime(self) -> int:
        return int(self._services.config().session.lifetime)

    def _limits(self, max_bytes: int) -> BodyLimits:
        ingest = self._services.config().ingest
        return BodyLimits(max_bytes, ingest.body_idle_timeout, ingest.body_timeout)

    async def _no_route(self, allowed: Any, scope: dict[str, Any], headers: dict[str, str]) -> Response:
        path = scope["path"]
        receiver = self._router.neighbour(path)

        def refused(error: NexusError) -> Response:
            request = Request(path, headers, (), scope["method"])
            return _response(receiver.refuse(request, error)) if receiver else error_response(error)

        if allowed is not None:
            response = refused(
                MethodNotAllowed(f"{path[:200]} does not answer to {scope['method']}.", hint=f"Use {' or '.join(allowed)}.")
            )
            response.headers["Allow"] = ", ".join(allowed)
            return response
        if self._static is not None and scope["method"] in ("GET", "HEAD"):
            if file := await self._static.file(path, headers):
                return file
            if UI_PATHS.fullmatch(path) and takes_html(headers):
                if index := self._static.index():
                    return index
                return error_response(NotFound("the web UI is not built.", hint="Run `make setup`."))
        return refused(NotFound(f"there is nothing at {path[:200]}.", hint="See /api/nexus/v1/openapi.json."))

    def _log_access(self, scope: dict[str, Any], path: str, status: int, began: float) -> None:
        client = scope.get("client")
        access.info(
            "%s %s",
            scope["method"],
            path[:500],
            extra={
                "fields": {
                    "status": status,
                    "milliseconds": round((time.perf_counter() - began) * 1000, 2),
                    "client": client[0] if client else "",
                }
            },
        )


def audited_details(route: Route, payload: Any, scope: Mapping[str, Any]) -> dict[str, str | int]:
    """The fields of a request that are written to the audit log, those that are empty left out."""
    if not route.audited_fields:
        return {}
    try:
        arguments = dict(query_pairs(scope)) if payload is None else {}
    except InvalidRequest:
        arguments = {}
    found = {name: arguments.get(name, getattr(payload, name, "")) for name in route.audited_fields}
    texts = {
        name.rstrip("_"): ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for name, value in found.items()
        if value not in ("", None, [], ())
    }
    return dict(texts)


def check_origin(principal: Principal, headers: Mapping[str, str], config: HttpConfig) -> None:
    """Refuse a WebSocket that a page of another site opens with the cookie of this one; browsers always say where it
    comes from. Raises `Forbidden`."""
    if principal.by_cookie and (not headers.get("origin") or not is_own(config, headers)):
        raise Forbidden("a WebSocket with a session cookie comes from pages of this server only.", hint="Use an API key.")


def header_map(scope: dict[str, Any]) -> dict[str, str]:
    """Headers by lower-case name. Raises `InvalidRequest` when one that decides about access comes twice."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1")
        value = raw_value.decode("latin-1")
        if name in headers:
            if name in _ONCE:
                raise InvalidRequest(f"the header {name} comes twice.")
            value = f"{headers[name]}{'; ' if name == 'cookie' else ', '}{value}"
        headers[name] = value
    return headers


def cookies(scope: Mapping[str, Any], message: Mapping[str, Any], lifetime: int) -> list[tuple[bytes, bytes]]:
    """The cookie of a session whose token was exchanged, for `lifetime` seconds, unless the answer sets one itself."""
    fresh = scope.get(_FRESH)
    if not fresh or any(name.lower() == b"set-cookie" for name, _ in message.get("headers", ())):
        return []
    return [(b"set-cookie", session_cookie(scope, fresh, lifetime))]


def is_preflight(scope: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Does a browser ask whether a page may send a request?"""
    return scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, reply.headers, reply.content_type)
