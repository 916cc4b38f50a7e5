"""Retention by tenant and rule, deletion with its proof, and the audit log."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, PASSWORD, NexusProcess, lines, wait_for
from tests.e2e.test_access import make_key

pytestmark = pytest.mark.e2e
DAY = 86_400 * 10**9
TODAY = time.time_ns() // DAY * DAY


def put(nexus: NexusProcess, path: str, document: Any, **options: Any) -> Any:
    return nexus.request("PUT", f"{API}/{path}", json.dumps(document).encode(), **options)


def files_with(folder: Path, marker: bytes) -> list[Path]:
    """Files below a folder that hold some bytes; those that go away meanwhile do not count."""
    found = []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and marker in path.read_bytes():
                found.append(path)
        except FileNotFoundError:
            continue
    return found


def finished(nexus: NexusProcess, id: str, tenant: str = "") -> dict[str, Any]:
    """A deletion that has come to its end."""

    def look() -> Any:
        answer = nexus.get(f"{API}/logs/deletions/{id}", tenant=tenant)
        return answer.json if answer.json["state"] in ("done", "failed") else None

    found: dict[str, Any] = wait_for("the deletion", look)
    return found


# ----------------------------------------------------------------------------------------------------------- retention


def test_retention_of_a_tenant(launch: Launch) -> None:
    """For stored records and new ones; it stays over restarts; others keep the default."""
    nexus = launch(NEXUS_SELF_TELEMETRY="off")
    assert nexus.get(f"{API}/retention", tenant="a").json == {
        "rules": [], "days": None, "default_days": 30, "applying": False, "parts_left": 0,
    }  # fmt: skip
    records = lines({"_msg": "old debug", "level": "debug"}, {"_msg": "old error", "level": "error"}, {"_msg": "old other"})
    for tenant in ("a", "b"):
        nexus.ingest(records, tenant=tenant)
    policy = {"rules": [{"query": "level:debug", "days": 3}, {"query": "level:error", "days": 0}], "days": 90}
    answer = put(nexus, "retention", policy, tenant="a")
    assert answer.status == 200, answer.body
    assert {**answer.json, **policy} == answer.json
    nexus.ingest(records.replace(b"old", b"new"), tenant="a")
    wait_for("the change", lambda: not nexus.get(f"{API}/retention", tenant="a").json["applying"])
    nexus.stop()
    assert expiries(nexus.folder) == {
        ("a", "old debug"): 3, ("a", "old error"): 65_535, ("a", "old other"): 90,
        ("a", "new debug"): 3, ("a", "new error"): 65_535, ("a", "new other"): 90,
        ("b", "old debug"): 30, ("b", "old error"): 30, ("b", "old other"): 30,
    }  # fmt: skip
    again = launch()
    assert {**again.get(f"{API}/retention", tenant="a").json, **policy} == again.get(f"{API}/retention", tenant="a").json
    (entry,) = [e for e in again.get(f"{API}/audit", tenant="a").json["entries"] if e["action"] == "retention.changed"]
    after = json.loads(entry["after"])
    assert (after["rules"], after["days"]) == ([["level:debug", 3], ["level:error", 0]], 90)
    again.ingest(lines({"_msg": "later debug", "level": "debug"}), tenant="a")
    assert put(again, "retention", {}, tenant="a").json["rules"] == []
    wait_for("the change", lambda: not again.get(f"{API}/retention", tenant="a").json["applying"])
    again.stop()
    assert set(expiries(again.folder).values()) == {30}


def expiries(folder: Path) -> dict[tuple[str, str], int]:
    """Days from today until each record expires, read by another process when Nexus has stopped."""
    import subprocess
    import sys

    script = (
        "import sys, json; from pathlib import Path\n"
        "from nexus.storage.clickhouse.engine import Engine\nfrom nexus.storage.clickhouse.options import StoreOptions\n"
        "engine = Engine.open(StoreOptions(Path(sys.argv[1])))\n"
        "print(json.dumps(engine.connect().rows('SELECT tenant, body, toUInt16(expires_on) FROM nexus.logs')))\n"
        "engine.close()"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, check=True, timeout=60)
    today = int(time.time_ns() // DAY)
    return {(t, body): day if day == 65_535 else day - today for t, body, day in json.loads(done.stdout)}


def test_policies_that_make_no_sense(nexus: NexusProcess, tenant: str) -> None:
    for policy, message in (
        ({"rules": [{"query": "level:", "days": 3}]}, "rule 1"),
        ({"rules": [{"query": "a", "days": 3}, {"query": "timestamp:>now-1d", "days": 3}]}, "relative to now"),
        ({"rules": [{"query": "a", "days": -1}]}, "days"),
        ({"days": 40_000}, "days"),
        ({"rules": [{"query": "a", "days": 1}] * 51}, "rules"),
    ):
        answer = put(nexus, "retention", policy, tenant=tenant)
        assert answer.status == 400, answer.body
        assert message in answer.json["error"]["message"], answer.body
    assert nexus.get(f"{API}/retention", tenant=tenant).json["rules"] == []


# ------------------------------------------------------------------------------------------------------------ deletion


def test_a_deleted_secret_is_gone(launch: Launch) -> None:
    """From search, SQL, export, facets, and from every file; everything else is still there."""
    nexus = launch()
    marker, kept = secrets.token_hex(24), secrets.token_hex(24)
    for day in range(3):
        nexus.ingest(
            lines(*({"_time": str(TODAY - day * DAY + n), "_msg": f"paid {n}", "user": f"u{n % 50}",
                     "card": marker if n % 50 == 7 else kept} for n in range(500))),
            tenant="t",
        )  # fmt: skip
    nexus.ingest(lines({"_msg": "paid", "user": "u7", "card": kept}), tenant="other")
    assert files_with(nexus.folder, marker.encode())
    request = {"query": "user:u7", "reason": "GDPR request 17", "dry_run": True}
    counted = nexus.post(f"{API}/logs/deletions", request, tenant="t").json
    assert (counted["state"], counted["records"]) == ("counted", 30)
    assert nexus.count(tenant="t") == 1500
    started = nexus.post(f"{API}/logs/deletions", {**request, "dry_run": False}, tenant="t").json
    assert (started["state"], started["records"], started["requested_by"]) == ("running", 30, "bootstrap")
    nexus.ingest(lines({"_msg": "paid again", "user": "u7", "card": kept}), tenant="t")
    done = finished(nexus, started["id"], "t")
    assert (done["state"], done["error"], done["parts_left"]) == ("done", "", 0) and done["finished_at"]

    assert nexus.count(tenant="t") == 1471
    assert nexus.count("user:u7", tenant="t") == 1, "what came later stays"
    assert nexus.count(f'card:"{marker}"', tenant="t") == 0
    sql = nexus.post(f"{API}/sql", {"query": f"SELECT count() FROM logs WHERE attributes['card'] = '{marker}'"}, tenant="t")
    assert sql.json["rows"] == [[0]]
    for format in ("ndjson", "csv", "parquet"):
        assert marker.encode() not in nexus.post(f"{API}/logs/export", {"format": format}, tenant="t").body
    facets = nexus.post(f"{API}/logs/facets", {"fields": ["card"]}, tenant="t")
    assert marker.encode() not in facets.body and kept.encode() in facets.body
    assert nexus.count(tenant="other") == 1
    assert files_with(nexus.folder, marker.encode()) == []
    assert files_with(nexus.folder, kept.encode()) != []

    listed = nexus.get(f"{API}/logs/deletions", tenant="t").json["deletions"]
    assert [deletion["id"] for deletion in listed] == [started["id"]]
    assert nexus.get(f"{API}/logs/deletions", tenant="other").json["deletions"] == []
    assert nexus.get(f"{API}/logs/deletions/{started['id']}", tenant="other").status == 404
    first, last = [e for e in nexus.get(f"{API}/audit", tenant="t").json["entries"] if e["subject"] == started["id"]][::-1]
    assert (first["action"], last["action"]) == ("deletion.started", "deletion.done")
    assert first["details"] == {
        "signal": "logs", "query": "user:u7", "reason": "GDPR request 17", "records": "30", "from": "", "to": "",
    }  # fmt: skip
    assert nexus.stop() == 0
    assert files_with(nexus.folder, marker.encode()) == []


def test_a_deletion_goes_on_after_a_kill(launch: Launch) -> None:
    """Killed right after the answer, and while parts are rewritten; what was acknowledged before stays deleted even when
    its sender repeats it."""
    nexus = launch()
    marker = secrets.token_hex(24)
    bodies = []
    for day in range(8):
        body = lines(*({"_time": str(TODAY - day * DAY + n), "_msg": f"entry {n}", "secret": marker if n % 4 == 0 else "x"}
                       for n in range(300)))  # fmt: skip
        bodies.append(body)
        assert nexus.ingest(body, {"Idempotency-Key": f"k{day}"}).status == 200
    deletion = nexus.post(f"{API}/logs/deletions", {"query": f"secret:{marker}", "to": str(TODAY - 2 * DAY + 1)}).json
    assert deletion["records"] == 5 * 75 + 1
    nexus.kill()
    nexus = launch()
    look = f"{API}/logs/deletions/{deletion['id']}"
    wait_for("some parts", lambda: 0 < nexus.get(look).json["parts_left"] < 8 or nexus.get(look).json["state"] != "running")
    nexus.kill()
    nexus = launch()
    assert finished(nexus, deletion["id"])["state"] == "done"
    for day, body in enumerate(bodies):
        assert nexus.ingest(body, {"Idempotency-Key": f"k{day}"}).json["accepted"] == 300
    assert nexus.count() == 8 * 300 - (5 * 75 + 1)
    assert nexus.count(f"secret:{marker}") == 2 * 75 + 75 - 1
    assert nexus.count(f"secret:{marker}", to=str(TODAY - 2 * DAY + 1)) == 0


def test_deletions_that_make_no_sense(nexus: NexusProcess, tenant: str) -> None:
    for document in (
        {"query": ""},
        {"query": "level:"},
        {"query": "x", "from": "now", "to": "now-1h"},
        {"query": "x", "y": 1},
    ):
        assert nexus.post(f"{API}/logs/deletions", document, tenant=tenant).status == 400
    reader = make_key(nexus, tenant, "logs:read", "logs:write")
    assert nexus.post(f"{API}/logs/deletions", {"query": "x"}, token=reader).status == 403
    assert nexus.get(f"{API}/audit", token=reader).status == 403


# --------------------------------------------------------------------------------------------------------------- audit


def test_who_did_what(launch: Launch) -> None:
    """Keys and logins, newest first, without secrets."""
    nexus = launch()
    secret = make_key(nexus, "default", "logs:read")
    key = nexus.get(f"{API}/keys").json["keys"][0]["id"]
    nexus.request("DELETE", f"{API}/keys/{key}")
    nexus.post(f"{API}/auth/login", {"username": "admin", "password": "wrong password"}, token="")
    time.sleep(1.1)
    assert nexus.post(f"{API}/auth/login", {"username": "admin", "password": PASSWORD}, token="").status == 200
    version = nexus.get(f"{API}/pipelines").json["version"]
    wanted = {"version": version, "pipelines": [{"name": "none", "steps": []}]}
    assert nexus.request("PUT", f"{API}/pipelines", json.dumps(wanted).encode()).status == 200
    answer = nexus.get(f"{API}/audit?all_tenants=1")
    assert [(e["who"], e["action"]) for e in answer.json["entries"] if e["kind"] != "system"] == [
        ("bootstrap", "pipelines.changed"), ("admin", "login.succeeded"), ("admin", "login.failed"), ("bootstrap", "key.revoked"),
        ("bootstrap", "keys.listed"), ("bootstrap", "key.created"),
    ]  # fmt: skip
    for text in (secret, "wrong password", PASSWORD):
        assert text.encode() not in answer.body
    assert len(nexus.get(f"{API}/audit?limit=2").json["entries"]) == 2
    assert nexus.get(f"{API}/audit?limit=x").status == 400
