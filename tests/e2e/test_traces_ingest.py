"""Spans from the clients that people have, through every door: what was sent is what is shown."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from jaeger_client.thrift_gen.jaeger import ttypes
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context
from py_zipkin import Encoding
from py_zipkin import Kind as ZipkinKind
from py_zipkin.transport import BaseTransportHandler
from py_zipkin.zipkin import zipkin_span
from tests.e2e.conftest import Launch
from tests.e2e.listeners import LOCAL
from tests.e2e.nexus_process import API, TOKEN, NexusProcess, wait_for
from tests.e2e.trace_backends import nexus, tenant
from tests.oracles import thrift as by_hand
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

__all__ = ["nexus", "tenant"]

ROOT = Path(__file__).parents[2]
NOW = 1_780_315_200_000_000_000
PROTOBUF = {"Content-Type": "application/x-protobuf"}
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
POST_SPANS = "/jaeger.api_v2.CollectorService/PostSpans"


KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")


@pytest.fixture
def key(nexus: NexusProcess, tenant: str) -> str:
    """A key that may do nothing but write traces of the tenant."""
    # A tenant is made by the first of its records.
    assert nexus.request("POST", "/v1/traces", request(b"the first of all", 1), PROTOBUF, tenant=tenant).status == 200
    made = nexus.post(f"{API}/keys", {"name": "traces", "tenant": tenant, "permissions": ["traces:write"]})
    assert made.status == 200, made.body
    return str(made.json["secret"])


def trace_of(nexus: NexusProcess, tenant: str, trace: str) -> dict[str, Any] | None:
    """The document of a trace, when it is there."""
    answer = nexus.get(f"{API}/traces/{trace}", tenant=tenant)
    if answer.status == 404:
        return None
    assert answer.status == 200, answer.body
    document: dict[str, Any] = answer.json
    return document


def span_of(nexus: NexusProcess, tenant: str, trace: str, span: str) -> dict[str, Any]:
    """Everything about a span."""
    answer = nexus.get(f"{API}/traces/{trace}/spans/{span}", tenant=tenant)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json["span"]
    # The document has OpenTelemetry's numbers.
    return found | {"kind": KINDS[found["kind"]], "status": STATUSES[found["status"]]}


def send(exporter: SpanExporter) -> tuple[str, str, str]:
    """A trace of three spans through an exporter; the ids of the trace, of the root and of the client's span."""
    provider = TracerProvider(resource=Resource({"service.name": "py-shop", "host.name": "h1"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("checkout", "1.2.3")
    elsewhere = SpanContext(0xABCDEF, 0x1234, True, TraceFlags(1))
    root = tracer.start_span("POST /order", kind=SpanKind.SERVER, links=[Link(elsewhere, {"why": "retry"})])
    root.set_attribute("http.response.status_code", 500)
    root.set_attribute("big", "x" * (64 << 10))
    within = set_span_in_context(root)
    client = tracer.start_span("charge", within, kind=SpanKind.CLIENT, attributes={"share": 0.25, "cached": False})
    client.add_event("retry", {"attempt": 2})
    client.set_status(Status(StatusCode.ERROR, "no room"))
    client.end()
    tracer.start_span("internal", within).end()
    root.end()
    provider.shutdown()
    ids = root.get_span_context(), client.get_span_context()
    return f"{ids[0].trace_id:032x}", f"{ids[0].span_id:016x}", f"{ids[1].span_id:016x}"


def check(nexus: NexusProcess, tenant: str, sent: tuple[str, str, str], *, texts: bool = False, links: bool = True) -> None:
    """What `send` sent is there. `texts`: attributes came as texts; without `links` there were none."""
    trace, root, client = sent
    document = wait_for("the trace", lambda: _whole(trace_of(nexus, tenant, trace)))
    assert (document["traceId"], document["services"], document["errors"]) == (trace, ["py-shop"], 1)
    assert document["ids"][0] == root
    assert document["parents"] == [-1, 0, 0]
    assert sorted(document["names"]) == ["POST /order", "charge", "internal"]
    shown = span_of(nexus, tenant, trace, root)
    assert (shown["kind"], shown["service"]) == ("server", "py-shop")
    assert shown["attributes"]["http.response.status_code"] == ("500" if texts else 500)
    assert len(shown["attributes"]["big"]) == 64 << 10
    if links:
        (link,) = shown["links"]
        assert (link["traceId"], link["spanId"]) == (f"{0xABCDEF:032x}", f"{0x1234:016x}")
    shown = span_of(nexus, tenant, trace, client)
    assert (shown["kind"], shown["status"], shown["statusMessage"]) == ("client", "error", "no room")
    assert shown["scope"]["name"] == "checkout"
    assert shown["attributes"]["share"] == ("0.25" if texts else 0.25)
    assert shown["parentSpanId"] == root
    (event,) = shown["events"]
    assert "retry" in event["name"]


def _whole(document: dict[str, Any] | None, spans: int = 3) -> dict[str, Any] | None:
    return document if document is not None and document["spans"] == spans else None


# ---------------------------------------------------------------------------------------------------------------- OTLP


@pytest.mark.parametrize("transport", ["grpc", "http", "main"])
def test_opentelemetry_python_sdk(nexus: NexusProcess, tenant: str, key: str, transport: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    exporter: SpanExporter
    if transport == "grpc":
        exporter = GrpcExporter(f"http://127.0.0.1:{nexus.grpc_port}", insecure=True, headers=headers)
    else:
        port = nexus.otlp_port if transport == "http" else nexus.port
        exporter = HttpExporter(f"http://127.0.0.1:{port}/v1/traces", headers=headers)
    check(nexus, tenant, send(exporter))


@pytest.mark.parametrize("format", ["protobuf", "json"])
def test_opentelemetry_javascript_sdk(nexus: NexusProcess, tenant: str, key: str, format: str) -> None:
    done = subprocess.run(
        ["node", "send_spans.mjs", f"http://127.0.0.1:{nexus.otlp_port}", key, format, "one"],
        cwd=ROOT / "tests/e2e/javascript",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    trace = done.stdout.decode()
    document = wait_for("the trace", lambda: trace_of(nexus, tenant, trace))
    assert (document["spans"], document["errors"], document["services"]) == (21, 1, ["js-shop"])
    root = span_of(nexus, tenant, trace, document["ids"][0])
    assert (root["name"], root["kind"]) == ("POST /order", "server")
    assert root["attributes"]["items"] == ["cup", "kettle"]
    assert root["resource"]["host.name"] == "node-js"
    seventh = next(
        id for id, name in zip(document["ids"], document["name"], strict=True) if document["names"][name] == "item 7"
    )
    broken = span_of(nexus, tenant, trace, seventh)
    assert (broken["status"], broken["statusMessage"], broken["attributes"]["price"]) == ("error", "sold out", 7.5)
    assert broken["events"][0]["attributes"]["exception.type"] == "RangeError"


def request(trace: bytes, spans: int, bad: int = 0) -> bytes:
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    added = group.scope_spans.add().spans
    for number in range(spans):
        added.add(
            trace_id=trace,
            span_id=(number + 1).to_bytes(8),
            parent_span_id=number.to_bytes(8),
            name=f"step {number % 50}",
            start_time_unix_nano=NOW + number,
            end_time_unix_nano=NOW + 2 * spans - number,
        )
    for _ in range(bad):
        added.add(trace_id=bytes(16), span_id=b"01234567", name="bad")
    return message.SerializeToString()


def test_bad_spans_are_named_and_cost_nothing_else(nexus: NexusProcess, tenant: str) -> None:
    trace = b"partial-success!"
    answer = nexus.request("POST", "/v1/traces", request(trace, 3, bad=2), PROTOBUF, tenant=tenant)
    assert answer.status == 200
    said = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert said.rejected_spans == 2
    assert "span 4: the trace id is missing or only zeros" in said.error_message
    with grpc.insecure_channel(f"127.0.0.1:{nexus.grpc_port}") as channel:
        metadata = [("authorization", f"Bearer {TOKEN}"), ("x-scope-orgid", tenant)]
        body = channel.unary_unary(TRACES)(request(trace, 0, bad=1), metadata=metadata, timeout=60)
    assert ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans == 1
    document = trace_of(nexus, tenant, trace.hex())
    assert document is not None
    assert document["spans"] == 3


def test_a_key_stores_a_request_once(nexus: NexusProcess, tenant: str) -> None:
    trace = b"once and no more"
    headers = {**PROTOBUF, "Idempotency-Key": "k", "Content-Encoding": "gzip"}
    body = request(trace, 2, bad=1)
    answers = [nexus.request("POST", "/v1/traces", gzip.compress(body), headers, tenant=tenant) for _ in range(3)]
    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert ExportTraceServiceResponse.FromString(answers[0].body).partial_success.rejected_spans == 1
    other = gzip.compress(request(trace, 1))
    assert nexus.request("POST", "/v1/traces", other, headers, tenant=tenant).status in (400, 409, 422)


def test_a_long_trace_in_one_request(nexus: NexusProcess, tenant: str) -> None:
    """As many spans as the largest body here holds, each the child of the one before it."""
    trace, spans = b"a very long path", 40_000
    headers = {**PROTOBUF, "Content-Encoding": "gzip"}
    body = request(trace, spans)
    assert len(body) < 4 << 20
    assert nexus.request("POST", "/v1/traces", gzip.compress(body), headers, tenant=tenant).status == 200
    document = trace_of(nexus, tenant, trace.hex())
    assert document is not None
    assert document["spans"] == spans
    assert document["parents"][:3] == [-1, 0, 1]


def test_who_may_not_write_traces_is_refused(nexus: NexusProcess, tenant: str) -> None:
    other = nexus.post(f"{API}/keys", {"name": "logs", "tenant": "default", "permissions": ["logs:write"]}).json["secret"]
    for path, kind in (("/v1/traces", PROTOBUF), ("/api/v2/spans", {"Content-Type": "application/json"})):
        assert nexus.request("POST", path, b"", kind, token="wrong").status == 401
        assert nexus.request("POST", path, b"", kind, token=other).status == 403
    with grpc.insecure_channel(f"127.0.0.1:{nexus.grpc_port}") as channel:
        for method in (TRACES, POST_SPANS):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(method)(b"", metadata=[("authorization", f"Bearer {other}")], timeout=60)
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


# -------------------------------------------------------------------------------------------------------------- Zipkin


def test_opentelemetry_zipkin_exporter(nexus: NexusProcess, tenant: str, key: str) -> None:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        endpoint = f"http://127.0.0.1:{nexus.port}/api/v2/spans"
        sent = send(ZipkinExporter(endpoint=endpoint, session=session, max_tag_value_length=100_000))
    check(nexus, tenant, sent, texts=True, links=False)


class Transport(BaseTransportHandler):
    """Posts to Nexus, and remembers what it was told."""

    def __init__(self, nexus: NexusProcess, key: str, path: str) -> None:
        self.nexus, self.key, self.path = nexus, key, path
        self.answers: list[int] = []

    def get_max_payload_bytes(self) -> None:
        """There is no limit worth a split."""

    def send(self, payload: bytes | str) -> None:
        body = payload.encode() if isinstance(payload, str) else payload
        headers = {"Content-Type": "application/json"}
        self.answers.append(self.nexus.request("POST", self.path, body, headers, token=self.key).status)


@pytest.mark.parametrize(("path", "encoding"), [("/api/v2/spans", Encoding.V2_JSON), ("/api/v1/spans", Encoding.V1_JSON)])
def test_py_zipkin(nexus: NexusProcess, tenant: str, key: str, path: str, encoding: Encoding) -> None:
    transport = Transport(nexus, key, path)
    with zipkin_span(
        service_name="front",
        span_name="GET /cart",
        transport_handler=transport,
        sample_rate=100.0,
        encoding=encoding,
        kind=ZipkinKind.SERVER,
        use_128bit_trace_id=True,
    ) as root:
        with zipkin_span(service_name="cart", span_name="load", kind=ZipkinKind.CLIENT) as child:
            child.update_binary_annotations({"rows": "7"})
            child.add_annotation("cache miss")
        trace = root.zipkin_attrs.trace_id
    assert transport.answers
    assert set(transport.answers) == {202}
    document = wait_for("the trace", lambda: trace_of(nexus, tenant, trace))
    assert (document["spans"], sorted(document["services"])) == (2, ["cart", "front"])
    shown = span_of(nexus, tenant, trace, document["ids"][1])
    assert (shown["name"], shown["kind"], shown["attributes"]["rows"]) == ("load", "client", "7")
    assert [event["name"] for event in shown["events"]] == ["cache miss"]


# -------------------------------------------------------------------------------------------------------------- Jaeger


def jaeger_batch(service: str, trace: int) -> bytes:
    """A batch written by the classes that Jaeger's client has from `jaeger.thrift`."""
    kinds = ttypes.TagType
    tags = [
        ttypes.Tag(key="span.kind", vType=kinds.STRING, vStr="server"),
        ttypes.Tag(key="error", vType=kinds.BOOL, vBool=True),
        ttypes.Tag(key="http.status_code", vType=kinds.LONG, vLong=500),
        ttypes.Tag(key="share", vType=kinds.DOUBLE, vDouble=0.25),
    ]
    field = ttypes.Tag(key="event", vType=kinds.STRING, vStr="retry")
    common = {"traceIdLow": trace, "traceIdHigh": 5, "flags": 1, "startTime": NOW // 1000, "duration": 1500}
    root = ttypes.Span(
        **common, spanId=1, parentSpanId=0, operationName="GET", tags=tags, logs=[ttypes.Log(NOW // 1000, [field])]
    )
    child = ttypes.Span(**common, spanId=2, parentSpanId=1, operationName="load", references=[])
    buffer = TMemoryBuffer()
    process = ttypes.Process(service, [ttypes.Tag(key="hostname", vType=kinds.STRING, vStr="h1")])
    ttypes.Batch(process=process, spans=[root, child]).write(TBinaryProtocol(buffer))
    return bytes(buffer.getvalue())


def test_jaegers_thrift_over_http(nexus: NexusProcess, tenant: str, key: str) -> None:
    answer = requests.post(
        f"http://127.0.0.1:{nexus.port}/api/traces?format=jaeger.thrift",
        data=jaeger_batch("cart", 7),
        headers={"Content-Type": "application/x-thrift"},
        auth=("any", key),
        timeout=30,
    )
    assert (answer.status_code, answer.text) == (202, "")
    trace = f"{5 << 64 | 7:032x}"
    document = trace_of(nexus, tenant, trace)
    assert document is not None
    assert (document["spans"], document["parents"], document["services"]) == (2, [-1, 0], ["cart"])
    root = span_of(nexus, tenant, trace, document["ids"][0])
    assert (root["kind"], root["status"], root["duration"]) == ("server", "error", "1500000")
    assert root["attributes"] == {"http.status_code": 500, "share": 0.25}
    assert root["resource"]["hostname"] == "h1"
    assert [event["name"] for event in root["events"]] == ["retry"]


def test_jaegers_grpc_service(nexus: NexusProcess, tenant: str, key: str) -> None:
    from tests.unit.native.test_jaeger import _field, _time, post_spans

    trace = b"jaeger over grpc"
    span = b"".join([_field(1, trace), _field(2, b"01234567"), _field(3, b"op"), _field(6, _time(NOW // 10**9, 0))])
    with grpc.insecure_channel(f"127.0.0.1:{nexus.grpc_port}") as channel:
        metadata = [("authorization", f"Bearer {key}")]
        assert channel.unary_unary(POST_SPANS)(post_spans([span]), metadata=metadata, timeout=60) == b""
    document = trace_of(nexus, tenant, trace.hex())
    assert document is not None
    assert (document["spans"], document["services"], document["names"]) == (1, ["cart"], ["op"])


JAEGER_CLIENT = """
import sys
import time
from jaeger_client import Config

agent = {"reporting_host": "127.0.0.1", "reporting_port": int(sys.argv[1])}
config = {"sampler": {"type": "const", "param": 1}, "local_agent": agent, "logging": False}
tracer = Config(config=config, service_name="edge", validate=True).new_tracer()
with tracer.start_span("over udp", tags={"span.kind": "consumer"}) as span:
    with tracer.start_span("within", child_of=span):
        pass
closing = tracer.close()
while not closing.done():
    time.sleep(0.01)
print(f"{span.trace_id:032x}", end="")
"""
"""A program with the real client, which wants an event loop of its own."""


@pytest.fixture
def own(launch: Launch, tmp_path: Path) -> Iterator[NexusProcess]:
    """A Nexus with every door for spans."""
    config = tmp_path / "nexus.yaml"
    udp = {"tenant": "edge", "networks": LOCAL, "host": "127.0.0.1", "port": 0}
    settings = {
        "receivers": {
            "jaeger": [{"protocol": "compact", **udp}, {"protocol": "binary", **udp}],
            "jaeger_http": [{"port": 0}],
            "zipkin": [{"port": 0}],
        }
    }
    config.write_text(json.dumps(settings))
    yield launch(NEXUS_CONFIG=str(config))


def test_doors_of_their_own(own: NexusProcess) -> None:
    ports = {one["receiver"]: one["port"] for one in own.facts["listeners"]}
    done = subprocess.run(
        [sys.executable, "-c", JAEGER_CLIENT, str(ports["jaeger_compact"])], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    trace = done.stdout.decode()
    document = wait_for("the spans", lambda: _whole(trace_of(own, "edge", trace), 2))
    assert (document["parents"], document["kind"]) == ([-1, 0], [5, 0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        batch = by_hand.batch("node", [by_hand.span(trace=77, id=5), by_hand.span(trace=77, id=0)])
        for datagram in (b"nonsense", by_hand.call("binary", "emitBatch", [(1, "struct", batch)])):
            sock.sendto(datagram, ("127.0.0.1", ports["jaeger_binary"]))
    document = wait_for("the span", lambda: trace_of(own, "edge", f"{77:032x}"))
    assert document["services"] == ["node"]
    metrics = own.get("/metrics").body.decode()
    assert 'nexus_traces_rejected_spans_total{tenant="edge",receiver="jaeger_binary",reason="invalid_record"} 2' in metrics
    body = by_hand.encode("binary", by_hand.batch("http", [by_hand.span(trace=78)]))
    headers = {"Content-Type": "application/x-thrift"}
    assert own.request("POST", "/api/traces", body, headers, port=own.facts["jaeger_http_port"]).status == 202
    zipkin = [{"traceId": "4f", "id": "2", "name": "get", "localEndpoint": {"serviceName": "front"}}]
    assert own.post("/api/v2/spans", zipkin, port=own.facts["zipkin_port"]).status == 202
    for trace_id in (78, 0x4F):
        assert trace_of(own, "", f"{trace_id:032x}") is not None
    for port in (own.facts["jaeger_http_port"], own.facts["zipkin_port"]):
        assert own.get(f"{API}/info", port=port).status == 404
        assert own.request("POST", "/api/v2/spans", b"[]", port=port, token="").status in (401, 404)


def test_spans_survive_a_kill(launch: Launch) -> None:
    nexus = launch()
    trace = b"kept after death"
    assert nexus.request("POST", "/v1/traces", request(trace, 100), PROTOBUF).status == 200
    nexus.kill()
    again = launch()
    document = trace_of(again, "", trace.hex())
    assert document is not None
    assert document["spans"] == 100
