"""Questions in PromQL to a running Nexus."""

from __future__ import annotations

import urllib.parse
from typing import Any

from tests.e2e.nexus_process import NexusProcess


def vector(nexus: NexusProcess, query: str, tenant: str = "", **arguments: str) -> dict[tuple[tuple[str, str], ...], Any]:
    """An instant query: labels (sorted pairs) to value; a histogram as its object."""
    text = urllib.parse.urlencode({"query": query, **arguments})
    answer = nexus.get(f"/api/v1/query?{text}", tenant=tenant)
    assert answer.status == 200, answer.body
    found = {}
    for one in answer.json["data"]["result"]:
        value = float(one["value"][1]) if "value" in one else one["histogram"][1]
        found[tuple(sorted(one["metric"].items()))] = value
    return found


def values(nexus: NexusProcess, query: str, tenant: str = "", **arguments: str) -> list[Any]:
    """The values of an instant query, sorted."""
    return sorted(vector(nexus, query, tenant, **arguments).values())


def exemplars(nexus: NexusProcess, query: str, start: float, end: float, tenant: str = "") -> list[Any]:
    """Exemplars of a query's series."""
    text = urllib.parse.urlencode({"query": query, "start": start, "end": end})
    answer = nexus.get(f"/api/v1/query_exemplars?{text}", tenant=tenant)
    assert answer.status == 200, answer.body
    return [exemplar for one in answer.json["data"] for exemplar in one["exemplars"]]
