"""What a role does not show is out of reach of its other permissions as well: nothing counts it, removes it or tells of it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from tests.e2e.nexus_process import API, Answer, NexusProcess, lines, wait_for

pytestmark = pytest.mark.e2e

PERMISSIONS = (
    *("logs:read", "sql:read", "logs:delete", "pipelines:read", "pipelines:write", "retention:write", "keys:write"),
    *("queries:read", "tenants:read", "telemetry:read"),
)
RECORDS = [{"_msg": "paid", "service": "shop", "card": "4111"}, *({"_msg": "secret", "service": "bank"} for _ in range(4))]


class Narrow:
    """A key of a role in a tenant of its own."""

    def __init__(self, nexus: NexusProcess, *permissions: str, policy: str = "", masked: tuple[str, ...] = ()) -> None:
        self.nexus, self.tenant = nexus, f"t-{uuid.uuid4().hex[:12]}"
        assert nexus.ingest(lines(*RECORDS), tenant=self.tenant).status == 200
        role = {"grants": [{"permission": one} for one in permissions], "policy": policy, "masked": masked}
        answer = nexus.request(
            "PUT", f"{API}/roles/{self.tenant}", json.dumps(role).encode(), {"Content-Type": "application/json"}
        )
        assert answer.status == 200, answer.body
        made = nexus.post(f"{API}/keys", {"name": "narrow", "role": self.tenant}, tenant=self.tenant)
        assert made.status == 200, made.body
        self.key = str(made.json["secret"])

    def post(self, path: str, document: Any) -> Answer:
        return self.nexus.post(f"{API}/{path}", document, token=self.key)

    def get(self, path: str) -> Any:
        answer = self.nexus.get(f"{API}/{path}", token=self.key)
        assert answer.status == 200, answer.body
        return answer.json


@pytest.mark.parametrize(("policy", "masked"), [("service:shop", ()), ("", ("card",))])
def test_keys_made_by_who_does_not_see_everything_count_nothing_else(
    nexus: NexusProcess, policy: str, masked: tuple[str, ...]
) -> None:
    narrow = Narrow(nexus, *PERMISSIONS, policy=policy, masked=masked)
    for permission in PERMISSIONS:
        if permission == "keys:write":
            continue
        answer = narrow.post("keys", {"name": "wider", "permissions": [permission]})
        assert (answer.status, answer.json["error"]["code"]) == (403, "permission_denied"), permission


def test_a_role_that_only_deletes_deletes_what_its_policy_shows(nexus: NexusProcess) -> None:
    narrow = Narrow(nexus, "logs:delete", policy="service:shop")
    assert narrow.post("logs/deletions", {"query": "secret", "dry_run": True}).json["records"] == 0
    deletion = narrow.post("logs/deletions", {"query": "*"}).json
    assert deletion["records"] == 1
    wait_for("the deletion", lambda: narrow.get(f"logs/deletions/{deletion['id']}")["state"] == "done")
    assert nexus.count(tenant=narrow.tenant) == 4


def test_deletions_of_others_are_not_found_by_their_names(nexus: NexusProcess) -> None:
    narrow = Narrow(nexus, "logs:read", "logs:delete", policy="service:shop")
    # A key that is called as the narrow one, and sees everything.
    made = nexus.post(f"{API}/keys", {"name": "narrow", "permissions": ["logs:delete"]}, tenant=narrow.tenant).json
    wide = nexus.post(f"{API}/logs/deletions", {"query": "secret AND x"}, token=made["secret"]).json
    own = narrow.post("logs/deletions", {"query": "nothing"}).json
    assert [one["id"] for one in narrow.get("logs/deletions")["deletions"]] == [own["id"]]
    assert nexus.get(f"{API}/logs/deletions/{wide['id']}", token=narrow.key).status == 404


def test_figures_of_what_came_in_tell_nothing_of_what_is_not_seen(nexus: NexusProcess) -> None:
    narrow = Narrow(nexus, *PERMISSIONS, policy="service:shop")
    spec = {"name": "count", "steps": [{"type": "set", "options": {"fields": {"a": "b"}}}]}
    version = nexus.get(f"{API}/pipelines", tenant=narrow.tenant).json["version"]
    body = json.dumps({"pipelines": [spec], "version": version}).encode()
    put = nexus.request(
        "PUT", f"{API}/pipelines", body, {"Content-Type": "application/json", "X-Scope-OrgID": narrow.tenant}
    )
    assert put.status == 200, put.body
    assert nexus.ingest(lines(*RECORDS), tenant=narrow.tenant).status == 200
    assert len(nexus.get(f"{API}/pipelines/statistics", tenant=narrow.tenant).json["steps"]) == 1
    assert narrow.get("pipelines/statistics")["steps"] == []
    (shown,) = narrow.get("tenants")["tenants"]
    assert (shown["name"], shown["records"], shown["bytes"]) == (narrow.tenant, 0, 0)
    status = narrow.get("ingest/status")
    assert (status["records_total"], status["records_per_second"], status["last_received_at"]) == (1, 0, "")
