"""Services and operations for lists to choose from, and dependencies: what Jaeger's APIs have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.model.time import NS_PER_HOUR, TimeRange
from nexus.query.trace_plan import Binary, Constant, Place, SpanExpr, SpanField, SpanScan, TagValues
from nexus.server.api.tracing import red
from nexus.server.api.tracing.asking import Asker

RECENT: Final = NS_PER_HOUR
_SERVICE: Final = SpanField(Place.INTRINSIC, "service")
_NAME: Final = SpanField(Place.INTRINSIC, "name")


@dataclass(frozen=True, slots=True)
class Dependency:
    """Calls of one service by another."""

    parent: str
    child: str
    calls: int


async def services(asker: Asker) -> list[str]:
    """Services with spans: from the derived metrics as far back as these go, and of the last hour from the spans, which are
    there when metrics are not (yet)."""
    recent = (await asker.table(TagValues(_recent(asker), _SERVICE))).rows
    return sorted({*await red.services(asker), *(str(row[0]) for row in recent)})


async def operations(asker: Asker, service: str, kind: str = "") -> list[tuple[str, str]]:
    """(operation, kind) of a service."""
    found = await red.operations(asker, service, kind)
    if found or not service:
        return found
    where: SpanExpr = Binary("=", _SERVICE, Constant("string", service))
    if kind:
        where = Binary("&&", where, Binary("=", SpanField(Place.INTRINSIC, "kind"), Constant("kind", kind)))
    rows = (await asker.table(TagValues(_recent(asker, where), _NAME))).rows
    return sorted((str(row[0]), kind) for row in rows)


def _recent(asker: Asker, where: SpanExpr | None = None) -> SpanScan:
    now = asker.call.services.now_ns()
    time = TimeRange(now - RECENT, now + RECENT)
    return SpanScan(time) if where is None else SpanScan(time, where)


async def dependencies(asker: Asker, start_ms: int, end_ms: int, service: str = "") -> list[Dependency]:
    """Who called whom how often; calls from outside are nobody's."""
    found: dict[tuple[str, str], float] = {}
    for edge in await red.edges(asker, start_ms, end_ms, durations=False):
        outside = edge.connection == "virtual_node" and edge.client == "user"
        if not outside and service in ("", edge.client, edge.server):
            pair = (edge.client, edge.server)
            found[pair] = found.get(pair, 0.0) + edge.requests
    return [Dependency(parent, child, max(round(calls), 1)) for (parent, child), calls in found.items()]
