"""Traces of a small shop for tests: a web server that asks a cart, which asks a database, once in a while in vain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

MS = 10**6
SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT


def pairs(values: dict[str, Any]) -> list[KeyValue]:
    """Attributes with the types of their values."""
    return [KeyValue(key=key, value=_any(value)) for key, value in values.items()]


def _any(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            found = AnyValue()
            found.array_value.values.extend(map(_any, value))
            return found
    return AnyValue(string_value=value)


@dataclass
class Shop:
    """`traces` traces, one a second up to `end` (ns). Every fifth fails in the database; every third takes long."""

    end: int
    traces: int = 30
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.requests = [self._trace(number) for number in range(self.traces)]

    def id(self, number: int) -> str:
        """Trace id in hexadecimal digits."""
        return f"{number + 1:032x}"

    def start(self, number: int) -> int:
        """When a trace began, ns."""
        return self.end - (self.traces - number) * 1000 * MS

    def failed(self, number: int) -> bool:
        """Does it fail?"""
        return number % 5 == 0

    def slow(self, number: int) -> bool:
        """Does it take long?"""
        return number % 3 == 0

    @property
    def whole(self) -> ExportTraceServiceRequest:
        """All of them in one request."""
        request = ExportTraceServiceRequest()
        for one in self.requests:
            request.resource_spans.extend(one.resource_spans)
        return request

    def _trace(self, number: int) -> ExportTraceServiceRequest:
        start, request = self.start(number), ExportTraceServiceRequest()
        long = 400 * MS if self.slow(number) else 40 * MS
        web = self._of(request, "web", {"host.name": "h1", "deployment.environment": "prod"}, "http")
        cart = self._of(request, "cart", {"host.name": "h2"}, "grpc")
        method = "POST" if number % 2 else "GET"
        root = self._span(web, number, 1, 0, f"{method} /cart", SERVER, start, long + 20 * MS)
        root.attributes.extend(pairs({
            "http.request.method": method, "http.response.status_code": 500 if self.failed(number) else 200,
            "user.vip": number % 4 == 0, "took": 1.5, "tags": ["a", 1],
        }))  # fmt: skip
        root.events.add(time_unix_nano=start + MS, name="accepted", attributes=pairs({"queue": "main"}))
        call = self._span(web, number, 2, 1, "Cart/Add", CLIENT, start + 5 * MS, long + 10 * MS)
        served = self._span(cart, number, 3, 2, "Cart/Add", SERVER, start + 8 * MS, long + 4 * MS)
        served.links.add(trace_id=bytes.fromhex(self.id(999)), span_id=bytes(7) + b"\7", attributes=pairs({"why": "retry"}))
        query = self._span(cart, number, 4, 3, "INSERT carts", CLIENT, start + 10 * MS, long)
        query.attributes.extend(pairs({"db.system": "postgresql", "db.name": "carts", "server.address": "pg.internal"}))
        if self.failed(number):
            query.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="connection refused"))
            query.events.add(
                time_unix_nano=start + 12 * MS, name="exception",
                attributes=pairs({"exception.type": "OperationalError", "exception.message": "connection refused"}),
            )  # fmt: skip
            root.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR))
        call.trace_state = "vendor=1"
        return request

    def _of(self, request: ExportTraceServiceRequest, service: str, resource: dict[str, Any], scope: str) -> ResourceSpans:
        found = request.resource_spans.add()
        found.resource.attributes.extend(pairs({**resource, "service.name": service}))
        found.scope_spans.add().scope.name = scope
        found.scope_spans[0].scope.version = "1.2"
        return found

    def _span(
        self, of: ResourceSpans, number: int, id: int, parent: int, name: str, kind: Any, start: int, duration: int
    ) -> Span:
        return of.scope_spans[0].spans.add(
            trace_id=bytes.fromhex(self.id(number)), span_id=id.to_bytes(8, "big"),
            parent_span_id=parent.to_bytes(8, "big") if parent else b"", name=name, kind=kind, flags=1,
            start_time_unix_nano=start, end_time_unix_nano=start + duration,
        )  # fmt: skip
