"""How commands reach a running Nexus: its address, key and tenant, and requests whose errors are sentences."""

from __future__ import annotations

import http.client
import json
import os
import urllib.parse
from dataclasses import dataclass
from typing import Any, Final

from nexus.errors import ConfigError, InvalidRequest, NexusError, NotFound, Unauthenticated

API: Final = "/api/nexus/v1"
TIMEOUT: Final = 120.0


class RemoteFailed(NexusError):
    """Nexus cannot be reached, or could not do what it was asked."""

    code = "remote_failed"


@dataclass(frozen=True, slots=True)
class Remote:
    """A Nexus somewhere: its base address, and who asks for which tenant."""

    url: urllib.parse.SplitResult
    token: str
    tenant: str

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        found = {"User-Agent": "nexus-cli"}
        if self.token:
            found["Authorization"] = f"Bearer {self.token}"
        if self.tenant:
            found["X-Scope-OrgID"] = self.tenant
        return found

    def path(self, name: str) -> str:
        """The path of a door of the native API, or (with a slash before it) of another one."""
        return self.url.path.rstrip("/") + (name if name.startswith("/") else f"{API}/{name}")

    def post(self, name: str, document: dict[str, Any]) -> http.client.HTTPResponse:
        """The answer to a JSON request, to be read. Raises `InvalidRequest`, `Unauthenticated`, `RemoteFailed`."""
        return self.ask("POST", name, document)

    def ask(self, method: str, name: str, document: dict[str, Any] | None = None) -> http.client.HTTPResponse:
        """As `post`, with any method."""
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self.url.hostname or "", self.url.port, timeout=TIMEOUT)
        headers = {**self.headers, "Content-Type": "application/json"}
        try:
            body = None if document is None else json.dumps(document).encode()
            connection.request(method, self.path(name), body, headers)
            response = connection.getresponse()
            if response.status == 200:
                return response
            refused = response.read(1 << 20)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise unreachable(self.url.netloc, error) from error
        connection.close()
        raise refusal(response.status, refused)


def remote(url: str, token: str, tenant: str) -> Remote:
    """What the options of a command mean; empty ones come from the environment. Raises `InvalidRequest`."""
    environment = os.environ
    parts = urllib.parse.urlsplit(url or address())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest(f"{url!r} is not an address of Nexus.", hint="Write it like http://127.0.0.1:8080.")
    return Remote(
        parts,
        token or environment.get("NEXUS_TOKEN") or environment.get("NEXUS_BOOTSTRAP_TOKEN") or "",
        tenant or environment.get("NEXUS_TENANT", ""),
    )


def address() -> str:
    """NEXUS_URL, or where the Nexus on the configured data directory listens, or the default."""
    if url := os.environ.get("NEXUS_URL"):
        return url
    from nexus.config import load
    from nexus.runtime import read

    try:
        running = read(load().config.data_path)
    except ConfigError:
        running = None
    return running["url"] if running else "http://127.0.0.1:8080"


def unreachable(place: str, error: Exception) -> RemoteFailed:
    """Nobody answered."""
    return RemoteFailed(
        f"{place} cannot be reached: {error or type(error).__name__}.", hint="Check that `nexus up` runs, or give --url."
    )


def refusal(status: int, body: bytes) -> NexusError:
    """What an answer other than 200 says."""
    message, hint = f"the server answered with status {status}.", ""
    try:
        error = json.loads(body)["error"]
        if isinstance(error, str):
            # As the Prometheus API has it.
            error = {"message": error}
        message, hint = str(error["message"]), str(error.get("hint", ""))
    except (ValueError, KeyError, TypeError):
        pass
    if status in (401, 403):
        return Unauthenticated(
            f"the server refused: {message}", hint="Give an API key that may do this with --token or NEXUS_TOKEN."
        )
    if status == 404:
        return NotFound(message, hint=hint)
    if status in (400, 422):
        return InvalidRequest(message, hint=hint)
    return RemoteFailed(message, hint=hint)
