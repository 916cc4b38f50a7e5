"""Answers about traces that come in parts over gRPC, and questions that end when the client goes away, whichever API it asked."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.e2e.nexus_process import API, TOKEN, NexusProcess, wait_for
from tests.e2e.trace_shop import pairs

from nexus.server import protobuf as pb

pytestmark = pytest.mark.e2e

TENANT = "streams"
SECOND = 10**9
HOUR = 3600 * SECOND
DAYS = 3
TRACES = 9_000
QUERY = "{ name = `step` } | count() > 3"
METRICS = "{ name = `step` } | rate() by (resource.service.name)"
SEARCH_SERVICE = "/tempopb.StreamingQuerier/"


def traces(first: int, count: int, end: int) -> bytes:
    """So many traces over three days, every eighth of six spans, the others of three."""
    chance = random.Random(first)
    request = ExportTraceServiceRequest()
    scopes = []
    for service in ("a", "b"):
        resource = request.resource_spans.add()
        resource.resource.attributes.extend(pairs({"service.name": service}))
        scopes.append(resource.scope_spans.add())
    for number in range(first, first + count):
        start = end - number * DAYS * 24 * HOUR // TRACES
        trace_id, root = chance.randbytes(16), chance.randbytes(8)
        for place in range(6 if number % 8 == 0 else 3):
            span = scopes[place % 2].spans.add(trace_id=trace_id, span_id=root if not place else chance.randbytes(8))
            span.parent_span_id = root if place else b""
            span.name = "step" if place else "root"
            span.start_time_unix_nano, span.end_time_unix_nano = start + place, start + 10**6
    return request.SerializeToString()


@dataclass
class Filled:
    """A Nexus whose queries run one at a time, with many traces."""

    nexus: NexusProcess
    end: int

    @property
    def seconds(self) -> tuple[int, int]:
        """The range of the traces."""
        return (self.end - DAYS * 24 * HOUR) // SECOND - 1, self.end // SECOND + 1

    @contextmanager
    def call(self, method: str, message: bytes) -> Iterator[Any]:
        """A call of the streaming service."""
        with grpc.insecure_channel(f"127.0.0.1:{self.nexus.grpc_port}") as channel:
            metadata = [("x-scope-orgid", TENANT), ("authorization", f"Bearer {TOKEN}")]
            yield channel.unary_stream(SEARCH_SERVICE + method)(message, metadata=metadata, timeout=120)

    def search_message(self, limit: int = 1500) -> bytes:
        """A `SearchRequest`."""
        start, end = self.seconds
        return pb.text(8, QUERY) + pb.integer(4, limit) + pb.integer(5, start) + pb.integer(6, end) + pb.integer(9, 10)

    def metrics_message(self) -> bytes:
        """A `QueryRangeRequest`."""
        start, end = self.seconds
        return pb.text(1, METRICS) + pb.integer(2, start * SECOND) + pb.integer(3, end * SECOND) + pb.integer(4, HOUR)

    def running(self) -> list[str]:
        """Ids of the tenant's queries that run."""
        answer = self.nexus.get(f"{API}/queries", tenant=TENANT)
        return [query["query_id"] for query in answer.json["queries"]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Three days of traces."""
    folder: Path = tmp_path_factory.mktemp("streams")
    nexus = NexusProcess(folder / "data", NEXUS_QUERY_THREADS="1", NEXUS_SELF_TELEMETRY="off").start()
    try:
        end = time.time_ns() // SECOND * SECOND
        for first in range(0, TRACES, 3_000):
            headers = {"Content-Type": "application/x-protobuf"}
            answer = nexus.request("POST", "/v1/traces", traces(first, 3_000, end), headers=headers, tenant=TENANT)
            assert answer.status == 200, answer.body
        body = "".join(json.dumps({"message": f"line {number}"}) + "\n" for number in range(500)).encode()
        assert nexus.ingest(body, tenant=TENANT).status == 200
        yield Filled(nexus, end)
        assert nexus.stop() == 0
        assert "Traceback" not in nexus.output(), nexus.output()
    finally:
        if nexus.process is not None and nexus.process.poll() is None:
            nexus.kill()


def fields_of(body: bytes, wanted: int) -> list[bytes]:
    """The messages of one field."""
    return [value for number, value in pb.fields(body) if number == wanted and isinstance(value, bytes)]


def progress(body: bytes) -> float:
    """The share of jobs that are done, as clients show it."""
    (metrics,) = fields_of(body, 2)
    return pb.Message(metrics).integer(4) / pb.Message(metrics).integer(5)


def test_traces_come_as_they_are_found(filled: Filled) -> None:
    """Each part has traces that the last message has, too; the last message is what HTTP answers."""
    with filled.call("Search", filled.search_message()) as stream:
        messages = list(stream)
    *parts, whole = messages
    found = fields_of(whole, 1)
    assert len(found) == TRACES // 8
    told = [trace for part in parts for trace in fields_of(part, 1)]
    assert told and parts, "the search was over before there was anything to tell"
    assert len(set(told)) == len(told) and set(told) <= set(found)
    assert [one for one in found if one in set(told)] == told
    shares = [progress(part) for part in parts]
    assert shares == sorted(shares) and all(0 <= share < 1 for share in shares) and progress(whole) == 1
    start, end = filled.seconds
    query = urlencode({"q": QUERY, "limit": 1500, "spss": 10, "start": start, "end": end})
    answer = filled.nexus.get(f"/api/search?{query}", headers={"Accept": "application/protobuf"}, tenant=TENANT)
    assert answer.status == 200 and fields_of(answer.body, 1) == found


def points(series: bytes) -> dict[int, bytes]:
    """The samples of a series by their time."""
    found = {}
    for sample in fields_of(series, 2):
        parts = dict(pb.fields(sample))
        value = parts.get(1, bytes(8))
        assert isinstance(value, bytes)
        found[int(parts[2])] = value
    return found


def by_labels(message: bytes) -> dict[bytes, dict[int, bytes]]:
    """Samples of each series."""
    return {b"".join(fields_of(series, 1)): points(series) for series in fields_of(message, 1)}


def test_the_last_message_of_a_metrics_query_is_all_of_it(filled: Filled) -> None:
    """What comes before are samples of it (few spans are read at once: then there is nothing before)."""
    with filled.call("MetricsQueryRange", filled.metrics_message()) as stream:
        *parts, whole = list(stream)
    last = by_labels(whole)
    assert len(last) == 2 and progress(whole) == 1
    for part in parts:
        for labels, samples in by_labels(part).items():
            assert samples and samples.items() <= last[labels].items()
    start, end = filled.seconds
    query = urlencode({"q": METRICS, "start": start, "end": end, "step": "1h"})
    answer = filled.nexus.get(f"/api/metrics/query_range?{query}", headers={"Accept": "application/protobuf"}, tenant=TENANT)
    assert by_labels(answer.body) == last


def test_a_stream_that_nobody_reads_ends(filled: Filled) -> None:
    """Cancelled in its midst, it is gone, and the next query finds its place free."""
    with filled.call("Search", filled.search_message()) as stream:
        next(stream)
        stream.cancel()
        wait_for("the query to end", lambda: not filled.running(), 30)
    answer = filled.nexus.get("/tempo/api/search?limit=1", tenant=TENANT)
    assert answer.status == 200


SLOW = "SELECT sum(cityHash64(a.body, b.body, c.body, d.body)) FROM logs a CROSS JOIN logs b CROSS JOIN logs c CROSS JOIN logs d"
"""Takes as long as it is let."""


def raw(nexus: NexusProcess, method: str, path: str, document: Any = None) -> Any:
    """A connection on which a request was made."""
    body = json.dumps(document).encode() if document is not None else b""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nX-Scope-OrgID: {TENANT}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return nexus.raw(head.encode() + body)


@pytest.fixture
def blocked(filled: Filled) -> Iterator[Filled]:
    """The one thread of queries is busy, so that whatever is asked has to wait."""
    with raw(filled.nexus, "POST", f"{API}/sql", {"query": SLOW, "query_id": "block"}):
        wait_for("the first query to run", lambda: filled.running() == ["block"])
        yield filled
    wait_for("the first query to end", lambda: not filled.running())


TIMES = {"query.startTimeMin": "2026-01-01T00:00:00Z", "query.startTimeMax": "2036-01-01T00:00:00Z"}
TRACE = "1" * 32
ASKED = [
    ("GET", "/api/services"),
    ("GET", "/jaeger/api/traces?service=a&lookback=48h"),
    ("GET", f"/api/traces/{TRACE}"),
    ("GET", "/jaeger/api/dependencies?endTs=1&lookback=1"),
    ("GET", "/api/metrics/calls?service=a"),
    ("GET", f"/api/v3/traces?{urlencode(TIMES)}"),
    ("GET", f"/jaeger/api/v3/trace-summaries?{urlencode(TIMES)}"),
    ("GET", f"/tempo/api/search?q={quote(QUERY)}"),
    ("GET", f"/tempo/api/v2/traces/{TRACE}"),
    ("GET", f"/api/metrics/query_range?q={quote(METRICS)}"),
    ("GET", "/api/v2/search/tags"),
    ("GET", "/api/v2/search/tag/name/values"),
    ("GET", "/zipkin/api/v2/traces?serviceName=a"),
    ("GET", f"/api/v2/trace/{TRACE}"),
    ("GET", f"{API}/traces/{TRACE}"),
    ("GET", f"{API}/traces/tags"),
    ("GET", f"{API}/services"),
    *(("POST", f"{API}/traces/{name}") for name in ("search", "count", "heatmap", "facets")),
    ("POST", f"{API}/traces/metrics"),
]


def test_a_client_that_leaves_ends_its_question(blocked: Filled) -> None:
    """Whichever API it asked."""
    for method, path in ASKED:
        document = None if method == "GET" else {"q": METRICS if path.endswith("metrics") else "{ status = error }"}
        with raw(blocked.nexus, method, path, document):
            wait_for(f"{path} to be asked", lambda: len(blocked.running()) == 2, 30)
        wait_for(f"{path} to end", lambda: blocked.running() == ["block"], 30)


@pytest.mark.parametrize("method", ["Search", "MetricsQueryRange", "SearchTagsV2"])
def test_a_caller_that_leaves_ends_its_question(blocked: Filled, method: str) -> None:
    """Over gRPC as over HTTP."""
    message = {"Search": blocked.search_message(), "MetricsQueryRange": blocked.metrics_message()}.get(method, b"")
    with blocked.call(method, message) as stream:
        wait_for("the call to be made", lambda: len(blocked.running()) == 2, 30)
        stream.cancel()
        wait_for("the query to end", lambda: blocked.running() == ["block"], 30)


def test_questions_about_traces_are_cancelled_by_name(blocked: Filled) -> None:
    """As those about logs are."""
    document = {"q": QUERY, "query_id": "named"}
    with raw(blocked.nexus, "POST", f"{API}/traces/search", document) as connection:
        wait_for("the search to be asked", lambda: "named" in blocked.running(), 30)
        assert blocked.nexus.request("DELETE", f"{API}/queries/named", tenant=TENANT).status == 200
        assert connection.recv(1000).startswith(b"HTTP/1.1 409")
    assert "named" not in blocked.running()
