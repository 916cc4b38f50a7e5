"""What an HTTP receiver is: paths, and functions from a delivery to a reply. The server puts it on the wire.

The server authenticates, reads the body within its limits and calls `receive`; every refusal, its own included, goes
through `refuse`, so that a client always gets errors in the shape of its protocol.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Struct

from nexus.errors import NexusError, TooManyAttempts, Unavailable
from nexus.pipeline.topology import Delivery
from nexus.security.permissions import Permission


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """The part of an HTTP request that a receiver may look at. Header names are lower case; `query` in order; `parameters`
    are the parts of the path that the endpoint names in braces."""

    path: str
    headers: Mapping[str, str]
    query: tuple[tuple[str, str], ...] = ()
    method: str = "POST"
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path of a receiver, with what the API description says about it."""

    path: str
    summary: str
    media_types: tuple[str, ...]
    described: bool = True
    parameters: tuple[tuple[str, str], ...] = ()
    """Query parameters, with what they mean."""
    answer: type[Struct] | None = None
    """Shape of a JSON answer."""
    method: str = "POST"
    keys: tuple[tuple[str, str], ...] = ()
    """Where a client puts its API key when it sends no Authorization header: (`header`, `query` or `path`, name)."""
    base: str = ""
    """Beginning of paths that are the protocol's own: what is not there below it is refused in its shape."""
    only_this_method: bool = False
    """Does the path exist for this method alone? For paths of any name, such as `/{index}`."""
    handshake: bool = False
    """Answers questions that a client asks before it sends (is anybody there, which version): any valid credentials will
    do, and the answer holds no data."""
    permission: Permission = Permission.LOGS_WRITE
    """What the caller needs: to send what the endpoint takes."""


class HttpReceiver(Protocol):
    """A protocol over HTTP."""

    @property
    def name(self) -> str:
        """Label of its counters."""
        ...

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens."""
        ...

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Take a delivery. Raises `NexusError`."""
        ...

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """The answer to a request that failed."""
        ...


def retry_headers(error: NexusError) -> dict[str, str]:
    """`Retry-After` in whole seconds (at least 1, never too few) for errors that pass."""
    if isinstance(error, Unavailable | TooManyAttempts):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    return {}
