"""Who may do what, on every route: the matrix is made from the route table, not by hand."""

from __future__ import annotations

import base64
import http.cookies
import json
import re
import time
from typing import Any

import pytest
from tests.e2e.metric_bodies import HEADERS, get, write_request
from tests.e2e.nexus_process import API, PASSWORD, TOKEN, Answer, NexusProcess, guess_until_refused, lines
from tests.e2e.probes import probes

from nexus.components import http_receivers
from nexus.security.permissions import Permission
from nexus.server.app import main_routes
from nexus.server.routes import WEBSOCKET, Route

pytestmark = pytest.mark.e2e

NOTHING: Any = None
ROUTES = main_routes(http_receivers(NOTHING, NOTHING, NOTHING))
GUARDED = [route for route in ROUTES if not route.public]
PERMITTED = [route for route in GUARDED if isinstance(route.permission, Permission)]
IDS = [f"{route.method} {route.path}" for route in GUARDED]
# The context of a record asks with its id: see test_explore.
QUERIES = [
    route
    for route in GUARDED
    if route.permission is Permission.LOGS_READ and route.request is not None and not route.path.endswith("/context")
]


def call(nexus: NexusProcess, route: Route, **options: Any) -> Answer:
    path = re.sub(r"{\w+}", "none", route.path)
    body = b"{}" if route.method in ("POST", "PUT", "PATCH") else None
    headers = {"Content-Type": "application/json", **options.pop("headers", {})}
    if route.method == WEBSOCKET:
        headers |= {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        }
    method = "GET" if route.method == WEBSOCKET else route.method
    return nexus.request(method, path, body, headers, **options)


def make_key(nexus: NexusProcess, tenant: str, *permissions: str) -> str:
    answer = nexus.post(f"{API}/keys", {"name": "test", "tenant": tenant, "permissions": list(permissions)})
    assert answer.status == 200, answer.body
    return str(answer.json["secret"])


def log_in(nexus: NexusProcess) -> tuple[str, Answer]:
    answer = nexus.post(f"{API}/auth/login", {"username": "admin", "password": PASSWORD}, token="")
    assert answer.status == 200
    morsel = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])["nexus_session"]
    return f"nexus_session={morsel.value}", answer


@pytest.mark.parametrize("route", GUARDED, ids=IDS)
def test_no_credentials_no_entry(nexus: NexusProcess, route: Route) -> None:
    for options in ({"token": ""}, {"token": "wrong"}, {"token": "", "headers": {"Cookie": "nexus_session=wrong"}}):
        answer = call(nexus, route, **options)
        # Splunk tells a wrong token from none; Datadog's check of a key knows only its own status.
        other = route.path == "/api/v1/validate" or (route.path.count("/services/collector") and options["token"])
        assert answer.status == (403 if other else 401)
        if answer.headers["Content-Type"] in ("application/json", "application/scim+json") and route.method != "HEAD":
            json.loads(answer.body)
        else:
            assert route.method == "HEAD" or answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("route", PERMITTED, ids=[f"{route.method} {route.path}" for route in PERMITTED])
def test_every_other_permission_is_not_enough(nexus: NexusProcess, route: Route, all_but: dict[str, str]) -> None:
    answer = call(nexus, route, token=all_but[route.permission.value])
    assert answer.status == 403
    assert route.permission.value.encode() in answer.body


@pytest.fixture(scope="module")
def all_but(nexus: NexusProcess) -> dict[str, str]:
    """For each permission a key that has every other one."""
    others = {permission: [p for p in Permission if p not in (permission, Permission.ADMIN)] for permission in Permission}
    return {permission.value: make_key(nexus, "default", *held) for permission, held in others.items()}


@pytest.mark.parametrize("route", GUARDED, ids=IDS)
def test_a_key_of_one_tenant_cannot_name_another(nexus: NexusProcess, route: Route, bound: str) -> None:
    answer = call(nexus, route, token=bound, tenant="somebody-else")
    assert answer.status == 403


@pytest.fixture(scope="module")
def bound(nexus: NexusProcess) -> str:
    """A key with every right in one tenant."""
    return make_key(nexus, "bound", "*")


@pytest.mark.parametrize("route", QUERIES, ids=[route.path for route in QUERIES])
def test_no_query_sees_another_tenant(nexus: NexusProcess, route: Route, bound: str, tenant: str) -> None:
    secret = "needle-of-another-tenant"
    nexus.ingest(lines({"_msg": secret, "service": secret, secret: "x"}), tenant=tenant)
    nexus.ingest(lines({"_msg": "own"}), token=bound)
    for query in ("", secret):
        document: dict[str, Any] = {"query": query}
        if route.path.endswith("/compare"):
            document = {"selection": document, "baseline": {}}
        elif route.path.endswith("/preview"):
            document["pipelines"] = []
        elif route.path.endswith("/field"):
            document["field"] = "service"
        answer = nexus.post(route.path, document, token=bound)
        assert answer.status == 200, answer.body
        shown = answer.body.replace(json.dumps(query).encode(), b"") if "explain" in route.path else answer.body
        assert secret.encode() not in shown or "explain" in route.path


MEASURED = [
    route
    for route in GUARDED
    if route.permission is Permission.METRICS_READ and not route.path.startswith("/prometheus") and route.method != WEBSOCKET
]


@pytest.mark.parametrize("route", MEASURED, ids=[f"{route.method} {route.path}" for route in MEASURED])
def test_no_query_of_metrics_sees_another_tenant(nexus: NexusProcess, route: Route, bound: str, tenant: str) -> None:
    secret = "needle_of_another_tenant"
    now = int(time.time() * 1000)
    other = {"__name__": secret, "job": secret, secret: secret}
    body = write_request([(other, [(now, 1.0)])], {secret: secret}, {"a": secret})
    assert nexus.request("POST", "/api/v1/write", body, HEADERS, tenant=tenant).status == 204
    mine = write_request([({"__name__": "own"}, [(now, 1.0)])])
    assert nexus.request("POST", "/api/v1/write", mine, HEADERS, token=bound).status == 204
    for probe in probes(route, {"name": ["job", "__name__"]}, ["none"]):
        headers = {"Content-Type": probe.media} if probe.body else {}
        answer = nexus.request(probe.method, probe.path, probe.body, headers, token=bound)
        assert secret.encode() not in answer.body, f"{probe} {answer.body[:300]!r}"
    assert secret in get(nexus, "label/__name__/values", tenant)


def test_sql_sees_one_tenant(nexus: NexusProcess, bound: str, tenant: str) -> None:
    nexus.ingest(lines({"_msg": "theirs"}), tenant=tenant)
    nexus.ingest(lines({"_msg": "own"}), token=bound)
    answer = nexus.post(f"{API}/sql", {"query": "SELECT DISTINCT body FROM logs"}, token=bound)
    assert answer.status == 200, answer.body
    assert ["theirs"] not in answer.json["rows"]
    assert ["own"] in answer.json["rows"]
    for statement in (
        "SELECT * FROM nexus.logs",
        "SELECT * FROM system.tables",
        "SELECT file('/etc/passwd')",
        "DROP TABLE logs",
    ):
        refused = nexus.post(f"{API}/sql", {"query": statement}, token=bound)
        assert refused.status == 400, statement


def test_an_unknown_tenant_reads_as_empty_and_is_made_by_a_write(nexus: NexusProcess, tenant: str) -> None:
    assert nexus.count(tenant=tenant) == 0
    names = [one["name"] for one in nexus.get(f"{API}/tenants").json["tenants"]]
    assert tenant not in names
    nexus.ingest(lines({"_msg": "x"}), tenant=tenant)
    assert tenant in [one["name"] for one in nexus.get(f"{API}/tenants").json["tenants"]]
    for bad in ("..", "a/b", "x" * 65):
        assert nexus.post(f"{API}/logs/count", tenant=bad).status == 400


def test_keys_in_every_form(nexus: NexusProcess) -> None:
    basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    for value in (f"Bearer {TOKEN}", f"Basic {basic}", f"Splunk {TOKEN}", f"ApiKey {TOKEN}"):
        assert nexus.get(f"{API}/info", headers={"Authorization": value}, token="").status == 200


def test_a_key_lives_and_dies(nexus: NexusProcess) -> None:
    made = nexus.post(f"{API}/keys", {"name": "short-lived", "permissions": ["logs:read"]}).json
    secret, key = made["secret"], made["key"]
    assert secret.startswith(key["prefix"])
    assert key["created_at"].endswith("Z")
    assert nexus.count() >= 0
    assert nexus.post(f"{API}/logs/count", token=secret).status == 200
    assert secret not in nexus.get(f"{API}/keys").body.decode()
    assert nexus.request("DELETE", f"{API}/keys/{key['id']}").status == 200
    assert nexus.post(f"{API}/logs/count", token=secret).status == 401
    assert nexus.request("DELETE", f"{API}/keys/{key['id']}").status == 404


def test_a_session(nexus: NexusProcess) -> None:
    assert nexus.get(f"{API}/auth/session", token="").json["authenticated"] is False
    cookie, answer = log_in(nexus)
    flags = answer.headers["Set-Cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert "path=/" in flags
    assert answer.json["username"] == "admin"
    guarded = {"Cookie": cookie, "X-Nexus-Request": "1"}
    assert nexus.get(f"{API}/auth/session", token="", headers={"Cookie": cookie}).json["authenticated"] is True
    assert nexus.post(f"{API}/logs/count", token="", headers=guarded).status == 200
    forged = nexus.post(f"{API}/keys", {"name": "forged"}, token="", headers={"Cookie": cookie})
    assert (forged.status, forged.json["error"]["code"]) == (403, "csrf")
    assert nexus.post(f"{API}/auth/logout", token="", headers={"Cookie": cookie}).status == 403
    assert nexus.post(f"{API}/auth/logout", token="", headers=guarded).status == 200
    assert nexus.post(f"{API}/logs/count", token="", headers=guarded).status == 401


def test_behind_a_tls_proxy_the_cookie_is_secure(tmp_path: Any) -> None:
    process = NexusProcess(tmp_path / "data", NEXUS_HTTP_TRUSTED_PROXIES="127.0.0.1").start()
    try:
        login = {"username": "admin", "password": PASSWORD}
        answer = process.post(f"{API}/auth/login", login, token="", headers={"X-Forwarded-Proto": "https"})
        assert "secure" in answer.headers["Set-Cookie"].lower()
    finally:
        process.stop()


def test_a_form_cannot_log_in(nexus: NexusProcess) -> None:
    body = json.dumps({"username": "admin", "password": PASSWORD}).encode()
    answer = nexus.request("POST", f"{API}/auth/login", body, {"Content-Type": "text/plain"}, token="")
    assert answer.status == 415
    assert "Set-Cookie" not in answer.headers


def test_wrong_logins(tmp_path: Any) -> None:
    process = NexusProcess(tmp_path / "data").start()
    try:
        wrong = {"username": "admin", "password": "guess-42"}
        guess_until_refused(lambda: process.post(f"{API}/auth/login", wrong, token=""))
        assert "login failed" in process.output()
        assert "guess-42" not in process.output()
    finally:
        process.stop()


# ----------------------------------------------------------------------------------------------------------- around it


def test_unknown_paths_and_methods(nexus: NexusProcess) -> None:
    for path in ("/nothing", "/api/nexus/v1/nothing", "/assets/../../etc/passwd", "/%2e%2e/etc/passwd", "/index.html"):
        answer = nexus.get(path)
        assert answer.status == 404
        assert answer.json["error"]["code"] == "not_found"
    answer = nexus.get(f"{API}/logs/search")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert nexus.request("OPTIONS", f"{API}/sql").status == 405
    assert nexus.get("/logs", headers={"Accept": "application/json"}).status == 404


def test_every_answer_carries_the_security_headers(nexus: NexusProcess) -> None:
    for path in ("/-/healthy", "/nothing", f"{API}/info", "/metrics", "/favicon.svg"):
        headers = nexus.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Permissions-Policy" in headers
        assert headers["Date"]
        assert "Server" not in headers


def test_the_page_and_its_policy(nexus: NexusProcess) -> None:
    first = nexus.get("/logs", token="")
    if first.status == 404:
        pytest.skip("the web UI is not built")
    for path in ("/", "/login", "/start", "/metrics", "/targets", "/settings/keys"):
        assert nexus.get(path, token="", headers={"Accept": "text/html"}).status == 200
    # Scrapers get the metrics of Nexus there, with a key.
    assert nexus.get("/metrics", token="", headers={"Accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}).status == 401
    policy = first.headers["Content-Security-Policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert nonce.encode() in first.body
    assert b"__CSP_NONCE__" not in first.body
    assert "unsafe" not in policy
    assert nexus.get("/logs", token="").body != first.body
    assert nexus.get("/.vite/manifest.json", token="").status == 404
    asset = first.body.decode().partition('src="')[2].partition('"')[0]
    answer = nexus.get(asset, token="", headers={"Accept-Encoding": "br"})
    assert "immutable" in answer.headers["Cache-Control"]
    again = nexus.get(asset, token="", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_probes_and_metrics(nexus: NexusProcess) -> None:
    assert nexus.get("/-/healthy", token="").json == {"status": "healthy"}
    assert nexus.request("HEAD", "/-/healthy", token="").body == b""
    metrics = nexus.get("/metrics")
    assert metrics.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"nexus_http_requests_total" in metrics.body
    assert b"process_resident_memory_bytes" in metrics.body


def test_the_description_is_served(nexus: NexusProcess) -> None:
    document = nexus.get(f"{API}/openapi.json").json
    assert set(document["paths"]) == {route.path.replace("{+", "{") for route in ROUTES if route.described}
    info = nexus.get(f"{API}/info").json
    assert (info["http_port"], info["otlp_grpc_port"]) == (nexus.port, nexus.grpc_port)
    assert info["retention_days"] == {"logs": 30, "metrics": 30, "traces": 30}
