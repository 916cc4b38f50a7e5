"""Deterministic traces for the benchmarks as OTLP requests, cached on disk, with the truth about them.

A shop of twelve services; ten kinds of customer requests of 8 to 12 spans each. The spans are a pure function of the seed
and of their position: block ``b`` (1,000 traces, 10,000 spans, one request body) is drawn from its own random generator, so
that any prefix of the data set is a data set, and blocks can be made in parallel. A span is put together from pieces that
were encoded once (name, kind and attributes of one of its operation's variants) and from what is its own (ids, times, two
attributes of many values), which makes hundreds of thousands of spans a second on one core.

Run ``python benchmarks/traces_data.py --spans 2000000`` to fill the cache and to print what the data looks like.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import heapq
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from logs_data import DEFAULT_END, Body, cache_dir, parallel, parse_time_ns, write_json
from metrics_data import field_bytes, varint

DATA_VERSION: Final = 1
SEED: Final = 4317
BLOCK_TRACES: Final = 1_000
BLOCK_SPANS: Final = 10_000
SHARD_BLOCKS: Final = 100
SPREAD_SPANS: Final = 10_000_000
HOUR_NS: Final = 3_600 * 10**9
BLOCK_NS: Final = HOUR_NS * BLOCK_SPANS // SPREAD_SPANS

INSTANCES: Final = 4
VARIANTS: Final = 1_024
"""Prepared sets of attributes an operation."""
USERS: Final = 200_000

RARE: Final = ("app.coupon", "golden-ticket")
"""A span of `cart` in one block of 50 has it."""
COMMON: Final = ("app.customer.tier", "silver")
"""Three server spans of ten have it; asked for in `gateway`."""
RARE_SERVICE: Final = "cart"
COMMON_SERVICE: Final = "gateway"
LONG_SERVICE: Final = "payments"
LONG_NS: Final = 10**9
SPECIAL_EVERY: Final = 50
RARE_BLOCK: Final = 13
NEWEST: Final = 20
ERROR_TRACES: Final = 0.027
"""Of traces in which a span fails, and with it those above: one span of a hundred."""

SHAPES: Final = """
frontend S GET /products/{id} 4
  frontend C catalog 1
    catalog S GET /api/v1/products/{id} 6
      catalog R GET 0.4
      catalog D SELECT products 3
      catalog I render product 2
  frontend C search 1
    search S GET /api/v1/related 9

frontend S GET / 5
  frontend C auth 1
    auth S POST /introspect 2
      auth R GET 0.3
  frontend C catalog 1
    catalog S GET /api/v1/featured 7
      catalog I rank products 11
      catalog R MGET 0.6

gateway S GET /api/search 3
  gateway C auth 1
    auth S POST /introspect 2
  gateway C search 1
    search S POST /api/v1/search 12
      search I parse query 1
      search I score documents 30
      search R GET 0.4
      search I highlight 4

gateway S GET /api/orders 3
  gateway C auth 1
    auth S POST /introspect 2
      auth R GET 0.3
  gateway C orders 1
    orders S GET /api/v1/orders 8
      orders D SELECT orders 6
      orders D SELECT order_lines 9
      orders I serialize 2

gateway S POST /api/cart/items 4
  gateway C auth 1
    auth S POST /introspect 2
  gateway C cart 1
    cart S POST /api/v1/cart/items 5
      cart R HSET 0.5
      cart C catalog 1
        catalog S GET /internal/prices 3
          catalog D SELECT prices 2
      cart I apply coupons 2

gateway S GET /api/stock/{id} 3
  gateway C auth 1
    auth S POST /introspect 2
      auth R GET 0.3
  gateway C inventory 1
    inventory S GET /api/v1/stock/{id} 4
      inventory D SELECT stock 5
      inventory R SET 0.4
      inventory I estimate delivery 6
      inventory D SELECT warehouses 3

gateway S POST /api/checkout 5
  gateway C checkout 1
    checkout S POST /api/v1/checkout 9
      checkout C cart 1
        cart S GET /api/v1/cart 3
          cart R HGETALL 0.7
      checkout C payments 1
        payments S POST /api/v1/payments 25
          payments D INSERT payments 8
          payments I authorise card 180
      checkout P orders.placed 2

gateway S POST /api/checkout/quote 4
  gateway C checkout 1
    checkout S POST /api/v1/quote 8
      checkout C shipping 1
        shipping S POST /api/v1/rates 14
          shipping D SELECT rates 4
          shipping I pick carrier 3
      checkout C inventory 1
        inventory S POST /api/v1/reservations 6
          inventory D INSERT reservations 5
      checkout I total 2

gateway S POST /api/orders/{id}/confirm 4
  gateway C orders 1
    orders S POST /api/v1/orders/{id}/confirm 10
      orders D UPDATE orders 7
      orders P order.confirmed 2
        shipping Q order.confirmed 30
          shipping D INSERT parcels 6
          shipping I print label 70
        mail Q order.confirmed 25
          mail I render mail 12
          mail C smtp-relay 140
          mail D UPDATE outbox 3

gateway S POST /api/refunds 4
  gateway C auth 1
    auth S POST /introspect 2
  gateway C payments 1
    payments S POST /api/v1/refunds 30
      payments D SELECT payments 5
      payments D UPDATE payments 8
      payments C orders 1
        orders S GET /api/v1/orders/{id} 7
          orders D SELECT orders 5
      payments P refund.booked 2
        mail Q refund.booked 25
"""
"""One block a kind of request, one line a span, children indented: service, letter, text, median of its own ms. Letters:
Server, Client of HTTP (of a peer), Database, Redis, Producer, Queue's consumer, Internal."""

KIND_NUMBERS: Final = {"I": 1, "S": 2, "C": 3, "D": 3, "R": 3, "P": 4, "Q": 5}
SCOPES: Final = {
    "S": "io.opentelemetry.http.server",
    "C": "io.opentelemetry.http.client",
    "D": "io.opentelemetry.jdbc",
    "R": "io.opentelemetry.redis",
    "P": "io.opentelemetry.kafka",
    "Q": "io.opentelemetry.kafka",
    "I": "shop",
}
FAILURES: Final = (
    ("java.net.SocketTimeoutException", "Read timed out"),
    ("org.postgresql.util.PSQLException", "FATAL: sorry, too many clients already"),
    ("java.lang.IllegalStateException", "stock level changed while the order was placed"),
    ("io.grpc.StatusRuntimeException", "UNAVAILABLE: upstream connect error or disconnect before headers"),
)

Value = str | int | float | bool


@dataclass(frozen=True)
class Node:
    """A span of a shape: its parent's place in the shape, or -1."""

    parent: int
    service: str
    letter: str
    text: str
    median_ms: float


def read_shapes(text: str = SHAPES) -> list[list[Node]]:
    """The shapes as lists of nodes, parents before children."""
    shapes = []
    for block in text.strip().split("\n\n"):
        nodes: list[Node] = []
        path: list[int] = []
        for line in block.splitlines():
            depth = (len(line) - len(line.lstrip())) // 2
            service, letter, rest = line.split(maxsplit=2)
            what, _, median = rest.rpartition(" ")
            nodes.append(Node(path[depth - 1] if depth else -1, service, letter, what, float(median)))
            path[depth:] = [len(nodes) - 1]
        shapes.append(nodes)
    return shapes


@dataclass(frozen=True)
class Truth:
    """What is true of a prefix of the data set; the answers of every system are compared with it."""

    spans: int
    traces: int
    errors: int
    events: int
    services: dict[str, int]
    edges: dict[tuple[str, str], int]
    """Calls from service to service, and of messages from who sends to who takes them."""
    peers: dict[tuple[str, str], int]
    """Calls of databases and of other servers that send no spans: (service, name)."""
    rare: list[tuple[str, int]]
    """(Trace, start of the span in ns) of every span with the rare value, newest first."""
    common: int
    common_newest: list[str]
    """The newest traces with a span that has the common value in its service, by the start of their newest such span."""
    long: int
    long_newest: list[str]
    known: dict[str, list[str]]
    """Ids of the spans of one trace of every block."""


@dataclass(frozen=True)
class TraceSet:
    """The first traces, as request bodies of 10,000 spans, with the range of their starts and the truth."""

    spans: int
    start_ns: int
    end_ns: int
    bodies: list[Body]
    truth: Truth

    @property
    def size(self) -> int:
        """Bytes of all bodies."""
        return sum(body.size for body in self.bodies)


# ------------------------------------------------------------------------------------------------------------ encoding


def any_value(value: Value) -> bytes:
    """`AnyValue`."""
    match value:
        case bool():
            return b"\x10" + varint(value)
        case int():
            return b"\x18" + varint(value & (1 << 64) - 1)
        case float():
            return b"\x21" + np.float64(value).tobytes()
        case _:
            return field_bytes(1, value.encode())


def key_value(number: int, key: str, value: Value) -> bytes:
    """A `KeyValue` as field `number` of what holds it."""
    return field_bytes(number, field_bytes(1, key.encode()) + field_bytes(2, any_value(value)))


def key_values(number: int, attributes: Mapping[str, Value]) -> bytes:
    """Attributes as field `number` of what holds them."""
    return b"".join(key_value(number, key, value) for key, value in attributes.items())


def _resource(service: str, instance: int) -> bytes:
    """The resource of an instance, as the field of `ResourceSpans` that it is."""
    pod = hashlib.blake2b(f"{SEED}:{service}:{instance}".encode(), digest_size=5).hexdigest()
    return field_bytes(
        1,
        key_values(
            1,
            {
                "service.name": service,
                "service.version": f"2.{len(service)}.{ord(service[0]) % 10}",
                "service.instance.id": f"{service}-{pod}",
                "host.name": f"node-{(ord(service[0]) + instance) % 8}",
                "deployment.environment.name": "production",
                "telemetry.sdk.language": "java",
            },
        ),
    )


class Operation:
    """A node with everything about it that is encoded once. Attributes: six to eight here, and two of the span's own."""

    def __init__(self, node: Node, peer: str, rnd: random.Random) -> None:
        name = {"C": "GET", "P": f"publish {node.text}", "Q": f"process {node.text}"}.get(node.letter, node.text)
        self.node = node
        self.head = field_bytes(5, name.encode()) + b"\x30" + varint(KIND_NUMBERS[node.letter])
        chosen = [self._attributes(node, peer, rnd, failed=False) for _ in range(VARIANTS)]
        self.common = [attributes.get(COMMON[0]) == COMMON[1] for attributes in chosen]
        self.variants = [key_values(9, attributes) for attributes in chosen]
        self.failed = [key_values(9, self._attributes(node, peer, rnd, failed=True)) for _ in range(16)]

    @staticmethod
    def _attributes(node: Node, peer: str, rnd: random.Random, *, failed: bool) -> dict[str, Value]:
        method, _, route = node.text.partition(" ")
        status = 500 if failed else rnd.choices((200, 204, 304, 404), (90, 5, 3, 2))[0]
        tier = "basic" if failed else rnd.choices(("basic", "silver", "gold"), (62, 30, 8))[0]
        error: dict[str, Value] = {"error.type": rnd.choice(FAILURES)[0]} if failed else {}
        thread: dict[str, Value] = {"thread.name": f"worker-{rnd.randrange(16)}"}
        match node.letter:
            case "S":
                return {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": status,
                    "http.response.body.size": int(rnd.lognormvariate(7, 1.2)),
                    "url.scheme": "https",
                    "network.protocol.version": rnd.choice(("1.1", "2")),
                    COMMON[0]: tier,
                    **thread,
                } | error
            case "C":
                return {
                    "http.request.method": "GET",
                    "http.response.status_code": status,
                    "server.address": node.text,
                    "server.port": 8080,
                    "network.peer.address": f"10.0.{rnd.randrange(4)}.{rnd.randrange(1, 9)}",
                    "network.protocol.version": "2",
                    **thread,
                } | error
            case "D":
                operation, _, table = node.text.partition(" ")
                return {
                    "db.system.name": "postgresql",
                    "db.namespace": "shop",
                    "db.operation.name": operation,
                    "db.collection.name": table,
                    "db.query.text": f"{operation} {table} WHERE id = $1 AND region = $2 AND deleted_at IS NULL",
                    "db.response.returned_rows": int(rnd.lognormvariate(1.5, 1.1)),
                    "server.address": "postgres",
                    **thread,
                } | error
            case "R":
                cache: dict[str, Value] = {
                    "db.system.name": "redis",
                    "db.namespace": "0",
                    "db.operation.name": node.text,
                    "server.address": "redis",
                    "server.port": 6379,
                    "network.peer.address": f"10.1.0.{rnd.randrange(1, 4)}",
                    "cache.hit": rnd.random() < 0.9,
                }
                return cache | error
            case "P" | "Q":
                return {
                    "messaging.system": "kafka",
                    "messaging.destination.name": node.text,
                    "messaging.operation.type": "send" if node.letter == "P" else "process",
                    "messaging.destination.partition.id": str(rnd.randrange(12)),
                    "messaging.client.id": f"{node.service}-{rnd.randrange(4)}",
                    "messaging.message.body.size": int(rnd.lognormvariate(6, 0.5)),
                    **thread,
                } | error
            case _:
                return {
                    "code.function.name": f"shop.{node.service}.{node.text.title().replace(' ', '')}.run",
                    "code.line.number": 17 + rnd.randrange(6) * 31,
                    "app.items": int(rnd.lognormvariate(1, 0.8)) + 1,
                    "app.ratio": round(rnd.random(), 2),
                    COMMON[0]: tier,
                    **thread,
                } | error


@dataclass
class Shape:
    """A kind of request: its operations, and what follows from its structure."""

    operations: list[Operation]
    parents: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Find parents and leaves."""
        self.parents = [operation.node.parent for operation in self.operations]
        self.leaves = [n for n in range(len(self.parents)) if n not in self.parents]

    def times(self, began: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(starts, durations) in ns by span and trace. A span holds its children one after the other, and its own time
        before, between and after them; a consumer begins after its producer has ended."""
        count = len(self.parents)
        medians = np.array([operation.node.median_ms for operation in self.operations])[:, None]
        own = np.exp(rng.normal(0.0, 0.7, (count, len(began)))) * medians * 1e6
        # Now and then something takes very long.
        own *= np.where(rng.random(own.shape) < 0.002, 25.0, 1.0)
        own = own.astype(np.int64) + 1_000
        later = [operation.node.letter == "Q" for operation in self.operations]
        durations = own.copy()
        for child in range(count - 1, 0, -1):
            if not later[child]:
                durations[self.parents[child]] += durations[child]
        starts = np.empty_like(durations)
        starts[0] = began
        cursor = np.empty_like(durations)
        for number in range(count):
            parent = self.parents[number]
            if number and later[number]:
                starts[number] = starts[parent] + durations[parent] + rng.integers(500_000, 80_000_000, len(began))
            elif number:
                starts[number] = cursor[parent]
                cursor[parent] += durations[number]
            cursor[number] = starts[number] + own[number] * 2 // 5
        return starts, durations


class _Generator:
    """Makes blocks. All of them share the pieces."""

    def __init__(self, end: str) -> None:
        self._start_ns = parse_time_ns(end) - HOUR_NS
        rnd = random.Random(f"{SEED}:pieces")
        self._shapes: list[Shape] = []
        for nodes in read_shapes():
            served = {n.parent: n.service for n in nodes if n.letter == "S"}
            self._shapes.append(Shape([Operation(node, served.get(i, node.text), rnd) for i, node in enumerate(nodes)]))
        services = sorted({op.node.service for shape in self._shapes for op in shape.operations})
        self._resources = {(service, n): _resource(service, n) for service in services for n in range(INSTANCES)}
        self._scopes = {
            letter: field_bytes(1, field_bytes(1, name.encode()) + field_bytes(2, b"2.12.0"))
            for letter, name in SCOPES.items()
        }
        self._lengths = [b"\x12" + varint(n) for n in range(8192)]

    def block(self, number: int) -> tuple[bytes, dict[str, Any]]:
        """The request of one block and the truth about it."""
        rng = np.random.default_rng([SEED, number])
        each = BLOCK_TRACES // len(self._shapes)
        began = np.sort(rng.integers(0, BLOCK_NS, BLOCK_TRACES)) + self._start_ns + number * BLOCK_NS
        kinds = rng.permutation(np.repeat(np.arange(len(self._shapes)), each))
        trace_ids = rng.bytes(16 * BLOCK_TRACES)
        users = [key_value(9, "user.id", f"u{u:06d}") for u in rng.integers(0, USERS, BLOCK_TRACES).tolist()]
        failing = (rng.random(BLOCK_TRACES) < ERROR_TRACES).tolist()
        truth = _BlockTruth()
        groups: dict[tuple[str, int], dict[str, list[bytes]]] = {}
        lots = [_Lot(shape, began[kinds == kind], rng) for kind, shape in enumerate(self._shapes)]
        places = [0] * len(lots)
        rare = int(rng.integers(each)) if number % SPECIAL_EVERY == RARE_BLOCK else -1
        for trace, kind in enumerate(kinds.tolist()):
            place, lot = places[kind], lots[kind]
            places[kind] += 1
            trace_id = trace_ids[16 * trace : 16 * trace + 16]
            failed = lot.failed(place, rng) if failing[trace] else {}
            ids = []
            for n, operation in enumerate(lot.shape.operations):
                node = operation.node
                own = lot.identity(n, place)
                ids.append(own)
                variant = lot.variants[n][place]
                start = lot.starts[n][place]
                tail = failed.get(n, b"")
                attributes = operation.failed[variant & 15] if tail else operation.variants[variant]
                if not tail and operation.common[variant] and node.service == COMMON_SERVICE:
                    truth.common(trace_id, start)
                if node.service == LONG_SERVICE and lot.durations[n][place] >= LONG_NS:
                    truth.long(trace_id, start)
                if place == rare and kind == _RARE_SHAPE and node.service == RARE_SERVICE and node.letter == "S":
                    tail += key_value(9, *RARE)
                    truth.rare.append((trace_id.hex(), start))
                content = b"".join(
                    (
                        b"\x0a\x10",
                        trace_id,
                        b"\x12\x08",
                        own,
                        b"\x22\x08" + ids[node.parent] if n else b"",
                        operation.head,
                        lot.times(n, place),
                        attributes,
                        users[trace],
                        lot.request(n, place),
                        tail,
                        b"\x85\x01\x01\x01\x00\x00",
                    )
                )
                scopes = groups.setdefault((node.service, (trace + len(node.service)) % INSTANCES), {})
                scopes.setdefault(node.letter, []).append(self._lengths[len(content)] + content)
            if trace == BLOCK_TRACES // 2:
                truth.known = (trace_id.hex(), sorted(own.hex() for own in ids))
            truth.errors += len(failed)
            truth.events += bool(failed)
        return self._request(groups), truth.document()

    def _request(self, groups: Mapping[tuple[str, int], Mapping[str, Sequence[bytes]]]) -> bytes:
        resources = []
        for place, scopes in groups.items():
            content = [self._resources[place]]
            content += [field_bytes(2, self._scopes[letter] + b"".join(spans)) for letter, spans in scopes.items()]
            resources.append(field_bytes(1, b"".join(content)))
        return b"".join(resources)

    def counts(self) -> tuple[Counter[str], Counter[tuple[str, str]], Counter[tuple[str, str]]]:
        """(spans by service, calls by edge, calls by peer) of every block: they follow from the shapes."""
        each = BLOCK_TRACES // len(self._shapes)
        services: Counter[str] = Counter()
        edges: Counter[tuple[str, str]] = Counter()
        peers: Counter[tuple[str, str]] = Counter()
        for shape in self._shapes:
            nodes = [operation.node for operation in shape.operations]
            callers = {node.parent for node in nodes if node.letter == "S"}
            for number, node in enumerate(nodes):
                services[node.service] += each
                if node.parent >= 0 and node.letter in "SQ":
                    edges[nodes[node.parent].service, node.service] += each
                if node.letter in "DR":
                    peers[node.service, {"D": "postgres", "R": "redis"}[node.letter]] += each
                if node.letter == "C" and number not in callers:
                    peers[node.service, node.text] += each
        return services, edges, peers


_RARE_SHAPE: Final = next(
    n for n, nodes in enumerate(read_shapes()) if any(node.service == RARE_SERVICE and node.letter == "S" for node in nodes)
)


class _Lot:
    """All traces of one shape in a block: everything random about them, drawn at once."""

    def __init__(self, shape: Shape, began: NDArray[np.int64], rng: np.random.Generator) -> None:
        count = len(shape.parents)
        self.shape = shape
        starts, durations = shape.times(began, rng)
        self._size = len(began)
        packed = np.zeros((count, self._size), dtype=[("s", "u1"), ("start", "<u8"), ("e", "u1"), ("end", "<u8")])
        packed["s"], packed["e"] = 0x39, 0x41
        packed["start"], packed["end"] = starts, starts + durations
        self._times = packed.tobytes()
        self._ids = rng.bytes(8 * count * self._size)
        self._requests = rng.bytes(6 * count * self._size).hex().encode()
        self._request_head = key_value(9, "request.id", "0" * 12)[:-12]
        self.starts: list[list[int]] = starts.tolist()
        self.durations: list[list[int]] = durations.tolist()
        self.variants: list[list[int]] = rng.integers(0, VARIANTS, (count, self._size)).tolist()

    def identity(self, span: int, place: int) -> bytes:
        """The id of a span."""
        at = 8 * (span * self._size + place)
        return self._ids[at : at + 8]

    def times(self, span: int, place: int) -> bytes:
        """Fields of start and end."""
        at = 18 * (span * self._size + place)
        return self._times[at : at + 18]

    def request(self, span: int, place: int) -> bytes:
        """The attribute that every span has another value of."""
        at = 12 * (span * self._size + place)
        return self._request_head + self._requests[at : at + 12]

    def failed(self, place: int, rng: np.random.Generator) -> dict[int, bytes]:
        """What failed spans of a trace have more: a leaf its exception, those above it a status."""
        at = self.shape.leaves[int(rng.integers(len(self.shape.leaves)))]
        kind, message = FAILURES[int(rng.integers(len(FAILURES)))]
        stack = "".join(f"\n\tat shop.{kind.rpartition('.')[2]}.call(Worker.java:{line})" for line in (88, 131, 42))
        exception = {
            "exception.type": kind,
            "exception.message": message,
            "exception.stacktrace": f"{kind}: {message}{stack}",
        }
        time = self.starts[at][place] + self.durations[at][place] // 2
        event = b"\x09" + time.to_bytes(8, "little") + field_bytes(2, b"exception") + key_values(3, exception)
        status = field_bytes(15, field_bytes(2, message.encode()) + b"\x18\x02")
        tails = {at: field_bytes(11, event) + status}
        while self.shape.operations[at].node.letter != "Q" and (at := self.shape.parents[at]) >= 0:
            tails[at] = field_bytes(15, b"\x18\x02")
        return tails


@dataclass
class _BlockTruth:
    errors: int = 0
    events: int = 0
    rare: list[tuple[str, int]] = field(default_factory=list)
    known: tuple[str, list[str]] = ("", [])
    commons: int = 0
    longs: int = 0
    common_starts: dict[bytes, int] = field(default_factory=dict)
    long_starts: dict[bytes, int] = field(default_factory=dict)

    def common(self, trace_id: bytes, start: int) -> None:
        self.commons += 1
        self.common_starts[trace_id] = max(start, self.common_starts.get(trace_id, 0))

    def long(self, trace_id: bytes, start: int) -> None:
        self.longs += 1
        self.long_starts[trace_id] = max(start, self.long_starts.get(trace_id, 0))

    def document(self) -> dict[str, Any]:
        def newest(starts: Mapping[bytes, int]) -> list[tuple[str, int]]:
            first = heapq.nlargest(NEWEST, starts.items(), key=lambda pair: pair[1])
            return [(trace.hex(), start) for trace, start in first]

        return {
            "errors": self.errors,
            "events": self.events,
            "rare": self.rare,
            "known": self.known,
            "common": self.commons,
            "common_newest": newest(self.common_starts),
            "long": self.longs,
            "long_newest": newest(self.long_starts),
        }


# --------------------------------------------------------------------------------------------------------------- cache


def _write_shard(task: tuple[str, int, str]) -> None:
    folder, shard, end = Path(task[0]), task[1], task[2]
    generator = _Generator(end)
    blocks = []
    offset = 0
    data = folder / f"{shard:03d}.otlp"
    with data.with_suffix(".part").open("wb") as file:
        for number in range(shard * SHARD_BLOCKS, (shard + 1) * SHARD_BLOCKS):
            payload, truth = generator.block(number)
            file.write(payload)
            blocks.append({"offset": offset, "size": len(payload), **truth})
            offset += len(payload)
    data.with_suffix(".part").rename(data)
    write_json(data.with_suffix(".json"), blocks)


def otlp_traces(spans: int, end: str = DEFAULT_END) -> TraceSet:
    """The first ``spans`` (a multiple of 10,000) of the hour before ``end``, generated on first use."""
    if spans % BLOCK_SPANS or not 0 < spans <= SPREAD_SPANS:
        raise ValueError(f"spans must be a multiple of {BLOCK_SPANS} between {BLOCK_SPANS} and {SPREAD_SPANS}, not {spans}")
    stamp = "".join(c for c in end if c.isalnum())
    folder = cache_dir() / f"traces-v{DATA_VERSION}-{SEED}-{stamp}"
    folder.mkdir(parents=True, exist_ok=True)
    shards = range(-(-spans // (BLOCK_SPANS * SHARD_BLOCKS)))
    parallel(_write_shard, [(str(folder), n, end) for n in shards if not (folder / f"{n:03d}.json").exists()])
    bodies: list[Body] = []
    blocks: list[dict[str, Any]] = []
    for shard in shards:
        for block in json.loads((folder / f"{shard:03d}.json").read_text()):
            if len(bodies) * BLOCK_SPANS < spans:
                bodies.append(Body(folder / f"{shard:03d}.otlp", block["offset"], block["size"], BLOCK_SPANS))
                blocks.append(block)
    start_ns = parse_time_ns(end) - HOUR_NS
    return TraceSet(spans, start_ns, start_ns + len(bodies) * BLOCK_NS, bodies, _sum_truth(blocks))


def _sum_truth(blocks: Sequence[Mapping[str, Any]]) -> Truth:
    services, edges, peers = _Generator(DEFAULT_END).counts()

    def times(counts: Mapping[Any, int]) -> dict[Any, int]:
        return {key: count * len(blocks) for key, count in counts.items()}

    def newest(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        return sorted(pairs, key=lambda pair: pair[1], reverse=True)

    return Truth(
        spans=len(blocks) * BLOCK_SPANS,
        traces=len(blocks) * BLOCK_TRACES,
        errors=sum(block["errors"] for block in blocks),
        events=sum(block["events"] for block in blocks),
        services=times(services),
        edges=times(edges),
        peers=times(peers),
        rare=newest((trace, start) for block in blocks for trace, start in block["rare"]),
        common=sum(block["common"] for block in blocks),
        common_newest=[trace for trace, _ in newest(pair for block in blocks for pair in block["common_newest"])[:NEWEST]],
        long=sum(block["long"] for block in blocks),
        long_newest=[trace for trace, _ in newest(pair for block in blocks for pair in block["long_newest"])[:NEWEST]],
        known={block["known"][0]: block["known"][1] for block in blocks},
    )


def describe(traces: TraceSet) -> dict[str, float | int]:
    """Mean size of a span and what gzip -6 makes of a sample (5 bodies from the whole range): the input's entropy."""
    sample = b"".join(traces.bodies[i * (len(traces.bodies) - 1) // 4].read() for i in range(5))
    packed = len(gzip.compress(sample, 6))
    return {
        "spans": traces.spans,
        "bytes_per_span": round(traces.size / traces.spans, 1),
        "gzip6_bytes_per_span": round(packed / (5 * BLOCK_SPANS), 1),
        "gzip6_ratio": round(len(sample) / packed, 2),
        "random_bytes_per_span": 8 + 6 + 1.6,
    }


def main() -> None:
    """Fill the cache and print a description of the data."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--spans", type=int, default=SPREAD_SPANS)
    traces = otlp_traces(parser.parse_args().spans)
    print(json.dumps(describe(traces), indent=1))
    truth = traces.truth
    for name in ("spans", "traces", "errors", "events", "common", "long", "services", "edges", "peers"):
        print(f"{name}: {getattr(truth, name)}")
    print(f"rare: {len(truth.rare)}, known traces: {len(truth.known)}")


if __name__ == "__main__":
    main()
