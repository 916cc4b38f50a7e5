"""A real Prometheus that has no samples of its own reads those of Nexus (`remote_read`): the same answers as Nexus gives itself,
floats and native histograms, in both forms of the protocol.

Prometheus asks for STREAMED_XOR_CHUNKS first and takes SAMPLES; a small proxy in between lets it ask for SAMPLES alone.
`PROMETHEUS_BIN` names the program; without it the test says so and is skipped.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from tests.e2e.encodings import snappy
from tests.e2e.metric_bodies import HEADERS, message, write
from tests.e2e.nexus_process import TOKEN, NexusProcess
from tests.e2e.programs import Prometheus
from tests.e2e.test_prometheus_api import END, START, close, normal, samples
from tests.unit.scrape.test_exposition import PROTOBUF, client_model, delimited

from nexus import _native
from nexus.server.protobuf import fields

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif("PROMETHEUS_BIN" not in os.environ, reason="PROMETHEUS_BIN names no Prometheus 3"),
]

QUERIES = (
    "http_requests_total", "memory_bytes[3m]", "rate(http_requests_total[5m])", "sum by (code) (increase(http_requests_total[10m]))",
    '{"strange.name"}', "memory_bytes offset 5m", 'count({job=~"a.*",instance!="b:2"})', "nothing_of_this_name",
    "took_seconds", "took_seconds[2m]", "rate(took_seconds[5m])", "histogram_quantile(0.9, sum(rate(took_seconds[5m])))",
    "histogram_count(increase(took_seconds[10m]))", "max_over_time(http_requests_total[30m])", "changes(memory_bytes[30m])",
    "stale_total", "stale_total[30m]",
)  # fmt: skip


def histograms(at_ms: int, number: int) -> bytes:
    """Two native histograms that grow, as remote write."""
    model = client_model()
    family = model["MetricFamily"](name="took_seconds", type=4)
    for place in range(2):
        metric = family.metric.add()
        metric.label.add(name="instance", value=f"i{place}")
        one = metric.histogram
        one.schema, one.zero_threshold, one.zero_count = 2, 0.001, number
        one.positive_span.add(offset=-2, length=2)
        one.positive_span.add(offset=3, length=1)
        counts = [number * (place + 1), number + place, 2 * number]
        one.positive_delta.extend([counts[0], counts[1] - counts[0], counts[2] - counts[1]])
        one.negative_span.add(offset=0, length=1)
        one.negative_delta.append(number // 2)
        one.sample_count, one.sample_sum = number + sum(counts) + number // 2, 1.5 * number
    batch = _native.decode_exposition(delimited(family), now_ms=at_ms, content_type=PROTOBUF).batch
    ((body, floats, whole),) = _native.encode_remote_write(batch, version=1, max_series=10, compress=True)
    assert (floats, whole) == (0, 2)
    return body


@pytest.fixture(scope="module")
def filled(nexus: NexusProcess) -> str:
    """A tenant with half an hour of floats and of native histograms, and a series that ended."""
    tenant = f"read-{START}"
    assert write(nexus, samples(), tenant=tenant).status == 204
    for number in range(121):
        body = histograms(START * 1000 + 15_000 * number, number % 90)
        assert nexus.request("POST", "/api/v1/write", body, HEADERS, tenant=tenant).status == 204
    body = _native.encode_remote_write(
        _native.decode_exposition(
            f"stale_total 1 {(END - 900) * 1000}\nstale_total 2 {(END - 60) * 1000}\n".encode(), now_ms=END * 1000
        ).batch, version=1, max_series=10, compress=True,
    )[0][0]  # fmt: skip
    assert nexus.request("POST", "/api/v1/write", body, HEADERS, tenant=tenant).status == 204
    return tenant


class Proxy(http.server.BaseHTTPRequestHandler):
    """Hands read requests on to Nexus; where `only_samples`, without what else the client would take."""

    nexus: NexusProcess
    only_samples: bool
    seen: Counter[str]

    def do_POST(self) -> None:
        """One request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.only_samples:
            raw = _native.decompress(body, "snappy", 1 << 20)
            queries = [value for number, value in fields(raw) if number == 1 and isinstance(value, bytes)]
            body = snappy(b"".join(message(1, query) for query in queries) + message(2, b"\x00"))
        kept = ("Content-Type", "Content-Encoding", "X-Prometheus-Remote-Read-Version", "Authorization", "X-Scope-OrgID")
        headers = {name: self.headers[name] for name in kept if name in self.headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.nexus.port, timeout=60)
        connection.request("POST", self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.seen[answer.headers["Content-Type"].partition(";")[0]] += 1
        self.send_response(answer.status)
        for name in ("Content-Type", "Content-Encoding"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@contextmanager
def between(nexus: NexusProcess, *, only_samples: bool) -> Iterator[tuple[str, Counter[str]]]:
    """A running proxy: its address, and how many answers of each media type went through."""
    seen: Counter[str] = Counter()
    handler = type("Between", (Proxy,), {"nexus": nexus, "only_samples": only_samples, "seen": seen})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def reader(folder: Path, url: str, tenant: str) -> Iterator[str]:
    """A running Prometheus that reads from an address: its own address."""
    config = {
        "remote_read": [
            {
                "url": f"{url}/api/v1/read",
                "read_recent": True,
                "authorization": {"credentials": TOKEN},
                "headers": {"X-Scope-OrgID": tenant},
            }
        ]
    }
    server = Prometheus(
        os.environ["PROMETHEUS_BIN"], folder, yaml.safe_dump(config),
        features="promql-experimental-functions,promql-delayed-name-removal",
    ).start()  # fmt: skip
    try:
        yield server.url
    finally:
        server.stop()


def asked(base: str, path: str, **parameters: Any) -> Any:
    with urllib.request.urlopen(f"{base}/api/v1/{path}?{urlencode(parameters, doseq=True)}", timeout=60) as answer:
        return json.load(answer)


@pytest.mark.parametrize("form", ["chunks", "samples"])
def test_prometheus_reads(nexus: NexusProcess, filled: str, tmp_path: Path, form: str) -> None:
    """Instant and range queries over what was read, names of labels, and no warning."""
    media = {"chunks": "application/x-streamed-protobuf", "samples": "application/x-protobuf"}[form]
    with between(nexus, only_samples=form == "samples") as (url, seen), reader(tmp_path, url, filled) as base:
        compared = 0
        for query in QUERIES:
            asking: list[tuple[str, dict[str, Any]]] = [("query", {"query": query, "time": END - 5})]
            if not query.endswith("]"):
                asking.append(("query_range", {"query": query, "start": START, "end": END, "step": 60}))
            for path, parameters in asking:
                theirs = asked(base, path, **parameters)
                encoded = urlencode(parameters)
                ours = nexus.get(f"/api/v1/{path}?{encoded}", tenant=filled).json
                assert "warnings" not in theirs, (query, theirs["warnings"])
                assert close(normal(ours)["data"], normal(theirs)["data"]), (query, ours, theirs)
                compared += len(theirs["data"]["result"])
        assert compared > 90
        found = asked(base, "series", **{"match[]": "took_seconds", "start": START, "end": END})["data"]
        assert [one["instance"] for one in sorted(found, key=json.dumps)] == ["i0", "i1"]
    assert set(seen) == {media}
    assert "level=ERROR" not in (tmp_path / "prometheus.log").read_text()


def test_a_key_that_may_not_read(nexus: NexusProcess, tmp_path: Path, tenant: str) -> None:
    """Prometheus tells its user what Nexus said, and answers with what it has itself."""
    made = nexus.post("/api/nexus/v1/keys", {"name": "w", "permissions": ["metrics:write"], "tenant": tenant})
    refused = nexus.request("POST", "/api/v1/read", snappy(b""), HEADERS, token=made.json["secret"])
    assert refused.status == 403
    with between(nexus, only_samples=False) as (url, _), reader(tmp_path, f"{url}/missing", tenant) as base:
        answer = asked(base, "query", query="memory_bytes")
    assert answer["data"]["result"] == [] and any("remote_read" in one for one in answer["warnings"])
