"""Span metrics and the service graph, slowly: all spans at once, each rule of `crates/nexus-core/src/traces/derive` in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")
DATABASE = ("db.system.name", "db.system", "db.namespace", "db.name", "db.collection.name", "db.type")
PEER = ("peer.service", "server.address", "net.peer.name", "network.peer.address")
QUEUE = ("messaging.destination.name", "messaging.destination", "messaging.system", "peer.service", "server.address")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it is sent; ids are numbers, 0 is none. Times in ns."""

    trace: int
    id: int
    parent: int
    service: str
    name: str
    kind: int
    status: int
    start: int
    duration: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    links: tuple[tuple[int, int], ...] = ()
    weight: int = 1


def calls(spans: Sequence[Span]) -> dict[Labels, int]:
    """`traces_spanmetrics_calls_total` by labels."""
    counts: Counter[Labels] = Counter()
    for span in spans:
        labels = {
            "service": span.service,
            "span_name": span.name,
            "span_kind": f"SPAN_KIND_{KINDS[span.kind]}",
            "status_code": f"STATUS_CODE_{STATUSES[span.status]}",
        }
        counts[tuple(sorted(labels.items()))] += span.weight
    return dict(counts)


def edges(spans: Sequence[Span]) -> tuple[dict[Labels, int], dict[Labels, int]]:
    """`traces_service_graph_request_total` and `..._failed_total` by labels."""
    requests: Counter[Labels] = Counter()
    failed: Counter[Labels] = Counter()

    def count(client: str, server: str, connection: str, weight: int, error: bool) -> None:
        labels = {"client": client, "server": server, "connection_type": connection}
        key = tuple(sorted((name, text) for name, text in labels.items() if text))
        requests[key] += weight
        failed[key] += weight if error else 0

    waiting = {(span.trace, span.id): span for span in spans if span.kind in (CLIENT, PRODUCER) and not _database(span)}
    paired = set()
    for span in spans:
        if span.kind not in (SERVER, CONSUMER):
            continue
        keys = {(span.trace, span.parent)} if span.parent else set()
        if span.kind == CONSUMER:
            keys |= set(span.links)
        if not keys and span.kind == SERVER:
            count("user", span.service, "virtual_node", span.weight, span.status == 2)
        found = [waiting[key] for key in keys if key in waiting]
        for client in found:
            paired.add((client.trace, client.id))
            message = client.kind == PRODUCER or span.kind == CONSUMER
            error = 2 in (client.status, span.status)
            weight = max(client.weight, span.weight)
            count(client.service, span.service, "messaging_system" if message else "", weight, error)
        queue = _first(span, QUEUE)
        if span.kind == CONSUMER and queue:
            for _ in range(len(keys) - len(found) if keys else 1):
                count(queue, span.service, "messaging_system", span.weight, span.status == 2)
    for span in spans:
        if span.kind == CLIENT and (name := _database(span)):
            count(span.service, _database_node(span) or name, "database", span.weight, span.status == 2)
    for key, span in waiting.items():
        peer = _first(span, QUEUE if span.kind == PRODUCER else PEER)
        if key not in paired and peer:
            connection = "messaging_system" if span.kind == PRODUCER else "virtual_node"
            count(span.service, peer, connection, span.weight, span.status == 2)
    return dict(requests), dict(failed)


def random_traces(random: Random, traces: int, services: int = 6) -> list[Span]:
    """Traces as they come, also broken ones: parents that never arrive, all kinds below all kinds."""
    spans = []
    for _ in range(traces):
        trace = random.getrandbits(127) + 1
        size = random.randint(1, 14)
        ids = [random.getrandbits(63) + 1 for _ in range(size)]
        for number, id in enumerate(ids):
            parent = 0 if not number else random.choice([*ids[:number], *ids[:number], 0, 999])
            attributes = random.choice(
                (
                    {},
                    {"http.route": "/cart"},
                    {"db.system": "redis", "server.address": random.choice(("cache-1", "cache-2"))},
                    {"db.name": "orders"},
                    {"peer.service": "stripe"},
                    {"messaging.system": "kafka", "messaging.destination.name": "orders"},
                )
            )
            kind = random.randint(0, 5)
            links = ((trace, random.choice(ids)),) if kind == CONSUMER and random.random() < 0.5 else ()
            service = f"service-{random.randrange(services)}"
            name = f"operation {random.randrange(5)}"
            start = 1_780_000_000_000_000_000 + random.randrange(10**9)
            duration = int(random.lognormvariate(16, 2))
            weight = random.choice((1, 1, 4))
            spans.append(
                Span(trace, id, parent, service, name, kind, random.randrange(3), start, duration, attributes, links, weight)
            )
    return spans


def _first(span: Span, keys: Sequence[str]) -> str:
    return next((span.attributes[key] for key in keys if span.attributes.get(key)), "")


def _database(span: Span) -> str:
    return _first(span, DATABASE) if span.kind == CLIENT else ""


def _database_node(span: Span) -> str:
    return _first(span, ("peer.service", "server.address"))
