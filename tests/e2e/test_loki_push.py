"""Loki's push API: a client of it, raw protobuf made with the generated kind of code, errors, retries."""

from __future__ import annotations

import gzip
import json
import logging
import time
from typing import Any

import logging_loki
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tests.e2e.conftest import Launch
from tests.e2e.encodings import snappy
from tests.e2e.nexus_process import API, TOKEN, Answer, NexusProcess

pytestmark = pytest.mark.e2e

PUSH = "/loki/api/v1/push"
NOW = time.time_ns()


def push_request() -> Any:
    """The class of Loki's `PushRequest`, from a schema written after its documentation."""
    file = descriptor_pb2.FileDescriptorProto(name="push.proto", package="logproto", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto

    def message(name: str, *fields: tuple[str, int, int, str]) -> None:
        made = file.message_type.add(name=name)
        for field_name, number, kind, type_name in fields:
            label = field.LABEL_REPEATED if field_name.endswith("s") and type_name else field.LABEL_OPTIONAL
            made.field.add(name=field_name, number=number, type=kind, label=label, type_name=type_name or None)  # type: ignore[arg-type]

    message("PushRequest", ("streams", 1, field.TYPE_MESSAGE, ".logproto.Stream"))
    message(
        "Stream",
        ("labels", 1, field.TYPE_STRING, ""),
        ("entries", 2, field.TYPE_MESSAGE, ".logproto.Entry"),
        ("hash", 3, field.TYPE_UINT64, ""),
    )
    message("Timestamp", ("seconds", 1, field.TYPE_INT64, ""), ("nanos", 2, field.TYPE_INT32, ""))
    message(
        "Entry",
        ("timestamp", 1, field.TYPE_MESSAGE, ".logproto.Timestamp"),
        ("line", 2, field.TYPE_STRING, ""),
        ("pairs", 3, field.TYPE_MESSAGE, ".logproto.LabelPair"),
    )
    message("LabelPair", ("name", 1, field.TYPE_STRING, ""), ("value", 2, field.TYPE_STRING, ""))
    for number, entry in enumerate(file.message_type[3].field):
        if number == 0:
            entry.label = field.LABEL_OPTIONAL
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("logproto.PushRequest"))


def protobuf(*streams: tuple[str, list[tuple[int, str, dict[str, str]]]]) -> bytes:
    request = push_request()()
    for labels, entries in streams:
        stream = request.streams.add(labels=labels)
        for time_ns, line, metadata in entries:
            entry = stream.entries.add(line=line)
            entry.timestamp.seconds, entry.timestamp.nanos = divmod(time_ns, 10**9)
            for name, value in metadata.items():
                entry.pairs.add(name=name, value=value)
    content: bytes = request.SerializeToString()
    return content


def push(nexus: NexusProcess, body: bytes, kind: str = "application/x-protobuf", **options: Any) -> Answer:
    headers = {"Content-Type": kind, **options.pop("headers", {})}
    return nexus.request("POST", options.pop("path", PUSH), body, headers, **options)


def records(nexus: NexusProcess, tenant: str, query: str = "") -> list[dict[str, Any]]:
    answer = nexus.post(f"{API}/logs/search", {"query": query, "limit": 100}, tenant=tenant)
    found: list[dict[str, Any]] = answer.json["records"]
    return found


@pytest.mark.parametrize("version", ["0", "1"])
def test_the_python_client(nexus: NexusProcess, version: str) -> None:
    """python-logging-loki: both versions of the API, Basic credentials."""
    path = "/api/prom/push" if version == "0" else PUSH
    handler = logging_loki.LokiHandler(
        url=f"http://127.0.0.1:{nexus.port}{path}",
        tags={"application": f"loki-client-{version}"},
        auth=("any name", TOKEN),
        version=version,
    )
    failures: list[logging.LogRecord] = []
    handler.handleError = failures.append
    logger = logging.getLogger(f"loki-client-{version}")
    logger.propagate = False
    logger.addHandler(handler)
    logger.error("payment %s failed", 17, extra={"tags": {"order.id": "o-1"}})
    assert not failures
    (record,) = records(nexus, "", f"service:loki-client-{version}")
    assert (record["body"], record["severity"]) == ("payment 17 failed", "error")
    assert record["resource"]["order_id"] == "o-1"


def test_protobuf(nexus: NexusProcess, tenant: str) -> None:
    trace = "0123456789abcdef" * 2
    body = protobuf(
        ('{app="shop", env="prod"}', [(NOW, "first", {"level": "warn", "trace_id": trace, "user": "u1"}), (NOW + 1, "second", {})]),
        ('{app="shop", env="prod"}', [(NOW + 2, "the same stream again", {})]),
        ('{job="cron", detected_level="error"}', [(NOW + 3, "third é", {})]),
    )  # fmt: skip
    answer = push(nexus, snappy(body), tenant=tenant)
    assert (answer.status, answer.body) == (204, b"")
    found = {record["body"]: record for record in records(nexus, tenant)}
    assert set(found) == {"first", "second", "the same stream again", "third é"}
    first, third = found["first"], found["third é"]
    assert first["resource"] == {"app": "shop", "env": "prod", "service.name": "shop"}
    assert (first["service"], first["severity"], first["trace_id"]) == ("shop", "warn", trace)
    assert first["timestamp"] == str(NOW)
    assert first["attributes"] == {"user": "u1"}
    assert (third["service"], third["severity"]) == ("cron", "error")
    for headers, content in (
        ({"Content-Encoding": "snappy"}, snappy(body)),
        ({"Content-Encoding": "gzip"}, gzip.compress(snappy(body))),
    ):
        assert push(nexus, content, headers=headers, tenant=tenant, path="/loki/loki/api/v1/push").status == 204
    assert nexus.count(tenant=tenant) == 12


def test_json(nexus: NexusProcess, tenant: str) -> None:
    values: list[Any] = [[str(NOW), "one", {"traceID": "ab" * 16, "n": "5"}], [str(NOW), "two"]]
    document = {"streams": [{"values": values, "stream": {"service_name": "api", "pod": "p-1"}}]}
    body = json.dumps(document).encode()
    assert push(nexus, body, "application/json; charset=utf-8", tenant=tenant).status == 204
    body = gzip.compress(body)
    assert push(nexus, body, "application/json", headers={"Content-Encoding": "gzip"}, tenant=tenant).status == 204
    found = records(nexus, tenant, "one")
    assert len(found) == 2
    assert found[0]["service"] == "api" and found[0]["trace_id"] == "ab" * 16 and found[0]["attributes"] == {"n": "5"}
    assert push(nexus, b'{"streams":[]}', "application/json", tenant=tenant).status == 204


def test_mapping(nexus: NexusProcess, tenant: str) -> None:
    document = {
        "streams": [{"stream": {"app": "m", "secret": "s"}, "values": [[str(NOW), "one", {"secret_id": "x", "a": "b"}]]}]
    }
    path = f"{PUSH}?ignore_fields=secret*&extra_fields=region=eu"
    answer = push(nexus, json.dumps(document).encode(), "application/json", tenant=tenant, path=path)
    assert answer.status == 204
    (record,) = records(nexus, tenant)
    assert record["attributes"] == {"a": "b", "region": "eu"}
    assert record["resource"] == {"app": "m", "service.name": "m"}


@pytest.mark.parametrize(
    ("kind", "body", "status", "message"),
    [
        ("application/x-protobuf", b"garbage", 400, "snappy"),
        ("application/x-protobuf", snappy(b"\x0a\x50half"), 400, "protobuf"),
        ("application/x-protobuf", b"", 400, "empty"),
        ("application/json", b'{"streams":[{"stream":{"a":"b"},"val', 400, "JSON"),
        ("application/json", b"[1]", 400, "streams"),
        ("application/json", b'{"streams":[{"stream":{"a":"b"},"values":[[17,"x"]]}]}', 400, "must be a string"),
        ("application/json", b'{"streams":[{"stream":{},"values":[["17","x"]]}]}', 400, "at least one label pair"),
        ("application/json", b'{"streams":[{"stream":{"a":1},"values":[["17","x"]]}]}', 400, "must be a string"),
        ("text/csv", b"a,b", 415, "content type"),
    ],
)
def test_bad_bodies(nexus: NexusProcess, tenant: str, kind: str, body: bytes, status: int, message: str) -> None:
    answer = push(nexus, body, kind, tenant=tenant)
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (status, "text/plain")
    assert message in answer.body.decode()
    assert nexus.count(tenant=tenant) == 0


def test_bad_entries_cost_themselves(nexus: NexusProcess, tenant: str) -> None:
    body = protobuf(
        ('{app="a"}', [(NOW, "good", {}), (-5 * 10**9, "before 1970", {})]),
        ('{app="a', [(NOW, "bad labels", {})]),
        ('{app="b"}', [(NOW, "good too", {})]),
    )
    answer = push(nexus, snappy(body), tenant=tenant)
    assert answer.status == 400
    assert answer.body.decode().startswith("2 rejected: entry 2: timestamp -5000000000 ns is outside")
    assert "entry 3: cannot read the labels" in answer.body.decode()
    assert answer.body.decode().endswith("; 2 stored\n")
    assert nexus.count(tenant=tenant) == 2
    latin = protobuf(('{app="a"}', [(NOW, "caf#", {})])).replace(b"caf#", b"caf\xe9")
    assert push(nexus, snappy(latin), tenant=tenant).status == 204
    assert nexus.count('"caf�"', tenant=tenant) == 1


def test_too_large_and_repeated(nexus: NexusProcess, tenant: str) -> None:
    huge = protobuf(('{app="a"}', [(NOW, "x" * (5 << 20), {})]))
    assert push(nexus, snappy(huge), tenant=tenant).status == 413
    body = snappy(protobuf(('{app="a"}', [(NOW, "once", {})])))
    for _ in range(3):
        assert push(nexus, body, headers={"Idempotency-Key": "k"}, tenant=tenant).status == 204
    assert nexus.count(tenant=tenant) == 1


def test_handshake_and_refusals(nexus: NexusProcess) -> None:
    for path in ("/ready", "/loki/ready"):
        assert nexus.get(path).body == b"ready\n"
        assert nexus.get(path, token="").status == 401
    answer = push(nexus, b"", token="")
    assert (answer.status, answer.headers["Content-Type"]) == (401, "text/plain; charset=utf-8")


def test_back_pressure(launch: Launch) -> None:
    """Promtail and Alloy try again after 429 and 5xx, and wait as Retry-After says."""
    nexus = launch(NEXUS_INGEST_RECEIVING_BYTES="64")
    answer = push(nexus, b"x" * 100)
    assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"].startswith("text/plain")
    # The same, as every protocol says it.
    answer = nexus.request("POST", "/_bulk", b"x" * 100)
    assert answer.status == 429 and int(answer.headers["Retry-After"]) >= 1
    assert answer.json["error"]["type"] == "es_rejected_execution_exception"
    assert answer.headers["X-Elastic-Product"] == "Elasticsearch"
    answer = nexus.request("POST", "/services/collector/event", b"x" * 100)
    assert answer.status == 503 and answer.json["code"] == 9 and answer.headers["Retry-After"]
    answer = nexus.request("POST", "/api/v2/logs", b"x" * 100)
    assert answer.status == 503 and answer.json["errors"][0]["status"] == "503" and answer.headers["Retry-After"]
    answer = nexus.request("POST", "/aws/firehose", b"x" * 100, {"X-Amz-Firehose-Request-Id": "r-1"})
    assert answer.status == 503 and answer.json["requestId"] == "r-1" and answer.json["errorMessage"]
    answer = nexus.request("POST", "/insert/journald/upload", b"x" * 100)
    assert answer.status == 503 and answer.headers["Retry-After"]
    assert nexus.stop() == 0
