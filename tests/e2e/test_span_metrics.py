"""Span metrics and the service graph of random traffic equal a slow recomputation from all spans, within two seconds."""

from __future__ import annotations

import time
from random import Random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import NexusProcess, wait_for
from tests.e2e.promql import vector
from tests.e2e.trace_backends import nexus, tenant
from tests.oracles.service_graph import Labels, Span, calls, edges, random_traces

__all__ = ["nexus", "tenant"]

NS = 1_000_000_000
WAIT = 10.0
"""Seconds that one side of a request waits for the other."""


def request(spans: list[Span]) -> bytes:
    """An export request; a weight of 4 is a sampling threshold of three quarters."""
    message = ExportTraceServiceRequest()
    for service in sorted({span.service for span in spans}):
        group = message.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = service
        scope = group.scope_spans.add()
        for span in spans:
            if span.service != service:
                continue
            one = scope.spans.add(
                trace_id=span.trace.to_bytes(16),
                span_id=span.id.to_bytes(8),
                parent_span_id=span.parent.to_bytes(8) if span.parent else b"",
                name=span.name,
                kind=span.kind,
                start_time_unix_nano=span.start,
                end_time_unix_nano=span.start + span.duration,
                trace_state="ot=th:c" if span.weight == 4 else "",
            )
            one.status.code = span.status
            for key, value in span.attributes.items():
                one.attributes.add(key=key).value.string_value = value
            for trace, id in span.links:
                one.links.add(trace_id=trace.to_bytes(16), span_id=id.to_bytes(8))
    return message.SerializeToString()


def send(nexus: NexusProcess, tenant: str, spans: list[Span], **headers: str) -> None:
    answer = nexus.request(
        "POST", "/v1/traces", request(spans), {"Content-Type": "application/x-protobuf", **headers}, tenant=tenant
    )
    assert (answer.status, answer.body) == (200, b"")


def totals(nexus: NexusProcess, tenant: str, name: str) -> dict[Labels, int]:
    found = vector(nexus, name, tenant)
    return {tuple(pair for pair in labels if pair[0] != "__name__"): int(value) for labels, value in found.items()}


def test_totals_equal_a_slow_recomputation(nexus: NexusProcess, tenant: str) -> None:
    random = Random(7)
    spans = random_traces(random, 400)
    # In any order, in many deliveries: the sides of a request come apart.
    random.shuffle(spans)
    size = len(spans) // 20 + 1
    for start in range(0, len(spans), size):
        send(nexus, tenant, spans[start : start + size])
    expected = calls(spans)
    wait_for("the spans to be counted", lambda: totals(nexus, tenant, "traces_spanmetrics_calls_total") == expected)
    requests, failed = edges(spans)
    name = "traces_service_graph_request_total"
    wait_for("peers to be known", lambda: totals(nexus, tenant, name) == requests, timeout=3 * WAIT)
    assert totals(nexus, tenant, "traces_service_graph_request_failed_total") == failed
    seconds = sum(span.duration * span.weight for span in spans) / NS
    (found,) = vector(nexus, "sum(traces_spanmetrics_latency_sum)", tenant).values()
    assert abs(found - seconds) < 1e-6 * seconds
    # A burst of a second: rates are not extrapolated, so that the map tells how many requests there were.
    answer = nexus.get("/api/nexus/v1/services/map", tenant=tenant).json
    total = sum(edge["requestRate"] for edge in answer["edges"]) * answer["seconds"]
    assert abs(total - sum(requests.values())) < 1e-6 * total


def test_both_sides_of_a_request_are_seen_soon(nexus: NexusProcess, tenant: str) -> None:
    now = time.time_ns()
    name = "traces_service_graph_request_failed_total"
    # The machine may be busy with something else for a moment: one of three is enough.
    for number in range(1, 4):
        server = Span(number, 2, 1, "pay", "charge", 2, 2, now, 5_000_000)
        send(nexus, tenant, [server])
        send(nexus, tenant, [Span(number, 1, 0, "shop", "POST", 3, 0, now, 9_000_000)])
        acknowledged = time.monotonic()
        edge = (("client", "shop"), ("server", "pay"))
        wait_for("the edge", lambda edge=edge, number=number: totals(nexus, tenant, name) == {edge: number})
        if (took := time.monotonic() - acknowledged) < WAIT:
            break
    assert took < WAIT, "who waits for the other side that long is told of without it"
    # A series begins with a zero, so an increase sees its first request.
    increase = vector(nexus, "sum(increase(traces_service_graph_request_total[1m])) > 0", tenant)
    assert len(increase) == 1


def test_a_repeated_delivery_counts_once(nexus: NexusProcess, tenant: str) -> None:
    span = Span(1, 1, 0, "shop", "GET", 1, 0, time.time_ns(), 1_000)
    for _ in range(3):
        send(nexus, tenant, [span], **{"Idempotency-Key": "one"})
    expected = calls([span])
    wait_for("the span", lambda: totals(nexus, tenant, "traces_spanmetrics_calls_total"))
    # When one that came afterwards has been counted, nothing has been added.
    later = Span(2, 1, 0, "shop", "PUT", 1, 0, time.time_ns(), 1_000)
    send(nexus, tenant, [later])
    wait_for(
        "the later one", lambda: calls([later]).items() <= totals(nexus, tenant, "traces_spanmetrics_calls_total").items()
    )
    assert totals(nexus, tenant, "traces_spanmetrics_calls_total") == expected | calls([later])


def test_a_clean_stop_keeps_the_last_second(launch: Launch) -> None:
    nexus = launch()
    span = Span(1, 1, 0, "shop", "GET", 1, 0, time.time_ns(), 1_000)
    send(nexus, "", [span])
    assert nexus.stop() == 0
    nexus = launch()
    assert totals(nexus, "", "traces_spanmetrics_calls_total") == calls([span])
