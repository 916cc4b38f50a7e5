"""A key whose role shows one service and masks fields, in every language and on every way out; what nobody may see is in the
same store, asked for by an administrator."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

import pytest
from tests.e2e.nexus_process import API, Answer, NexusProcess, lines, wait_for
from tests.e2e.test_live import Live, opened

pytestmark = pytest.mark.e2e

STREAM_FIELDS = {"X-Nexus-Stream-Fields": "pod"}
JSON = {"Content-Type": "application/json"}
PASSWORD = "Prevail-9-Orchard-Lantern"
STREAM = '{service_name=~".+"}'
RECORDS = [
    {"_msg": "paid by card", "service": "checkout", "user.email": "ann@example.com", "n": 1, "pod": "p-17"},
    {"_msg": "paid by bill", "service": "checkout", "user.email": "bob@example.com", "n": 2, "trace_id": "ab" * 16},
    {"_msg": "nobody paid", "service": "checkout", "n": 3},
    {"_msg": "hidden by rule", "service": "vault", "user.email": "eve@example.com", "level": "error", "trace_id": "cd" * 16},
]


def sent() -> bytes:
    """The records, a microsecond apart."""
    now = time.time_ns()
    return lines(*({"_time": str(now + 1000 * number), **record} for number, record in enumerate(RECORDS)))


class Viewer:
    """A user with one role."""

    def __init__(self, nexus: NexusProcess, tenant: str, policy: str, masked: list[str]) -> None:
        self.nexus, name = nexus, f"user-{uuid.uuid4().hex[:12]}"
        grants = [{"permission": name} for name in ("logs:read", "sql:read", "logs:delete", "queries:read")]
        document = {"grants": grants, "policy": policy, "masked": masked}
        assert nexus.request("PUT", f"{API}/roles/{name}", json.dumps(document).encode(), JSON).status == 200
        user = {"name": name, "password": PASSWORD, "roles": [{"role": name, "tenant": tenant}]}
        answer = nexus.post(f"{API}/users", user)
        assert answer.status == 200, answer.body
        login = nexus.post(f"{API}/auth/login", {"username": name, "password": PASSWORD}, token="")
        cookie = login.headers["Set-Cookie"].partition(";")[0]
        self.headers = {"Cookie": cookie, "X-Nexus-Request": "1", "X-Scope-OrgID": tenant}

    def post(self, path: str, document: Any) -> Answer:
        return self.nexus.post(path, document, token="", headers=self.headers)

    def get(self, path: str) -> Answer:
        return self.nexus.get(path, token="", headers=self.headers)

    def found(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.post(f"{API}/logs/search", {"query": query, "order": "asc"})
        assert answer.status == 200, answer.body
        return list(answer.json["records"])


@pytest.fixture
def viewer(nexus: NexusProcess, tenant: str) -> Viewer:
    assert nexus.ingest(sent(), STREAM_FIELDS, tenant=tenant).status == 200
    return Viewer(nexus, tenant, "service:checkout", ["user.email", "trace_id", "pod"])


def test_records_and_their_ids_are_those_of_what_is_seen(viewer: Viewer, nexus: NexusProcess, tenant: str) -> None:
    records = viewer.found()
    assert [record["body"] for record in records] == ["paid by card", "paid by bill", "nobody paid"]
    assert [record["attributes"].get("user.email") for record in records] == ["***", "***", None]
    assert {record["trace_id"] for record in records} == {""}
    whole = nexus.post(f"{API}/logs/search", {"order": "asc"}, tenant=tenant).json["records"]
    for seen, held in zip(records, whole, strict=False):
        # An id is a hash of the record: that of the whole one would let its values be guessed.
        assert (seen["id"] == held["id"]) is (seen == held)
        assert viewer.get(f"{API}/logs/record?id={seen['id']}").json == seen
        assert viewer.get(f"{API}/logs/record?id={held['id']}").status == (200 if seen == held else 404)
    around = viewer.post(f"{API}/logs/context", {"id": records[1]["id"], "same": "service"}).json
    assert (around["before"], around["record"], around["after"]) == (records[:1], records[1], records[2:])
    hit = viewer.post("/_search", {"sort": [{"@timestamp": "asc"}]}).json["hits"]["hits"][0]
    assert hit["_id"] == records[0]["id"]
    assert viewer.post("/_search", {"query": {"ids": {"values": [hit["_id"]]}}}).json["hits"]["total"]["value"] == 1


def test_a_masked_value_cannot_be_asked_for_in_any_language(viewer: Viewer) -> None:
    asked = "level:* AND user.email:ann*"
    for path in ("search", "count", "facets", "histogram", "patterns", "explain"):
        answer = viewer.post(f"{API}/logs/{path}", {"query": asked})
        assert answer.status == 403, (path, answer.body)
        error = answer.json["error"]
        assert error["code"] == "masked_field"
        assert "user.email" in error["message"]
        place = error["position"]
        assert asked[place["offset"] : place["offset"] + place["length"]] in ("user.email:ann*", "user.email", "ann*")
    assert viewer.post("/_search", {"query": {"term": {"user.email": "ann@example.com"}}}).status == 403
    assert viewer.post("/_count", {"query": {"query_string": {"query": "trace_id:" + "ab" * 16}}}).status == 403
    export = viewer.post(f"{API}/logs/export", {"query": "user.email:ann*"})
    assert export.status == 403
    assert len(viewer.found("user.email:*")) == len(viewer.found('user.email:"***"')) == 2
    rows = viewer.post(f"{API}/sql", {"query": "SELECT count() FROM logs WHERE attributes['user.email'] LIKE 'ann%'"}).json[
        "rows"
    ]
    assert rows == [[0]]


def test_everything_else_shows_the_mask(viewer: Viewer) -> None:
    facets = viewer.post(f"{API}/logs/facets", {"fields": ["user.email", "service", "pod"]}).json["facets"]
    assert [[(value["value"], value["count"]) for value in facet["values"]] for facet in facets] == [
        [("***", 2)], [("checkout", 3)], [("***", 1)]
    ]  # fmt: skip
    answer = viewer.post(
        f"{API}/sql", {"query": "SELECT attributes['user.email'] AS e, count() FROM logs GROUP BY e ORDER BY e"}
    )
    assert answer.json["rows"] == [["", 1], ["***", 2]]
    found = viewer.get(f"/loki/api/v1/query_range?query={STREAM.replace('+', '%2B')}&limit=10").body.decode()
    assert found.count("***") >= 3
    labels = viewer.get("/loki/api/v1/label/pod/values").json["data"]
    assert labels == ["***"]
    only = viewer.get('/loki/api/v1/query_range?query={pod="***"}').json["data"]["result"]
    assert [value[1] for stream in only for value in stream["values"]] == ["paid by card"]
    assert viewer.get('/loki/api/v1/query_range?query={pod="p-17"}').json["data"]["result"] == []
    for kind in ("ndjson", "csv"):
        file = viewer.post(f"{API}/logs/export", {"format": kind, "columns": ["body", "user.email"]}).body.decode()
        assert (file.count("***"), file.count("paid")) == (2, 3)
    for body in (found, *(viewer.post(f"{API}/logs/{path}", {}).body.decode() for path in ("search", "patterns", "fields"))):
        assert not any(word in body for word in ("@example.com", "p-17", "vault", "hidden", "ab" * 16))


def test_neither_cost_nor_errors_tell_of_what_is_hidden(viewer: Viewer, nexus: NexusProcess, tenant: str) -> None:
    assert viewer.post(f"{API}/logs/count", {}).json["statistics"]["rows_read"] == 0
    assert nexus.post(f"{API}/logs/count", {}, tenant=tenant).json["statistics"]["rows_read"] > 0
    assert viewer.post(f"{API}/logs/explain", {"query": "level:error"}).json["sql"] == []
    answer = viewer.post(f"{API}/sql", {"query": "SELECT count() FROM logs WHERE intDiv(1, severity_number - 17) < 5"})
    assert answer.json["rows"] == [[3]]
    failed = viewer.post(f"{API}/sql", {"query": "SELECT count() FROM logs WHERE toUInt64(attributes['user.email']) > 1"})
    assert failed.status == 400
    assert "example.com" not in failed.body.decode()


def test_a_deletion_reaches_no_further_than_sight(nexus: NexusProcess, tenant: str, viewer: Viewer) -> None:
    assert viewer.post(f"{API}/logs/deletions", {"query": "paid", "reason": "x"}).status == 403
    others = nexus.post(f"{API}/logs/deletions", {"query": "nothing-like-this", "reason": "x"}, tenant=tenant).json["id"]
    narrow = Viewer(nexus, tenant, "service:checkout", [])
    made = narrow.post(f"{API}/logs/deletions", {"query": "paid OR hidden", "reason": "gone"}).json
    assert made["records"] == 3
    done = wait_for(
        "the deletion", lambda: narrow.get(f"{API}/logs/deletions/{made['id']}").json["state"] in ("done", "failed"), 40
    )
    assert done
    # What others deleted, and how much of it there was, tells of what is hidden.
    assert [one["id"] for one in narrow.get(f"{API}/logs/deletions").json["deletions"]] == [made["id"]]
    assert narrow.get(f"{API}/logs/deletions/{others}").status == 404
    assert len(nexus.get(f"{API}/logs/deletions", tenant=tenant).json["deletions"]) == 2
    left = nexus.post(f"{API}/logs/search", {}, tenant=tenant).json["records"]
    assert [record["body"] for record in left] == ["hidden by rule"]


def test_live_records_are_masked_and_have_the_ids_of_stored_ones(viewer: Viewer, nexus: NexusProcess, tenant: str) -> None:
    async def work() -> None:
        headers = {"Cookie": viewer.headers["Cookie"], "Origin": f"http://127.0.0.1:{nexus.port}"}
        async with opened(nexus, token="", tenant=tenant, headers=headers) as socket:
            live = Live(socket)
            await live.subscribe("")
            answer = await asyncio.to_thread(nexus.ingest, sent(), {**STREAM_FIELDS, "X-Scope-OrgID": tenant})
            assert answer.status == 200
            got = await live.until(3)
        stored = viewer.found()
        assert sorted(record["id"] for record in got) == sorted(record["id"] for record in stored[3:])
        assert [record["attributes"].get("user.email") for record in got] == ["***", "***", None]

    asyncio.run(work())
