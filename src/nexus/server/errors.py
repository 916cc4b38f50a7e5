"""Errors on the wire: one JSON shape for the native API, `ErrorAnswer`."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from nexus.errors import MaskedField, NexusError, QuerySyntaxError
from nexus.pipeline.http import retry_headers
from nexus.server.api.nexus_v1.schema import ErrorAnswer, ErrorBody, Position

JSON = "application/json"


class MethodNotAllowed(NexusError):
    """The path is there, the method is not."""

    code = "method_not_allowed"
    http_status = 405


class Forbidden(NexusError):
    """A write with a session cookie that another site may have caused."""

    code = "csrf"
    http_status = 403


def error_body(error: NexusError, query_id: str = "") -> ErrorBody:
    """The shape of an error."""
    position = None
    if isinstance(error, QuerySyntaxError) or (isinstance(error, MaskedField) and error.length):
        position = Position(error.offset, error.length)
    return ErrorBody(error.code, error.message, error.hint, position, query_id)


def error_response(error: NexusError, query_id: str = "") -> Response:
    """The answer to a request that failed."""
    headers: dict[str, str] = retry_headers(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return json_response(ErrorAnswer(error_body(error, query_id)), error.http_status, headers)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A value as JSON; `bytes` are taken for JSON already."""
    content = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Response(content, status, headers, JSON)
