"""Zipkin's spans in JSON: version 2, version 1, and what is neither."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from tests.strategies.otlp_requests import NOW, broken
from tests.strategies.span_requests import rows

from nexus import _native

START = 1_700_000_000_000_000


def decode(spans: Any) -> _native.DecodedSpans:
    body = spans if isinstance(spans, bytes) else json.dumps(spans).encode()
    return _native.decode_zipkin_json(body, now_ns=NOW)


V2 = {
    "traceId": "463ac35c9f6413ad48485a3953bb6124",
    "id": "a2fb4a1d1a96d312",
    "parentId": "1",
    "kind": "CLIENT",
    "name": "get /cart",
    "timestamp": START,
    "duration": 2500,
    "localEndpoint": {"serviceName": "front", "ipv4": "10.0.0.7", "port": 8080},
    "remoteEndpoint": {"serviceName": "cart", "ipv6": "::1", "port": 9000},
    "annotations": [{"timestamp": START + 7, "value": "retry"}],
    "tags": {"http.path": "/cart", "error": "no room", "otel.scope.name": "lib", "otel.scope.version": "2"},
    "debug": True,
}


def test_version_2() -> None:
    (row,) = rows(decode([V2]).batch)
    assert row["trace_id"].hex() == V2["traceId"]
    assert row["ids"].hex() == "a2fb4a1d1a96d312" + "0" * 15 + "1"
    assert (row["name"], row["kind"], row["service"], row["flags"]) == ("get /cart", 3, "front", 1)
    assert (row["status"], row["status_message"]) == (2, "no room")
    assert (row["scope_name"], row["scope_version"]) == ("lib", "2")
    assert (row["timestamp"], row["duration"]) == (START * 1000, 2_500_000)
    assert json.loads(row["resource"]) == {"service.name": "front"}
    assert dict(row["attributes_string"]) == {
        "http.path": "/cart",
        "peer.service": "cart",
        "network.local.address": "10.0.0.7",
        "network.peer.address": "::1",
    }
    assert dict(row["attributes_int"]) == {"network.local.port": 8080, "network.peer.port": 9000}
    assert (row["events_name"], row["events_timestamp"]) == (["retry"], [START * 1000 + 7000])


def test_the_least_of_a_span() -> None:
    (row,) = rows(decode([{"traceId": "1f", "id": "2"}]).batch)
    assert (row["trace_id"][-1], row["ids"][7], row["service"], row["kind"]) == (0x1F, 2, "unknown_service", 0)
    assert (row["timestamp"], row["duration"], row["status"]) == (NOW, 0, 0)


def test_a_duration_without_a_start_is_kept() -> None:
    (row,) = rows(decode([{"traceId": "1f", "id": "2", "duration": 30}]).batch)
    assert (row["timestamp"], row["duration"]) == (NOW, 30_000)


def test_a_shared_id_stays_two_spans() -> None:
    server = V2 | {"kind": "SERVER", "shared": True, "localEndpoint": {"serviceName": "cart"}, "remoteEndpoint": None}
    found = rows(decode([V2, server]).batch)
    assert [(row["ids"], row["kind"]) for row in found] == [(found[0]["ids"], 3), (found[0]["ids"], 2)]


FRONT = {"serviceName": "front", "ipv4": "10.0.0.7"}
CART = {"serviceName": "cart", "ipv4": "10.0.0.8", "port": 9000}
V1 = {"traceId": "48485a3953bb6124", "id": "a2fb4a1d1a96d312", "name": "get", "timestamp": START, "duration": 2500}


def annotation(value: str, offset: int, endpoint: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": START + offset, "value": value, "endpoint": endpoint}


def test_version_1_of_a_client() -> None:
    span = V1 | {
        "annotations": [annotation("cs", 0, FRONT), annotation("cr", 2500, FRONT), annotation("retry", 7, FRONT)],
        "binaryAnnotations": [
            {"key": "sa", "value": True, "endpoint": CART},
            {"key": "http.path", "value": "/cart", "endpoint": FRONT},
            {"key": "n", "value": 7},
        ],
    }
    (row,) = rows(decode([span]).batch)
    assert (row["kind"], row["service"], row["duration"]) == (3, "front", 2_500_000)
    assert dict(row["attributes_string"])["peer.service"] == "cart"
    assert dict(row["attributes_string"])["http.path"] == "/cart"
    assert dict(row["attributes_int"]) == {"n": 7, "network.peer.port": 9000}
    assert row["events_name"] == ["retry"]


def test_version_1_of_both_sides() -> None:
    sides: list[tuple[str, int, dict[str, Any]]] = [
        ("cs", 0, FRONT),
        ("sr", 100, CART),
        ("ss", 2000, CART),
        ("cr", 2500, FRONT),
    ]
    span = V1 | {"annotations": [annotation(*side) for side in sides]}
    client, server = rows(decode([span]).batch)
    assert (client["kind"], client["service"], client["timestamp"]) == (3, "front", START * 1000)
    assert (server["kind"], server["service"], server["timestamp"]) == (2, "cart", START * 1000 + 100_000)
    assert server["duration"] == 1_900_000
    assert dict(client["attributes_string"])["peer.service"] == "cart"
    assert dict(server["attributes_string"])["peer.service"] == "front"


def test_version_1_without_sides_and_without_times() -> None:
    local = V1 | {"binaryAnnotations": [{"key": "lc", "value": "spring", "endpoint": FRONT}]}
    (row,) = rows(decode([local]).batch)
    assert (row["kind"], row["service"], dict(row["attributes_string"])["lc"]) == (0, "front", "spring")
    bare = {"traceId": "1", "id": "2", "annotations": [annotation("sr", 0, CART), annotation("ss", 30, CART)]}
    (row,) = rows(decode([bare]).batch)
    assert (row["kind"], row["timestamp"], row["duration"]) == (2, START * 1000, 30_000)


def test_bad_spans_cost_nothing_else() -> None:
    bad: list[Any] = [
        7,
        V2 | {"traceId": "xyz"},
        V2 | {"traceId": "0" * 33},
        V2 | {"id": "0"},
        {"id": "1"},
        V2 | {"timestamp": "soon"},
        V2 | {"timestamp": -1},
        V2 | {"tags": {"a": {}}},
        V2 | {"annotations": 5},
    ]
    decoded = decode([V2, *bad, V2])
    assert (decoded.accepted, [number for number, _ in decoded.errors]) == (2, list(range(2, 2 + len(bad))))
    messages = [message for _, message in decoded.errors]
    assert "span at byte" in messages[0]
    assert "up to 32 hex digits" in messages[1]
    assert messages[3] == "the span id is missing or only zeros"
    assert messages[6] == "start -1 µs is outside of 1970-01-01 to 2262-04-11"


def test_many_tags_and_annotations_are_counted() -> None:
    span = V2 | {
        "tags": {f"k{number}": "v" for number in range(5000)},
        "annotations": [{"timestamp": START, "value": str(number)} for number in range(5000)],
    }
    (row,) = rows(decode([span]).batch)
    assert len(row["attributes_string"]) + len(row["attributes_int"]) == 1024
    assert (len(row["events_name"]), row["dropped_events"]) == (1000, 4000)
    assert row["dropped_attributes"] >= 5000 - 1024


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[{]", b"[] x", b'{"traceId":"1"}'])
def test_what_is_no_array_of_spans(body: bytes) -> None:
    with pytest.raises(_native.DecodeError, match="not an array of Zipkin spans in JSON"):
        decode(body)


def test_bytes_of_any_kind() -> None:
    body, rng = json.dumps([V2, V1 | {"annotations": [annotation("cs", 0, FRONT)]}]).encode(), random.Random(3)
    for _ in range(3000):
        try:
            decode(broken(body, [body[at : at + 30] for at in range(0, len(body), 30)], rng))
        except _native.DecodeError:
            continue
