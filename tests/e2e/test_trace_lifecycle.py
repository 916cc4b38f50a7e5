"""What happens to stored traces: retention by rule, deletion with proof, removal with their tenant, users' SQL."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, NexusProcess, wait_for
from tests.e2e.test_access import make_key
from tests.e2e.test_retention_and_deletion import files_with, put

pytestmark = pytest.mark.e2e


def send(nexus: NexusProcess, tenant: str, count: int, **attributes: str) -> None:
    """Store so many traces of one span, by OTLP."""
    now = time.time_ns()
    spans = [
        {
            "traceId": secrets.token_hex(16),
            "spanId": secrets.token_hex(8),
            "name": f"op {number}",
            "startTimeUnixNano": str(now - number),
            "endTimeUnixNano": str(now),
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
        }
        for number in range(count)
    ]
    service = [{"key": "service.name", "value": {"stringValue": "shop"}}]
    document = {"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [{"spans": spans}]}]}
    answer = nexus.post("/v1/traces", document, tenant=tenant, port=nexus.otlp_port)
    assert (answer.status, answer.json) == (200, {}), answer.body


def rows(nexus: NexusProcess, tenant: str, query: str) -> Any:
    """Rows of a statement."""
    answer = nexus.post(f"{API}/sql", {"query": query}, tenant=tenant)
    assert answer.status == 200, answer.body
    return answer.json["rows"]


def test_a_deleted_secret_of_a_span_is_gone(launch: Launch) -> None:
    """From queries and from every file; everything else is still there, also what comes later."""
    nexus = launch(NEXUS_SELF_TELEMETRY="off")
    marker, kept = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    send(nexus, "t", 30, user="u7", card=marker)
    send(nexus, "t", 300, user="u8", card=kept)
    send(nexus, "other", 5, user="u7", card=kept)
    assert files_with(nexus.folder, marker.encode())
    request = {"query": "{ span.user = `u7` }", "reason": "GDPR", "dry_run": True}
    counted = nexus.post(f"{API}/traces/deletions", request, tenant="t").json
    assert (counted["state"], counted["records"]) == ("counted", 30)
    started = nexus.post(f"{API}/traces/deletions", {**request, "dry_run": False}, tenant="t").json

    def look() -> Any:
        answer = nexus.get(f"{API}/traces/deletions/{started['id']}", tenant="t").json
        return answer if answer["state"] in ("done", "failed") else None

    done = wait_for("the deletion", look, 60)
    assert (done["state"], done["error"]) == ("done", "")
    send(nexus, "t", 2, user="u7", card=kept)
    found = rows(nexus, "t", "SELECT attributes['user'] AS user, count() FROM spans GROUP BY user ORDER BY user")
    assert found == [["u7", 2], ["u8", 300]]
    assert rows(nexus, "other", "SELECT count() FROM spans") == [[5]]
    assert files_with(nexus.folder, marker.encode()) == []
    assert [one["id"] for one in nexus.get(f"{API}/traces/deletions", tenant="t").json["deletions"]] == [started["id"]]
    assert nexus.get(f"{API}/logs/deletions", tenant="t").json["deletions"] == []
    assert nexus.get(f"{API}/logs/deletions/{started['id']}", tenant="t").status == 404
    for query in ("{ rootName = `x` }", "{ } >> { }", "{ } | count() > 1", "{ span.user = }", ""):
        assert nexus.post(f"{API}/traces/deletions", {"query": query}, tenant="t").status == 400, query
    cleaner = make_key(nexus, "t", "logs:delete", "traces:read")
    assert nexus.post(f"{API}/traces/deletions", request, token=cleaner).status == 403


def test_retention_of_traces(launch: Launch) -> None:
    """By rules over what spans have; what rules ask for that they do not have is for none of them."""
    nexus = launch(NEXUS_SELF_TELEMETRY="off", NEXUS_RETENTION_TRACES="20d")
    assert nexus.get(f"{API}/retention/traces", tenant="t").json == {
        "rules": [], "days": None, "default_days": 20, "applying": False, "parts_left": 0,
    }  # fmt: skip
    send(nexus, "t", 3, route="/health")
    policy = {"rules": [{"query": "debug", "days": 1}, {"query": 'route:"/health"', "days": 2}], "days": 90}
    answer = put(nexus, "retention/traces", policy, tenant="t")
    assert answer.status == 200, answer.body
    assert {**answer.json, **policy} == answer.json
    send(nexus, "t", 4, route="/health")
    send(nexus, "t", 5, route="/pay")
    wait_for("the change", lambda: not nexus.get(f"{API}/retention/traces", tenant="t").json["applying"])
    assert put(nexus, "retention/traces", {"rules": [{"query": "level:", "days": 3}]}, tenant="t").status == 400
    assert nexus.get(f"{API}/retention", tenant="t").json["rules"] == []
    nexus.stop()
    assert _expiries(nexus) == {("/health", 2): 7, ("/pay", 90): 5}


def _expiries(nexus: NexusProcess) -> dict[tuple[str, int], int]:
    """How many spans of a route are kept for how many days, read by another process when Nexus has stopped."""
    import subprocess
    import sys

    script = (
        "import sys, json; from pathlib import Path\n"
        "from nexus.storage.clickhouse.engine import Engine\nfrom nexus.storage.clickhouse.options import StoreOptions\n"
        "engine = Engine.open(StoreOptions(Path(sys.argv[1])))\n"
        "sql = \"SELECT attributes_string['route'] AS r, toInt32(expires_on) - toInt32(toDate(timestamp)) AS d, count() \"\n"
        "print(json.dumps(engine.connect().rows(sql + 'FROM nexus.spans GROUP BY r, d')))\n"
        "engine.close()"
    )
    done = subprocess.run([sys.executable, "-c", script, str(nexus.folder)], capture_output=True, check=True, timeout=60)
    return {(route, days): count for route, days, count in json.loads(done.stdout)}


def test_a_tenant_goes_with_its_traces(launch: Launch) -> None:
    """And others keep theirs."""
    nexus = launch(NEXUS_SELF_TELEMETRY="off")
    marker = secrets.token_urlsafe(24)
    send(nexus, "gone", 20, card=marker)
    send(nexus, "stays", 7)
    assert nexus.post(f"{API}/tenants/gone/delete", {"confirm": "gone"}).status in (200, 202)
    wait_for("the removal", lambda: nexus.get(f"{API}/tenants/gone/deletion").json["state"] == "done", 60)
    assert "Spans of traces" in "\n".join(nexus.get(f"{API}/tenants/gone/deletion").json["proof"])
    assert files_with(nexus.folder, marker.encode()) == []
    assert rows(nexus, "stays", "SELECT count() FROM spans") == [[7]]


def test_sql_over_spans_needs_its_permission(nexus: NexusProcess, tenant: str) -> None:
    """That of traces, beside that of SQL."""
    send(nexus, tenant, 3)
    assert rows(nexus, tenant, "SELECT service, kind, status, count() FROM spans GROUP BY ALL") == [
        ["shop", "unspecified", "unset", 3]
    ]
    both = make_key(nexus, tenant, "sql:read", "traces:read")
    only = make_key(nexus, tenant, "sql:read")
    statement = {"query": "SELECT count() FROM spans"}
    assert nexus.post(f"{API}/sql", statement, token=both).json["rows"] == [[3]]
    refused = nexus.post(f"{API}/sql", statement, token=only)
    assert refused.status == 403 and "traces:read" in refused.json["error"]["message"]
    assert nexus.post(f"{API}/sql", {"query": "SELECT count() FROM logs"}, token=only).status == 200
