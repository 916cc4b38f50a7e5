"""Tenants: made, described, listed; and removed for good, with the proof of it, whatever happens meanwhile."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.databases.metadata_of import texts
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, NexusProcess, lines, wait_for
from tests.e2e.test_access import make_key
from tests.e2e.test_retention_and_deletion import DAY, TODAY, files_with, put
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = pytest.mark.e2e


def remove(nexus: NexusProcess, name: str) -> Any:
    answer = nexus.post(f"{API}/tenants/{name}/delete", {"confirm": name})
    assert answer.status == 200, answer.body
    return answer.json


def removed(nexus: NexusProcess, name: str) -> Any:
    """The report of a removal that has come to its end."""

    def look() -> Any:
        answer = nexus.get(f"{API}/tenants/{name}/deletion")
        return answer.json if answer.json["state"] in ("done", "failed") else None

    report = wait_for("the removal", look)
    assert report["state"] == "done", report
    return report


def listed(nexus: NexusProcess, **options: Any) -> dict[str, Any]:
    return {tenant["name"]: tenant for tenant in nexus.get(f"{API}/tenants", **options).json["tenants"]}


def fill(nexus: NexusProcess, tenant: str, needle: str, days: int = 3, records: int = 200) -> None:
    """Records of several days that hold the needle in body, attribute and service, and what else a tenant has. That holds the
    needle reversed: the audit log tells of it."""
    for day in range(days):
        body = lines(*({"_time": str(TODAY - day * DAY + n), "_msg": f"{needle} {n}", "card": needle, "service.name": needle}
                       for n in range(records)))  # fmt: skip
        assert nexus.ingest(body, {"Idempotency-Key": f"{tenant}-{day}"}, tenant=tenant).status == 200
    told = needle[::-1]
    view = {"name": told, "description": told, "page": "logs", "state": f"q={told}", "shared": True}
    assert nexus.post(f"{API}/views", view, tenant=tenant).status == 200
    assert nexus.post(f"{API}/links", {"path": f"/logs?q={told}"}, tenant=tenant).status == 200
    assert put(nexus, "retention", {"rules": [{"query": told, "days": 9}]}, tenant=tenant).status == 200
    version = nexus.get(f"{API}/pipelines", tenant=tenant).json["version"]
    pipelines = {"version": version, "pipelines": [{"name": told, "steps": []}]}
    assert put(nexus, "pipelines", pipelines, tenant=tenant).status == 200


def assert_gone(folder: Path, needle: str) -> None:
    """Is the needle of `fill` nowhere on disk, but for what the audit log tells of settings?"""
    assert files_with(folder, needle.encode()) == []
    assert {path.name for path in files_with(folder, needle[::-1].encode())} <= {"metadata.sqlite", "metadata.sqlite-wal"}
    assert not any(needle in text for text in texts(folder))


def test_made_described_listed(nexus: NexusProcess, tenant: str) -> None:
    """By hand and by the first write; those who may not see them all see their own."""
    made = nexus.post(f"{API}/tenants", {"name": tenant, "description": " The shop ", "retention_days": 5})
    assert made.status == 200, made.body
    assert {
        **made.json,
        "description": "The shop",
        "state": "active",
        "retention_days": 5,
        "keys": 0,
        "records": 0,
    } == made.json
    assert nexus.get(f"{API}/retention", tenant=tenant).json["days"] == 5
    assert nexus.post(f"{API}/tenants", {"name": tenant}).status == 409
    body = lines({"_msg": "x"}, {"_msg": "y"})
    nexus.ingest(body, tenant=tenant)
    reader = make_key(nexus, tenant, "tenants:read", "logs:read")
    found = listed(nexus)[tenant]
    assert (found["keys"], found["records"], found["bytes"]) == (1, 2, len(body))
    changed = nexus.request("PATCH", f"{API}/tenants/{tenant}", b'{"description": "Sold"}')
    assert changed.json == {**found, "description": "Sold"}
    assert list(listed(nexus, token=reader)) == [tenant]
    assert make_key(nexus, tenant + "-2", "logs:write") and tenant + "-2" not in listed(nexus)
    nexus.ingest(body, tenant=tenant + "-2")
    assert listed(nexus)[tenant + "-2"]["created_at"]
    entries = nexus.get(f"{API}/audit", tenant=tenant).json["entries"]
    assert [entry["action"] for entry in entries][::-1] == [
        "tenant.created", "retention.changed", "key.created", "tenant.changed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "document", "status"),
    [
        ("POST", "tenants", {"name": "no such name!"}, 400),
        ("POST", "tenants", {"name": ".."}, 400),
        ("POST", "tenants", {"name": "x", "retention_days": -1}, 400),
        ("POST", "tenants", {"name": "x", "description": "x" * 1001}, 400),
        ("PATCH", "tenants/nobody-has-this", {"description": "x"}, 404),
        ("PATCH", "tenants/default", {}, 400),
        ("POST", "tenants/nobody-has-this/delete", {"confirm": "nobody-has-this"}, 404),
        ("GET", "tenants/nobody-has-this/deletion", None, 404),
        ("POST", "tenants/default/delete", {"confirm": "default"}, 400),
        ("POST", "tenants/_nexus/delete", {"confirm": "_nexus"}, 400),
        ("POST", "tenants/default/delete", {"confirm": "Default"}, 400),
        ("POST", "tenants/default/delete", {}, 400),
        ("POST", "tenants/%2e%2e%2fkeys/delete", {"confirm": "x"}, 404),
    ],
)
def test_what_makes_no_sense(nexus: NexusProcess, method: str, path: str, document: Any, status: int) -> None:
    body = None if document is None else json.dumps(document).encode()
    answer = nexus.request(method, f"{API}/{path}", body)
    assert answer.status == status, answer.body
    assert answer.json["error"]["message"]


def test_whoever_has_one_tenant_only_cannot_touch_tenants(nexus: NexusProcess, tenant: str) -> None:
    """Not even his own: permissions about the whole system count only when held everywhere."""
    nexus.ingest(lines({"_msg": "x"}), tenant=tenant)
    owner = make_key(nexus, tenant, "*")
    for method, path, document in (
        ("POST", "tenants", {"name": f"{tenant}-x"}),
        ("PATCH", f"tenants/{tenant}", {"description": "x"}),
        ("POST", f"tenants/{tenant}/delete", {"confirm": tenant}),
        ("GET", f"tenants/{tenant}/deletion", None),
    ):
        body = None if document is None else json.dumps(document).encode()
        assert nexus.request(method, f"{API}/{path}", body, token=owner).status == 403
    assert listed(nexus)[tenant]["state"] == "active"


def test_a_tenant_is_removed_for_good(launch: Launch) -> None:
    """While senders go on with all their might: what was taken goes, nothing comes after it. It is gone from queries at once,
    from every file in the end; others keep what they have; its name begins anew."""
    nexus = launch(NEXUS_TENANTS_AUTO_CREATE="off")
    needle, kept = f"n{secrets.token_hex(20)}", f"k{secrets.token_hex(20)}"
    for name, text in (("shop", needle), ("shop-2", kept)):
        assert nexus.post(f"{API}/tenants", {"name": name}).status == 200
        fill(nexus, name, text)
    key, own = make_key(nexus, "shop", "logs:write", "logs:read"), make_key(nexus, "*", "logs:read", "logs:write")
    statuses: list[int] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            statuses.append(nexus.ingest(lines({"_msg": f"{needle} {len(statuses)}"}), token=own, tenant="shop").status)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for("records", lambda: statuses.count(200) > 20)
    assert files_with(nexus.folder, needle.encode())
    started = remove(nexus, "shop")
    assert (started["name"], started["state"], started["requested_by"]) == ("shop", "running", "bootstrap")
    assert nexus.ingest(lines({"_msg": "late"}), token=key).status == 403
    for path in ("logs/search", "logs/count"):
        assert nexus.post(f"{API}/{path}", {}, token=own, tenant="shop").status == 404
    report = removed(nexus, "shop")
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200, 403}, "afterwards there is no such tenant"
    assert report["records"] == 600 + statuses.count(200) and report["finished_at"]
    assert (report["left"], report["parts_left"], report["error"]) == (0, 0, "")
    assert any("0 records" in sentence for sentence in report["proof"]), report["proof"]
    assert any("1 keys" in sentence and "1 views" in sentence for sentence in report["proof"]), report["proof"]
    assert_gone(nexus.folder, needle)
    assert nexus.ingest(lines({"_msg": "late"}), token=key).status == 401
    assert "shop" not in listed(nexus) and nexus.count(tenant="shop-2") == 600

    made = nexus.post(f"{API}/tenants", {"name": "shop"}).json
    assert (made["keys"], made["records"], made["bytes"], made["retention_days"]) == (0, 0, 0, None)
    assert nexus.count(tenant="shop") == 0
    assert nexus.get(f"{API}/views", tenant="shop").json["views"] == []
    assert nexus.get(f"{API}/pipelines", tenant="shop").json["pipelines"] == []
    assert nexus.get(f"{API}/retention", tenant="shop").json["rules"] == []
    assert nexus.ingest(lines({"_msg": "new"}), tenant="shop").status == 200 and nexus.count(tenant="shop") == 1
    actions = [entry["action"] for entry in nexus.get(f"{API}/audit", tenant="shop").json["entries"]]
    assert actions[:1] == ["tenant.created"] and {"tenant.deleted", "tenant.deletion_started"} <= set(actions)
    assert nexus.get(f"{API}/tenants/shop/deletion").json == report, "the proof stays"
    assert nexus.stop() == 0
    assert_gone(nexus.folder, needle)
    assert files_with(nexus.folder, kept.encode())
    again = launch()
    assert again.count(tenant="shop") == 1 and again.get(f"{API}/tenants/shop/deletion").json == report


def test_while_a_tenant_is_removed(launch: Launch) -> None:
    """Nothing enters it by any door, nothing of it is seen, also after a restart. What holds it in that state is a full disk."""
    listeners = json.dumps([{"protocol": "tcp", "port": 0, "tenant": "shop", "networks": ["127.0.0.0/8"]}])
    nexus = launch(NEXUS_RECEIVERS_SYSLOG=listeners)
    fill(nexus, "shop", "needle", days=1, records=10)
    key, reader = (
        make_key(nexus, "shop", "logs:write"),
        make_key(nexus, "shop", "logs:read", "sql:read", "views:read", "tenants:read"),
    )
    nexus.stop()
    settings = {"NEXUS_RECEIVERS_SYSLOG": listeners, "NEXUS_STORAGE_DISK_RESERVE_BYTES": "1024TiB"}
    nexus = launch(**settings)
    live = connect(f"ws://127.0.0.1:{nexus.port}{API}/live", additional_headers={"Authorization": f"Bearer {reader}"})
    live.send(json.dumps({"type": "subscribe", "id": "a", "query": ""}))
    assert json.loads(live.recv(10))["type"] == "subscribed"
    remove(nexus, "shop")
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            live.recv(10)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
    nexus.kill()
    nexus = launch(**settings)
    assert listed(nexus)["shop"]["state"] == "deleting"
    state = nexus.get(f"{API}/tenants/shop/deletion").json
    assert (state["state"], state["left"], state["proof"]) == ("running", 10, [])
    wait_for("the reason", lambda: "disk" in nexus.get(f"{API}/tenants/shop/deletion").json["error"])

    late = lines({"_msg": "late"})
    for answer in (nexus.ingest(late, token=key), nexus.ingest(late, tenant="shop")):
        assert (answer.status, answer.json["error"]["code"]) == (403, "tenant_deleted"), answer.body
    bulk = nexus.request("POST", "/_bulk", b'{"create":{}}\n{"message":"late"}\n', token=key)
    assert bulk.status == 403
    push = nexus.request(
        "POST",
        "/loki/api/v1/push",
        b'{"streams":[{"stream":{"a":"b"},"values":[["1","late"]]}]}',
        {"Content-Type": "application/json"},
        token=key,
    )
    assert push.status == 403
    assert grpc_code(nexus, key) == "PERMISSION_DENIED"
    with socket.create_connection(("127.0.0.1", nexus.facts["listeners"][0]["port"])) as sender:
        sender.sendall(b"<34>1 2026-01-01T00:00:00Z host app - - - late\n")
    metric = 'nexus_ingest_rejected_records_total{tenant="shop",receiver="syslog_tcp",reason="tenant_deleted"} 1'
    wait_for("the refusal", lambda: metric.encode() in nexus.get("/metrics").body)

    for path, document in (
        ("logs/search", {}), ("logs/count", {}), ("logs/export", {"format": "ndjson"}), ("sql", {"query": "SELECT 1"}),
    ):  # fmt: skip
        for options in ({"token": reader}, {"tenant": "shop"}):
            assert nexus.post(f"{API}/{path}", document, **options).status == 404, path
    assert nexus.get(f"{API}/views", token=reader).status == 404
    assert nexus.get("/loki/api/v1/labels", token=reader).status == 404
    assert nexus.get(f"{API}/tenants", token=reader).json["tenants"][0]["state"] == "deleting"
    for answer in (
        nexus.post(f"{API}/tenants/shop/delete", {"confirm": "shop"}), nexus.post(f"{API}/tenants", {"name": "shop"}),
        nexus.request("PATCH", f"{API}/tenants/shop", b'{"description": "x"}'),
        nexus.post(f"{API}/keys", {"name": "x", "tenant": "shop", "permissions": ["logs:write"]}),
    ):  # fmt: skip
        assert answer.status == 409, answer.body


def test_a_removal_goes_on_after_kills(launch: Launch) -> None:
    """Right after the answer, while parts are rewritten, and again and again: in the end it is as if it had never been."""
    nexus = launch()
    needle = f"n{secrets.token_hex(20)}"
    fill(nexus, "shop", needle, days=8, records=300)
    key = make_key(nexus, "shop", "logs:write")
    remove(nexus, "shop")
    nexus.kill()
    kills = 1
    for moment in (0.0, 0.15, 0.4, 0.8):
        nexus = launch()
        assert nexus.ingest(lines({"_msg": "late"}), token=key).status in (401, 403)
        time.sleep(moment)
        if nexus.get(f"{API}/tenants/shop/deletion").json["state"] == "done":
            break
        nexus.kill()
        kills += 1
    else:
        nexus = launch()
    assert kills >= 2
    report = removed(nexus, "shop")
    assert report["records"] == 2400
    assert_gone(nexus.folder, needle)
    assert nexus.ingest(lines({"_msg": "late"}), token=key).status == 401
    assert "shop" not in listed(nexus) and nexus.count(tenant="shop") == 0


# ------------------------------------------------------------------------------------------------------------------ tools


def grpc_code(nexus: NexusProcess, key: str) -> str:
    """How an OTLP/gRPC export of one record ends."""
    import grpc
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "late"
    with grpc.insecure_channel(f"127.0.0.1:{nexus.grpc_port}") as channel:
        try:
            LogsServiceStub(channel).Export(request, metadata=[("authorization", f"Bearer {key}")], timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)  # type: ignore[attr-defined]
    return "OK"
