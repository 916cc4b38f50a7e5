"""What attackers send: raw bytes on real sockets, forged pages, other names, and texts that would like to be more than text."""

from __future__ import annotations

import contextlib
import http.cookies
import json
import re
import socket
from collections.abc import Iterator

import pytest
from tests.e2e.nexus_process import API, PASSWORD, TOKEN, Answer, NexusProcess, lines, wait_for

pytestmark = pytest.mark.e2e

KEY = f"Authorization: Bearer {TOKEN}\r\n".encode()
EVIL = "https://evil.example"


def exchange(nexus: NexusProcess, payload: bytes) -> bytes:
    """Everything that comes back until the server closes, or is silent for a while."""
    received = bytearray()
    with nexus.raw(payload) as sock, contextlib.suppress(TimeoutError, ConnectionError):
        while chunk := sock.recv(65536):
            received += chunk
            sock.settimeout(1.0)
    return bytes(received)


def statuses(received: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3})", received)]


# ----------------------------------------------------------------------------------------------------------- smuggling

HIDDEN = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = b"POST /api/nexus/v1/ingest/logs HTTP/1.1\r\nHost: localhost\r\n" + KEY


@pytest.mark.parametrize(
    "payload",
    [
        HEAD + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX" + HIDDEN,
        HEAD + b"Content-Length: 1\r\nContent-Length: 60\r\n\r\nX" + HIDDEN,
        HEAD + b"Content-Length: 1, 60\r\n\r\nX" + HIDDEN,
        HEAD + b"Content-Length: +1\r\n\r\nX" + HIDDEN,
        HEAD + b"Content-Length: -1\r\n\r\nX" + HIDDEN,
        HEAD + b"Content-Length: 0x1\r\n\r\nX" + HIDDEN,
        HEAD + b"Content-Length : 1\r\n\r\nX" + HIDDEN,
        HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nX" + HIDDEN,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;\n\r\nX\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nXY\r\n0\r\n\r\n" + HIDDEN,
        b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX: a\r\n Content-Length: 60\r\nBad\x00Name: x\r\n\r\n" + HIDDEN,
        b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX: a\rContent-Length: 60\r\n\r\n" + HIDDEN,
        b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX: \x00\r\n\r\n" + HIDDEN,
        b"GET /-/healthy HTTP/9.9\r\nHost: localhost\r\n\r\n" + HIDDEN,
        b"GET /api/nexus/v1/info HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n" + KEY + b"\r\n",
        b"GET /api/nexus/v1/info HTTP/1.1\r\nHost: localhost\r\n" + KEY + KEY + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    ],
)
def test_no_request_hides_in_another(nexus: NexusProcess, payload: bytes) -> None:
    received = exchange(nexus, payload)
    assert 200 not in statuses(received), received
    assert b'"ready"' not in received
    assert all(400 <= status < 500 for status in statuses(received)), received


def test_headers_after_a_body_are_none(nexus: NexusProcess) -> None:
    for trailer in (KEY, b"Cookie: nexus_session=x\r\n", b"Host: evil.example\r\n"):
        head = b"POST /api/nexus/v1/ingest/logs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        received = exchange(nexus, head + b'c\r\n{"_msg":"x"}\r\n0\r\n' + trailer + b"\r\n")
        assert statuses(received) == [401], received
    received = exchange(nexus, HEAD + b'Transfer-Encoding: chunked\r\n\r\nd\r\n{"_msg":"x"}\n\r\n0\r\nA: b\r\n\r\n')
    assert statuses(received) == [200], received


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX-Big: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", 431),
        (b"GET /-/healthy?" + b"a=1&" * 500 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET /api/nexus/v1/logs/export?" + b"a=1&" * 500 + b" HTTP/1.1\r\nHost: localhost\r\n" + KEY + b"\r\n", 400),
        (b"TRACE /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"\x00\x01\x02\x03\xff\xfe\r\n\r\n", 400),
        (b"GET http://[::1/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /-/healthy%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /%ff%fe%00 HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n", 404),
    ],
)
def test_heads_that_are_too_large_or_make_no_sense(nexus: NexusProcess, payload: bytes, status: int) -> None:
    received = exchange(nexus, payload)
    assert statuses(received)[:1] == [status], received[:200]


def test_a_connect_and_an_absolute_address_lead_nowhere_else(nexus: NexusProcess) -> None:
    assert 200 not in statuses(exchange(nexus, b"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example:80\r\n\r\n"))
    received = exchange(nexus, b"GET http://evil.example/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert statuses(received)[0] in (400, 404), received


# ------------------------------------------------------------------------------------------- texts that become headers


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/logs/export?query_id=a%0d%0aX-Evil:%20yes",
        f"{API}/logs/export?tenant=a%0d%0aX-Evil:%20yes",
        f"{API}/logs/export?format=ndjson%0d%0aX-Evil:%20yes",
        f"{API}/nothing%0d%0aX-Evil:%20yes",
        "/%0d%0aX-Evil:%20yes",
        "/logs%0d%0aX-Evil:%20yes",
        "/v/%0d%0aX-Evil:%20yes",
        f"{API}/queries/%0d%0aX-Evil:%20yes",
    ],
)
def test_no_text_becomes_a_header(nexus: NexusProcess, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = nexus.request(method, path, headers={"Accept": "text/html"})
        assert "X-Evil" not in answer.headers
        assert answer.status < 500, answer.body


def test_bodies_cannot_set_headers_either(nexus: NexusProcess) -> None:
    answer = nexus.post(f"{API}/logs/search", {"query_id": "a\r\nX-Evil: yes"}, headers={"Accept": "application/x-ndjson"})
    assert answer.status == 400
    for name in ("X-Amz-Firehose-Request-Id", "X-Splunk-Request-Channel", "X-Scope-OrgID", "Idempotency-Key", "Origin"):
        answer = nexus.ingest(lines({"_msg": "x"}), {name: "a\tb\x85c"})
        assert answer.status in (200, 400, 403), answer.body
        assert "\x85" not in str(answer.headers)


# ------------------------------------------------------------------------------------------------------ files and ways


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/assets/../../../../../etc/passwd",
        "/assets/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/%252e%252e%252fetc/passwd",
        "/..%5c..%5c..%5cetc%5cpasswd",
        "//etc/passwd",
        "/assets//etc/passwd",
        "/assets/%00/etc/passwd",
        "/static/../app.py",
        "/index.html/../../dispatch.py",
        "/..;/..;/etc/passwd",
        "/settings/../../../etc/passwd",
    ],
)
def test_only_files_of_the_ui_are_files(nexus: NexusProcess, path: str) -> None:
    for accept in (b"*/*", b"text/html"):
        head = (
            b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\nAccept: " + accept + b"\r\nConnection: close\r\n\r\n"
        )
        received = exchange(nexus, head)
        assert b"root:" not in received
        assert b"import" not in received.partition(b"\r\n\r\n")[2]
        assert statuses(received)[0] in (400, 404), received[:200]


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "//evil.example/..",
        "/%2f%2fevil.example",
        "/\\evil.example",
        "/login?next=//evil.example",
        "/login?next=https://evil.example",
        "/logs//evil.example",
        "/v//evil.example",
        f"{API}/auth/session?redirect=https://evil.example",
        f"{API}//evil.example",
        "/settings/https://evil.example",
    ],
)
def test_nobody_is_sent_elsewhere(nexus: NexusProcess, path: str) -> None:
    for accept in (b"*/*", b"text/html"):
        received = exchange(
            nexus,
            b"GET "
            + path.encode()
            + b" HTTP/1.1\r\nHost: localhost\r\nAccept: "
            + accept
            + b"\r\nConnection: close\r\n\r\n",
        )
        assert b"\nlocation:" not in received.lower()
        assert not 300 <= statuses(received)[0] < 400
        assert b"http-equiv" not in received.lower()


# --------------------------------------------------------------------------------------------------------------- pages


def log_in(nexus: NexusProcess, **headers: str) -> Answer:
    document = {"username": "admin", "password": PASSWORD}
    return nexus.post(f"{API}/auth/login", document, token="", headers=headers)


@pytest.fixture(scope="module")
def cookie(nexus: NexusProcess) -> str:
    answer = log_in(nexus)
    assert answer.status == 200, answer.body
    return f"nexus_session={http.cookies.SimpleCookie(answer.headers['Set-Cookie'])['nexus_session'].value}"


FORGED = [
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://localhost.evil.example"},
]


@pytest.mark.parametrize("headers", FORGED)
def test_pages_of_others_get_nothing_done_with_a_session(nexus: NexusProcess, cookie: str, headers: dict[str, str]) -> None:
    view = {"name": "forged", "page": "logs", "state": "{}"}
    for guard in ({}, {"X-Nexus-Request": "1"}):
        answer = nexus.post(f"{API}/views", view, token="", headers={"Cookie": cookie, **headers, **guard})
        assert answer.status == 403, answer.body
        assert answer.json["error"]["code"] == "csrf"
        assert "Access-Control-Allow-Origin" not in answer.headers
    # Nor can they log somebody in as somebody else, or out.
    assert log_in(nexus, **headers).status == 403
    out = nexus.request("POST", f"{API}/auth/logout", b"", {"Cookie": cookie, "X-Nexus-Request": "1", **headers}, token="")
    assert out.status == 403
    assert nexus.get(f"{API}/info", token="", headers={"Cookie": cookie}).status == 200


def test_a_form_is_no_request(nexus: NexusProcess, cookie: str) -> None:
    for media in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        headers = {"Cookie": cookie, "Content-Type": media}
        assert nexus.request("POST", f"{API}/views", b"{}", headers, token="").status == 403
        body = json.dumps({"username": "admin", "password": PASSWORD}).encode()
        assert nexus.request("POST", f"{API}/auth/login", body, {"Content-Type": media}, token="").status == 415


def test_the_own_page_gets_things_done(nexus: NexusProcess, cookie: str) -> None:
    own = {
        "Cookie": cookie,
        "X-Nexus-Request": "1",
        "Origin": f"http://127.0.0.1:{nexus.port}",
        "Sec-Fetch-Site": "same-origin",
    }
    assert nexus.post(f"{API}/logs/count", token="", headers=own).status == 200


def test_a_method_cannot_be_talked_into_another(nexus: NexusProcess, cookie: str) -> None:
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = nexus.get(f"{API}/views", token="", headers={"Cookie": cookie, name: "POST"})
        assert answer.status == 200
        assert "views" in answer.json


def test_a_session_is_not_taken_over_from_whoever_set_a_cookie(nexus: NexusProcess) -> None:
    fixed = "nexus_session=chosen-by-somebody-else"
    answer = log_in(nexus, Cookie=fixed)
    assert answer.status == 200
    assert "chosen-by" not in answer.headers["Set-Cookie"]
    assert nexus.get(f"{API}/info", token="", headers={"Cookie": fixed}).status == 401
    first, second = (log_in(nexus).headers["Set-Cookie"] for _ in range(2))
    assert first.partition(";")[0] != second.partition(";")[0]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example"])
def test_a_name_that_was_turned_to_this_machine_is_not_ours(nexus: NexusProcess, cookie: str, host: str) -> None:
    for path in ("/", "/logs", f"{API}/auth/session", f"{API}/info", "/favicon.svg"):
        answer = nexus.get(path, token="", headers={"Host": host, "Cookie": cookie, "Accept": "text/html"})
        assert answer.status == 421, (path, answer.body)
    assert log_in(nexus, Host=host).status == 421
    # Programs have keys, which no page has.
    assert nexus.get(f"{API}/info", headers={"Host": host}).status == 200
    assert nexus.ingest(lines({"_msg": "x"}), {"Host": host}).status == 200


def test_a_socket_is_not_opened_by_others(nexus: NexusProcess, cookie: str) -> None:
    upgrade = (
        "GET /api/nexus/v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: {cookie}\r\n"
    )
    for more in (
        f"Origin: {EVIL}\r\n",
        "",
        "Origin: null\r\n",
        "Origin: http://localhost\r\nSec-Fetch-Site: cross-site\r\n",
    ):
        received = exchange(nexus, f"{upgrade}{more}\r\n".encode())
        assert statuses(received)[0] == 403, received
    with nexus.raw(f"{upgrade}Origin: http://localhost\r\n\r\n".encode()) as sock:
        assert sock.recv(1024).startswith(b"HTTP/1.1 101 ")


def test_what_pages_may_do_is_said_on_every_answer(nexus: NexusProcess) -> None:
    answers = [
        nexus.get("/", token="", headers={"Accept": "text/html"}),
        nexus.get("/nothing", token=""),
        nexus.get(f"{API}/info"),
        nexus.get(f"{API}/info", token=""),
        nexus.get("/-/healthy", token=""),
        nexus.ingest(b"nothing"),
    ]
    for answer in answers:
        headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert "Server" not in headers
        assert not [name for name in headers if name.lower().startswith("access-control")]


def test_pages_of_other_origins_read_nothing(nexus: NexusProcess) -> None:
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for path in (f"{API}/logs/search", f"{API}/ingest/logs", "/loki/api/v1/push", "/"):
        answer = nexus.request("OPTIONS", path, headers=asked, token="")
        assert answer.status in (401, 403, 404, 405)
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """Writes every request into its log as text, and opens its API to two origins."""
    process = NexusProcess(
        tmp_path_factory.mktemp("attacks") / "data",
        NEXUS_LOG_ACCESS="on",
        NEXUS_LOG_FORMAT="text",
        NEXUS_HTTP_CORS_ORIGINS="https://app.example.com,https://read.example.com",
        NEXUS_HTTP_CORS_CREDENTIALS="https://app.example.com",
    ).start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


def test_origins_that_were_named(talkative: NexusProcess) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin, credentials in (("https://app.example.com", "true"), ("https://read.example.com", None)):
        answer = talkative.request("OPTIONS", f"{API}/logs/search", headers={"Origin": origin, **asked}, token="")
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers.get("Access-Control-Allow-Credentials") == credentials
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert "Origin" in answer.headers["Vary"]
        answer = talkative.post(f"{API}/logs/count", headers={"Origin": origin})
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        # Pages must be able to read what went wrong, too.
        assert (
            talkative.post(f"{API}/logs/count", token="", headers={"Origin": origin}).headers["Access-Control-Allow-Origin"]
            == origin
        )
    for origin in (
        EVIL,
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://APP.example.com",
        "null",
    ):
        answer = talkative.request("OPTIONS", f"{API}/logs/search", headers={"Origin": origin, **asked}, token="")
        assert answer.status == 405
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"


def test_sessions_are_for_pages_that_were_named_with_them(talkative: NexusProcess) -> None:
    cookie = f"nexus_session={http.cookies.SimpleCookie(log_in(talkative).headers['Set-Cookie'])['nexus_session'].value}"
    headers = {"Cookie": cookie, "X-Nexus-Request": "1", "Sec-Fetch-Site": "same-site"}
    for origin, status in (("https://app.example.com", 200), ("https://read.example.com", 403)):
        answer = talkative.post(f"{API}/logs/count", token="", headers={**headers, "Origin": origin})
        assert answer.status == status


def test_nothing_in_a_request_begins_a_line_of_the_log(talkative: NexusProcess) -> None:
    forged = "2026-01-01T00:00:00Z error   forged"
    talkative.get(f"/nothing%0a{forged.replace(' ', '%20')}%1b[2J%c2%85%e2%80%a8x", token="")
    talkative.get("/nothing-else", token="", headers={"User-Agent": f"a\t{forged}", "X-Forwarded-For": f"9.9.9.9 {forged}"})
    document = {"username": f"admin\n{forged}\x1b[2J", "password": "wrong"}
    assert talkative.post(f"{API}/auth/login", document, token="").status == 401
    talkative.get(f"{API}/last-of-them", token="")
    wait_for("the log", lambda: "last-of-them" in talkative.output())
    written = talkative.output()
    assert "forged" in written
    assert not [line for line in re.split(r"[\n\r\x85\u2028]", written) if line.startswith("2026-01-01T00:00:00Z")]
    assert "\x1b" not in written
    assert "\x85" not in written


def test_secrets_are_not_in_the_log(talkative: NexusProcess) -> None:
    secret = "nxs_this-is-no-key-but-looks-like-one"
    talkative.request("POST", f"/v1/input/{secret}", b"{}", token="")
    talkative.get(f"/api/v1/validate?api_key={secret}", token="")
    talkative.get(f"{API}/info?token={secret}", token=secret)
    talkative.post(f"{API}/auth/login", {"username": "admin", "password": secret}, token="")
    talkative.get(f"{API}/last-secret", token="")
    wait_for("the log", lambda: "last-secret" in talkative.output())
    assert secret not in talkative.output()


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"a":' * 100_000, b'{"query":"' + b"(" * 100_000 + b'"}', b"\xff\xfe\x00"]
)
def test_bodies_that_are_deep_or_no_text(nexus: NexusProcess, body: bytes) -> None:
    for path in (f"{API}/logs/search", f"{API}/sql", "/_search", f"{API}/auth/login"):
        answer = nexus.request("POST", path, body, {"Content-Type": "application/json"})
        assert 400 <= answer.status < 500, (path, answer.body[:200])


def test_many_idle_connections_leave_room_for_others(nexus: NexusProcess) -> None:
    held = [socket.create_connection(("127.0.0.1", nexus.port)) for _ in range(300)]
    try:
        assert nexus.get("/-/healthy", token="").status == 200
    finally:
        for sock in held:
            sock.close()
