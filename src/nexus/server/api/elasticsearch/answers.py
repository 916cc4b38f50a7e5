"""Answers and errors in Elasticsearch's shapes, with the header by which its clients know it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import NexusError
from nexus.pipeline.http import retry_headers
from nexus.query.elastic.names import INDEX, UnknownIndex

PRODUCT: Final = {"X-Elastic-Product": "Elasticsearch"}
SHARDS: Final = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_TYPES: Final = {
    400: "parsing_exception",
    401: "security_exception",
    403: "security_exception",
    404: "resource_not_found_exception",
    413: "content_too_long_exception",
    422: "too_many_buckets_exception",
    429: "circuit_breaking_exception",
    503: "unavailable_exception",
}


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(value), status, PRODUCT, "application/json")


def error_of(error: NexusError) -> dict[str, Any]:
    """The body of an error: `error` and `status`."""
    kind = "index_not_found_exception" if isinstance(error, UnknownIndex) else _TYPES.get(error.http_status, "exception")
    cause: dict[str, Any] = {"type": kind, "reason": str(error)}
    if isinstance(error, UnknownIndex):
        cause |= {"index": INDEX, "resource.type": "index_or_alias"}
    # Limits are a fault of the question here; the clients know no 422.
    status = 400 if error.http_status == 422 else error.http_status
    return {"error": {"root_cause": [cause], **cause}, "status": status}


def refuse(error: NexusError) -> Response:
    """The answer to a request that failed."""
    body = error_of(error)
    headers = {**PRODUCT, **retry_headers(error)}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="security", charset="UTF-8"'
    return Response(msgspec.json.encode(body), body["status"], headers, "application/json")
