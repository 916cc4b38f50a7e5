"""The audit log of a running Nexus: what is in it, who sees it, that nobody touches it unnoticed, and that it goes elsewhere."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.databases.metadata_of import execute
from tests.e2e.conftest import Launch
from tests.e2e.listeners import arrived, listeners, make_authority, metric, port_of
from tests.e2e.nexus_process import API, PASSWORD, TOKEN, NexusProcess, command, lines, wait_for
from tests.e2e.test_access import log_in, make_key
from tests.unit.config.test_secret_values import MARKER, document

pytestmark = pytest.mark.e2e


def entries(nexus: NexusProcess, query: str = "", **options: Any) -> list[dict[str, Any]]:
    """Newest first."""
    answer = nexus.get(f"{API}/audit?limit=1000{query}", **options)
    assert answer.status == 200, answer.body
    return list(answer.json["entries"])


def put(nexus: NexusProcess, path: str, document: Any, **options: Any) -> Any:
    return nexus.request("PUT", f"{API}/{path}", json.dumps(document).encode(), **options)


# ------------------------------------------------------------------------------------------------------- what is in it


def test_changes_say_what_was_before_and_after(nexus: NexusProcess, tenant: str) -> None:
    assert put(nexus, "retention", {"rules": [{"query": "level:debug", "days": 3}], "days": 90}, tenant=tenant).status == 200
    assert put(nexus, "retention", {"rules": [], "days": 7}, tenant=tenant).status == 200
    secret = make_key(nexus, tenant, "logs:read")
    newest, second, first, made = entries(nexus, tenant=tenant)
    assert made["action"] == "tenant.created" and made["kind"] == "system"
    assert [one["action"] for one in (first, second, newest)] == ["retention.changed", "retention.changed", "key.created"]
    assert first["who"] == "bootstrap" and first["kind"] == "bootstrap" and first["address"] == "127.0.0.1"
    assert json.loads(second["before"])["days"] == 90 and json.loads(second["after"])["days"] == 7
    assert json.loads(second["before"])["rules"] == [["level:debug", 3]]
    key = json.loads(newest["after"])
    assert key["prefix"] == secret[:12] and key["permissions"] == ["logs:read"]
    assert secret not in nexus.get(f"{API}/audit", tenant=tenant).body.decode()
    assert {len(one["hash"].partition(".")[0]) for one in (first, second, newest)} == {64}
    assert newest["number"] == second["number"] + 1 == first["number"] + 2


def test_sensitive_reads_are_in_it_and_ordinary_ones_are_not(nexus: NexusProcess, tenant: str) -> None:
    nexus.ingest(lines({"_msg": "hello", "level": "error"}), tenant=tenant)
    secret = make_key(nexus, tenant, "logs:read", "sql:read", "keys:read", "logs:delete")
    for path, wanted in (
        ("logs/search", {"query": "level:error"}),
        ("logs/count", {}),
        ("logs/facets", {"fields": ["level"]}),
        ("sql", {"query": "SELECT count(*) FROM logs"}),
        ("sql", {"query": "SELECT * FROM system.tables"}),
        ("logs/export", {"query": "hello", "format": "csv"}),
        ("logs/deletions", {"query": "hello", "dry_run": True}),
    ):
        assert nexus.post(f"{API}/{path}", wanted, token=secret).status in (200, 400), path
    assert nexus.get(f"{API}/logs/export?query=level%3Aerror&format=ndjson", token=secret).status == 200
    assert nexus.get(f"{API}/keys", token=secret).status == 200
    found = [one for one in reversed(entries(nexus, tenant=tenant)) if one["who"] == "test"]
    assert [(one["action"], one["outcome"]) for one in found] == [
        ("sql.queried", "ok"),
        ("sql.queried", "query_syntax"),
        ("logs.exported", "ok"),
        ("records.counted", "ok"),
        ("logs.exported", "ok"),
        ("keys.listed", "ok"),
    ]
    assert found[0]["details"] == {"query": "SELECT count(*) FROM logs"}
    assert found[2]["details"]["query"] == "hello" and found[2]["details"]["format"] == "csv"
    assert found[3]["details"]["dry_run"] == "True"
    assert found[4]["details"] == {"query": "level:error", "format": "ndjson"}


def test_refused_attempts_are_in_it(nexus: NexusProcess, tenant: str) -> None:
    secret = make_key(nexus, tenant, "logs:read")
    assert nexus.post(f"{API}/keys", {"name": "x", "permissions": ["logs:read"]}, token=secret).status == 403
    assert nexus.request("DELETE", f"{API}/views/abc", token=secret).status == 403
    assert nexus.get(f"{API}/audit/export", token=secret).status == 403
    assert nexus.get(f"{API}/retention", token=secret).status == 403
    found = [one for one in reversed(entries(nexus, "&outcome=permission_denied", tenant=tenant)) if one["who"] == "test"]
    assert [(one["action"], one["subject"], one["details"]["route"]) for one in found] == [
        ("access.denied", "keys", f"POST {API}/keys"),
        ("access.denied", "abc", f"DELETE {API}/views/{{id}}"),
        ("access.denied", "audit/export", f"GET {API}/audit/export"),
    ]
    cookie, _ = log_in(nexus)
    assert put(nexus, "retention", {}, headers={"Cookie": cookie}, token="", tenant=tenant).status == 403
    (forged,) = entries(nexus, "&outcome=csrf", tenant=tenant)
    assert forged["who"] == "admin" and forged["kind"] == "user" and forged["action"] == "access.denied"


def test_failed_logins_fill_no_disk(launch: Launch) -> None:
    nexus = launch()
    for number in range(30):
        nexus.post(f"{API}/auth/login", {"username": f"nobody{number}", "password": "wrong password"}, token="")
    assert nexus.post(f"{API}/auth/login", {"username": "admin", "password": PASSWORD}, token="").status in (200, 429)
    failed = entries(nexus, "&action=login.failed&all_tenants=1")
    assert 0 < len(failed) <= 10
    assert "wrong password" not in json.dumps(failed)
    assert nexus.stop() == 0


# ---------------------------------------------------------------------------------------------------------- who sees it


def test_auditors_see_their_own_tenants(nexus: NexusProcess, tenant: str) -> None:
    other = f"{tenant}-other"
    put(nexus, "retention", {"days": 1}, tenant=tenant)
    put(nexus, "retention", {"days": 2}, tenant=other)
    auditor = make_key(nexus, tenant, "audit:read")
    own = entries(nexus, token=auditor)
    assert {one["tenant"] for one in own} == {tenant}
    for path in ("audit", "audit/export"):
        assert nexus.get(f"{API}/{path}?all_tenants=1", token=auditor).status == 403
        assert nexus.get(f"{API}/{path}", token=auditor, tenant=other).status == 403
        assert nexus.get(f"{API}/{path}", token=make_key(nexus, tenant, "logs:read", "sql:read")).status == 403
        assert nexus.get(f"{API}/{path}", token="").status == 401
    assert nexus.post(f"{API}/audit/verify", token=auditor).status == 403
    assert nexus.post(f"{API}/audit/verify", token="").status == 401
    exported = nexus.get(f"{API}/audit/export", token=auditor).body.decode().splitlines()
    assert {json.loads(line)["tenant"] for line in exported} == {tenant}
    # That the log was read is in it, too.
    assert {"audit.read", "audit.exported"} <= {one["action"] for one in entries(nexus, "&who=test", tenant=tenant)}
    everywhere = make_key(nexus, "*", "audit:read")
    # Who logs in, who is there and what may be done is no tenant's business, not of the one that requests are about without
    # a word either.
    nexus.post(f"{API}/auth/login", {"username": "admin", "password": "wrong password"}, token="")
    put(nexus, f"limits/tenant/{tenant}", {"limits": {"ingest_records": 1e9}})
    system = {"login.failed", "limits.changed"}
    assert system <= {one["action"] for one in entries(nexus, token=everywhere) if one["tenant"] == "*"}
    assert "*" not in {one["tenant"] for one in entries(nexus, token=make_key(nexus, "default", "audit:read"))}
    assert nexus.request("DELETE", f"{API}/limits/tenant/{tenant}").status == 200
    assert {tenant, other} <= {one["tenant"] for one in entries(nexus, "&all_tenants=1", token=everywhere)}
    assert nexus.post(f"{API}/audit/verify", token=everywhere).json["sound"] is True


def test_filters_and_pages(nexus: NexusProcess, tenant: str) -> None:
    began = time.time_ns()
    for days in range(1, 6):
        put(nexus, "retention", {"days": days}, tenant=tenant)
    make_key(nexus, tenant, "logs:read")
    changed = entries(nexus, "&action=retention.changed", tenant=tenant)
    assert [json.loads(one["after"])["days"] for one in changed] == [5, 4, 3, 2, 1]
    assert len(entries(nexus, "&text=LOGS%3Aread", tenant=tenant)) == 1
    assert len(entries(nexus, "&who=bootstrap&subject=" + tenant, tenant=tenant)) == 5
    assert entries(nexus, f"&end={began}", tenant=tenant) == []
    assert len(entries(nexus, f"&start={began}&action=retention.changed", tenant=tenant)) == 5
    seen, before = [], 0
    while True:
        page = nexus.get(f"{API}/audit?limit=2&action=retention.changed&before={before}", tenant=tenant).json
        seen += [one["number"] for one in page["entries"]]
        before = page["next"]
        if not before:
            break
    assert seen == [one["number"] for one in changed]
    assert "retention.changed" in page["actions"]
    for wrong in ("limit=0", "limit=1001", "before=x", "before=-1", "start=yesterdayish", "all_tenants=yes"):
        assert nexus.get(f"{API}/audit?{wrong}", tenant=tenant).status == 400, wrong


def test_export_as_csv_is_safe_for_spreadsheets(nexus: NexusProcess, tenant: str) -> None:
    view = {"name": "=HYPERLINK(1)", "description": "", "page": "logs", "state": "x=1", "shared": True}
    saved = nexus.post(f"{API}/views", view, tenant=tenant)
    assert saved.status == 200, saved.body
    nexus.post(f"{API}/logs/deletions", {"query": "-x", "reason": "+1", "dry_run": True}, tenant=tenant)
    answer = nexus.get(f"{API}/audit/export?format=csv", tenant=tenant)
    assert answer.headers["Content-Type"].startswith("text/csv") and "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert [row["action"] for row in rows][:2] == ["records.counted", "view.created"], rows
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())
    assert json.loads(rows[1]["after"])["name"] == "=HYPERLINK(1)"
    assert nexus.get(f"{API}/audit/export?format=xlsx", tenant=tenant).status == 400


# ------------------------------------------------------------------------------------------------------- nobody touches


def work(nexus: NexusProcess, count: int) -> None:
    """So many changes, and the tenant is made with the first."""
    for days in range(count):
        assert put(nexus, "retention", {"days": days}, tenant="t").status == 200


def verified(nexus: NexusProcess) -> tuple[int, dict[str, Any]]:
    """What `nexus audit verify` says."""
    done = command(nexus.folder, "audit", "verify", "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_tampering_is_found_by_the_command_and_the_door(launch: Launch) -> None:
    nexus = launch()
    work(nexus, 11)
    code, report = verified(nexus)
    assert code == 0 and report["sound"] and report["records"] == 12
    # While it runs: the door finds it, and the next record notices that the end was touched.
    execute(nexus.folder, "UPDATE audit SET who = 'somebody else' WHERE number = 5")
    report = nexus.post(f"{API}/audit/verify").json
    assert not report["sound"] and [one["number"] for one in report["problems"]] == [5]
    assert nexus.stop() == 0
    code, report = verified(nexus)
    assert code == 1 and [one["number"] for one in report["problems"]] == [5]
    execute(nexus.folder, "UPDATE audit SET who = 'bootstrap' WHERE number = 5")
    execute(nexus.folder, "DELETE FROM audit WHERE number > 9")
    done = command(nexus.folder, "audit", "verify")
    assert done.returncode == 1
    assert b"entry 10: records 10 to " in done.stdout and b"are missing at the end" in done.stdout
    assert b"THE AUDIT LOG IS NOT SOUND." in done.stdout
    # A start does not make it good.
    nexus = launch()
    assert "records are missing" in nexus.output()
    assert not nexus.post(f"{API}/audit/verify").json["sound"]
    nexus.stop()
    assert verified(nexus)[0] == 1


def test_after_a_kill_nothing_is_missing(launch: Launch) -> None:
    nexus = launch()
    work(nexus, 7)
    nexus.kill()
    code, report = verified(nexus)
    assert code == 0 and report["records"] == 8 and report["unsigned"] == 7
    nexus = launch()
    assert "7 records of the audit log were not signed at the last stop" in nexus.output()
    report = nexus.post(f"{API}/audit/verify").json
    assert report["sound"] and report["records"] == 8
    assert nexus.stop() == 0


def test_a_lost_key_file_is_said_and_never_made_anew(launch: Launch, tmp_path: Path) -> None:
    """It may be elsewhere than the data, too."""
    key = tmp_path / "keys" / "file"
    elsewhere = {"NEXUS_SECURITY_KEY_FILE": str(key)}
    nexus = launch(**elsewhere)
    work(nexus, 1)
    assert nexus.stop() == 0
    assert not (nexus.folder / "nexus.key").exists() and key.stat().st_mode & 0o777 == 0o600
    assert command(nexus.folder, "audit", "verify").returncode == 2, "without the setting there is no key"
    content = key.read_bytes()
    key.unlink()
    again = launch(wait=False, **elsewhere)
    assert again.wait() == 2
    assert f"{key} is not there. Restore the key file from a backup." in again.output()
    assert not key.exists()
    key.write_bytes(content)
    key.chmod(0o644)
    refused = command(nexus.folder, "audit", "verify", **elsewhere)
    assert refused.returncode == 2 and f"Run `chmod 600 {key}`".encode() in refused.stderr
    key.chmod(0o600)
    assert command(nexus.folder, "audit", "verify", **elsewhere).returncode == 0


def test_old_entries_are_removed_and_the_log_stays_sound(launch: Launch) -> None:
    nexus = launch()
    work(nexus, 5)
    nexus.stop()
    nexus = launch(NEXUS_AUDIT_RETENTION="1s")
    wait_for("the removal", lambda: metric(nexus, 'nexus_audit_records_total{action="audit.removed",outcome="ok"}'))
    report = nexus.post(f"{API}/audit/verify").json
    assert report["sound"] and report["first"] >= 5
    assert nexus.stop() == 0
    assert verified(nexus)[0] == 0


# ------------------------------------------------------------------------------------------------------------- elsewhere


def test_it_goes_to_another_nexus(launch: Launch, tmp_path: Path) -> None:
    """Over every transport, in order and complete, over a restart of either side."""
    certificates = make_authority(tmp_path / "certificates")
    certificate, key = certificates.issue("server")
    receiver = launch(
        "receiver",
        **listeners(
            [
                {"protocol": "udp", "tenant": "udp"},
                {"protocol": "tcp", "tenant": "tcp"},
                {"protocol": "tls", "tenant": "tls", "certificate": str(certificate), "key": str(key)},
            ]
        ),
    )
    ports = {tenant: port_of(receiver, tenant) for tenant in ("udp", "tcp", "tls")}
    otlp = receiver.otlp_port
    targets = [
        {"type": "syslog", "url": f"udp://127.0.0.1:{ports['udp']}"},
        {"type": "syslog", "url": f"tcp://127.0.0.1:{ports['tcp']}"},
        {"type": "syslog", "url": f"tls://127.0.0.1:{ports['tls']}", "ca": str(certificates.authority)},
        {
            "type": "otlp",
            "url": f"http://127.0.0.1:{otlp}/v1/logs",
            "headers": {"Authorization": f"Bearer {TOKEN}", "X-Scope-OrgID": "otlp"},
        },
    ]
    sender = launch("sender", NEXUS_AUDIT_FORWARD=json.dumps(targets))
    work(sender, 19)
    everywhere = ("udp", "tcp", "tls", "otlp")
    for tenant in everywhere:
        records = arrived(receiver, tenant, 20)
        numbers = [number_of(record) for record in records]
        assert sorted(numbers) == list(range(1, 21)), tenant
        assert numbers == sorted(numbers), tenant
    (one,) = arrived(receiver, "otlp", 1, "audit.number:5")
    assert one["attributes"]["audit.action"] == "retention.changed" and one["attributes"]["audit.who"] == "bootstrap"
    assert json.loads(one["attributes"]["audit.after"])["days"] == 3
    (one,) = [record for record in arrived(receiver, "tls", 20) if number_of(record) == 5]
    assert one["attributes"]["nexus@32473.action"] == "retention.changed"
    assert one["severity_number"] == 9
    assert json.loads(json.loads(one["body"].removeprefix("\ufeff"))["after"])["days"] == 3
    sent = f'nexus_audit_forward_sent{{target="http://127.0.0.1:{otlp}/v1/logs"}}'
    wait_for("the count", lambda: metric(sender, sent) == 20)

    # The receiver is away: nothing is lost, what waits is seen, and the sender may be restarted meanwhile.
    assert receiver.stop() == 0
    work(sender, 5)
    lag = f'nexus_audit_forward_lag{{target="http://127.0.0.1:{otlp}/v1/logs"}}'
    wait_for("the lag", lambda: metric(sender, lag) == 5)
    assert sender.stop() == 0
    fixed = json.loads(listeners(
        [
            {"protocol": "udp", "tenant": "udp", "port": ports["udp"]},
            {"protocol": "tcp", "tenant": "tcp", "port": ports["tcp"]},
            {"protocol": "tls", "tenant": "tls", "port": ports["tls"], "certificate": str(certificate), "key": str(key)},
        ]
    )["NEXUS_RECEIVERS_SYSLOG"])  # fmt: skip
    receiver = launch("receiver", NEXUS_RECEIVERS_SYSLOG=json.dumps(fixed), NEXUS_OTLP_HTTP_PORT=str(otlp))
    sender = launch("sender", NEXUS_AUDIT_FORWARD=json.dumps(targets))
    work(sender, 5)
    arrived(receiver, "otlp", 30)
    for tenant in ("tcp", "tls"):
        # What the connection that broke may have lost came again: by its number it is known.
        wait_for(tenant, lambda tenant=tenant: distinct(receiver, tenant) >= set(range(1, 31)))
    assert sender.stop() == 0
    assert TOKEN not in sender.output()
    assert verified(sender)[0] == 0


def number_of(record: dict[str, Any]) -> int:
    """Number of a forwarded entry."""
    attributes = record["attributes"]
    found = attributes.get("audit.number") or next(value for name, value in attributes.items() if name.endswith("number"))
    return int(found)


def distinct(nexus: NexusProcess, tenant: str) -> set[int]:
    answer = nexus.post(f"{API}/logs/search", {"query": "", "limit": 1000}, tenant=tenant).json
    return {number_of(record) for record in answer["records"]}


# --------------------------------------------------------------------------------------------------------------- secrets


def test_no_secret_of_the_configuration_is_anywhere(launch: Launch, tmp_path: Path) -> None:
    """Debug log, metrics, errors, listings, doctor, audit log: with every secret option set."""
    raw = document()
    raw["audit"]["forward"] = [{"type": "otlp", "url": "http://127.0.0.1:9/v1/logs", "headers": {"Authorization": MARKER}}]
    raw["receivers"]["forward"][0]["port"] = 0
    file = tmp_path / "secrets.yaml"
    keep = {name: raw[name] for name in ("audit", "receivers")}
    file.write_text(json.dumps(keep))
    settings = {"NEXUS_CONFIG": str(file), "NEXUS_LOG_LEVEL": "debug", "NEXUS_LOG_ACCESS": "on"}
    settings |= {"NEXUS_BOOTSTRAP_TOKEN": MARKER, "NEXUS_BOOTSTRAP_ADMIN_PASSWORD": f"{MARKER}-password"}
    nexus = launch(**settings)
    for document_ in (
        {"username": "admin", "password": f"{MARKER}-password"},
        {"username": "admin", "password": MARKER + "x"},
    ):
        assert MARKER.encode() not in nexus.post(f"{API}/auth/login", document_, token="").body
    work_token = {"token": MARKER}
    assert put(nexus, "retention", {"days": 3}, **work_token).status == 200
    for path in ("/metrics", f"{API}/info", f"{API}/audit", f"{API}/openapi.json", "/-/ready", f"{API}/nothing"):
        assert MARKER.encode() not in nexus.get(path, **work_token).body, path
    doctor = command(nexus.folder, "doctor", **settings)
    shown = command(nexus.folder, "config", "show", **settings)
    assert doctor.stdout and shown.stdout
    wait_for("an attempt to forward", lambda: "the audit log waits for" in nexus.output())
    assert nexus.stop() == 0
    for text in (doctor.stdout + doctor.stderr, shown.stdout + shown.stderr, nexus.output().encode()):
        assert MARKER.encode() not in text


def test_sealed_secrets_and_new_keys(launch: Launch, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    secret = "a secret of the test"
    done = command(folder, "secret", "seal", stdin=secret.encode() + b"\n")
    assert done.returncode == 0, done.stderr
    sealed = done.stdout.decode().strip()
    assert sealed.startswith("sealed:1:") and secret not in sealed
    nexus = launch(NEXUS_BOOTSTRAP_TOKEN=sealed)
    assert nexus.get(f"{API}/info", token=secret).status == 200
    assert nexus.get(f"{API}/info", token=sealed).status == 401
    assert command(folder, "secret", "rotate").returncode == 2, "it runs"
    nexus.stop()
    done = command(folder, "secret", "rotate", "--forget", NEXUS_BOOTSTRAP_TOKEN=sealed)
    assert done.returncode == 2 and b"`bootstrap.token` is sealed" in done.stderr
    done = command(folder, "secret", "rotate", NEXUS_BOOTSTRAP_TOKEN=sealed)
    assert done.returncode == 0 and b"`bootstrap.token` is sealed with an old key" in done.stdout
    assert command(folder, "config", "check", NEXUS_BOOTSTRAP_TOKEN=sealed).returncode == 0, "the old key opens it still"
    fresh = command(folder, "secret", "seal", stdin=secret.encode()).stdout.decode().strip()
    done = command(folder, "secret", "rotate", "--only-forget", NEXUS_BOOTSTRAP_TOKEN=fresh)
    assert done.returncode == 0 and b"1 old keys were removed" in done.stdout
    assert command(folder, "config", "check", NEXUS_BOOTSTRAP_TOKEN=sealed).returncode == 2
    nexus = launch(NEXUS_BOOTSTRAP_TOKEN=fresh)
    assert nexus.get(f"{API}/info", token=secret).status == 200
    assert nexus.post(f"{API}/audit/verify", token=secret).json["sound"]
    assert nexus.stop() == 0
