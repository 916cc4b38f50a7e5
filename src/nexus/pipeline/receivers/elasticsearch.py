"""Elasticsearch's bulk API, and the questions its clients ask before they use it.

Paths are served at the root and below the base `/elastic`. Templates, policies and pipelines that clients want to install
are acknowledged and not kept: records have no mapping here.
"""

from __future__ import annotations

import time
import zlib
from typing import Any, Final

import msgspec

from nexus.errors import NexusError, Overloaded, RateLimited, Unavailable
from nexus.model.batch import Decoded
from nexus.pipeline.decode import native_module
from nexus.pipeline.elasticsearch import HEADERS, JSON, error_answer, version_document
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.receivers.json_lines import MAPPING_PARAMETERS, native_mapping
from nexus.pipeline.topology import Delivery, Outcome, Topology

BASES: Final = ("", "/elastic")
_MEDIA: Final = ("application/x-ndjson", JSON)
_BULK: Final = ("/_bulk", "/{index}/_bulk")

# What clients install or look for: nothing of it is kept. Value: the key under which a GET lists, if it lists.
_INSTALLED: Final = {
    "/_ilm/policy/{name}": "",
    "/_index_template/{name}": "index_templates",
    "/_component_template/{name}": "component_templates",
    "/_ingest/pipeline/{name}": "",
    "/_template/{name}": "",
    "/_data_stream/{name}": "data_streams",
    "/_logstash/pipeline/{name}": "",
}
_ASKED: Final = (
    "/_license", "/_xpack", "/_nodes", "/_nodes/{what}", "/_nodes/{what}/{metric}", "/_cluster/health", "/_cluster/settings",
    "/_ilm/policy", "/_index_template", "/_component_template", "/_ingest/pipeline", "/_template", "/_data_stream",
    "/_logstash/pipeline", "/_cat/{what}", "/_cat/{what}/{name}",
)  # fmt: skip


def _endpoints() -> tuple[Endpoint, ...]:
    found: list[Endpoint] = []

    def ask(path: str, *methods: str, only: bool = False) -> None:
        for method in methods:
            summary = "A question of Elasticsearch's clients"
            own = "/elastic/" if path.startswith("/elastic/") else "/_" if path.startswith("/_") else ""
            found.append(Endpoint(path, summary, (), False, method=method, base=own, handshake=True, only_this_method=only))

    for base in BASES:
        for path in _BULK:
            for method in ("POST", "PUT"):
                shown = method == "POST" and not base
                summary = "Send logs as to Elasticsearch: actions and documents"
                found.append(Endpoint(base + path, summary, _MEDIA, shown, MAPPING_PARAMETERS, method=method))
        ask(base or "/", "GET")
        for path in _ASKED:
            ask(base + path, "GET")
        for path in _INSTALLED:
            ask(base + path, "GET", "PUT", "POST", "DELETE")
        ask(f"{base}/{{index}}", "HEAD", "PUT", only=not base)
        # The first index of an alias by date math: <filebeat-7.17.0-{now/d}-000001>.
        ask(f"{base}/<{{index}}/{{date}}>", "HEAD", "PUT", only=not base)
    ask("/elastic/", "GET")
    return tuple(found)


class Elasticsearch:
    """Receiver of bulk requests; `version` is the one to answer with."""

    name = "elasticsearch"
    endpoints = _endpoints()

    def __init__(self, topology: Topology, version: str) -> None:
        """Deliver into this pipeline."""
        self._topology = topology
        self._version = version

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the documents of a bulk request, or answer a question."""
        if request.path.endswith("/_bulk"):
            return await self._bulk(request, delivery)
        return self._answer(request)

    async def _bulk(self, request: Request, delivery: Delivery) -> Reply:
        began = time.monotonic()
        native, mapping, now = native_module(), native_mapping(request), time.time_ns()
        index = request.parameters.get("index", "")
        # Beats and Logstash ask for status and errors only.
        compact = any(name == "filter_path" for name, _ in request.query)
        items: Any = None

        def decoder(body: bytes) -> Decoded:
            nonlocal items
            decoded, items = native.decode_elasticsearch_bulk(body, now_ns=now, mapping=mapping, index=index)
            return decoded  # type: ignore[no-any-return]

        def answer(outcome: Outcome) -> bytes:
            took = round((time.monotonic() - began) * 1000)
            text: bytes = items.render(took, compact=compact)
            # With a key it is kept as long as the key is.
            return zlib.compress(text, 1) if delivery.key else text

        try:
            outcome = await self._topology.deliver(delivery, decoder, answer)
        except (Overloaded, RateLimited) as error:
            if items is None:
                raise
            # Bad documents are refused for good now, the others may come again.
            body = items.render(round((time.monotonic() - began) * 1000), compact=compact, busy=str(error))
            self._topology.statistics.refused(self.name, error.code)
            return Reply(200, body, JSON, {**HEADERS, **retry_headers(error)})
        return Reply(200, zlib.decompress(outcome.reply) if delivery.key else outcome.reply, JSON, HEADERS)

    def _answer(self, request: Request) -> Reply:
        path = request.path.removeprefix("/elastic") or "/"
        status, document = _question(path, request.method, self._version)
        return Reply(status, msgspec.json.encode(document), JSON, HEADERS)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """Elasticsearch's error shape; back-pressure is 429, which every client of it waits for."""
        busy = 429 if isinstance(error, Overloaded) and not self._topology.draining else 0
        status, body, headers = error_answer(error, busy if isinstance(error, Unavailable) else 0)
        return Reply(status, body, JSON, headers)


def _question(path: str, method: str, version: str) -> tuple[int, Any]:
    """Status and document for a question; `path` without its base."""
    if path == "/":
        return 200, version_document(version)
    if method in ("PUT", "POST", "DELETE"):
        return 200, {
            "acknowledged": True,
            **({"shards_acknowledged": True, "index": path[1:]} if "_" not in path[:2] else {}),
        }
    parts = path.split("/")
    match parts[1]:
        case "_license":
            return 200, {
                "license": {
                    "status": "active", "uid": "00000000-0000-0000-0000-000000000000", "type": "basic", "mode": "basic",
                    "issue_date": "2025-01-01T00:00:00.000Z", "issue_date_in_millis": 1735689600000, "max_nodes": None,
                    "issued_to": "nexus", "issuer": "nexus", "start_date_in_millis": -1,
                }
            }  # fmt: skip
        case "_xpack":
            available = {"available": True, "enabled": True}
            license_ = {"uid": "00000000-0000-0000-0000-000000000000", "type": "basic", "mode": "basic", "status": "active"}
            return 200, {"license": license_, "features": {"ilm": available, "data_streams": available}, "tagline": ""}
        case "_nodes":
            node = {"name": "nexus", "version": version, "roles": ["data", "ingest"], "build_flavor": "default"}
            return 200, {
                "_nodes": {"total": 1, "successful": 1, "failed": 0},
                "cluster_name": "nexus",
                "nodes": {"nexus": node},
            }
        case "_cluster" if path.endswith("/health"):
            return 200, {
                "cluster_name": "nexus", "status": "green", "timed_out": False, "number_of_nodes": 1,
                "number_of_data_nodes": 1, "active_primary_shards": 1, "active_shards": 1, "relocating_shards": 0,
                "initializing_shards": 0, "unassigned_shards": 0, "delayed_unassigned_shards": 0,
                "number_of_pending_tasks": 0, "number_of_in_flight_fetch": 0, "task_max_waiting_in_queue_millis": 0,
                "active_shards_percent_as_number": 100.0,
            }  # fmt: skip
        case "_cluster":
            return 200, {"persistent": {}, "transient": {}}
        case "_cat":
            return 200, []
    return 200, _installed(parts)


def _installed(parts: list[str]) -> dict[str, Any]:
    """What a GET of something installable finds: it is there, so that clients do not insist on installing it."""
    name = parts[-1]
    if f"/{'/'.join(parts[1:])}" in _ASKED:
        # All of a kind: nothing is kept.
        return {}
    match parts[1]:
        case "_index_template":
            template = {"index_patterns": [f"{name}*"], "template": {}, "composed_of": [], "data_stream": {}}
            return {"index_templates": [{"name": name, "index_template": template}]}
        case "_component_template":
            return {"component_templates": [{"name": name, "component_template": {"template": {}}}]}
        case "_data_stream":
            stream = {"name": name, "timestamp_field": {"name": "@timestamp"}, "indices": [], "generation": 1,
                      "status": "GREEN", "template": name}  # fmt: skip
            return {"data_streams": [stream]}
        case "_ilm":
            return {name: {"version": 1, "policy": {"phases": {}}}}
    return {name: {}}
