"""OTLP with the real SDK over gRPC and HTTP, and with everything a broken client may send."""

from __future__ import annotations

import gzip
import json
import logging
import time
import warnings
from collections.abc import Iterator

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, TOKEN, NexusProcess

pytestmark = pytest.mark.e2e

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def request_of(*bodies: str, far: bool = False) -> ExportLogsServiceRequest:
    """A request with these bodies; `far` adds a record whose time does not fit."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", "shop"
    scope = resource.scope_logs.add()
    for body in bodies:
        record = scope.log_records.add()
        record.time_unix_nano = time.time_ns()
        record.body.string_value = body
        record.severity_number = 9
    if far:
        scope.log_records.add().time_unix_nano = 2**64 - 1
    return request


def log_with_sdk(exporter: LogRecordExporter, messages: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        provider = LoggerProvider(resource=Resource.create({"service.name": "shop", "host.name": "h1"}))
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        logger = logging.getLogger(f"sdk-{time.time_ns()}")
        logger.propagate = False
        logger.addHandler(LoggingHandler(logger_provider=provider))
        for number in range(messages):
            logger.warning("order %d could not be paid", number, extra={"order.id": number, "shop.open": True})
        provider.shutdown()


def check_sdk_records(nexus: NexusProcess, tenant: str) -> None:
    assert nexus.count("service:shop", tenant=tenant) == 100
    found = nexus.post(f"{API}/logs/search", {"query": "order.id:42"}, tenant=tenant).json["records"]
    assert [record["body"] for record in found] == ["order 42 could not be paid"]
    assert found[0]["severity"] == "warn"
    assert found[0]["attributes"]["order.id"] == 42
    assert found[0]["attributes"]["shop.open"] is True
    assert found[0]["resource"]["host.name"] == "h1"
    assert nexus.count("host.name:h1 -order.id:42", tenant=tenant) == 99


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_the_sdk_over_http(nexus: NexusProcess, tenant: str, compression: Compression) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Scope-OrgID": tenant}
    url = f"http://127.0.0.1:{nexus.otlp_port}/v1/logs"
    log_with_sdk(HttpExporter(endpoint=url, headers=headers, compression=compression), 100)
    check_sdk_records(nexus, tenant)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_sdk_over_grpc(nexus: NexusProcess, tenant: str, compression: grpc.Compression) -> None:
    headers = (("authorization", f"Bearer {TOKEN}"), ("x-scope-orgid", tenant))
    address = f"127.0.0.1:{nexus.grpc_port}"
    log_with_sdk(GrpcExporter(endpoint=address, insecure=True, headers=headers, compression=compression), 100)
    check_sdk_records(nexus, tenant)


# ----------------------------------------------------------------------------------------------------------- over HTTP


@pytest.mark.parametrize(
    ("port", "path"), [("main", "/v1/logs"), ("main", "/otlp/v1/logs"), ("otlp", "/v1/logs"), ("otlp", "/otlp/v1/logs")]
)
def test_every_path_takes_both_formats(nexus: NexusProcess, tenant: str, port: str, path: str) -> None:
    number = nexus.port if port == "main" else nexus.otlp_port
    body = request_of("hello").SerializeToString()
    answer = nexus.request("POST", path, body, PROTOBUF, tenant=tenant, port=number)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"", "application/x-protobuf")
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "hello"}}]}]}]}
    answer = nexus.post(path, document, tenant=tenant, port=number)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"{}", "application/json")
    packed = nexus.request(
        "POST", path, gzip.compress(body), {**PROTOBUF, "Content-Encoding": "gzip"}, tenant=tenant, port=number
    )
    assert packed.status == 200
    assert nexus.count("hello", tenant=tenant) == 3


def test_partial_success(nexus: NexusProcess, tenant: str) -> None:
    answer = nexus.request("POST", "/v1/logs", request_of("ok", far=True).SerializeToString(), PROTOBUF, tenant=tenant)
    partial = ExportLogsServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, partial.rejected_log_records) == (200, 1)
    assert "record 2" in partial.error_message
    assert nexus.count(tenant=tenant) == 1


def test_an_empty_request_is_a_success(nexus: NexusProcess, tenant: str) -> None:
    for body, headers in ((b"", PROTOBUF), (b"{}", JSON)):
        assert nexus.request("POST", "/v1/logs", body, headers, tenant=tenant).status == 200


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"\xff\xff\xff\xff", PROTOBUF, 400, 3),
        (b"\x0a\x05abc", PROTOBUF, 400, 3),
        (b"{", JSON, 400, 3),
        (b"[" * 6000, JSON, 400, 3),
        (b"x", {**PROTOBUF, "Content-Encoding": "gzip"}, 400, 3),
        (b"x", {**PROTOBUF, "Content-Encoding": "lzma"}, 415, 3),
        (b"x", {"Content-Type": "text/plain"}, 415, 3),
        (b" " * (5 << 20), JSON, 413, 8),
        (gzip.compress(b" " * (100 << 20)), {**JSON, "Content-Encoding": "gzip"}, 413, 8),
    ],
)
def test_bad_requests(
    nexus: NexusProcess, tenant: str, body: bytes, headers: dict[str, str], status: int, code: int
) -> None:
    answer = nexus.request("POST", "/v1/logs", body, headers, tenant=tenant)
    assert answer.status == status
    if headers["Content-Type"] == PROTOBUF["Content-Type"]:
        assert answer.headers["Content-Type"] == PROTOBUF["Content-Type"]
        message = Status.FromString(answer.body)
        assert (message.code, bool(message.message)) == (code, True)
    else:
        assert json.loads(answer.body)["code"] == code
    assert nexus.count(tenant=tenant) == 0


def test_other_signals_are_named(nexus: NexusProcess) -> None:
    answer = nexus.request("POST", "/v1development/profiles", b"", PROTOBUF, port=nexus.otlp_port)
    assert answer.status == 404
    assert "Nexus accepts logs, metrics and traces" in Status.FromString(answer.body).message


def test_refusals_have_the_shape_of_the_protocol(nexus: NexusProcess) -> None:
    answer = nexus.request("POST", "/v1/logs", b"", PROTOBUF, token="wrong", port=nexus.otlp_port)
    assert answer.status == 401
    assert Status.FromString(answer.body).code == 16


def test_the_otlp_port_has_nothing_else(nexus: NexusProcess) -> None:
    for path in ("/", "/metrics", f"{API}/info", "/api/nexus/v1/logs/search"):
        assert nexus.get(path, port=nexus.otlp_port).status == 404
    assert nexus.get("/-/ready", port=nexus.otlp_port).status == 200


# ----------------------------------------------------------------------------------------------------------- over gRPC


class Channel:
    """A gRPC channel that sends bytes."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_send_message_length", -1)])

    def call(self, body: bytes, method: str = METHOD, **metadata: str) -> bytes:
        given = {"authorization": f"Bearer {TOKEN}", **metadata}
        pairs = [(key.replace("_", "-"), value) for key, value in given.items() if value]
        answer: bytes = self.channel.unary_unary(method)(body, metadata=pairs, timeout=60)
        return answer

    def refusal(self, body: bytes, method: str = METHOD, **metadata: str) -> grpc.Call:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(body, method, **metadata)
        refused: grpc.Call = caught.value  # type: ignore[assignment]
        return refused


@pytest.fixture
def channel(nexus: NexusProcess) -> Iterator[Channel]:
    made = Channel(nexus.grpc_port)
    yield made
    made.channel.close()


def test_grpc_success_and_partial_success(nexus: NexusProcess, tenant: str, channel: Channel) -> None:
    assert channel.call(request_of("a", "b").SerializeToString(), x_scope_orgid=tenant) == b""
    answer = channel.call(request_of("c", far=True).SerializeToString(), x_scope_orgid=tenant)
    assert ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records == 1
    assert channel.call(b"", x_scope_orgid=tenant) == b""
    assert nexus.count(tenant=tenant) == 3


def test_grpc_keys(nexus: NexusProcess, tenant: str, channel: Channel) -> None:
    body = request_of("once").SerializeToString()
    for _ in range(3):
        channel.call(body, x_scope_orgid=tenant, idempotency_key="k")
    assert nexus.count(tenant=tenant) == 1
    refused = channel.refusal(request_of("other").SerializeToString(), x_scope_orgid=tenant, idempotency_key="k")
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_grpc_refusals(nexus: NexusProcess, tenant: str, channel: Channel) -> None:
    body = request_of("x").SerializeToString()
    assert channel.refusal(body, authorization="").code() is grpc.StatusCode.UNAUTHENTICATED
    assert channel.refusal(body, authorization="Bearer wrong").code() is grpc.StatusCode.UNAUTHENTICATED
    assert channel.refusal(body, x_scope_orgid="a/b").code() is grpc.StatusCode.INVALID_ARGUMENT
    assert channel.refusal(body, x_scope_orgid="_nexus").code() is grpc.StatusCode.PERMISSION_DENIED
    assert channel.refusal(b"\xff\xff\xff", x_scope_orgid=tenant).code() is grpc.StatusCode.INVALID_ARGUMENT
    too_large = channel.refusal(b"\x0a" * (5 << 20), x_scope_orgid=tenant)
    assert too_large.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not dict(too_large.trailing_metadata()).get("grpc-status-details-bin")
    profiles = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
    assert channel.refusal(b"", method=profiles).code() is grpc.StatusCode.UNIMPLEMENTED
    assert channel.refusal(b"", method="/no.such/Method").code() is grpc.StatusCode.UNIMPLEMENTED
    assert nexus.count(tenant=tenant) == 0


def test_a_grpc_bomb(nexus: NexusProcess, channel: Channel) -> None:
    call = channel.channel.unary_unary(METHOD)
    with pytest.raises(grpc.RpcError) as caught:
        call(
            b"\x0a" * (300 << 20),
            metadata=[("authorization", f"Bearer {TOKEN}")],
            compression=grpc.Compression.Gzip,
            timeout=30,
        )
    refused: grpc.Call = caught.value  # type: ignore[assignment]
    assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert nexus.get("/-/ready").status == 200


def test_garbage_on_the_grpc_port(nexus: NexusProcess) -> None:
    for garbage in (b"\x00" * 1000, b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500):
        nexus.raw(garbage, port=nexus.grpc_port).close()
    assert nexus.get("/-/ready").status == 200


def test_overload_asks_for_a_retry(launch: Launch) -> None:
    process = launch(NEXUS_STORAGE_DISK_RESERVE_BYTES="1000TiB")
    channel = Channel(process.grpc_port)
    refused = channel.refusal(request_of("x").SerializeToString())
    assert refused.code() is grpc.StatusCode.UNAVAILABLE
    details = Status.FromString(dict(refused.trailing_metadata())["grpc-status-details-bin"])
    info = RetryInfo()
    assert details.details[0].Unpack(info)
    assert info.retry_delay.seconds >= 1
    over_http = process.request("POST", "/v1/logs", request_of("x").SerializeToString(), PROTOBUF)
    assert over_http.status == 503
    assert int(over_http.headers["Retry-After"]) >= 1
    channel.channel.close()
