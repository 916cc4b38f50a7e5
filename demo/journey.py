"""What one request does in the services it passes: spans within spans, the lines they log, and what they measure.

Pure: randomness is handed in, and time is that of the request, in seconds since it began. A `Journey` is told what happens
in the order in which it happens; nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Literal

Severity = Literal["debug", "info", "warn", "error", "fatal"]
Attribute = str | int | float | bool
Attributes = dict[str, Attribute]
Kind = Literal["internal", "server", "client", "producer", "consumer"]


@dataclass(frozen=True, slots=True)
class Line:
    """One log record to be: which service says what, `at` seconds after the request began."""

    service: str
    severity: Severity
    body: str
    at: float = 0.0
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement to be: `histogram` and `gauge` take the value, `counter` adds it."""

    service: str
    name: str
    unit: str
    instrument: Literal["histogram", "counter", "gauge"]
    value: float
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True)
class Span:
    """One span to be, with those that it caused. `linked`: a consumer points at the span that sent its message, too."""

    service: str
    version: str
    name: str
    kind: Kind
    start: float
    end: float = 0.0
    attributes: Attributes = field(default_factory=dict)
    failure: str = ""
    """Says why it failed; empty: it did not."""
    exception: Failure | None = None
    """What went wrong in it, and not further down."""
    linked: bool = False
    children: list[Span] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def walk(self) -> Iterator[Span]:
        """Itself and everything below, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


class Failure(Exception):
    """A service could not do what it was asked for. `status` is what its caller is answered."""

    def __init__(self, kind: str, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.told = status < 500
        """Whether a span has it as its exception; those that are the customer's doing are none."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for all requests at a time."""

    incident: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)


class Journey:
    """Builds the spans of one request. `now` is where it is in time."""

    def __init__(self, random: Random, conditions: Conditions) -> None:
        self.random = random
        self.conditions = conditions
        self.now = 0.0
        self.root: Span | None = None
        self._open: list[Span] = []

    # -------------------------------------------------------------------------------------------------- what happens

    def work(self, median_ms: float, spread: float = 0.45) -> None:
        """Take some time."""
        self.now += median_ms / 1000 * self.random.lognormvariate(0.0, spread)

    def say(self, severity: Severity, body: str, **attributes: Attribute) -> None:
        """Log, in the innermost span."""
        span = self._open[-1]
        named = {name.replace("__", "."): value for name, value in attributes.items()}
        span.lines.append(Line(span.service, severity, body, self.now, named))

    @contextmanager
    def span(self, service: str, name: str, kind: Kind = "internal", **attributes: Attribute) -> Iterator[Span]:
        """Do something within a span; `__` in names of attributes is a dot. A failure passes on and marks the span."""
        version = self.conditions.versions[service]
        span = Span(service, version, name, kind, self.now)
        span.attributes |= {key.replace("__", "."): value for key, value in attributes.items()}
        if self._open:
            self._open[-1].children.append(span)
        else:
            self.root = span
        self._open.append(span)
        try:
            yield span
        except Failure as failure:
            # A server that refuses what it was asked for has not failed.
            if kind != "server" or failure.status >= 500:
                span.failure = failure.message
                over_http = "http.request.method" in span.attributes
                span.attributes["error.type"] = str(failure.status) if over_http else failure.kind
            if not failure.told:
                failure.told, span.exception = True, failure
            raise
        finally:
            self._open.pop()
            span.end = self.now

    # ------------------------------------------------------------------------------------------------ kinds of spans

    @contextmanager
    def serve(self, service: str, method: str, route: str, path: str = "", **attributes: Attribute) -> Iterator[Span]:
        """Answer an HTTP request. Whoever asked gets the status of the failure, if there is one."""
        with self.span(service, f"{method} {route}", "server", **attributes) as span:
            span.attributes |= {
                "http.request.method": method,
                "http.route": route,
                "url.path": path or route,
                "url.scheme": "http",
                "server.address": service,
                "server.port": 8080,
                "http.response.status_code": 200,
            }
            try:
                yield span
            except Failure as failure:
                span.attributes["http.response.status_code"] = failure.status
                raise

    @contextmanager
    def call(self, service: str, method: str, route: str, path: str = "", **attributes: Attribute) -> Iterator[Span]:
        """Ask another service over HTTP: the caller's span and, inside, that of the one who answers."""
        caller = self._open[-1].service
        with self.span(caller, method, "client") as span:
            span.attributes |= {
                "http.request.method": method,
                "url.full": f"http://{service}:8080{path or route}",
                "server.address": service,
                "server.port": 8080,
                "http.response.status_code": 200,
            }
            self.work(0.4)
            try:
                with self.serve(service, method, route, path, **attributes) as answering:
                    yield answering
            except Failure as failure:
                span.attributes["http.response.status_code"] = failure.status
                raise
            finally:
                self.work(0.3)

    @contextmanager
    def external(self, host: str, method: str, path: str, median_ms: float, spread: float = 0.4) -> Iterator[Span]:
        """Ask a server that sends no spans of its own."""
        with self.span(self._open[-1].service, method, "client") as span:
            span.attributes |= {
                "http.request.method": method,
                "url.full": f"https://{host}{path}",
                "server.address": host,
                "server.port": 443,
                "http.response.status_code": 200,
            }
            self.work(median_ms, spread)
            yield span

    def query(self, text: str, median_ms: float, *, rows: int = 1) -> None:
        """Ask PostgreSQL."""
        operation, _, rest = text.partition(" ")
        table = next((word for word in rest.split() if word in _TABLES), "orders")
        with self.span(self._open[-1].service, f"{operation} {table}", "client") as span:
            span.attributes |= {
                "db.system.name": "postgresql",
                "db.namespace": "shop",
                "db.operation.name": operation,
                "db.collection.name": table,
                "db.query.text": text,
                "db.response.returned_rows": rows,
                "server.address": "postgres",
                "server.port": 5432,
            }
            self.work(median_ms, 0.6)

    def redis(self, operation: str, key: str) -> None:
        """Ask Redis."""
        with self.span(self._open[-1].service, operation, "client") as span:
            span.attributes |= {
                "db.system.name": "redis",
                "db.operation.name": operation,
                "db.query.text": f"{operation} {key}",
                "server.address": "redis",
                "server.port": 6379,
            }
            self.work(0.5)

    def publish(self, topic: str, key: str) -> Span:
        """Send a message; the span is for who takes it."""
        with self.span(self._open[-1].service, f"send {topic}", "producer") as span:
            span.attributes |= self._message(topic, key) | {"messaging.operation.type": "send"}
            self.work(2)
            return span

    @contextmanager
    def consume(self, service: str, sent: Span, waited_ms: float) -> Iterator[Span]:
        """Take a message, some time after it was sent and whatever its sender does meanwhile."""
        topic = str(sent.attributes["messaging.destination.name"])
        before, self._open, self.now = (self._open, self.now), [sent], sent.end
        self.work(waited_ms, 0.8)
        try:
            with self.span(service, f"process {topic}", "consumer") as span:
                span.linked = True
                span.attributes |= self._message(topic, str(sent.attributes["messaging.kafka.message.key"])) | {
                    "messaging.operation.type": "process",
                    "messaging.consumer.group.name": service,
                }
                yield span
        finally:
            self._open, self.now = before

    def _message(self, topic: str, key: str) -> Attributes:
        return {
            "messaging.system": "kafka",
            "messaging.destination.name": topic,
            "messaging.kafka.message.key": key,
            "messaging.destination.partition.id": str(sum(key.encode()) % 6),
            "server.address": "kafka",
            "server.port": 9092,
        }


_TABLES = frozenset({"products", "carts", "orders", "payments", "parcels", "outbox", "prices"})


def measures(span: Span) -> Iterator[Measure]:
    """What a service measures about a span of its own, when it has ended."""
    about = span.attributes
    if span.kind == "server":
        kept = ("http.request.method", "http.route", "http.response.status_code")
        labels = {key: about[key] for key in kept} | {key: about[key] for key in ("error.type",) if key in about}
        yield Measure(span.service, "http.server.request.duration", "s", "histogram", span.end - span.start, labels)
    elif span.kind == "consumer":
        labels = {key: about[key] for key in ("messaging.system", "messaging.destination.name")}
        yield Measure(span.service, "messaging.process.duration", "s", "histogram", span.end - span.start, labels)
