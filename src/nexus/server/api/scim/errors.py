"""Errors as SCIM writes them (RFC 7644, section 3.12)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import Conflict, InvalidRequest, NexusError
from nexus.pipeline.http import retry_headers

MEDIA: Final = "application/scim+json"
_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(InvalidRequest):
    """A request that SCIM has a word for: `kind` is its `scimType`."""

    code = "scim"

    def __init__(self, kind: str, message: str, *, hint: str = "") -> None:
        """Store the word beside the sentence."""
        super().__init__(message, hint=hint)
        self.kind = kind


class VersionMismatch(NexusError):
    """The resource is another one than the client thinks: `If-Match`."""

    code = "precondition_failed"
    http_status = 412


def refuse(error: NexusError) -> Response:
    """An error on the wire."""
    content: dict[str, Any] = {
        "schemas": [_ERROR],
        "status": str(error.http_status),
        "detail": f"{error.message} {error.hint}".strip(),
    }
    if isinstance(error, ScimError):
        content["scimType"] = error.kind
    elif isinstance(error, Conflict):
        content["scimType"] = "uniqueness"
    elif error.http_status == 400:
        content["scimType"] = "invalidValue"
    headers = retry_headers(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(msgspec.json.encode(content), error.http_status, headers, MEDIA)
