"""The route table, the router, and the API description made from it."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import Any

import pytest
from msgspec import Struct
from openapi_spec_validator import validate

from nexus import __version__
from nexus.components import http_receivers, otlp_receivers
from nexus.errors import ConfigError
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1 import schema
from nexus.server.app import description, main_routes
from nexus.server.openapi import operation_id
from nexus.server.routes import PUBLIC, SELF, WEBSOCKET, Match, Route, Router, check, receiver_routes

NOTHING: Any = None


async def handler(call: Any) -> Any:
    raise AssertionError("never called")


def every_route() -> list[Route]:
    return main_routes(http_receivers(NOTHING, NOTHING, NOTHING))


def test_every_route_asks_for_a_permission_or_may_be_public() -> None:
    router = Router(every_route())
    public = {route.path for route in router.routes if route.public}
    auth = ["options", "session", "login", "second-factor", "link", "passkey/begin", "passkey/finish", "reset/request"]
    auth += ["reset/finish", "logout", "oidc/{id}/start", "oidc/{id}/callback", "oidc/{id}/back-channel-logout"]
    state = {f"{base}/-/{name}" for base in ("", "/prometheus") for name in ("healthy", "ready")}
    assert public == {*state, *(f"/api/nexus/v1/auth/{name}" for name in auth)}
    assert {route.path.split("/")[4] for route in router.routes if route.permission is SELF} == {"profile"}


@pytest.mark.parametrize(
    "route",
    [
        Route("GET", "/x", None, handler, "no permission"),  # type: ignore[arg-type]
        Route("GET", "/x", "logs:read", handler, "a text"),  # type: ignore[arg-type]
        Route("GET", "/api/nexus/v1/logs/search", PUBLIC, handler, "public, but must not be"),
        Route("GET", "/metrics", PUBLIC, handler, "public, but must not be"),
        Route("GET", "/api/nexus/v1/users", SELF, handler, "about the user himself, but it is not"),
        Route("GET", "/x", Permission.ADMIN, None, "nothing behind it"),
    ],
)
def test_routes_that_must_not_exist(route: Route) -> None:
    with pytest.raises(ConfigError):
        check(route)
    with pytest.raises(ConfigError):
        Router([route])


def test_a_route_is_there_once() -> None:
    route = Route("GET", "/x", Permission.ADMIN, handler, "x")
    with pytest.raises(ConfigError, match="twice"):
        Router([route, route])


def test_finding() -> None:
    router = Router(
        [
            Route("GET", "/a", Permission.ADMIN, handler, "a"),
            Route("POST", "/a", Permission.ADMIN, handler, "a"),
            Route("DELETE", "/a.b/{id}", Permission.ADMIN, handler, "b"),
        ]
    )

    def found(method: str, path: str) -> Any:
        match = router.find(method, path)
        return (match.route.method, match.parameters) if isinstance(match, Match) else match

    assert found("GET", "/a") == ("GET", {})
    assert found("HEAD", "/a") == ("GET", {})
    assert found("PUT", "/a") == ["GET", "POST"]
    assert found("DELETE", "/a.b/x%y") == ("DELETE", {"id": "x%y"})
    assert found("DELETE", "/aXb/x") is None
    assert found("DELETE", "/a.b/x/y") is None
    assert found("DELETE", "/a.b/") is None
    assert found("GET", "/a/") is None


def test_a_path_of_any_name_is_there_for_its_method_only() -> None:
    router = Router(
        [
            Route("GET", "/a", Permission.ADMIN, handler, "a"),
            Route("PUT", "/{index}", Permission.ADMIN, handler, "b", only_this_method=True),
            Route("GET", "/{name}/x", Permission.ADMIN, handler, "c"),
        ]
    )
    assert router.find("GET", "/b") is None
    assert router.find("PUT", "/a") == ["GET"]
    assert router.find("PUT", "/b/x") == ["GET"]
    match = router.find("PUT", "/b")
    assert isinstance(match, Match) and match.parameters == {"index": "b"}


def test_a_key_in_a_path_is_not_shown() -> None:
    router = Router(every_route())
    for path in ("/v1/input/secret", "/v1/input/secret/more", "/v1/input/secret/"):
        for method in ("POST", "GET"):
            assert "secret" not in router.shown(router.find(method, path), path)
    assert router.shown(router.find("GET", "/-/ready"), "/-/ready") == "/-/ready"
    assert router.shown(None, "/nothing") == "/nothing"


def test_the_description_is_valid_and_complete() -> None:
    routes = every_route()
    document = json.loads(description(routes, __version__))
    validate(document)
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    # A WebSocket is described by the request that asks for it.
    methods = {WEBSOCKET: "GET"}
    assert described == {
        (methods.get(route.method, route.method), route.path.replace("{+", "{")) for route in routes if route.described
    }
    # Signals that are not accepted yet, questions of other systems' clients, and further paths of what is described.
    hidden = [route for route in routes if not route.described]
    receivers = {route.receiver.name for route in hidden if route.receiver}
    told = {route.receiver.name for route in routes if route.described and route.receiver}
    assert receivers <= told
    assert all(route.refuse is not None for route in hidden if not route.receiver)
    assert all(path.startswith("/") for path in document["paths"])
    ids = [operation_id(route) for route in routes if route.described]
    assert len(set(ids)) == len(ids)


def test_the_contract_has_its_doors() -> None:
    base = "/api/nexus/v1"
    doors = {(route.method, route.path) for route in every_route()}
    logs = ["search", "histogram", "facets", "count", "fields", "bounds", "explain"]
    assert doors >= {("POST", f"{base}/logs/{name}") for name in logs} | {
        ("GET", f"{base}/logs/record"), ("POST", f"{base}/sql"), ("GET", f"{base}/queries"),
        ("DELETE", f"{base}/queries/{{id}}"), ("GET", f"{base}/keys"), ("POST", f"{base}/keys"),
        ("DELETE", f"{base}/keys/{{id}}"), ("GET", f"{base}/tenants"), ("GET", f"{base}/ingest/status"),
        ("POST", f"{base}/ingest/logs"), ("GET", f"{base}/info"), ("GET", f"{base}/openapi.json"),
        ("GET", "/metrics"), ("POST", "/v1/logs"), ("POST", "/otlp/v1/logs"), ("POST", "/insert/jsonline"),
    }  # fmt: skip


def test_receivers_write() -> None:
    routes = receiver_routes(otlp_receivers(NOTHING, NOTHING, NOTHING))
    assert {(route.permission, route.path.rpartition("/")[2]) for route in routes} == {
        (Permission.LOGS_WRITE, "logs"),
        (Permission.LOGS_WRITE, "profiles"),
        (Permission.METRICS_WRITE, "metrics"),
        (Permission.TRACES_WRITE, "traces"),
    }


def test_a_path_may_end_in_any_number_of_parts() -> None:
    router = Router([Route("PUT", "/a+b/{one}/{+rest}", Permission.METRICS_WRITE, handler, "any")])
    found = router.find("PUT", "/a+b/x/y/z/")
    assert isinstance(found, Match) and found.parameters == {"one": "x", "rest": "y/z/"}
    assert router.find("PUT", "/a+b/x/") is None and router.find("PUT", "/aab/x/y") is None
    assert found.route.path_parameters == ("one", "rest")


def test_shapes_of_the_schema_are_used() -> None:
    document = json.loads(description(every_route(), __version__))
    described = set(document["components"]["schemas"])
    modules = [
        importlib.import_module(f"{schema.__name__}.{module.name}") for module in pkgutil.iter_modules(schema.__path__)
    ]
    shapes = {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Struct) and value is not Struct
    }
    # Messages of a WebSocket: OpenAPI has no place for them.
    assert described >= shapes - {"LiveRequest", "LiveMessage"}
