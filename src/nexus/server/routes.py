"""The route table: every door of the server as one row, with the permission it asks for.

A row that names no permission and is not one of the public paths does not start. The dispatcher, the API description
and the tests (credentials, tenants, documentation) all read this table.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from starlette.responses import Response

from nexus.errors import ConfigError, NexusError
from nexus.pipeline.http import HttpReceiver
from nexus.security.permissions import Permission

if TYPE_CHECKING:
    from nexus.server.call import Call

BASE: Final = "/api/nexus/v1"


class Access(Enum):
    """Doors that ask for no permission: anybody's, those of anybody with valid credentials, whose answers hold no
    data (what a client asks before it sends or queries), and those of a user about himself."""

    PUBLIC = "public"
    KNOWN = "known"
    SELF = "self"


PUBLIC: Final = Access.PUBLIC
KNOWN: Final = Access.KNOWN
SELF: Final = Access.SELF
WEBSOCKET: Final = "WEBSOCKET"
"""Method of routes that open a WebSocket."""

_CHANGING: Final = frozenset(
    permission for permission in Permission if permission is Permission.ADMIN or not permission.value.endswith(":read")
)

_PUBLIC_PATHS: Final = re.compile(
    rf"(/prometheus)?/-/(healthy|ready)|{BASE}/(auth|public)/.+"
    r"|/(login|logs|traces(/[^/]+)?|services(/[^/]+)?|start|query|targets|pipelines|profile|v/[^/]+|settings(/.+)?)?"
)
"""The only paths that may be public (and the static files, which are found by name)."""

Handler = Callable[["Call"], Awaitable[Response]]
"""Of a WebSocket: refuses by raising before it accepts, and returns any response when the conversation is over."""
Refusal = Callable[[NexusError], Response]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter, header, or path part for the API description."""

    name: str
    description: str
    place: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A door: how it is reached, what it asks for, what goes in and comes out.

    `request` and `answer` are the JSON shapes. A route with a `receiver` takes any body and hands it over.
    `media` lists content types of the request other than JSON, `answer_media` those of the answer. `raw` is the largest
    body, in bytes, that the handler gets as it is in `call.body` (with `request` None; forms, NDJSON). `refuse` puts errors
    into the shape of a protocol that is not ours. `tenant_argument` lets `?tenant=` name the tenant: where browsers cannot
    set headers (downloads).
    """

    method: str
    path: str
    permission: Permission | Access
    handler: Handler | None
    summary: str
    request: type[Struct] | None = None
    answer: type[Struct] | None = None
    parameters: tuple[Parameter, ...] = ()
    media: tuple[str, ...] = ()
    answer_media: tuple[str, ...] = ("application/json",)
    receiver: HttpReceiver | None = None
    described: bool = True
    tag: str = ""
    raw: int = 0
    refuse: Refusal | None = None
    tenant_argument: bool = False
    keys: tuple[tuple[str, str], ...] = ()
    """Where else than in the Authorization header an API key may be: (`header`, `query` or `path`, name)."""
    base: str = ""
    """Paths that begin so and are not there are refused by this route's receiver."""
    only_this_method: bool = False
    """A path of any name: for other methods it is not there."""
    audited: str = ""
    """What the audit log calls it (`logs.exported`): written down before the answer goes out, with its outcome. For
    sensitive reads, and changes of which `audited_fields` say enough; handlers record other changes themselves."""
    audited_fields: tuple[str, ...] = ()
    """Fields of the request, or query parameters, that are written down with it."""

    @property
    def public(self) -> bool:
        """Does it serve anybody?"""
        return self.permission is PUBLIC

    @property
    def changes(self) -> bool:
        """Does it change something? Then it is refused while the audit log cannot be written, and refusals are recorded."""
        if self.receiver is not None or self.method in ("GET", WEBSOCKET):
            return False
        return self.permission is SELF or self.permission in _CHANGING

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """Names in braces."""
        return tuple(re.findall(r"{\+?(\w+)}", self.path))


@dataclass(frozen=True, slots=True)
class Match:
    """A route found, with the parts of the path that it names."""

    route: Route
    parameters: dict[str, str] = field(default_factory=dict)


class Router:
    """Finds the route of a request. Exact paths by hash, paths with names in order."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Check and index the table. Raises `ConfigError` for a row that must not exist."""
        self.routes: tuple[Route, ...] = tuple(routes)
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        by_pattern: dict[str, dict[str, Route]] = {}
        for route in self.routes:
            check(route)
            table = by_pattern if route.path_parameters else self._exact
            methods = table.setdefault(route.path, {})
            if route.method in methods:
                raise ConfigError(f"{route.method} {route.path} is in the route table twice.")
            methods[route.method] = route
        self._secret_prefixes = {
            route.path.partition("{")[0] for route in self.routes if any(place == "path" for place, _ in route.keys)
        }
        self._bases = {route.base: route.receiver for route in self.routes if route.base and route.receiver}
        for path, methods in by_pattern.items():
            literal = re.sub(r"[.*?^$()\[\]|\\]|(?<!{)\+", r"\\\g<0>", path)
            # `{name}` is one segment, `{+name}` all that are left.
            expression = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", re.sub(r"{\+(\w+)}", r"(?P<\1>.+)", literal))
            self._patterns.append((re.compile(expression), methods))

    def find(self, method: str, path: str) -> Match | Sequence[str] | None:
        """The route; or the methods that the path has instead; or None for a path that is not there."""
        allowed: set[str] = set()
        for methods, named in self._candidates(path):
            if route := methods.get(method) or (methods.get("GET") if method == "HEAD" else None):
                return Match(route, named)
            allowed.update(name for name, route in methods.items() if not route.only_this_method)
        return sorted(allowed) or None

    def _candidates(self, path: str) -> Iterator[tuple[dict[str, Route], dict[str, str]]]:
        if methods := self._exact.get(path):
            yield methods, {}
            return
        for pattern, methods in self._patterns:
            if found := pattern.fullmatch(path):
                yield methods, found.groupdict()

    def neighbour(self, path: str) -> HttpReceiver | None:
        """The receiver in whose protocol a path that is not there is refused."""
        return next((receiver for base, receiver in self._bases.items() if path.startswith(base)), None)

    def shown(self, match: Match | Sequence[str] | None, path: str) -> str:
        """A path as it may be logged: without the API key that it may hold. `match` is what `find` found."""
        if isinstance(match, Match):
            secret = any(place == "path" for place, _ in match.route.keys)
            return match.route.path if secret else path
        prefix = next((prefix for prefix in self._secret_prefixes if path.startswith(prefix)), None)
        return path if prefix is None else f"{prefix}***"


def check(route: Route) -> None:
    """Raise `ConfigError` for a route without a permission, or a public one where none may be."""
    permission: Any = route.permission
    if not isinstance(permission, Permission | Access):
        raise ConfigError(f"the route {route.method} {route.path} asks for no permission.")
    if permission is SELF and not route.path.startswith(f"{BASE}/profile"):
        raise ConfigError(f"the route {route.method} {route.path} is not about the user himself.")
    if route.public and not _PUBLIC_PATHS.fullmatch(route.path):
        raise ConfigError(f"the route {route.method} {route.path} may not be public.")
    if (route.handler is None) == (route.receiver is None):
        raise ConfigError(f"the route {route.method} {route.path} must have either a handler or a receiver.")


def receiver_routes(receivers: Iterable[HttpReceiver]) -> list[Route]:
    """The doors of HTTP receivers."""
    return [
        Route(
            endpoint.method,
            endpoint.path,
            KNOWN if endpoint.handshake else endpoint.permission,
            None,
            endpoint.summary,
            answer=endpoint.answer,
            parameters=tuple(Parameter(name, text) for name, text in endpoint.parameters),
            media=endpoint.media_types,
            receiver=receiver,
            described=endpoint.described,
            tag="ingest",
            keys=endpoint.keys,
            base=endpoint.base,
            only_this_method=endpoint.only_this_method,
        )
        for receiver in receivers
        for endpoint in receiver.endpoints
    ]
