"""Elasticsearch's bulk API through the official client, and what other clients ask first."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from elasticsearch import Elasticsearch, helpers
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, TOKEN, Answer, NexusProcess, lines

pytestmark = pytest.mark.e2e

NDJSON = {"Content-Type": "application/x-ndjson"}


def client(nexus: NexusProcess, tenant: str, base: str = "", **options: Any) -> Elasticsearch:
    headers = {"X-Scope-OrgID": tenant} if tenant else {}
    return Elasticsearch(f"http://127.0.0.1:{nexus.port}{base}", headers=headers, **({"api_key": TOKEN} | options))


def bulk(nexus: NexusProcess, body: bytes, tenant: str, path: str = "/_bulk", **options: Any) -> Answer:
    return nexus.request("POST", path, body, NDJSON | options.pop("headers", {}), tenant=tenant, **options)


@pytest.mark.parametrize(("base", "compressed"), [("", False), ("/elastic", True)])
def test_the_official_client(nexus: NexusProcess, tenant: str, base: str, compressed: bool) -> None:
    trace = "0123456789abcdef" * 2
    with client(nexus, tenant, base, http_compress=compressed) as elastic:
        assert elastic.info()["version"]["number"] == "8.19.8"
        assert elastic.ping()
        actions = [
            {
                "_op_type": "create",
                "_index": "logs-nginx.access-prod",
                "@timestamp": f"2026-06-01T12:00:{number % 60:02}.000Z",
                "message": f"request {number} done",
                "log": {"level": "warn"},
                "service": {"name": "web"},
                "host": {"name": "h-1"},
                "trace": {"id": trace},
                "number": number,
            }
            for number in range(1200)
        ]
        done, errors = helpers.bulk(elastic, actions)
        assert (done, errors) == (1200, [])
    assert nexus.count("service:web severity:warn", tenant=tenant) == 1200
    answer = nexus.post(f"{API}/logs/search", {"query": "number:7"}, tenant=tenant)
    (record,) = answer.json["records"]
    assert (record["body"], record["service"], record["trace_id"]) == ("request 7 done", "web", trace)
    assert record["attributes"] == {"number": 7, "elasticsearch.index": "logs-nginx.access-prod"}
    assert record["resource"] == {
        "data_stream.type": "logs", "data_stream.dataset": "nginx.access", "data_stream.namespace": "prod",
        "host.name": "h-1", "service.name": "web",
    }  # fmt: skip


def test_only_what_is_bad_fails(nexus: NexusProcess, tenant: str) -> None:
    with client(nexus, tenant) as elastic:
        actions: list[dict[str, Any]] = [
            {"_index": "app", "_id": "1", "message": "good"},
            {"_index": "app", "@timestamp": "yesterday", "message": "bad time"},
            {"_op_type": "delete", "_index": "app", "_id": "1"},
            {"_op_type": "update", "_index": "app", "_id": "1", "doc": {"a": 1}},
            {"_op_type": "create", "_index": "app", "message": "good too"},
        ]
        results = list(helpers.streaming_bulk(elastic, actions, raise_on_error=False))
    assert [ok for ok, _ in results] == [True, False, False, False, True]
    assert [next(iter(item.values()))["status"] for _, item in results] == [201, 400, 400, 400, 201]
    reasons = [next(iter(item.values()))["error"]["reason"] for ok, item in results if not ok]
    assert "yesterday" in reasons[0] and "deleted" in reasons[1] and "updated" in reasons[2]
    assert results[0][1]["index"]["_id"] == "1"
    assert nexus.count(tenant=tenant) == 2
    assert nexus.count('elasticsearch.id:"1"', tenant=tenant) == 1


def test_raw_requests(nexus: NexusProcess, tenant: str) -> None:
    body = b'{"create":{}}\n' + lines({"message": "one"}) + b'\n{"index":{"_index":"other"}}\n' + b'{"message":"two"}'
    answer = bulk(nexus, body, tenant, "/app/_bulk")
    assert answer.status == 200 and answer.headers["X-Elastic-Product"] == "Elasticsearch"
    assert answer.json["errors"] is False and isinstance(answer.json["took"], int)
    assert [item[action]["_index"] for item in answer.json["items"] for action in item] == ["app", "other"]
    compact = bulk(nexus, gzip.compress(body), tenant, "/elastic/app/_bulk?filter_path=errors,items.*.error,items.*.status",
                   headers={"Content-Encoding": "gzip"})  # fmt: skip
    assert compact.json["items"] == [{"create": {"status": 201}}, {"index": {"status": 201}}]
    assert nexus.request("PUT", "/_bulk", body.replace(b'{"create":{}}', b'{"create":{"_index":"x"}}'), NDJSON).status == 200
    mapped = b'{"create":{}}\n' + lines({"text": "hello", "secret": "x"})
    assert (
        bulk(nexus, mapped, tenant, "/m/_bulk?_msg_field=text&ignore_fields=secret&extra_fields=a=b").json["errors"] is False
    )
    (record,) = nexus.post(f"{API}/logs/search", {"query": "hello"}, tenant=tenant).json["records"]
    assert record["attributes"] == {"a": "b", "elasticsearch.index": "m"}
    assert nexus.count(tenant=tenant) == 5


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"garbage\n", "Malformed action/metadata line [1]"),
        (b'{"create":{"_index":"a"}}\n{"message":"x"}\n{"make":{}}\n{}\n', "line [3], expected field [create]"),
        (b'{"create":[]}\n{}\n', "expected START_OBJECT"),
        (b'{"create":{"_index":"a"}} x\n{}\n', "expected END_OBJECT"),
        (b"\xff\xfe\n{}\n", "not UTF-8"),
    ],
)
def test_what_is_no_bulk_request(nexus: NexusProcess, tenant: str, body: bytes, reason: str) -> None:
    answer = bulk(nexus, body, tenant)
    assert (answer.status, answer.headers["X-Elastic-Product"]) == (400, "Elasticsearch")
    assert answer.json["status"] == 400 and reason in answer.json["error"]["reason"]
    assert nexus.count(tenant=tenant) == 0


def test_bad_documents(nexus: NexusProcess, tenant: str) -> None:
    action = b'{"create":{"_index":"a"}}\n'
    documents = [
        b'{"message":"caf\xe9"}\n',
        b"[1]\n",
        b"{}\n",
        b'{"a":1} 2\n',
        b'{"a":' * 100 + b"\n",
        b'{"message":"good"}\n',
    ]
    body = action + action.join(documents) + action
    answer = bulk(nexus, body, tenant)
    assert [item["create"]["status"] for item in answer.json["items"]] == [400, 400, 400, 400, 400, 201, 400]
    assert answer.json["errors"] is True
    assert nexus.count(tenant=tenant) == 1
    assert bulk(nexus, b" " * (5 << 20), tenant).status == 413
    assert bulk(nexus, b"", tenant).json["items"] == []
    without = bulk(nexus, b'{"create":{}}\n{"a":1}\n', tenant).json["items"][0]["create"]
    assert (without["status"], without["error"]["reason"]) == (400, "index is missing")


def test_a_repeat_is_told_the_same(nexus: NexusProcess, tenant: str) -> None:
    body = b'{"create":{"_index":"a"}}\n{"message":"x"}\n{"create":{"_index":"a"}}\nbad\n'
    answers = [bulk(nexus, body, tenant, headers={"Idempotency-Key": "b-1"}) for _ in range(3)]
    assert len({answer.body for answer in answers}) == 1
    assert nexus.count(tenant=tenant) == 1


@pytest.mark.parametrize("base", ["", "/elastic"])
def test_what_clients_ask_first(nexus: NexusProcess, base: str) -> None:
    """The requests of Beats, Logstash, Fluent Bit and Vector before and around their first bulk request."""
    for method, path in [
        ("GET", "/"), ("HEAD", "/"), ("GET", "/_license"), ("GET", "/_xpack"), ("GET", "/_nodes"), ("GET", "/_nodes/http"),
        ("GET", "/_cluster/health?wait_for_status=yellow"), ("GET", "/_ilm/policy/filebeat"), ("PUT", "/_ilm/policy/filebeat"),
        ("HEAD", "/_index_template/filebeat-8.19.8"), ("PUT", "/_index_template/filebeat-8.19.8"),
        ("PUT", "/_component_template/x"), ("GET", "/_ingest/pipeline/filebeat-8.19.8-nginx"), ("PUT", "/_ingest/pipeline/x"),
        ("GET", "/_data_stream/filebeat-8.19.8"), ("PUT", "/_data_stream/filebeat-8.19.8"), ("HEAD", "/_template/logstash"),
        ("PUT", "/_template/logstash"), ("GET", "/_logstash/pipeline/x"), ("GET", "/_cat/indices"), ("HEAD", "/filebeat-7.17.0"),
        ("PUT", "/%3Cfilebeat-7.17.0-%7Bnow%2Fd%7D-000001%3E"),
    ]:  # fmt: skip
        answer = nexus.request(method, base + path)
        assert (answer.status, answer.headers["X-Elastic-Product"]) == (200, "Elasticsearch"), (method, path)
        kind = "text/plain" if "_cat" in path else "application/json"
        assert answer.headers["Content-Type"].startswith(kind)
        if method != "HEAD" and kind == "application/json":
            json.loads(answer.body)
        refused = nexus.request(method, base + path, token="")
        assert (refused.status, refused.headers["X-Elastic-Product"]) == (401, "Elasticsearch"), (method, path)
    version = nexus.get(f"{base}/").json
    assert version["tagline"] == "You Know, for Search"
    assert nexus.get("/_license").json["license"]["status"] == "active"
    assert nexus.get(f"{base}/_nodes/http").json["nodes"]["nexus"]["version"] == version["version"]["number"]


def test_the_root_belongs_to_browsers_and_to_programs(nexus: NexusProcess) -> None:
    assert "tagline" in nexus.get("/", headers={"Accept": "application/json"}).json
    assert "tagline" not in nexus.get("/", headers={"Accept": "text/html,*/*"}, token="").body.decode()
    assert nexus.get("/no-such-index").status == 404
    assert "X-Elastic-Product" not in nexus.get("/no-such-index").headers
    for method, path in [("GET", "/elastic/_no/such/thing"), ("PATCH", "/elastic/_bulk"), ("GET", "/_no/such/thing")]:
        answer = nexus.request(method, path)
        assert answer.status in (404, 405) and answer.headers["X-Elastic-Product"] == "Elasticsearch"
        assert answer.json["status"] == answer.status and answer.json["error"]["reason"]
    assert "X-Elastic-Product" not in nexus.request("HEAD", "/login").headers


def test_the_version_is_configured(launch: Launch) -> None:
    nexus = launch(NEXUS_ELASTICSEARCH_VERSION="9.1.0")
    with client(nexus, "") as elastic:
        assert elastic.info()["version"]["number"] == "9.1.0"
    assert nexus.stop() == 0
