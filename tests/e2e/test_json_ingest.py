"""JSON lines over HTTP: good, bad and mixed, encodings, limits, slow and vanishing senders."""

from __future__ import annotations

import gzip
import socket
import time
import zlib

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.encodings import snappy, zstd, zstd_bomb
from tests.e2e.nexus_process import API, TOKEN, NexusProcess, lines, wait_for

pytestmark = pytest.mark.e2e

RECORDS = lines(
    {"_msg": "payment failed", "level": "error", "service": "shop", "status": 503, "user": {"id": 7}},
    {"_msg": "payment done", "level": "info", "service": "shop", "status": 200},
)


def test_acknowledged_is_visible(nexus: NexusProcess, tenant: str) -> None:
    answer = nexus.ingest(RECORDS, tenant=tenant)
    assert (answer.status, answer.json) == (200, {"accepted": 2, "rejected": 0, "errors": []})
    assert nexus.count(tenant=tenant) == 2
    assert nexus.count("service:shop status:>=500", tenant=tenant) == 1
    status = nexus.get(f"{API}/ingest/status", tenant=tenant).json
    assert (status["records_total"], status["rejected_total"]) == (2, 0)
    assert status["records_per_second"] > 0
    assert status["last_received_at"].endswith("Z")


def test_a_bad_line_costs_that_line(nexus: NexusProcess, tenant: str) -> None:
    body = b'{"_msg":"one"}\n{"_msg":\n[1]\n\n{"_msg":"five","_time":"not a time"}\n{"_msg":"six"}\n'
    answer = nexus.ingest(body, tenant=tenant)
    assert answer.status == 200
    assert (answer.json["accepted"], answer.json["rejected"]) == (2, 3)
    assert [error["line"] for error in answer.json["errors"]] == [2, 3, 5]
    assert all(error["message"] for error in answer.json["errors"])
    assert nexus.count(tenant=tenant) == 2


def test_wholly_bad_is_400(nexus: NexusProcess, tenant: str) -> None:
    answer = nexus.ingest(b"nothing\nof this\n", tenant=tenant)
    assert answer.status == 400
    assert (answer.json["accepted"], answer.json["rejected"]) == (0, 2)
    assert "line 1" in answer.json["error"]["message"]
    assert nexus.ingest(b"", tenant=tenant).status == 400
    assert nexus.count(tenant=tenant) == 0


def test_fields_are_mapped_by_argument_and_header(nexus: NexusProcess, tenant: str) -> None:
    body = lines({"t": "2026-01-02T03:04:05Z", "text": "hello mapped", "sev": "warning", "app_id": "x", "secret": "y"})
    answer = nexus.ingest(
        body,
        {"VL-Msg-Field": "text", "X-Nexus-Level-Field": "sev", "VL-Ignore-Fields": "secret"},
        "?_time_field=t&_stream_fields=app_id&extra_fields=region=eu",
        tenant=tenant,
    )
    assert answer.status == 200
    (record,) = nexus.post(f"{API}/logs/search", {"query": "mapped"}, tenant=tenant).json["records"]
    assert record["timestamp"] == "1767323045000000000"
    assert record["severity"] == "warn"
    assert "secret" not in record["attributes"]
    assert {**record["attributes"], **record["resource"]}["region"] == "eu"
    assert record["resource"]["app_id"] == "x"


def test_the_path_of_victorialogs(nexus: NexusProcess, tenant: str) -> None:
    path = "/insert/jsonline?_stream_fields=stream&_time_field=date&_msg_field=log.message"
    body = lines({"log": {"level": "info", "message": "hello world"}, "date": "0", "stream": "stream1"})
    body += lines({"log": {"level": "error", "message": "oh no!"}, "date": "2026-01-02T03:04:05Z", "stream": "stream1"})
    answer = nexus.request("POST", path, body, {"Content-Type": "application/stream+json"}, tenant=tenant)
    assert answer.status == 200
    assert nexus.count('"oh no"', tenant=tenant) == 1


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(RECORDS)),
        ("deflate", zlib.compress(RECORDS)),
        ("zstd", zstd(RECORDS)),
        ("snappy", snappy(RECORDS)),
        ("identity", RECORDS),
    ],
)
def test_encodings(nexus: NexusProcess, tenant: str, encoding: str, body: bytes) -> None:
    assert nexus.ingest(body, {"Content-Encoding": encoding}, tenant=tenant).json["accepted"] == 2
    assert nexus.count(tenant=tenant) == 2


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", RECORDS, 400),
        ("gzip", gzip.compress(RECORDS)[:-9], 400),
        ("zstd", b"garbage", 400),
        ("snappy", b"\xff\xff\xff\xff\xff\xff", 400),
        ("br", RECORDS, 415),
        ("gzip, gzip", RECORDS, 415),
        ("gzip", gzip.compress(b" " * (200 << 20)), 413),
        ("zstd", zstd_bomb(200 << 20), 413),
    ],
)
def test_bodies_that_are_not_what_they_say(
    nexus: NexusProcess, tenant: str, encoding: str, body: bytes, status: int
) -> None:
    answer = nexus.ingest(body, {"Content-Encoding": encoding}, tenant=tenant)
    assert answer.status == status
    assert answer.json["error"]["message"]
    assert nexus.count(tenant=tenant) == 0


def test_too_large_is_413(nexus: NexusProcess, tenant: str) -> None:
    assert nexus.ingest(b" " * ((4 << 20) + 1), tenant=tenant).status == 413
    head = _head(tenant, b"Content-Length: 99999999999")
    with nexus.raw(head) as sock:
        assert _status(sock) == 413
    with nexus.raw(_head(tenant, b"Transfer-Encoding: chunked")) as sock:
        chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        for _ in range(5):
            sock.sendall(chunk)
        assert _status(sock) == 413


def test_the_rest_of_a_refused_body_is_discarded(nexus: NexusProcess, tenant: str) -> None:
    body = b" " * (8 << 20)
    with nexus.raw(_head(tenant, b"Content-Length: %d" % len(body))) as sock:
        sock.sendall(body)
        assert _status(sock) == 413
        sock.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert _status(sock) == 200


def test_a_key_makes_a_repeat_harmless(nexus: NexusProcess, tenant: str) -> None:
    key = {"Idempotency-Key": "once"}
    first = nexus.ingest(RECORDS + b"broken\n", key, tenant=tenant)
    again = nexus.ingest(RECORDS + b"broken\n", key, tenant=tenant)
    assert first.status == again.status == 200
    assert again.body == first.body
    assert nexus.count(tenant=tenant) == 2
    other = nexus.ingest(RECORDS, key, tenant=tenant)
    assert (other.status, other.json["error"]["code"]) == (422, "token_reused")
    assert nexus.ingest(RECORDS, {"Idempotency-Key": "x" * 300}, tenant=tenant).status == 400


def test_every_kind_of_bad_record(nexus: NexusProcess, tenant: str) -> None:
    bad = [
        b'{"_msg":"\xff\xfe"}',
        b'{"_msg":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"_time":"9999-01-01T00:00:00Z","_msg":"far"}',
        b'{"_time":-5,"_msg":"before"}',
        b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(20_000)) + b"}",
        b"\x00\x01\x02",
        b'{"trace_id":"xyz","_msg":"odd id"}',
        b'{"_msg":"' + b"x" * (3 << 20) + b'"}',
    ]
    for record in bad:
        answer = nexus.ingest(record + b'\n{"_msg":"good neighbour"}\n', tenant=tenant)
        assert answer.status == 200, (record[:40], answer.body)
        assert answer.json["accepted"] + answer.json["rejected"] == 2
    assert nexus.count('"good neighbour"', tenant=tenant) == len(bad)


def test_a_sender_that_vanishes_leaves_nothing(nexus: NexusProcess, tenant: str) -> None:
    with nexus.raw(_head(tenant, b"Content-Length: 1000") + RECORDS):
        pass
    wait_for("the count", lambda: b'reason="client_gone"' in nexus.get("/metrics").body)
    assert nexus.count(tenant=tenant) == 0


def test_a_slow_sender_is_cut_off(launch: Launch) -> None:
    process = launch(NEXUS_INGEST_BODY_IDLE_TIMEOUT="300ms", NEXUS_INGEST_BODY_TIMEOUT="1s")
    with process.raw(_head("slow", b"Content-Length: 1000") + b"{") as sock:
        assert _status(sock) == 408
    with process.raw(_head("slow", b"Content-Length: 1000")) as sock:
        began = time.monotonic()
        sock.settimeout(0.1)
        received = b""
        while not received and time.monotonic() - began < 60:
            sock.sendall(b" ")
            try:
                received = sock.recv(4096)
            except TimeoutError:
                continue
        assert b" 408 " in received
        assert 0.9 < time.monotonic() - began < 60


def test_all_bodies_share_a_budget(launch: Launch) -> None:
    process = launch(NEXUS_INGEST_RECEIVING_BYTES="1MiB")
    with process.raw(_head("b", b"Content-Length: 1000000") + b"{"):
        answer = wait_for("the budget to be taken", lambda: _overloaded(process))
        assert answer.json["error"]["code"] == "overloaded"
        assert int(answer.headers["Retry-After"]) >= 1
    wait_for("the budget to be free", lambda: process.ingest(b" " * 90_000 + RECORDS).status == 200)


def _overloaded(process: NexusProcess) -> object:
    answer = process.ingest(b" " * 90_000 + RECORDS)
    return answer if answer.status == 503 else None


def test_heads_are_bounded(nexus: NexusProcess) -> None:
    with nexus.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (300 << 10)) as sock:
        assert _status(sock) == 431
    with nexus.raw(b"\x00\x01garbage\r\n\r\n") as sock:
        assert _status(sock) == 400


def _head(tenant: str, *headers: bytes) -> bytes:
    fixed = [
        f"POST {API}/ingest/logs HTTP/1.1".encode(), b"Host: x", f"Authorization: Bearer {TOKEN}".encode(),
        f"X-Scope-OrgID: {tenant}".encode(),
    ]  # fmt: skip
    return b"\r\n".join([*fixed, *headers, b"", b""])


def _status(sock: socket.socket) -> int:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = sock.recv(65536)
        if not piece:
            break
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(rest) < length:
        rest += sock.recv(65536)
    return int(head.split()[1])
