"""What a handler gets: the request, who asks, for which tenant, and the services of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from nexus.errors import InvalidRequest, PermissionDenied
from nexus.pipeline.body import ClientGone, Receive
from nexus.security.access import ANY_TENANT, NO_ACCESS, Access
from nexus.security.actor import Actor
from nexus.security.identity import Entry, Principal
from nexus.security.limits.limiter import Meter
from nexus.security.permissions import Permission
from nexus.server.services import Services

Send = Callable[[Any], Awaitable[None]]
T = TypeVar("T")
S = TypeVar("S", bound=Struct)


@dataclass(slots=True)
class Call:
    """One request on its way through a handler. Header names are lower case; `access` is what the principal may do
    and see in the tenant of the request."""

    scope: dict[str, Any]
    receive: Receive
    headers: Mapping[str, str]
    services: Services
    principal: Principal
    tenant: str
    parameters: dict[str, str] = field(default_factory=dict)
    payload: Any = None
    body: bytes = b""
    """The request's body as it came, decompressed, on routes that ask for it (`Route.raw`)."""
    send: Send | None = None
    """The other direction of a WebSocket."""
    access: Access = NO_ACCESS
    meter: Meter | None = None
    """What the request may use: see `nexus.security.limits.limiter`."""

    @property
    def address(self) -> str:
        """The client's address."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def actor(self) -> Actor:
        """Who asks, for the audit log."""
        return Actor(self.principal.kind, self.principal.name, self.address)

    @property
    def entry(self) -> Entry:
        """What the caller was let in with."""
        return Entry(self.principal, self.tenant, self.access)

    def may(self, permission: Permission) -> bool:
        """Is this allowed in the tenant of the request?"""
        return self.access.may(permission)

    def check_sees_all(self, what: str) -> None:
        """Refuse what concerns records that the caller does not see whole. Raises `PermissionDenied`."""
        if not self.access.unrestricted:
            raise PermissionDenied(
                f"{what} concerns every record of the tenant {self.tenant}, and you do not see all of them, or not whole.",
                hint="Ask somebody whose roles have no policy and no masked fields.",
            )

    def check_sees_all_tenants(self, what: str) -> None:
        """Refuse what tells of records of every tenant to whom does not see them all, and whole. Raises
        `PermissionDenied`."""
        if not self.principal.authority.access(ANY_TENANT).unrestricted:
            raise PermissionDenied(
                f"{what} tell of every record, and you do not see all of them, or not whole.",
                hint="Ask somebody whose roles have no policy and no masked fields.",
            )

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """Query parameters in order."""
        return query_pairs(self.scope)

    def argument(self, name: str) -> str:
        """A query parameter, empty when it is not there."""
        return next((value for key, value in self.query if key == name), "")

    async def unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """Await the work, but cancel it when the client goes away. Raises `ClientGone`."""
        task = asyncio.ensure_future(work)
        watch = asyncio.ensure_future(_disconnected(self.receive))
        try:
            await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientGone
            return task.result()
        finally:
            watch.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def query_pairs(scope: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Query parameters in order. Raises `InvalidRequest` when there are more than 100."""
    try:
        return tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=100))
    except ValueError as error:
        raise InvalidRequest("the request has more than 100 query parameters.") from error


def parse_payload(body: bytes, shape: type[S]) -> S:
    """Read a JSON body; an empty one is an empty object. Raises `InvalidRequest` that names the place."""
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the request is not as expected: {_lower(str(error))}.") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("the request body is not UTF-8.") from error
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"the request body is not JSON: {_lower(str(error))}.") from error
    except RecursionError as error:
        raise InvalidRequest("the request body is nested too deeply.") from error


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
