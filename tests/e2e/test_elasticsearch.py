"""The query side of Elasticsearch: its official Python client, and requests as Grafana's data source sends them.

The Grafana requests are written from knowledge of that data source, not recorded from one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import BadRequestError, Elasticsearch, NotFoundError
from elasticsearch.helpers import scan
from tests.e2e.nexus_process import TOKEN, NexusProcess, lines

pytestmark = pytest.mark.e2e

START = 1_789_992_000  # seconds, a whole hour
RECORDS: list[dict[str, Any]] = [
    {
        "_time": f"{START + number // 3}",
        "_msg": f"payment {number} failed: timeout" if number % 10 == 0 else f"order {number} served",
        "level": "error" if number % 10 == 0 else "info",
        "service": "shop" if number % 2 else "cart",
        "status": 500 if number % 10 == 0 else 200,
        "took": number / 2,
        "path": f"/p/{number % 3}",
        "trace_id": f"{number:032x}" if number else "",
    }
    for number in range(600)
]
ERRORS = [record for record in RECORDS if record["level"] == "error"]
FROM, TO = START * 1000, (START + 200) * 1000
TENANT = "elastic"


@pytest.fixture(scope="module")
def filled(nexus: NexusProcess) -> NexusProcess:
    assert nexus.ingest(lines(*RECORDS), {"Idempotency-Key": "elastic"}, tenant=TENANT).json["accepted"] == 600
    return nexus


@pytest.fixture(scope="module", params=["", "/elastic"])
def client(filled: NexusProcess, request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    address = f"http://127.0.0.1:{filled.port}{request.param}"
    with Elasticsearch(address, headers={"Authorization": f"Bearer {TOKEN}", "X-Scope-OrgID": TENANT}) as made:
        yield made


def ids(answer: Any) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


# ------------------------------------------------------------------------------------------------------------ the client


def test_searching(client: Elasticsearch) -> None:
    answer = client.search(index="logs", query={"match": {"message": "timeout"}}, size=5, sort=[{"@timestamp": "desc"}])
    assert answer["hits"]["total"] == {"value": 60, "relation": "eq"}
    source = answer["hits"]["hits"][0]["_source"]
    assert source["message"] == "payment 590 failed: timeout"
    assert (source["log.level"], source["service.name"], source["status"]) == ("error", "cart", 500)
    assert source["trace.id"] == f"{590:032x}" and source["@timestamp"].startswith("2026-")
    only = client.search(index="logs-*", query={"ids": {"values": ids(answer)}}, source=["message", "service"])
    assert sorted(ids(only)) == sorted(ids(answer))
    assert set(only["hits"]["hits"][0]["_source"]) == {"message", "service.name"}
    assert client.search(index="other-*")["hits"]["hits"] == []


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ({"match_all": {}}, lambda r: True),
        ({"match_none": {}}, lambda r: False),
        ({"match": {"message": "payment served"}}, lambda r: True),
        ({"match": {"message": {"query": "payment served", "operator": "and"}}}, lambda r: False),
        ({"match_phrase": {"message": "failed: timeout"}}, lambda r: r["level"] == "error"),
        ({"multi_match": {"query": "timeout", "fields": ["message", "path"]}}, lambda r: r["level"] == "error"),
        ({"term": {"service.name.keyword": "shop"}}, lambda r: r["service"] == "shop"),
        ({"term": {"status": {"value": 500}}}, lambda r: r["status"] == 500),
        ({"terms": {"path": ["/p/0", "/p/1"]}}, lambda r: r["path"] != "/p/2"),
        ({"range": {"took": {"gte": 10, "lt": 20.5}}}, lambda r: 10 <= r["took"] < 20.5),
        ({"range": {"@timestamp": {"gte": FROM + 10_000, "lte": FROM + 20_000, "format": "epoch_millis"}}}, lambda r: 10 <= int(r["_time"]) - START <= 20),
        ({"exists": {"field": "trace.id"}}, lambda r: r["trace_id"] != ""),
        ({"exists": {"field": "nowhere"}}, lambda r: False),
        ({"prefix": {"path": "/p"}}, lambda r: True),
        ({"wildcard": {"service.name": {"value": "sh*p"}}}, lambda r: r["service"] == "shop"),
        ({"wildcard": {"path": {"value": "/?/1"}}}, lambda r: r["path"] == "/p/1"),
        ({"regexp": {"path": "/p/[01]"}}, lambda r: r["path"] != "/p/2"),
        ({"constant_score": {"filter": {"term": {"log.level": "ERROR"}}}}, lambda r: r["level"] == "error"),
        ({"bool": {"must": [{"term": {"status": 500}}], "must_not": {"term": {"path": "/p/0"}}}}, lambda r: r["status"] == 500 and r["path"] != "/p/0"),
        ({"bool": {"should": [{"term": {"status": 500}}, {"term": {"path": "/p/0"}}]}}, lambda r: r["status"] == 500 or r["path"] == "/p/0"),
        ({"bool": {"should": [{"term": {"status": 500}}, {"term": {"path": "/p/0"}}, {"term": {"service.name": "cart"}}], "minimum_should_match": 2}}, lambda r: (r["status"] == 500) + (r["path"] == "/p/0") + (r["service"] == "cart") >= 2),
        ({"query_string": {"query": "log.level:error AND NOT path:\"/p/0\""}}, lambda r: r["level"] == "error" and r["path"] != "/p/0"),
        ({"query_string": {"query": "timeout service.name:shop"}}, lambda r: r["level"] == "error" or r["service"] == "shop"),
        ({"query_string": {"query": "+timeout -path:(\"/p/0\" OR \"/p/1\")"}}, lambda r: r["level"] == "error" and r["path"] == "/p/2"),
        ({"query_string": {"query": "took:[10 TO 20} status:>=500", "default_operator": "AND"}}, lambda r: 10 <= r["took"] < 20 and r["status"] == 500),
        ({"query_string": {"query": "fail* _exists_:status", "default_operator": "AND", "analyze_wildcard": True}}, lambda r: r["level"] == "error"),
        ({"simple_query_string": {"query": "timeout + payment | nowhere"}}, lambda r: r["level"] == "error"),
        ({"simple_query_string": {"query": "\"unbalanced (timeout"}}, lambda r: r["level"] == "error"),
    ],
)  # fmt: skip
def test_queries_count_what_matches(client: Elasticsearch, query: dict[str, Any], condition: Any) -> None:
    assert client.count(index="logs", query=query)["count"] == sum(bool(condition(record)) for record in RECORDS)


def test_mistakes_are_told(client: Elasticsearch) -> None:
    for query, reason in (
        ({"fuzzy": {"message": "x"}}, "unknown query \\[fuzzy\\]"),
        ({"match": {"a": 1, "b": 2}}, "one field"),
        ({"query_string": {"query": "(a OR"}}, "missing"),
        ({"regexp": {"path": "a(?=b)"}}, "look-ahead"),
        ({"range": {"@timestamp": {"gte": "yesterday"}}}, "yesterday"),
        ({"bool": {"ought": []}}, "ought"),
    ):
        with pytest.raises(BadRequestError, match=reason):
            client.search(index="logs", query=query)
    with pytest.raises(BadRequestError, match="window"):
        client.search(index="logs", from_=9_999, size=10)
    with pytest.raises(BadRequestError, match="sorting by"):
        client.search(index="logs", sort="status")
    with pytest.raises(BadRequestError, match="unknown aggregation"):
        client.search(index="logs", aggs={"a": {"geohash_grid": {"field": "x"}}})
    with pytest.raises(NotFoundError, match="no such index"):
        client.search(index="metrics")
    assert client.search(index="metrics", ignore_unavailable=True)["hits"]["total"]["value"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"size": "many"}, {"size": -1}, {"sort": 5}, {"sort": [[]]}, {"search_after": ["x"]}, {"search_after": [1, "a-b-c"]},
        {"search_after": [1, f"{10**30}-1-1"]}, {"_source": 5}, {"fields": 5}, {"aggs": [1]}, {"aggs": {"a": {}}},
        {"aggs": {"a": {"terms": {}}}}, {"aggs": {"a": {"terms": {"field": "x", "size": "x"}}}},
        {"aggs": {"a": {"terms": {"field": "x", "order": {"nothing": "desc"}}}}},
        {"aggs": {"a": {"histogram": {"field": "x", "interval": "nan"}}}},
        {"aggs": {"a": {"date_histogram": {"field": "@timestamp", "fixed_interval": f"{10**18}d"}}}},
        {"aggs": {"a": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h", "time_zone": "../x"}}}},
        {"aggs": {"a": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1ns", "min_doc_count": 0}}}},
        {"aggs": {"a": {"percentiles": {"field": "x", "percents": [101]}}}}, {"query": {"multi_match": {"fields": [{}]}}},
        {"query": {"query_string": {"query": "a", "fields": [5]}}}, {"post_filter": {}},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_malformed_searches_are_the_senders_fault(filled: NexusProcess, body: dict[str, Any]) -> None:
    answer = filled.post("/logs/_search", body, tenant=TENANT)
    assert answer.status == 400, answer.body
    assert answer.json["error"]["root_cause"][0]["reason"] and answer.headers["X-Elastic-Product"] == "Elasticsearch"


def test_scanning_gives_every_record_once(client: Elasticsearch) -> None:
    found = list(scan(client, index="logs", query={"query": {"match_all": {}}}, size=70))
    assert len(found) == len({hit["_id"] for hit in found}) == 600
    assert Counter(hit["_source"]["message"] for hit in found) == Counter(record["_msg"] for record in RECORDS)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_search_after_gives_every_record_once(client: Elasticsearch, order: str) -> None:
    found: list[Any] = []
    after: Any = None
    while True:
        page = client.search(index="logs", size=50, sort=[{"@timestamp": order}, {"_doc": order}], search_after=after)
        hits = page["hits"]["hits"]
        if not hits:
            break
        found += hits
        after = hits[-1]["sort"]
    assert len(found) == len({hit["_id"] for hit in found}) == 600
    times = [hit["sort"][0] for hit in found]
    assert times == sorted(times, reverse=order == "desc")


def test_fields_and_indexes(client: Elasticsearch) -> None:
    fields = client.field_caps(index="logs-*", fields="*")["fields"]
    assert fields["status"]["long"]["aggregatable"] and "double" in fields["took"] and "date_nanos" in fields["@timestamp"]
    assert set(client.field_caps(index="logs", fields="service*")["fields"]) == {"service.name"}
    properties = client.indices.get_mapping(index="logs")["logs"]["mappings"]["properties"]
    assert properties["service"]["properties"]["name"] == {"type": "keyword"} and properties["status"] == {"type": "long"}
    assert client.indices.resolve_index(name="lo*")["indices"][0]["name"] == "logs"
    assert client.indices.get_alias()["logs"] == {"aliases": {}}
    (row,) = client.cat.indices(format="json")
    assert (row["index"], row["docs.count"]) == ("logs", "600")  # type: ignore[index]


def test_others_see_nothing(filled: NexusProcess) -> None:
    address = f"http://127.0.0.1:{filled.port}"
    with Elasticsearch(address, headers={"Authorization": f"Bearer {TOKEN}", "X-Scope-OrgID": "elastic-other"}) as other:
        assert other.count(index="*")["count"] == 0
    answer = filled.request("POST", "/_search", b"{}", token="wrong")
    assert answer.status == 401 and answer.headers["X-Elastic-Product"] == "Elasticsearch"
    assert answer.json["error"]["type"] == "security_exception" and answer.json["status"] == 401


# ---------------------------------------------------------------------------------------------------------- aggregations


def test_nested_aggregations(client: Elasticsearch) -> None:
    aggs = {
        "services": {
            "terms": {"field": "service.name", "order": {"slowest": "desc"}},
            "aggs": {
                "slowest": {"max": {"field": "took"}},
                "codes": {"terms": {"field": "status", "order": {"_key": "asc"}}, "aggs": {"s": {"extended_stats": {"field": "took"}}}},
            },
        },
        "paths": {"terms": {"field": "path", "size": 1}},
        "kinds": {"filters": {"filters": {"bad": {"match": {"message": "timeout"}}, "none": {"match_none": {}}}}},
        "halves": {"histogram": {"field": "took", "interval": 100}},
        "all": {"stats": {"field": "took"}},
        "ids": {"cardinality": {"field": "trace.id"}},
        "marks": {"percentiles": {"field": "took", "percents": [50, 99]}},
        "last": {"top_metrics": {"metrics": {"field": "status"}, "sort": {"@timestamp": "desc"}}},
    }  # fmt: skip
    found = client.search(index="logs", size=0, aggs=aggs)["aggregations"]
    services = found["services"]["buckets"]
    assert [(one["key"], one["doc_count"], one["slowest"]["value"]) for one in services] == [
        ("shop", 300, 299.5),
        ("cart", 300, 299.0),
    ]
    codes = {one["key"]: one for one in services[1]["codes"]["buckets"]}
    assert {key: one["doc_count"] for key, one in codes.items()} == {"200": 240, "500": 60}
    bad = [record["took"] for record in ERRORS]
    assert codes["500"]["s"]["avg"] == pytest.approx(sum(bad) / len(bad))
    assert codes["500"]["s"]["variance"] == pytest.approx(sum(x * x for x in bad) / 60 - (sum(bad) / 60) ** 2)
    assert found["paths"]["sum_other_doc_count"] == 400 and len(found["paths"]["buckets"]) == 1
    assert {key: one["doc_count"] for key, one in found["kinds"]["buckets"].items()} == {"bad": 60, "none": 0}
    assert [(one["key"], one["doc_count"]) for one in found["halves"]["buckets"]] == [(0, 200), (100, 200), (200, 200)]
    assert found["all"] == {"count": 600, "min": 0, "max": 299.5, "avg": 149.75, "sum": 89850}
    assert found["ids"]["value"] == 599
    assert found["marks"]["values"]["50.0"] == pytest.approx(149.75, abs=2)
    assert found["last"]["top"][0]["metrics"]["status"] in (200, 500)


# --------------------------------------------------------------------------------------------------------------- Grafana


def grafana(nexus: NexusProcess, *bodies: dict[str, Any]) -> list[dict[str, Any]]:
    """`_msearch` as the data source sends it."""
    header = {"ignore_unavailable": True, "index": "logs"}
    text = "".join(json.dumps(line) + "\n" for body in bodies for line in (header, body))
    answer = nexus.request(
        "POST",
        "/_msearch?max_concurrent_shard_requests=5&ignore_unavailable=true",
        text.encode(),
        {"Content-Type": "application/x-ndjson"},
        tenant=TENANT,
    )
    assert answer.status == 200, answer.body
    assert answer.headers["X-Elastic-Product"] == "Elasticsearch"
    responses: list[dict[str, Any]] = answer.json["responses"]
    return responses


def within(query: str) -> dict[str, Any]:
    span = {"range": {"@timestamp": {"gte": FROM, "lte": TO, "format": "epoch_millis"}}}
    return {"bool": {"filter": [span, {"query_string": {"analyze_wildcard": True, "query": query}}]}}


def test_grafana_asks_for_metrics(filled: NexusProcess) -> None:
    """A time series by term, with a percentile; empty buckets up to the bounds."""
    dates = {
        "field": "@timestamp",
        "min_doc_count": 0,
        "fixed_interval": "20s",
        "extended_bounds": {"min": FROM, "max": TO + 40_000},
        "format": "epoch_millis",
    }
    metric = {"2": {"date_histogram": dates, "aggs": {"1": {"percentiles": {"field": "took", "percents": ["50", "95"]}}}}}
    terms = {"terms": {"field": "service.name", "size": 10, "order": {"_key": "desc"}, "min_doc_count": 1}, "aggs": metric}
    (found, broken) = grafana(
        filled,
        {"size": 0, "query": within("log.level:error"), "aggs": {"3": terms}},
        {"size": 0, "query": {"nonsense": {}}},
    )
    (shop,) = found["aggregations"]["3"]["buckets"]
    assert (shop["key"], shop["doc_count"]) == ("cart", 60)
    buckets = shop["2"]["buckets"]
    assert [one["key"] for one in buckets] == list(range(FROM, TO + 40_001, 20_000))
    assert buckets[0]["key_as_string"] == str(FROM) and buckets[0]["doc_count"] == 6
    assert set(buckets[0]["1"]["values"]) == {"50.0", "95.0"}
    assert buckets[-1]["doc_count"] == 0 and buckets[-1]["1"]["values"]["50.0"] is None
    assert broken["status"] == 400 and broken["error"]["reason"]


def test_grafana_asks_for_logs(filled: NexusProcess) -> None:
    """The logs query of Explore, with its histogram, and the next page."""
    body: dict[str, Any] = {
        "size": 25,
        "query": within("*"),
        "sort": [
            {"@timestamp": {"order": "desc", "unmapped_type": "boolean"}},
            {"_doc": {"order": "desc"}},
        ],
        "script_fields": {},
        "fields": [{"field": "@timestamp", "format": "strict_date_optional_time_nanos"}],
        "highlight": {"fields": {"*": {}}, "fragment_size": 2147483647},
        "track_total_hits": True,
    }
    (first,) = grafana(filled, body)
    hits = first["hits"]["hits"]
    assert first["hits"]["total"]["value"] == 600 and len(hits) == 25
    assert hits[0]["fields"]["@timestamp"] == [hits[0]["_source"]["@timestamp"]] and hits[0]["_source"]["message"]
    (second,) = grafana(filled, {**body, "search_after": hits[-1]["sort"]})
    assert not {hit["_id"] for hit in hits} & {hit["_id"] for hit in second["hits"]["hits"]}


def test_grafana_asks_for_values_of_a_variable(filled: NexusProcess) -> None:
    (found,) = grafana(
        filled,
        {
            "size": 0,
            "query": within("*"),
            "aggs": {"1": {"terms": {"field": "path", "size": 500, "order": {"_key": "asc"}}}},
        },
    )
    assert [one["key"] for one in found["aggregations"]["1"]["buckets"]] == ["/p/0", "/p/1", "/p/2"]


def test_months_of_a_time_zone(filled: NexusProcess) -> None:
    dates = {"field": "@timestamp", "calendar_interval": "1M", "time_zone": "Europe/Berlin", "min_doc_count": 1}
    (found,) = grafana(filled, {"size": 0, "query": within("*"), "aggs": {"m": {"date_histogram": dates}}})
    (month,) = found["aggregations"]["m"]["buckets"]
    assert (month["key_as_string"], month["doc_count"]) == ("2026-08-31T22:00:00.000Z", 600)
