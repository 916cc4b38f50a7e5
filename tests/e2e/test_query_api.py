"""Searching through the API: pages, streams, histogram, facets, SQL, explain, cancel."""

from __future__ import annotations

import json
import threading

import pytest
from tests.e2e.nexus_process import API, NexusProcess, lines, wait_for

pytestmark = pytest.mark.e2e

START = 1_790_000_000  # seconds
RECORDS = [
    {
        "_time": f"{START + number}",
        "_msg": f"request {number} {'failed with timeout' if number % 10 == 0 else 'served'}",
        "level": "error" if number % 10 == 0 else "info",
        "service": "shop" if number % 2 else "cart",
        "status": 500 if number % 10 == 0 else 200,
        "path": f"/p/{number % 3}",
    }
    for number in range(600)
]
RANGE = {"from": START, "to": START + 600}


@pytest.fixture(scope="module")
def filled(nexus: NexusProcess) -> str:
    """A tenant with known records."""
    tenant = "queries"
    assert nexus.ingest(lines(*RECORDS), {"Idempotency-Key": "queries"}, tenant=tenant).json["accepted"] == 600
    return tenant


def post(nexus: NexusProcess, name: str, document: dict[str, object], tenant: str) -> dict[str, object]:
    answer = nexus.post(f"{API}/logs/{name}", document, tenant=tenant)
    assert answer.status == 200, answer.body
    found: dict[str, object] = answer.json
    return found


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_cover_everything_once(nexus: NexusProcess, filled: str, order: str) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = post(nexus, "search", {"query": "", "limit": 250, "order": order, "cursor": cursor}, filled)
        seen += [record["timestamp"] for record in page["records"]]  # type: ignore[attr-defined,index]
        cursor = str(page["next_cursor"])
        if not cursor:
            break
    assert seen == sorted(seen, key=int, reverse=order == "desc")
    assert len(set(seen)) == len(seen) == 600


def test_a_record_is_found_again_by_its_id(nexus: NexusProcess, filled: str) -> None:
    (record,) = post(nexus, "search", {"query": "timeout", "limit": 1}, filled)["records"]  # type: ignore[misc]
    found = nexus.get(f"{API}/logs/record?id={record['id']}", tenant=filled)  # type: ignore[has-type]
    assert found.json == record  # type: ignore[has-type]
    assert nexus.get(f"{API}/logs/record?id={record['id']}", tenant="other").status == 404  # type: ignore[has-type]
    assert nexus.get(f"{API}/logs/record?id=nonsense", tenant=filled).status == 400
    assert nexus.get(f"{API}/logs/record?id=1-ff", tenant=filled).status == 404


def test_a_stream_of_lines(nexus: NexusProcess, filled: str) -> None:
    answer = nexus.post(
        f"{API}/logs/search", {"query": "", "limit": 500}, headers={"Accept": "application/x-ndjson"}, tenant=filled
    )
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    records = [json.loads(line) for line in answer.body.splitlines()]
    assert len(records) == 500
    assert records[0]["body"] == "request 599 served"
    empty = nexus.post(f"{API}/logs/search", {"query": "nowhere"}, headers={"Accept": "application/x-ndjson"}, tenant=filled)
    assert (empty.status, empty.body) == (200, b"")


def test_the_histogram_covers_the_range(nexus: NexusProcess, filled: str) -> None:
    answer = post(nexus, "histogram", {"query": "", **RANGE, "buckets": 60}, filled)
    assert (answer["start"], answer["step"], answer["buckets"]) == (str(START * 10**9), str(10 * 10**9), 60)
    assert answer["total"] == 600
    series = {one["key"]: one["counts"] for one in answer["series"]}  # type: ignore[attr-defined,index]
    assert series == {"info": [9] * 60, "error": [1] * 60}
    by_service = post(nexus, "histogram", {"query": "timeout", **RANGE, "by": "service"}, filled)
    assert [(one["key"], sum(one["counts"])) for one in by_service["series"]] == [("cart", 60)]  # type: ignore[attr-defined,index]
    none = post(nexus, "histogram", {"query": "", **RANGE, "by": ""}, filled)
    assert [one["key"] for one in none["series"]] == [""]  # type: ignore[attr-defined,index]
    whole = post(nexus, "histogram", {"query": ""}, filled)
    assert whole["total"] == 600
    nothing = post(nexus, "histogram", {"query": ""}, "empty-tenant")
    assert (nothing["total"], nothing["series"]) == (0, [])


def test_facets(nexus: NexusProcess, filled: str) -> None:
    asked = ["service", "path", "nowhere", "severity"]
    answer = post(nexus, "facets", {"query": "", "fields": asked, "limit": 2, **RANGE}, filled)
    facets = {facet["name"]: facet for facet in answer["facets"]}  # type: ignore[attr-defined,index]
    assert list(facets) == asked
    assert [(value["value"], value["count"]) for value in facets["service"]["values"]] == [("cart", 300), ("shop", 300)]
    assert (facets["path"]["records"], facets["path"]["more"], facets["path"]["kind"]) == (600, True, "attribute")
    assert facets["nowhere"]["values"] == []
    hot = post(nexus, "facets", {"query": ""}, filled)
    assert {"service", "severity"} <= {facet["name"] for facet in hot["facets"]}  # type: ignore[attr-defined,index]


def test_counts_fields_and_bounds(nexus: NexusProcess, filled: str) -> None:
    assert post(nexus, "count", {"query": "status:500"}, filled)["count"] == 60
    assert post(nexus, "count", {"query": "", "from": f"{START + 100}", "to": START + 200}, filled)["count"] == 100
    fields = post(nexus, "fields", {"query": ""}, filled)["fields"]
    names = {(field["name"], field["kind"]): field["records"] for field in fields}  # type: ignore[attr-defined,index]
    assert names["status", "attribute"] == 600
    assert names["service", "column"] == 600
    bounds = post(nexus, "bounds", {"query": "status:500"}, filled)
    assert (bounds["first"], bounds["last"], bounds["count"]) == (str(START * 10**9), str((START + 590) * 10**9), 60)
    nothing = post(nexus, "bounds", {"query": ""}, "empty-tenant")
    assert (nothing["first"], nothing["last"], nothing["count"]) == ("", "", 0)


def test_statistics_and_ids(nexus: NexusProcess, filled: str) -> None:
    statistics = post(nexus, "count", {"query": "timeout", "query_id": "mine-1"}, filled)["statistics"]
    assert statistics["query_id"] == "mine-1"  # type: ignore[index]
    assert statistics["rows_read"] > 0  # type: ignore[index]
    assert nexus.post(f"{API}/logs/count", {"query_id": "not an id"}, tenant=filled).status == 400


def test_explain(nexus: NexusProcess, filled: str) -> None:
    text = "timeout AND service:shop NOT level:info"
    answer = post(nexus, "explain", {"query": text}, filled)
    assert answer["canonical"] == "timeout service:shop -level:info"
    assert answer["sql"]
    assert [term["field"] for term in answer["terms"]] == ["", "service", "level"]  # type: ignore[attr-defined,index]
    sql = post(nexus, "explain", {"query": "select count() from logs", "language": "sql"}, filled)
    assert "nexus.logs" in " ".join(sql["sql"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "offset"), [('"open', 0), ("a AND", None), ("service:(", None), ("trace_id:xyz", 0), ("/(/", 1)]
)
def test_errors_point_at_the_character(nexus: NexusProcess, filled: str, query: str, offset: int | None) -> None:
    answer = nexus.post(f"{API}/logs/search", {"query": query}, tenant=filled)
    assert answer.status == 400, answer.body
    error = answer.json["error"]
    assert error["code"] == "query_syntax"
    assert 0 <= error["position"]["offset"] <= len(query)
    assert offset is None or error["position"]["offset"] == offset
    assert error["message"]


@pytest.mark.parametrize(
    "document",
    [
        {"from": "whenever"},
        {"from": 20, "to": 10},
        {"limit": 0},
        {"limit": 9999},
        {"cursor": "!"},
        {"nonsense": 1},
        {"query": 5},
    ],
)
def test_requests_that_make_no_sense(nexus: NexusProcess, filled: str, document: dict[str, object]) -> None:
    answer = nexus.post(f"{API}/logs/search", document, tenant=filled)
    assert answer.status == 400
    assert answer.json["error"]["code"] == "invalid_request"


def test_sql(nexus: NexusProcess, filled: str) -> None:
    statement = "SELECT service, count() AS n FROM logs WHERE severity = 'error' GROUP BY service ORDER BY n DESC"
    answer = nexus.post(f"{API}/sql", {"query": statement}, tenant=filled)
    assert answer.status == 200, answer.body
    assert [column["name"] for column in answer.json["columns"]] == ["service", "n"]
    assert answer.json["rows"] == [["cart", 60]]
    assert answer.json["statistics"]["rows_read"] > 0
    limited = nexus.post(f"{API}/sql", {"query": "SELECT body FROM logs", "limit": 7}, tenant=filled)
    assert len(limited.json["rows"]) == 7
    wrong = nexus.post(f"{API}/sql", {"query": "SELECT nothing FROM logs"}, tenant=filled)
    assert wrong.status == 400
    assert "position" in nexus.post(f"{API}/sql", {"query": "SELECT FROM"}, tenant=filled).json["error"]


SLOW = "SELECT sum(cityHash64(a.body, b.body, c.body)) FROM logs a CROSS JOIN logs b CROSS JOIN logs c"


def running(nexus: NexusProcess, tenant: str) -> list[str]:
    return [query["query_id"] for query in nexus.get(f"{API}/queries", tenant=tenant).json["queries"]]


def test_a_query_is_listed_and_cancelled(nexus: NexusProcess, filled: str) -> None:
    answers = []
    document = {"query": SLOW, "query_id": "slow-1"}
    thread = threading.Thread(target=lambda: answers.append(nexus.post(f"{API}/sql", document, tenant=filled)))
    thread.start()
    wait_for("the query to run", lambda: "slow-1" in running(nexus, filled))
    assert running(nexus, "another") == []
    assert nexus.request("DELETE", f"{API}/queries/slow-1", tenant="another").status == 404
    assert nexus.request("DELETE", f"{API}/queries/slow-1", tenant=filled).status == 200
    thread.join(60)
    assert answers[0].status == 409
    assert answers[0].json["error"]["code"] == "cancelled"
    assert running(nexus, filled) == []


def test_a_client_that_leaves_cancels_its_query(nexus: NexusProcess, filled: str) -> None:
    from tests.e2e.nexus_process import TOKEN

    body = json.dumps({"query": SLOW, "query_id": "left-1"}).encode()
    head = (
        f"POST {API}/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nX-Scope-OrgID: {filled}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with nexus.raw(head.encode() + body):
        wait_for("the query to run", lambda: "left-1" in running(nexus, filled))
    wait_for("the query to end", lambda: "left-1" not in running(nexus, filled))
    assert nexus.count(tenant=filled) == 600
