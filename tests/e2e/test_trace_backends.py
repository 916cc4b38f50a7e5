"""A tenant's traces in a Jaeger or Tempo: kept while it is away, shown once, seen by those who may, refused in plain words where
it cannot be. What they answer to queries is the matter of `test_trace_apis`, which runs on all of them."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.e2e.nexus_process import API, Answer, NexusProcess, wait_for
from tests.e2e.trace_backends import KINDS, TraceBackend, made, setting
from tests.e2e.trace_shop import Shop

pytestmark = pytest.mark.e2e

TENANT = "shop"
SECOND = 10**9
PROTOBUF = {"Content-Type": "application/x-protobuf"}
DURABLE = [kind for kind in KINDS if kind not in ("embedded", "tempo")]
"""Those that have what they took after a kill; Tempo says so of what it has written to a block."""

Start = Callable[..., tuple[NexusProcess, TraceBackend]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a backend of a kind and a Nexus with the tenant's traces there."""
    started: list[tuple[NexusProcess, TraceBackend]] = []

    def begin(kind: str, **options: Any) -> tuple[NexusProcess, TraceBackend]:
        backend = made(kind, tmp_path, durable=True)
        nexus = NexusProcess(tmp_path / "data", **setting(kind, backend, TENANT, **options))
        started.append((nexus, backend))
        backend.start()
        return nexus.start(), backend

    yield begin
    for nexus, backend in started:
        nexus.stop()
        backend.stop()


def send(nexus: NexusProcess, request: ExportTraceServiceRequest, status: int = 200) -> Answer:
    answer = nexus.request("POST", "/v1/traces", request.SerializeToString(), headers=PROTOBUF, tenant=TENANT)
    assert answer.status == status, answer.body
    return answer


def ask(nexus: NexusProcess, path: str, token: str = "", status: int = 200, **document: Any) -> Any:
    now = time.time_ns()
    given = {"start": str(now - 600 * SECOND), "end": str(now + 600 * SECOND), **document}
    options = {"token": token} if token else {}
    answer = nexus.post(f"{API}/{path}", given, tenant=TENANT, **options)
    assert answer.status == status, (answer.status, answer.body)
    return answer.json


def count(nexus: NexusProcess, token: str = "", q: str = "{}") -> tuple[int, int]:
    answer = ask(nexus, "traces/count", token=token, q=q)
    return int(answer["spans"]), int(answer["traces"])


def shop(traces: int = 10) -> Shop:
    return Shop(time.time_ns() // SECOND * SECOND, traces)


def figure(nexus: NexusProcess, name: str) -> float:
    lines = nexus.get("/metrics").body.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


@pytest.mark.parametrize("kind", DURABLE)
def test_nothing_is_lost_while_it_is_away(start: Start, kind: str) -> None:
    """Acknowledged spans wait on disk, over kills of both, and are there once when it is back; queries say what is wrong."""
    nexus, backend = start(kind)
    traces = shop()
    send(nexus, traces.requests[0])
    wait_for("the first trace", lambda: count(nexus) == (4, 1))
    backend.kill()
    for request in traces.requests[1:6]:
        send(nexus, request)
    refused = ask(nexus, "traces/count", status=503, q="{}")["error"]
    assert refused["code"] == "backend_away" and ("Jaeger" in refused["message"] or "Tempo" in refused["message"])
    name = "tempo" if kind.endswith("tempo") else "jaeger"
    assert figure(nexus, f"nexus_{name}_waiting_spans") == 20 and figure(nexus, f"nexus_{name}_away") == 1
    # What is derived of spans does not wait for them.
    services = f"{API}/services"
    wait_for("the services", lambda: len(nexus.get(services, tenant=TENANT).json["services"]) == 2)
    nexus.kill()
    nexus.start()
    send(nexus, traces.requests[6])
    backend.start()
    # Sent again by a client that saw no answer.
    send(nexus, traces.requests[6])
    wait_for("what had waited", lambda: count(nexus) == (28, 7), timeout=90, pause=0.2)
    for number in range(7):
        assert nexus.get(f"{API}/traces/{traces.id(number)}", tenant=TENANT).json["spans"] == 4
    assert list((nexus.folder / name / TENANT).iterdir()) == []
    assert figure(nexus, f"nexus_{name}_waiting_bytes") == 0


def test_a_full_queue_refuses(start: Start) -> None:
    """With a 503 that says when to come again; what was acknowledged before arrives."""
    nexus, backend = start("nexus-as-jaeger", queue_bytes="4KiB")
    backend.kill()
    traces = shop(100)
    taken = 0
    for request in traces.requests:
        answer = nexus.request("POST", "/v1/traces", request.SerializeToString(), headers=PROTOBUF, tenant=TENANT)
        if answer.status != 200:
            break
        taken += 1
    assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1, answer.body
    assert 0 < taken < 30
    nexus.kill()
    nexus.start()
    backend.start()
    wait_for("what was acknowledged", lambda: count(nexus) == (4 * taken, taken), timeout=90, pause=0.2)


@pytest.mark.parametrize("kind", ["jaeger", "nexus-as-jaeger", "nexus-as-tempo"])
def test_policies_and_masks_hold(start: Start, kind: str) -> None:
    """Spans and values that somebody must not see are not there: not in traces, lists, counts and series."""
    nexus, _ = start(kind)
    traces = shop()
    send(nexus, traces.whole)
    wait_for("the traces", lambda: count(nexus) == (40, 10))
    narrow = key(nexus, policy="service:cart")
    assert count(nexus, narrow) == (20, 10) and count(nexus, narrow, '{ resource.service.name = "web" }') == (0, 0)
    trace = nexus.get(f"{API}/traces/{traces.id(1)}", token=narrow).json
    assert (trace["spans"], {trace["names"][place] for place in trace["name"]}) == (2, {"Cart/Add", "INSERT carts"})
    found = ask(nexus, "traces/search", token=narrow, q="{}", limit=3)["traces"]
    assert [one["rootName"] for one in found] == ["", "", ""] and {one["spans"] for one in found} == {2}
    services = nexus.get("/api/v3/services", token=narrow)
    assert services.json["services"] == ["cart"]
    assert nexus.get(f"/api/v2/traces/{traces.id(1)}", token=narrow, headers={"Accept": "application/json"}).status == 200
    blind = key(nexus, masked=("db.system",))
    asked = ask(nexus, "traces/search", token=blind, status=403, q='{ span.db.system = "postgresql" }')
    assert asked["error"]["code"] == "masked_field"
    whole = json.dumps(nexus.get(f"{API}/traces/{traces.id(1)}/otlp", token=blind).json)
    assert "postgresql" not in whole and "***" in whole and "pg.internal" in whole
    assert count(nexus, blind, "{ span.db.system != nil }") == (10, 10)


def key(nexus: NexusProcess, policy: str = "", masked: tuple[str, ...] = ()) -> str:
    """A key for traces of the tenant with a role that does not show everything."""
    name = uuid.uuid4().hex[:12]
    role = {"grants": [{"permission": "traces:read"}], "policy": policy, "masked": masked}
    kind = {"Content-Type": "application/json"}
    assert nexus.request("PUT", f"{API}/roles/{name}", json.dumps(role).encode(), kind).status == 200
    answer = nexus.post(f"{API}/keys", {"name": name, "role": name}, tenant=TENANT)
    assert answer.status == 200, answer.body
    return str(answer.json["secret"])


def test_what_the_backend_decides_is_said(start: Start) -> None:
    """How long spans are kept, sampling, deletion and SQL; answers that are not about all traces say so."""
    nexus, _ = start("nexus-as-jaeger", max_traces=5)
    traces = shop()
    send(nexus, traces.whole)
    wait_for("the traces", lambda: count(nexus)[1] == 5)
    refused = [
        nexus.request("PUT", f"{API}/retention/traces", b'{"rules":[],"days":3}', JSON, tenant=TENANT),
        nexus.request("PUT", f"{API}/traces/sampling", b'{"rules":[],"otherwise":0.5}', JSON, tenant=TENANT),
        nexus.post(f"{API}/traces/sampling/preview", {"rules": [], "otherwise": 0.5}, tenant=TENANT),
        nexus.post(f"{API}/traces/deletions", {"query": "{ status = error }"}, tenant=TENANT),
        nexus.post(f"{API}/sql", {"query": "SELECT count() FROM spans"}, tenant=TENANT),
    ]
    for answer in refused:
        assert (answer.status, answer.json["error"]["code"]) == (400, "kept_elsewhere"), answer.body
        assert "Jaeger" in answer.json["error"]["message"]
    counted = ask(nexus, "traces/count", q="{}")
    assert counted["statistics"]["incomplete"] == "Jaeger may have more traces: 5 of them were looked at."
    found = ask(nexus, "traces/search", q="{ kind = server }", limit=20)
    assert len(found["traces"]) == 5 and found["incomplete"] == counted["statistics"]["incomplete"]
    # As many as were asked for, and the newest: nothing is missing.
    found = ask(nexus, "traces/search", q="{ kind = server }", limit=3)
    assert [one["traceId"] for one in found["traces"]] == [traces.id(number) for number in (9, 8, 7)]
    assert found["incomplete"] == ""
    # Narrow enough, and complete.
    failed = ask(nexus, "traces/count", q='{ resource.service.name = "cart" && status = error }')
    assert (failed["spans"], failed["statistics"]["incomplete"]) == (2, "")


def test_a_deleted_tenant_is_sent_no_more(start: Start) -> None:
    """What waits for the backend goes; what the backend has is the backend's."""
    nexus, backend = start("nexus-as-jaeger")
    backend.kill()
    send(nexus, shop().whole)
    queue = nexus.folder / "jaeger" / TENANT
    assert list(queue.iterdir())
    removed = nexus.post(f"{API}/tenants/{TENANT}/delete", {"confirm": TENANT})
    assert removed.status in (200, 202), removed.body
    wait_for("the removal", lambda: list(queue.iterdir()) == [])


JSON = {"Content-Type": "application/json"}


class Otlp(BaseHTTPRequestHandler):
    """Refuses spans as it is told: some of them, or all."""

    answer: tuple[int, bytes] = (200, b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_spans_that_it_refuses_are_told(tmp_path: Path) -> None:
    """To the sender, as OTLP has it, and in figures."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Otlp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    entry = [{"tenant": TENANT, "url": url, "otlp_url": url}]
    nexus = NexusProcess(tmp_path / "data", NEXUS_TRACES_TEMPO=json.dumps(entry)).start()
    try:
        partial = ExportTracePartialSuccess(rejected_spans=3, error_message="too old")
        Otlp.answer = 200, ExportTraceServiceResponse(partial_success=partial).SerializeToString()
        told = ExportTraceServiceResponse.FromString(send(nexus, shop(2).whole).body).partial_success
        assert told.rejected_spans == 3 and "too old" in told.error_message
        Otlp.answer = 400, b"no such tenant"
        told = ExportTraceServiceResponse.FromString(send(nexus, shop(1).whole).body).partial_success
        assert told.rejected_spans == 4 and "no such tenant" in told.error_message
        assert (figure(nexus, "nexus_tempo_sent_spans"), figure(nexus, "nexus_tempo_refused_spans")) == (5, 7)
    finally:
        assert nexus.stop() == 0
        server.shutdown()
