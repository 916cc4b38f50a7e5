"""The API description, OpenAPI 3.1, made from the route table and the shapes it names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from nexus.server.api.nexus_v1.schema import ErrorAnswer
from nexus.server.routes import KNOWN, WEBSOCKET, Route

JSON: Final = "application/json"
_REFERENCE: Final = "#/components/schemas/{name}"
_TENANT: Final = {
    "name": "X-Scope-OrgID",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Tenant, for callers that may choose one.",
}
_RECEIVER_HEADERS: Final = (
    ("Content-Encoding", "gzip, zstd, deflate, snappy or identity."),
    ("Idempotency-Key", "1 to 256 characters; a repeat within 24 h is answered with the first answer."),
)


def describe(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The document. Paths are absolute; every route that is not hidden is in it."""
    shown = [route for route in routes if route.described]
    shapes = {shape for route in shown for shape in (route.request, route.answer) if shape} | {ErrorAnswer}
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        # OpenAPI has no WebSockets: their upgrade request is what it can describe.
        method = "get" if route.method == WEBSOCKET else route.method.lower()
        paths.setdefault(route.path.replace("{+", "{"), {})[method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Nexus",
            "version": version,
            "description": "Native API of Nexus. Nanosecond times are decimal strings.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key."},
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Any user name; the password is an API key.",
                },
                "session": {"type": "apiKey", "in": "cookie", "name": "nexus_session"},
            },
        },
        "security": [{"key": []}, {"basic": []}, {"session": []}],
    }


def operation_id(route: Route) -> str:
    """A stable name: method and path without the base."""
    path = route.path.removeprefix("/api/nexus/v1").strip("/")
    words = (
        path.replace("{", "")
        .replace("+", "")
        .replace("}", "")
        .replace("/-", "")
        .replace("-", "")
        .replace("/", "_")
        .replace(".", "_")
    )
    return f"{route.method.lower()}_{words.strip('_') or 'index'}"


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "responses": _responses(route),
    }
    if route.tag:
        operation["tags"] = [route.tag]
    if route.public:
        operation["security"] = []
    else:
        needs = f"Needs the permission `{route.permission.value}`." if route.permission is not KNOWN else ""
        operation["description"] = needs or "Needs valid credentials; the answer holds no data."
    if parameters := _parameters(route):
        operation["parameters"] = parameters
    if route.request or route.receiver:
        operation["requestBody"] = {"required": True, "content": _request_content(route)}
    return operation


def _request_content(route: Route) -> dict[str, Any]:
    if route.request:
        return {JSON: {"schema": {"$ref": _REFERENCE.format(name=route.request.__name__)}}}
    return {media: {"schema": {"type": "string", "format": "binary"}} for media in route.media}


def _parameters(route: Route) -> list[dict[str, Any]]:
    described = {parameter.name: parameter for parameter in route.parameters}
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": described[name].description if name in described else name,
        }
        for name in route.path_parameters
    ]
    parameters += [
        {
            "name": parameter.name,
            "in": parameter.place,
            "required": parameter.required,
            "schema": {"type": "string"},
            "description": parameter.description,
        }
        for parameter in route.parameters
        if parameter.name not in route.path_parameters
    ]
    if route.receiver:
        parameters += [
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": text}
            for name, text in _RECEIVER_HEADERS
        ]
    if not route.public:
        parameters.append(_TENANT)
    return parameters


def _responses(route: Route) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Success"}
    if route.answer:
        schema = {"$ref": _REFERENCE.format(name=route.answer.__name__)}
        success["content"] = {media: {"schema": schema} if media == JSON else {} for media in route.answer_media}
    elif route.receiver:
        success["content"] = {media: {} for media in route.media}
    elif route.answer_media:
        success["content"] = {media: {} for media in route.answer_media}
    error = {
        "description": "An error: `code` for programs, `message` and `hint` for people",
        "content": {JSON: {"schema": {"$ref": _REFERENCE.format(name="ErrorAnswer")}}},
    }
    return {"200": success, "default": error}
