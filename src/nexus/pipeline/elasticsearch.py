"""What Elasticsearch's clients expect of every answer: the product header, the shape of errors, the version document.

Used by the receiver of bulk requests and by whatever else answers in Elasticsearch's place.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from nexus.errors import NexusError
from nexus.pipeline.http import retry_headers

JSON: Final = "application/json"
HEADERS: Final = {"X-Elastic-Product": "Elasticsearch"}
"""Official clients refuse to talk to anything that does not send it."""

_TYPES: Final = {
    400: "illegal_argument_exception",
    401: "security_exception",
    403: "security_exception",
    404: "resource_not_found_exception",
    405: "method_not_allowed_exception",
    408: "timeout_exception",
    413: "content_too_long_exception",
    415: "media_type_header_exception",
    422: "version_conflict_engine_exception",
    429: "es_rejected_execution_exception",
    503: "unavailable_shards_exception",
}


def error_document(error: NexusError, status: int = 0) -> dict[str, Any]:
    """An error as Elasticsearch tells it."""
    status = status or error.http_status
    cause = {"type": _TYPES.get(status, "exception"), "reason": str(error)}
    return {"error": {"root_cause": [cause], **cause}, "status": status}


def error_answer(error: NexusError, status: int = 0) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of the answer to a request that failed; `status` replaces the error's own."""
    status = status or error.http_status
    headers = {**HEADERS, **retry_headers(error)}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="security", charset="UTF-8"'
    return status, msgspec.json.encode(error_document(error, status)), headers


def version_document(version: str) -> dict[str, Any]:
    """The answer to `GET /`."""
    major = int(version.partition(".")[0])
    return {
        "name": "nexus",
        "cluster_name": "nexus",
        "cluster_uuid": "bmV4dXMtb2JzZXJ2YWJpbA",
        "version": {
            "number": version,
            "build_flavor": "default",
            "build_type": "docker",
            "build_hash": "0000000000000000000000000000000000000000",
            "build_date": "2025-01-01T00:00:00.000000000Z",
            "build_snapshot": False,
            "lucene_version": "10.2.2" if major >= 9 else "9.12.2" if major == 8 else "8.11.3",
            "minimum_wire_compatibility_version": f"{major - 1}.17.0",
            "minimum_index_compatibility_version": f"{major - 1}.0.0",
        },
        "tagline": "You Know, for Search",
    }
