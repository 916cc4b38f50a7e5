"""Shapes of services, of their operations, and of the map of requests between them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from nexus.server.api.nexus_v1.schema.logs import Statistics, Time

NodeType = Literal["service", "database", "messaging", "external", "user"]


class ServiceRow(Struct, rename="camel"):
    """A service in a range: requests that it answered a second (what it did, where it answers nobody), the share of
    failures, durations in seconds, Apdex, and `spark`: (ms, requests a second, share of failures, p95) at steps. `kinds` are
    those of its spans."""

    name: str
    request_rate: float
    error_rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    apdex: float | None
    spark: list[tuple[int, float, float, float | None]]
    kinds: list[str]


class ServicesAnswer(Struct, rename="camel"):
    """`apdexThreshold` in seconds."""

    services: list[ServiceRow]
    apdex_threshold: float
    statistics: Statistics


class MapNode(Struct, rename="camel"):
    """What takes part in requests: a service, or what only its clients know of; `user` calls from outside."""

    name: str
    type: NodeType
    request_rate: float
    error_rate: float
    p95: float | None


class MapEdge(Struct, rename="camel"):
    """Requests a second of `client` to `server`; p95 in seconds as both saw it. `type` is "", `database`,
    `messaging_system` or `virtual_node`."""

    client: str
    server: str
    type: str
    request_rate: float
    error_rate: float
    p95_client: float | None = field(name="p95Client")
    p95_server: float | None = field(name="p95Server")


class ServiceMapAnswer(Struct):
    """`at` in ms: the end of the window of `seconds`."""

    at: int
    seconds: int
    nodes: list[MapNode]
    edges: list[MapEdge]
    statistics: Statistics


class OperationRow(Struct, rename="camel"):
    """An operation of a service; durations in seconds. `share` is its part in the time that all of them took."""

    name: str
    kind: str
    request_rate: float
    error_rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    share: float


class OperationsAnswer(Struct):
    operations: list[OperationRow]
    statistics: Statistics


class Neighbour(Struct, rename="camel"):
    """Who asks a service, or is asked by it."""

    name: str
    type: NodeType
    connection: str
    request_rate: float
    error_rate: float
    p95: float | None


class DependenciesAnswer(Struct):
    upstream: list[Neighbour]
    downstream: list[Neighbour]
    statistics: Statistics


class ErrorGroup(Struct, rename="camel"):
    """Failures of one kind: `message` has placeholders where they differ. Times in ns; `traceId` is one of them."""

    operation: str
    type: str
    message: str
    count: float
    first: str
    last: str
    trace_id: str


class ServiceErrorsAnswer(Struct):
    errors: list[ErrorGroup]
    statistics: Statistics


class CriticalPathRequest(Struct, forbid_unknown_fields=True):
    """Traces of an operation whose duration lies between two quantiles of all of its: (.95, 1) are the slowest twentieth."""

    service: str
    operation: str = ""
    start: Time | None = None
    end: Time | None = None
    quantiles: tuple[float, float] = (0.0, 1.0)
    traces: Annotated[int, Meta(ge=1, le=2000)] = 500
    query_id: str = ""


class CriticalPathRow(Struct):
    """How many ms the critical paths spent in an operation, and which share of them that is."""

    service: str
    operation: str
    ms: float
    share: float


class CriticalPathAnswer(Struct, rename="camel"):
    """Sums over the critical paths of `traces` calls, which took `totalMs` together."""

    traces: int
    total_ms: float
    rows: list[CriticalPathRow]
    statistics: Statistics
