"""Limits at every door: what is refused, in whose words, and that nothing of it is stored."""

from __future__ import annotations

import gzip
import http.client
import http.cookies
import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tests.databases.metadata_of import execute
from tests.e2e.listeners import listeners, metric, port_of
from tests.e2e.nexus_process import API, PASSWORD, TOKEN, Answer, NexusProcess, lines, wait_for
from websockets.sync import client

from nexus.pipeline.receivers.otlp_grpc import LOGS_METHOD

pytestmark = pytest.mark.e2e

FIREHOSE_ID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """A Nexus of its own: some limits are those of this machine's address."""
    syslog = [{"protocol": "tcp", "tenant": "syslog-tcp"}]
    process = NexusProcess(
        tmp_path_factory.mktemp("limits") / "data",
        **listeners(syslog=syslog),
        NEXUS_LIMITS_DEFAULTS=json.dumps([{"scope": "user", "name": "admin_requests", "value": 5000}]),
    ).start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


def limit(nexus: NexusProcess, scope: str, subject: str, **limits: float) -> Answer:
    body = json.dumps({"limits": limits}).encode()
    answer = nexus.request("PUT", f"{API}/limits/{scope}/{subject}", body, {"Content-Type": "application/json"})
    assert answer.status == 200, answer.body
    return answer


def key(nexus: NexusProcess, tenant: str, *permissions: str) -> tuple[str, str]:
    answer = nexus.post(f"{API}/keys", {"name": f"of {tenant}", "tenant": tenant, "permissions": list(permissions)})
    assert answer.status == 200, answer.body
    return answer.json["key"]["id"], answer.json["secret"]


def otlp(count: int) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}] * count}]}]}


def bulk(count: int) -> bytes:
    return b'{"create":{}}\n{"message":"x"}\n' * count


LOKI = json.dumps({"streams": [{"stream": {"a": "b"}, "values": [[str(time.time_ns()), "x"]] * 4}]}).encode()
FIREHOSE = json.dumps({"requestId": FIREHOSE_ID, "timestamp": 1, "records": [{"data": "eA=="}] * 4}).encode()
JSON = {"Content-Type": "application/json"}
# Four records in each protocol, and what a refusal looks like there.
PROTOCOLS: dict[str, tuple[str, bytes, dict[str, str], str]] = {
    "json lines": (f"{API}/ingest/logs", lines(*[{"_msg": "x"}] * 4), {}, '"code":"rate_limited"'),
    "otlp": ("/v1/logs", json.dumps(otlp(4)).encode(), JSON, '"retryDelay"'),
    "loki": ("/loki/api/v1/push", LOKI, JSON, "4 at once"),
    "splunk": ("/services/collector", b'{"event":"x"}' * 4, {}, '"code":9'),
    "datadog": ("/api/v2/logs", json.dumps([{"message": "x"}] * 4).encode(), JSON, '"errors":[{"status":"429"'),
    "firehose": ("/aws/firehose", FIREHOSE, {**JSON, "X-Amz-Firehose-Request-Id": FIREHOSE_ID}, '"errorMessage"'),
    "journald": (f"{API}/ingest/journald", b"MESSAGE=x\n\n" * 4, {}, "4 at once"),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_records_are_refused_in_the_words_of_each_protocol(limited: NexusProcess, tenant: str, name: str) -> None:
    path, body, headers, shape = PROTOCOLS[name]
    limit(limited, "tenant", tenant, ingest_records=0.01, ingest_records_burst=4)
    first = limited.request("POST", path, body, headers, tenant=tenant)
    assert first.status in (200, 202, 204), first.body
    headers = {**headers, "X-Amz-Firehose-Request-Id": "another"}
    refused = limited.request("POST", path, body, headers, tenant=tenant)
    assert refused.status == 429, refused.body
    assert shape in refused.body.decode()
    # Four records at one in 100 s.
    assert 395 <= int(refused.headers["Retry-After"]) <= 401
    assert refused.headers["RateLimit-Policy"] == '"tenant-ingest_records";q=4;w=400'
    assert refused.headers["RateLimit"].startswith('"tenant-ingest_records";r=0;t=')
    assert limited.count(tenant=tenant) == 4


def test_a_bulk_request_is_answered_document_by_document(limited: NexusProcess, tenant: str) -> None:
    limit(limited, "tenant", tenant, ingest_records=0.01, ingest_records_burst=4)
    media = {"Content-Type": "application/x-ndjson"}
    assert not limited.request("POST", "/logs/_bulk", bulk(4), media, tenant=tenant).json["errors"]
    answer = limited.request("POST", "/logs/_bulk", bulk(3) + b'{"create":{}}\nnothing\n', media, tenant=tenant)
    assert answer.status == 200
    assert [item["create"]["status"] for item in answer.json["items"]] == [429, 429, 429, 400]
    assert int(answer.headers["Retry-After"]) > 100
    assert limited.count(tenant=tenant) == 4
    # A request that is refused before it is read is refused as a whole.
    limit(limited, "tenant", tenant, ingest_requests=0.01, ingest_requests_burst=1)
    assert limited.request("POST", "/logs/_bulk", bulk(1), media, tenant=tenant).status == 200
    whole = limited.request("POST", "/logs/_bulk", bulk(1), media, tenant=tenant)
    assert whole.status == 429
    assert whole.json["error"]["type"] == "es_rejected_execution_exception"


def test_grpc_is_told_resource_exhausted_and_when_to_come_again(limited: NexusProcess, tenant: str) -> None:
    from google.rpc import error_details_pb2, status_pb2
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

    limit(limited, "tenant", tenant, ingest_records=0.01, ingest_records_burst=4)
    scope = ScopeLogs(log_records=[LogRecord(severity_number=9)] * 4)  # type: ignore[arg-type]
    message = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scope])]).SerializeToString()
    metadata = (("authorization", f"Bearer {TOKEN}"), ("x-scope-orgid", tenant))
    with grpc.insecure_channel(f"127.0.0.1:{limited.grpc_port}") as channel:
        export = channel.unary_unary(LOGS_METHOD)
        export(message, metadata=metadata, timeout=60)
        with pytest.raises(grpc.RpcError) as caught:
            export(message, metadata=metadata, timeout=60)
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        (packed,) = [value for name, value in error.trailing_metadata() if name == "grpc-status-details-bin"]
        info = error_details_pb2.RetryInfo()
        assert status_pb2.Status.FromString(packed).details[0].Unpack(info)
        assert 395 <= info.retry_delay.seconds <= 401
        limit(limited, "tenant", tenant, ingest_requests=0.01, ingest_requests_burst=1)
        export(message, metadata=metadata, timeout=60)
        with pytest.raises(grpc.RpcError) as caught:
            export(message, metadata=metadata, timeout=60)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]
    assert limited.count(tenant=tenant) == 8


def test_bytes_are_refused_before_they_are_read(limited: NexusProcess, tenant: str) -> None:
    limit(limited, "tenant", tenant, ingest_bytes=1, ingest_bytes_burst=1000)
    body = lines({"_msg": "x" * 900})
    assert limited.ingest(body, tenant=tenant).status == 200
    head = (
        f"POST {API}/ingest/logs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nX-Scope-OrgID: {tenant}\r\n"
    )
    with limited.raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode()) as sock:
        # Not one byte of the body was sent.
        assert sock.recv(4096).startswith(b"HTTP/1.1 429 ")
    chunked = http.client.HTTPConnection("127.0.0.1", limited.port, timeout=60)
    chunked.request(
        "POST",
        f"{API}/ingest/logs",
        iter([body, body]),
        {"Authorization": f"Bearer {TOKEN}", "X-Scope-OrgID": tenant},
        encode_chunked=True,
    )
    assert chunked.getresponse().status == 429
    chunked.close()
    # What is small when compressed counts as what it is on the wire.
    assert len(gzip.compress(body)) < 90
    squeezed = limited.ingest(gzip.compress(body), {"Content-Encoding": "gzip"}, tenant=tenant)
    assert squeezed.status == 200, squeezed.body
    assert limited.count(tenant=tenant) == 2


def test_what_was_refused_passes_after_the_time_that_was_told(limited: NexusProcess, tenant: str) -> None:
    limit(limited, "tenant", tenant, ingest_records=4, ingest_records_burst=4)
    body = lines(*[{"_msg": "x"}] * 4)
    assert limited.ingest(body, tenant=tenant).status == 200

    def refusal() -> Any:
        answer = limited.ingest(body, tenant=tenant)
        return answer if answer.status == 429 else None

    # On a slow machine there may be room again before the next request comes.
    refused = wait_for("a refusal", refusal)
    time.sleep(int(refused.headers["Retry-After"]))
    assert limited.ingest(body, tenant=tenant).status == 200


def test_keys_and_their_tenant_are_limited_apart(limited: NexusProcess, tenant: str) -> None:
    (first, secret), (_, other) = key(limited, tenant, "logs:write"), key(limited, tenant, "logs:write")
    limit(limited, "key", first, ingest_requests=0.01, ingest_requests_burst=2)
    assert [limited.ingest(lines({"_msg": "x"}), token=secret).status for _ in range(3)] == [200, 200, 429]
    assert limited.ingest(lines({"_msg": "x"}), token=other).status == 200
    limit(limited, "tenant", tenant, ingest_requests=0.01, ingest_requests_burst=1)
    assert [limited.ingest(lines({"_msg": "x"}), token=other).status for _ in range(2)] == [200, 429]
    shown = limited.get(f"{API}/limits").json
    (own,) = [one for one in shown["limits"] if one["subject"] == first]
    assert own["label"] == f"of {tenant}"
    use = {(one["scope"], one["subject"]): one for one in shown["use"] if one["name"] == "ingest_requests"}
    assert use["key", first]["refused"] == 1
    assert use["key", first]["label"] == f"of {tenant}"
    assert use["tenant", tenant]["refused"] == 1
    assert use["tenant", tenant]["used"] > 0


def test_limits_of_each_one_and_their_removal(limited: NexusProcess, tenant: str) -> None:
    limit(limited, "tenant", "*", query_requests=0.01, query_requests_burst=2)
    try:
        answers = [limited.post(f"{API}/logs/count", tenant=tenant) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
        assert limited.post(f"{API}/logs/count", tenant=f"{tenant}-b").status == 200
        # Its own number goes before that of each one.
        limit(limited, "tenant", tenant, query_requests=100)
        assert limited.post(f"{API}/logs/count", tenant=tenant).status == 200
        assert limited.request("DELETE", f"{API}/limits/tenant/{tenant}").status == 200
        assert limited.request("DELETE", f"{API}/limits/tenant/{tenant}").status == 404
    finally:
        assert limited.request("DELETE", f"{API}/limits/tenant/*").status == 200
    answer = limited.post(f"{API}/logs/count", tenant=tenant)
    assert answer.status == 200
    assert "RateLimit" not in answer.headers


def test_users_are_limited_whatever_session_they_use(limited: NexusProcess, tenant: str) -> None:
    def cookie() -> str:
        answer = limited.post(f"{API}/auth/login", {"username": "admin", "password": PASSWORD}, token="")
        return f"nexus_session={http.cookies.SimpleCookie(answer.headers['Set-Cookie'])['nexus_session'].value}"

    limit(limited, "user", "admin", query_requests=0.01, query_requests_burst=2)
    statuses = []
    for session in (cookie(), cookie()):
        headers = {"Cookie": session, "X-Nexus-Request": "1"}
        statuses += [limited.post(f"{API}/logs/count", token="", headers=headers, tenant=tenant).status for _ in range(2)]
    assert statuses == [200, 200, 429, 429]
    limit(limited, "user", "admin")


def test_queries_at_a_time_are_counted_until_their_answer_is_read(limited: NexusProcess, tenant: str) -> None:
    for _ in range(8):
        limited.ingest(lines(*[{"_msg": "x" * 1500}] * 2000), tenant=tenant)
    limit(limited, "tenant", tenant, query_running=1)
    head = (
        f"GET {API}/logs/export?format=ndjson HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"X-Scope-OrgID: {tenant}\r\n\r\n"
    )
    with limited.raw(head.encode()) as sock:
        assert sock.recv(1024).startswith(b"HTTP/1.1 200 ")
        refused = limited.post(f"{API}/logs/count", tenant=tenant)
        assert refused.status == 429
        assert "1 queries already" in refused.json["error"]["message"]
        shown = limited.get(f"{API}/limits").json["use"]
        assert [one["used"] for one in shown if one["subject"] == tenant and one["name"] == "query_running"] == [1]
    wait_for("the slot", lambda: limited.post(f"{API}/logs/count", tenant=tenant).status == 200)


def test_what_one_query_may_read(limited: NexusProcess, tenant: str) -> None:
    now = time.time()
    # Several days, so that what the store reads for itself is more than the limit.
    records = [{"_msg": f"x {number}", "_time": now - 86400 * (number % 10)} for number in range(100)]
    limited.ingest(lines(*records), tenant=tenant)
    limit(limited, "tenant", tenant, query_scan_rows=5)
    refused = [
        limited.post(f"{API}/sql", {"query": "SELECT max(body) FROM logs"}, tenant=tenant),
        limited.post(f"{API}/logs/search", {"query": "x"}, tenant=tenant),
        limited.request("GET", "/_search?q=x", tenant=tenant),
    ]
    for answer in refused:
        # Elasticsearch's clients know 400 alone.
        assert answer.status in (400, 422), answer.body
        assert re.search(rb"\d+ records so far, the limit is 5\.", answer.body), answer.body
        assert b"Narrow" in answer.body
    limit(limited, "tenant", tenant, query_scan_bytes=10)
    size = limited.post(f"{API}/logs/search", {"query": "x"}, tenant=tenant)
    assert re.search(rb"more than it may: [\d.]+ B so far, the limit is 10\.00 B\.", size.body), size.body
    # The smallest of all that hold counts, and others are not touched.
    limit(limited, "tenant", tenant, query_scan_rows=5_000_000)
    assert limited.post(f"{API}/logs/search", {"query": "x"}, tenant=tenant).status == 200
    limit(limited, "key", "bootstrap", query_scan_rows=5)
    assert limited.post(f"{API}/logs/search", {"query": "x"}, tenant=tenant).status == 422
    limit(limited, "key", "bootstrap")


def test_the_range_of_one_query(limited: NexusProcess, tenant: str) -> None:
    limited.ingest(lines({"_msg": "x"}), tenant=tenant)
    limit(limited, "tenant", tenant, query_range=3600)
    for path, document in (("count", {}), ("search", {"from": "now-2h"}), ("histogram", {"from": "now-1d", "to": "now"})):
        answer = limited.post(f"{API}/logs/{path}", document, tenant=tenant)
        assert answer.status == 422, answer.body
        assert "1h at most" in answer.json["error"]["message"]
        assert "start" in answer.json["error"]["hint"]
    start = time.time_ns() - 7200 * 10**9
    loki = limited.get(f"/loki/api/v1/query_range?query=%7Bservice_name%3D~%22.%2B%22%7D&start={start}", tenant=tenant)
    assert loki.status == 400
    assert b"1h at most" in loki.body
    assert limited.get(f"{API}/logs/export?format=ndjson&from=now-2h", tenant=tenant).status == 422
    assert limited.post(f"{API}/logs/count", {"from": "now-1h"}, tenant=tenant).json["count"] == 1
    assert limited.post(f"{API}/logs/bounds", {}, tenant=tenant).status == 200
    # What names no time is about what there is lately.
    assert limited.get("/_field_caps?fields=*", tenant=tenant).status == 200
    assert limited.get("/_cat/indices?format=json", tenant=tenant).status == 200
    with client.connect(
        f"ws://127.0.0.1:{limited.port}{API}/live?tenant={tenant}", additional_headers={"Authorization": f"Bearer {TOKEN}"}
    ) as live:
        live.send(json.dumps({"type": "subscribe", "id": "a", "topic": "logs", "query": "", "backlog": 10}))
        assert json.loads(live.recv(timeout=60))["type"] == "subscribed"
        assert len(json.loads(live.recv(timeout=60))["records"]) == 1


def test_what_queries_read_is_paid_off(limited: NexusProcess, tenant: str) -> None:
    limited.ingest(lines(*[{"_msg": f"word{number} " * 50} for number in range(2000)]), tenant=tenant)
    limit(limited, "tenant", tenant, query_bytes=1000, query_bytes_burst=2000)
    document = {"query": "word7*"}
    assert limited.post(f"{API}/logs/search", document, tenant=tenant).status == 200
    refused = limited.post(f"{API}/logs/search", document, tenant=tenant)
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 5
    assert 'qu="content-bytes"' in refused.headers["RateLimit-Policy"]


def test_listeners_wait(limited: NexusProcess) -> None:
    limit(limited, "tenant", "syslog-tcp", ingest_records=2, ingest_records_burst=2)
    message = b"<13>1 2026-01-01T00:00:00Z host app - - - hello\n"
    with socket.create_connection(("127.0.0.1", port_of(limited, "syslog-tcp"))) as sock:
        sock.sendall(message * 2)
        wait_for("the first two", lambda: limited.count(tenant="syslog-tcp") == 2)
        sent = 2

        def refused() -> float:
            # Again and again: on a slow machine there may be room when they come.
            nonlocal sent
            sock.sendall(message * 2)
            sent += 2
            return metric(limited, 'nexus_limit_refused_total{scope="tenant",name="ingest_records"}')

        wait_for("a refusal", refused, pause=0.5)
        wait_for("those that had to wait", lambda: limited.count(tenant="syslog-tcp") == sent)


def test_the_address_is_limited_before_anybody_is_known(limited: NexusProcess, tenant: str) -> None:
    limit(limited, "address", "127.0.0.1", query_requests=0.01, query_requests_burst=3)
    try:
        statuses = [limited.post(f"{API}/logs/count", token="wrong").status for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        refused = limited.post(f"{API}/logs/count", tenant=tenant)
        assert refused.status == 429
        assert "this address" in refused.json["error"]["message"]
        # Other classes go on, and so does the state of the process.
        assert limited.ingest(lines({"_msg": "x"}), tenant=tenant).status == 200
        assert all(limited.get("/-/healthy", token="").status == 200 for _ in range(10))
    finally:
        assert limited.request("DELETE", f"{API}/limits/address/127.0.0.1").status == 200


def test_wrong_keys_make_an_address_wait(limited: NexusProcess) -> None:
    limit(limited, "address", "127.0.0.1", auth_failures=0.2, auth_failures_burst=5, admin_requests=0)
    try:
        statuses = [limited.get(f"{API}/info", token="guess").status for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        # No credentials are no guess.
        wait_for("the wait to end", lambda: limited.get(f"{API}/info", token="").status == 401)
    finally:
        wait_for("the limits to go", lambda: limited.request("DELETE", f"{API}/limits/address/127.0.0.1").status == 200)


def test_limits_are_for_administrators_of_all_tenants(limited: NexusProcess, tenant: str) -> None:
    _, secret = key(limited, tenant, "*")
    assert limited.get(f"{API}/limits", token=secret).status == 403
    assert limited.request("PUT", f"{API}/limits/tenant/{tenant}", b'{"limits":{}}', token=secret).status == 403
    assert limited.request("DELETE", f"{API}/limits/tenant/{tenant}", token=secret).status == 403


@pytest.mark.parametrize(
    ("path", "limits", "status"),
    [
        ("planet/x", {"ingest_records": 1}, 400),
        ("tenant/..", {"ingest_records": 1}, 400),
        ("address/not-an-address", {"query_requests": 1}, 400),
        ("key/nobody", {"ingest_records": 1}, 404),
        ("user/nobody", {"query_requests": 1}, 404),
        ("tenant/x", {"records": 1}, 400),
        ("tenant/x", {"ingest_records": -1}, 400),
        ("tenant/x", {"ingest_records": 1e99}, 400),
        ("tenant/x", {"ingest_records": "1"}, 400),
    ],
)
def test_limits_that_make_no_sense(limited: NexusProcess, path: str, limits: Any, status: int) -> None:
    body = json.dumps({"limits": limits}).encode()
    assert limited.request("PUT", f"{API}/limits/{path}", body).status == status


def test_a_change_of_limits_is_in_the_audit_log(limited: NexusProcess, tenant: str) -> None:
    limit(limited, "tenant", tenant, ingest_records=7)
    limited.request("DELETE", f"{API}/limits/tenant/{tenant}")
    entries = [one for one in limited.get(f"{API}/audit").json["entries"] if one["subject"] == f"tenant:{tenant}"]
    assert [one["action"] for one in entries] == ["limits.removed", "limits.changed"]


def test_limits_of_another_process_hold_within_a_second(limited: NexusProcess, tenant: str) -> None:
    row = ("tenant", tenant, '{"query_requests":0.01,"query_requests_burst":1}')
    execute(limited.folder, "INSERT INTO limits VALUES (?, ?, ?)", row)
    wait_for("the limit", lambda: limited.post(f"{API}/logs/count", tenant=tenant).status == 429, timeout=60)


def test_logins_are_limited_without_anybodys_doing(limited: NexusProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", limited.port, timeout=60)
    seen = set()
    for _ in range(400):
        connection.request("GET", f"{API}/auth/session")
        response = connection.getresponse()
        response.read()
        seen.add(response.status)
        if response.status == 429:
            assert response.headers["Retry-After"] == "1"
            assert '"address-auth_requests";q=300;w=15' in response.headers["RateLimit-Policy"]
            break
    connection.close()
    assert seen == {200, 429}
