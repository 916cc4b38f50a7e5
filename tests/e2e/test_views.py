"""Saved views and short links: who sees and changes them, and that links stay."""

from __future__ import annotations

import json

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, NexusProcess
from tests.e2e.test_access import log_in, make_key

pytestmark = pytest.mark.e2e
GUARD = {"X-Nexus-Request": "1"}


def test_a_view_lives(nexus: NexusProcess, tenant: str) -> None:
    mine, other = make_key(nexus, tenant, "views:read", "views:write"), make_key(nexus, tenant, "views:read", "views:write")
    assert nexus.get(f"{API}/views", token=mine).json == {"views": []}
    saved = nexus.post(f"{API}/views", {"name": "Errors", "state": "q=level:error&from=now-1h"}, token=mine)
    assert saved.status == 200, saved.body
    view = saved.json
    assert (view["name"], view["state"], view["shared"], view["own"]) == ("Errors", "q=level:error&from=now-1h", True, True)
    path = f"{API}/views/{view['id']}"
    seen = nexus.get(path, token=other)
    assert (seen.status, seen.json["own"]) == (200, False)
    changed = {"name": "All errors", "state": "q=x", "description": "d", "shared": False}
    assert nexus.request("PUT", path, b'{"name":"x","state":"y"}', token=other).status == 403
    assert nexus.request("DELETE", path, token=other).status == 403
    answer = nexus.request("PUT", path, str(changed).replace("'", '"').replace("False", "false").encode(), token=mine)
    assert answer.status == 200, answer.body
    assert {**answer.json, **changed} == answer.json
    assert answer.json["created_at"] == view["created_at"]
    assert nexus.get(path, token=other).status == 404, "a private view is there for nobody else"
    assert nexus.get(f"{API}/views", token=other).json == {"views": []}
    assert nexus.request("DELETE", path, token=other).status == 404
    assert [v["name"] for v in nexus.get(f"{API}/views", token=mine).json["views"]] == ["All errors"]
    stranger = make_key(nexus, tenant + "-x", "*")
    assert nexus.get(path, token=stranger).status == 404
    assert nexus.request("DELETE", path, token=mine).json == {"id": view["id"]}
    assert nexus.get(path, token=mine).status == 404
    (entry,) = [e for e in nexus.get(f"{API}/audit", tenant=tenant).json["entries"] if e["action"] == "view.deleted"]
    assert (entry["subject"], json.loads(entry["before"])["name"], entry["after"]) == (view["id"], "All errors", "")


def test_an_administrator_changes_any_shared_view(nexus: NexusProcess, tenant: str) -> None:
    view = nexus.post(f"{API}/views", {"name": "x", "state": ""}, token=make_key(nexus, tenant, "views:write")).json
    assert nexus.request("DELETE", f"{API}/views/{view['id']}", tenant=tenant).status == 200


def test_views_that_make_no_sense(nexus: NexusProcess, tenant: str) -> None:
    for document in ({"name": "", "state": ""}, {"name": "x"}, {"name": "x", "state": "", "page": "admin"},
                     {"name": "x", "state": "y" * 64_001}):  # fmt: skip
        assert nexus.post(f"{API}/views", document, tenant=tenant).status == 400


def test_links_stay_and_are_the_same(launch: Launch) -> None:
    nexus = launch()
    made = nexus.post(f"{API}/links", {"path": "/logs?q=error%20AND%20x&from=now-1h"}, tenant="a").json
    assert made["url"] == f"/v/{made['id']}" and len(made["id"]) == 12 and made["tenant"] == "a"
    assert nexus.post(f"{API}/links", {"path": made["path"]}, tenant="a").json == made
    elsewhere = nexus.post(f"{API}/links", {"path": made["path"]}, tenant="b").json
    assert elsewhere["id"] != made["id"]
    bound = make_key(nexus, "b", "views:read")
    assert nexus.get(f"{API}/links/{elsewhere['id']}", token=bound).json == elsewhere
    assert nexus.get(f"{API}/links/{made['id']}", token=bound).status == 404
    for path in (
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "",
        "logs",
    ):
        assert nexus.post(f"{API}/links", {"path": path}).status == 400
    nexus.kill()
    again = launch()
    assert again.get(f"{API}/links/{made['id']}").json == made
    cookie, _ = log_in(again)
    assert again.get(f"{API}/links/{made['id']}", token="", headers={"Cookie": cookie}).json == made
    page = again.get(made["url"], headers={"Accept": "text/html"}, token="")
    assert page.status == 200
