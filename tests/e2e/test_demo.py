"""`make demo` against a real Nexus: its traces are found, their logs by trace id, the graph of its services, its metrics."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from demo.services import SERVICES
from tests.e2e.nexus_process import API, TOKEN, NexusProcess, wait_for

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[2]
CALLS = {
    ("gateway", "catalog"),
    ("gateway", "cart"),
    ("gateway", "checkout"),
    ("cart", "catalog"),
    ("checkout", "cart"),
    ("checkout", "payments"),
    ("checkout", "shipping"),
    ("shipping", "mail"),
    ("catalog", "redis"),
    ("catalog", "postgres"),
    ("payments", "postgres"),
    ("payments", "api.cardprovider.example"),
}
"""What the graph of services holds at least."""


@pytest.fixture(scope="module")
def nexus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """A server to which the demo has sent for some seconds, with an incident and a release of `checkout` in them."""
    server = NexusProcess(tmp_path_factory.mktemp("demo") / "data").start()
    command = [sys.executable, "-m", "demo.shop", "--seconds", "12", "--rate", "60", "--seed", "5"]
    command += ["--incident-every", "6", "--deploy-every", "12", "--endpoint", f"http://127.0.0.1:{server.grpc_port}"]
    try:
        done = subprocess.run(
            [*command, "--token", TOKEN], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "log records sent" in done.stdout
        assert not done.stderr, done.stderr
        yield server
    finally:
        code = server.stop()
    assert code == 0


def search(nexus: NexusProcess, q: str, **more: Any) -> list[dict[str, Any]]:
    """Traces that match."""
    answer = nexus.post(f"{API}/traces/search", {"q": q, **window(), "limit": 200, **more})
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["traces"]
    return found


def window() -> dict[str, str]:
    """The last hour."""
    now = time.time_ns()
    return {"start": str(now - 3_600 * 10**9), "end": str(now + 60 * 10**9)}


def test_one_request_is_one_trace(nexus: NexusProcess) -> None:
    """From the gateway to the mail that follows, with its links and its logs."""
    found = search(nexus, '{ resource.service.name = "mail" && kind = consumer }')
    assert found
    for trace in found[:5]:
        assert (trace["rootService"], trace["rootName"]) == ("gateway", "POST /checkout")
        assert {service["name"] for service in trace["services"]} == set(SERVICES) - {"catalog"}
    trace_id = found[0]["traceId"]
    whole = nexus.get(f"{API}/traces/{trace_id}").json
    assert whole["orphans"] == [] and whole["spans"] == found[0]["spans"]
    taken = next(at for at, kind in enumerate(whole["kind"]) if kind == 5)
    span = nexus.get(f"{API}/traces/{trace_id}/spans/{whole['ids'][taken]}").json["span"]
    assert [link["spanId"] for link in span["links"]] == [span["parentSpanId"]]
    assert span["attributes"]["messaging.system"] == "kafka"
    assert nexus.count(f"trace_id:{trace_id}") >= 4


def test_the_incident_is_in_all_three_signals(nexus: NexusProcess) -> None:
    """Its exception is an event of a span of `payments`, which the logs of the trace name too."""
    found = search(nexus, '{ resource.service.name = "payments" && status = error && event.exception.type = "PoolTimeout" }')
    assert found
    trace = found[0]
    assert trace["duration"] and trace["errors"] >= 4
    logs = nexus.post(
        f"{API}/logs/search", {"query": f"trace_id:{trace['traceId']} service:payments level:error", "limit": 10}
    )
    (record,) = logs.json["records"]
    assert "pool exhausted" in record["body"]
    spans = nexus.get(f"{API}/traces/{trace['traceId']}").json
    assert record["span_id"] in spans["ids"]
    form = urlencode({"query": 'max_over_time(db_client_connection_pending_requests{job="shop/payments"}[1h])'})
    series = nexus.get(f"/api/v1/query?{form}").json["data"]["result"]
    assert series and max(float(one["value"][1]) for one in series) >= 20


def test_the_slow_release_is_told_from_the_others(nexus: NexusProcess) -> None:
    """Both versions sent spans; only one asks for prices one by one."""
    slow = '{ resource.service.version = "3.5.0" && name = "price order" && duration > 20ms }'
    assert search(nexus, slow)
    assert search(nexus, '{ resource.service.version = "3.4.0" && name = "price order" }')
    assert not search(nexus, slow.replace("3.5.0", "3.4.0").replace("20ms", "2s"))


def test_the_graph_of_services_holds_every_call(nexus: NexusProcess) -> None:
    """Those between services, by messages too, and those of databases and of what is not ours."""

    def calls() -> Any:
        answer = nexus.get(f"{API}/services/map?{urlencode(window())}")
        assert answer.status == 200, answer.body
        found = {(edge["client"], edge["server"]) for edge in answer.json["edges"]}
        return found if found >= CALLS else None

    wait_for("all calls", calls, timeout=60)


def test_durations_have_exemplars_that_lead_to_traces(nexus: NexusProcess) -> None:
    """From a bucket of a histogram to the trace of a request."""
    form = urlencode({"query": "http_server_request_duration_seconds_bucket", "start": "0", "end": "9999999999"})
    found = nexus.get(f"/api/v1/query_exemplars?{form}").json["data"]
    traces = {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}
    assert traces
    assert nexus.get(f"{API}/traces/{traces.pop()}").status == 200
