"""Exploring through the API: patterns, context, comparing, one field."""

from __future__ import annotations

from typing import Any

import pytest
from tests.e2e.nexus_process import API, NexusProcess, lines

pytestmark = pytest.mark.e2e

START = 1_790_000_000  # seconds, on an hour's half
RECORDS = [
    {
        "_time": f"{START + number}",
        "_msg": f"payment {number} failed after {number % 7} tries" if number % 10 == 0 else f"order {number} served",
        "level": "error" if number % 10 == 0 else "info",
        "service": "shop" if number % 2 else "cart",
        "site": "east" if number % 10 == 0 or number % 3 == 0 else "west",
        "took": number % 100,
        "id": f"id-{number}",
    }
    for number in range(600)
]
RANGE = {"from": START, "to": START + 600}


@pytest.fixture(scope="module")
def filled(nexus: NexusProcess) -> str:
    """A tenant with known records."""
    assert nexus.ingest(lines(*RECORDS), {"Idempotency-Key": "explore"}, tenant="explore").json["accepted"] == 600
    return "explore"


def post(nexus: NexusProcess, name: str, document: dict[str, Any], tenant: str, status: int = 200) -> Any:
    answer = nexus.post(f"{API}/logs/{name}", document, tenant=tenant)
    assert answer.status == status, answer.body
    return answer.json


def test_patterns_add_up(nexus: NexusProcess, filled: str) -> None:
    answer = post(nexus, "patterns", {**RANGE, "limit": 1}, filled)
    assert (answer["total"], answer["distinct"], answer["other"]) == (600, 2, 60)
    (first,) = answer["patterns"]
    assert first["count"] == sum(first["counts"]) == sum(first["severities"].values()) == 540
    assert len(first["counts"]) == answer["buckets"]
    assert first["services"] == ["cart", "shop"] and first["severities"] == {"info": 540}
    assert "served" in first["template"] and first["template"] != first["sample"]
    assert (first["first"], first["last"]) == (f"{START + 1}000000000", f"{START + 599}000000000")
    assert nexus.get(f"{API}/logs/record?id={first['sample_id']}", tenant=filled).json["body"] == first["sample"]
    found = post(nexus, "search", {"query": f"template_id:{first['template_id']}", "limit": 1}, filled)["records"]
    assert found[0]["template_id"] == first["template_id"]


def test_patterns_know_what_is_new(nexus: NexusProcess, filled: str) -> None:
    late = {"from": START + 300, "to": START + 600, "query": "level:error"}
    (pattern,) = post(nexus, "patterns", late, filled)["patterns"]
    assert (pattern["first"], pattern["first_seen"]) == (f"{START + 300}000000000", f"{START}000000000")
    assert not pattern["new"]
    assert post(nexus, "patterns", {**late, "new_since": START}, filled)["patterns"][0]["new"]
    assert post(nexus, "patterns", {"query": "nowhere", **RANGE}, filled)["patterns"] == []


def test_the_context_of_a_record(nexus: NexusProcess, filled: str) -> None:
    (record,) = post(nexus, "search", {"query": "id:id-300", "limit": 1}, filled)["records"]
    answer = post(nexus, "context", {"id": record["id"], "before": 2, "after": 3}, filled)
    assert answer["record"] == record
    assert [r["attributes"]["id"] for r in answer["before"]] == ["id-296", "id-298"]
    assert [r["attributes"]["id"] for r in answer["after"]] == ["id-302", "id-304", "id-306"]
    assert answer["more_before"] and answer["more_after"] and answer["service"] == "cart"
    assert post(nexus, "context", {"id": "1-ff"}, filled, 404)["error"]["code"] == "not_found"
    assert post(nexus, "context", {"id": record["id"]}, "somebody-else", 404)["error"]["code"] == "not_found"


def test_comparing(nexus: NexusProcess, filled: str) -> None:
    sides = {"selection": {"query": "level:error", **RANGE}, "baseline": {"query": "-level:error", **RANGE}}
    answer = post(nexus, "compare", sides, filled)
    assert (answer["selection"], answer["baseline"]) == (60, 540)
    names = [field["name"] for field in answer["fields"]]
    assert {"severity", "template_id"} == set(names[:2]) and "site" in names and "id" not in names
    site = next(field for field in answer["fields"] if field["name"] == "site")
    assert 0 < site["score"] < 1
    east = next(value for value in site["values"] if value["value"] == "east")
    assert (east["selection"], east["baseline"]) == (60, sum(r["site"] == "east" for r in RECORDS) - 60)
    assert east["difference"] == pytest.approx(east["selection_share"] - east["baseline_share"])
    chosen = post(nexus, "compare", {**sides, "fields": ["site", "id"]}, filled)["fields"]
    assert [field["name"] for field in chosen] == ["site", "id"] and chosen[0] == site
    empty = post(nexus, "compare", {"selection": {"query": "nowhere"}, "baseline": {}}, filled)
    assert (empty["selection"], empty["fields"]) == (0, [])


def test_one_field(nexus: NexusProcess, filled: str) -> None:
    answer = post(nexus, "field", {**RANGE, "field": "took", "limit": 3}, filled)
    assert (answer["total"], answer["records"], answer["distinct"]) == (600, 600, 100)
    assert answer["type"] == "number" and len(answer["values"]) == 3
    numbers = answer["numbers"]
    assert (numbers["count"], numbers["min"], numbers["max"], numbers["mean"]) == (600, 0, 99, 49.5)
    assert 45 < numbers["p50"] < 54 and 97 < numbers["p99"] <= 99
    text = post(nexus, "field", {**RANGE, "field": "site"}, filled)
    assert text["numbers"] is None and {value["value"] for value in text["values"]} == {"east", "west"}
    missing = post(nexus, "field", {**RANGE, "field": "nowhere"}, filled)
    assert (missing["records"], missing["distinct"], missing["values"]) == (0, 0, [])
    assert post(nexus, "field", {"field": ""}, filled, 400)["error"]["code"] == "invalid_request"
