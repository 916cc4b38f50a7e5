"""The trace stores under test behind one interface: how to start each, feed it and ask it the same questions.

Each question is asked in the form that is meant for it: Nexus by its own API (lists and the screen's document of a trace),
the rivals by the API that their users' interface calls, and Nexus by Jaeger's API once more, whose lists are whole traces.

Jaeger runs with its Badger storage on disk. Its storages for ClickHouse, Cassandra and Elasticsearch need servers that this
benchmark does not start.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from harness import REPOSITORY, BenchmarkError, Http, Server, disk_bytes, find_binary, free_ports
from logs_data import format_time_ns
from traces_data import COMMON, COMMON_SERVICE, LONG_NS, LONG_SERVICE, NEWEST, RARE, RARE_SERVICE, TraceSet

QUESTIONS: Final[Mapping[str, float]] = {
    "trace by id": 50,
    "attribute, rare value": 100,
    "attribute, common value": 100,
    "duration": 50,
    "service map": 300,
}
"""Every question of row T3 with its target in ms."""
SEARCHES: Final[Mapping[str, tuple[str, tuple[str, str] | None, int]]] = {
    "attribute, rare value": (RARE_SERVICE, RARE, 0),
    "attribute, common value": (COMMON_SERVICE, COMMON, 0),
    "duration": (LONG_SERVICE, None, LONG_NS),
}
"""Service, attribute, least duration in ns."""
MARGIN_NS: Final = 60 * 10**9
"""Spans of the last traces begin after the end of the range."""


class Unsupported(BenchmarkError):
    """A system has no answer to a question."""


class Answer:
    """What a system said, in one form for all. `traces` in their order; spans by trace where they were returned; `calls` of
    the service map by (client, server)."""

    def __init__(self, traces: list[str], spans: Mapping[str, list[str]] | None = None) -> None:
        """An answer about traces."""
        self.traces = traces
        self.spans = dict(spans or {})
        self.matching: dict[str, bool] = {}
        """Whether a trace holds a span that was asked for, where the answer tells."""
        self.calls: dict[tuple[str, str], float] = {}


class TraceSystem(ABC):
    """A trace store as a child process with its data in ``folder``."""

    name: ClassVar[str]
    otlp_path: ClassVar[str] = "/v1/traces"
    exact: ClassVar[bool] = False
    """Whether the newest traces are promised by the start of their newest matching span: a list has one right form then."""

    def __init__(self, folder: Path) -> None:
        """Prepare a server with its data in ``folder``; free ports are taken now."""
        self.folder = folder
        self.port, self.otlp_port, *self._more_ports = free_ports(6)
        self.headers: dict[str, str] = {}
        self.loaded_ns = 0
        """When the last span was acknowledged: what is derived from spans carries the time of their arrival."""
        self.load_s = 0.0
        """How long they came."""
        self.server = self._server()

    @classmethod
    @abstractmethod
    def binary(cls) -> str | None:
        """Return the program, or None where it is not installed."""

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """What the program says of itself, with what is known besides."""

    @abstractmethod
    def _server(self) -> Server:
        """Return the child process to run."""

    def flush(self) -> None:
        """Make everything accepted so far searchable; nothing to do where an answer means just that."""
        return

    @abstractmethod
    def ask(self, connection: Http, question: str, traces: TraceSet, trace_id: str) -> bytes:
        """Ask a question of :data:`QUESTIONS`. Raises Unsupported."""

    @abstractmethod
    def answer(self, question: str, payload: bytes) -> Answer:
        """Normalise a response."""

    @abstractmethod
    def count(self, traces: TraceSet) -> int:
        """Count all stored spans, or all that were accepted where a store cannot count."""

    def disk(self) -> int:
        """Bytes in the data directory of the running, idle server."""
        return disk_bytes(self.folder)

    def http(self) -> Http:
        """Return a new connection with this system's credentials."""
        return Http(self.port, self.headers, timeout=300.0)


# ------------------------------------------------------------------------------------------- Jaeger's API, by its two ages


def _ask_old(connection: Http, base: str, question: str, traces: TraceSet, trace_id: str) -> bytes:
    """The API of Jaeger 1 (and of Grafana's data source): whole traces as JSON of Jaeger's own."""
    if question == "trace by id":
        return connection.request("GET", f"{base}/api/traces/{trace_id}")
    end = traces.end_ns + MARGIN_NS
    if question == "service map":
        query = urlencode({"endTs": end // 10**6, "lookback": (end - traces.start_ns) // 10**6})
        return connection.request("GET", f"{base}/api/dependencies?{query}")
    service, attribute, least = SEARCHES[question]
    form = {"service": service, "limit": str(NEWEST), "start": str(traces.start_ns // 1000), "end": str(end // 1000)}
    if attribute:
        form["tags"] = json.dumps(dict((attribute,)))
    if least:
        form["minDuration"] = f"{least // 10**6}ms"
    return connection.request("GET", f"{base}/api/traces?{urlencode(form)}")


def _read_old(question: str, payload: bytes) -> Answer:
    data = json.loads(payload)["data"] or []
    answer = Answer([])
    if question == "service map":
        answer.calls = {(edge["parent"], edge["child"]): float(edge["callCount"]) for edge in data}
        return answer
    for trace in data:
        name = trace["traceID"].rjust(32, "0")
        answer.traces.append(name)
        answer.spans[name] = [span["spanID"].rjust(16, "0") for span in trace["spans"]]
        if question in SEARCHES:
            service, attribute, least = SEARCHES[question]
            answer.matching[name] = any(
                trace["processes"][span["processID"]]["serviceName"] == service
                and span["duration"] * 1000 >= least
                and (not attribute or any((tag["key"], tag["value"]) == attribute for tag in span["tags"]))
                for span in trace["spans"]
            )
    return answer


def _ask_v3(connection: Http, question: str, traces: TraceSet, trace_id: str) -> bytes:
    """The API of Jaeger 2."""
    if question in ("trace by id", "service map"):
        return _ask_old(connection, "", question, traces, trace_id)
    service, attribute, least = SEARCHES[question]
    form = {
        "query.serviceName": service,
        "query.searchDepth": str(NEWEST),
        "query.startTimeMin": format_time_ns(traces.start_ns),
        "query.startTimeMax": format_time_ns(traces.end_ns + MARGIN_NS),
    }
    if attribute:
        form["query.attributes"] = json.dumps(dict((attribute,)))
    if least:
        form["query.durationMin"] = f"{least // 10**6}ms"
    return connection.request("GET", f"/api/v3/traces?{urlencode(form)}")


def _read_v3(question: str, payload: bytes) -> Answer:
    if question in ("trace by id", "service map"):
        return _read_old(question, payload)
    service, attribute, least = SEARCHES[question]
    answer = Answer([])
    # Badger finds traces in which some span is of the service, and some span is that long.
    found: dict[str, list[bool]] = {}
    for resource in json.loads(payload)["result"]["resourceSpans"]:
        of = next(one["value"]["stringValue"] for one in resource["resource"]["attributes"] if one["key"] == "service.name")
        for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
            name = span["traceId"]
            if name not in answer.spans:
                answer.traces.append(name)
            answer.spans.setdefault(name, []).append(span["spanId"])
            tags = {one["key"]: one["value"].get("stringValue") for one in span.get("attributes", ())}
            met = found.setdefault(name, [False, False, False])
            met[0] |= of == service
            met[1] |= int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) >= least
            met[2] |= not attribute or tags.get(attribute[0]) == attribute[1]
    answer.matching = {name: all(met) for name, met in found.items()}
    return answer


# --------------------------------------------------------------------------------------------------------------- systems


class Nexus(TraceSystem):
    """Nexus in one process with default settings; telemetry of its own is off, retention unlimited. Its own API."""

    name = "Nexus"
    exact = True
    api = "/api/nexus/v1"

    def __init__(self, folder: Path) -> None:
        """Take a random key with every right."""
        self.token = secrets.token_hex(16)
        super().__init__(folder)
        self.headers = {"Authorization": f"Bearer {self.token}"}

    @classmethod
    def binary(cls) -> str | None:
        """Return ``NEXUS_BIN``, or the program of the repository's virtual environment, or that of the PATH."""
        return find_binary("NEXUS_BIN", str(REPOSITORY / ".venv" / "bin" / "nexus"), "nexus")

    @classmethod
    def version(cls) -> str:
        """What ``nexus --version`` says."""
        return _said(cls.binary(), "--version")

    def _server(self) -> Server:
        environment = {
            "NEXUS_DATA_DIR": str(self.folder),
            "NEXUS_HTTP_PORT": str(self.port),
            "NEXUS_OTLP_HTTP_PORT": str(self.otlp_port),
            "NEXUS_OTLP_GRPC_PORT": str(self._more_ports[0]),
            "NEXUS_BOOTSTRAP_TOKEN": self.token,
            "NEXUS_SELF_TELEMETRY": "off",
            "NEXUS_RETENTION_TRACES": "0",
            "NEXUS_RETENTION_METRICS": "0",
            # What a repeated question costs without the memory of the first one.
            "NEXUS_QUERY_CONDITION_CACHE": "false",
        }
        return Server([self.binary() or "nexus", "up"], environment, self.folder, f"http://127.0.0.1:{self.port}/-/ready")

    def ask(self, connection: Http, question: str, traces: TraceSet, trace_id: str) -> bytes:
        """Ask by the API of the web UI."""
        if question == "trace by id":
            return connection.request("GET", f"{self.api}/traces/{trace_id}")
        if question == "service map":
            # Rates and edges are metrics: they lie at the time at which their spans came.
            end = self.loaded_ns + 10 * 10**9
            form = urlencode({"start": format_time_ns(end - 3_600 * 10**9), "end": format_time_ns(end)})
            return connection.request("GET", f"{self.api}/services/map?{form}")
        service, attribute, least = SEARCHES[question]
        conditions = [f'resource.service.name = "{service}"']
        if attribute:
            conditions.append(f'span.{attribute[0]} = "{attribute[1]}"')
        if least:
            conditions.append(f"duration >= {least // 10**6}ms")
        body = {
            "q": "{ " + " && ".join(conditions) + " }",
            "start": format_time_ns(traces.start_ns),
            "end": format_time_ns(traces.end_ns + MARGIN_NS),
            "limit": NEWEST,
        }
        content = {"Content-Type": "application/json"}
        return connection.request("POST", f"{self.api}/traces/search", json.dumps(body).encode(), content)

    def answer(self, question: str, payload: bytes) -> Answer:
        """Read the API's JSON."""
        document = json.loads(payload)
        if question == "trace by id":
            return Answer([document["traceId"]], {document["traceId"]: document["ids"]})
        if question == "service map":
            answer = Answer([])
            answer.calls = {(e["client"], e["server"]): e["requestRate"] * 3_600 for e in document["edges"]}
            return answer
        return Answer([trace["traceId"] for trace in document["traces"]])

    def count(self, traces: TraceSet) -> int:
        """Count all stored spans with TraceQL: one value over the whole range, whose start is not part of it."""
        body = {
            "q": "{ } | count_over_time()",
            "start": format_time_ns(traces.start_ns - 1),
            "end": format_time_ns(traces.end_ns + MARGIN_NS),
            "instant": True,
        }
        headers = {"Content-Type": "application/json"}
        payload = self.http().request("POST", f"{self.api}/traces/metrics", json.dumps(body).encode(), headers)
        return int(sum(value for series in json.loads(payload)["series"] for _, value in series["points"]))


class NexusAsJaeger:
    """How the same Nexus is asked by Jaeger's API."""

    name = "Nexus, Jaeger's API"
    base: ClassVar[str] = "/jaeger"

    @classmethod
    def ask(cls, connection: Http, question: str, traces: TraceSet, trace_id: str) -> bytes:
        """Ask as Grafana's data source does."""
        return _ask_old(connection, cls.base, question, traces, trace_id)

    @staticmethod
    def answer(question: str, payload: bytes) -> Answer:
        """Read Jaeger's JSON."""
        return _read_old(question, payload)


class VictoriaTraces(TraceSystem):
    """VictoriaTraces, single node, default settings but for the retention and the step in which a trace id is looked for:
    the spans are not of today, and going back to them a day at a time would be held against it."""

    name = "VictoriaTraces"
    otlp_path = "/insert/opentelemetry/v1/traces"
    api = "/select/jaeger"

    def __init__(self, folder: Path) -> None:
        """OTLP arrives at the same port as everything else."""
        super().__init__(folder)
        self.otlp_port = self.port

    @classmethod
    def binary(cls) -> str | None:
        """Return ``VICTORIA_TRACES_BIN``, or ``victoria-traces`` of the PATH."""
        return find_binary("VICTORIA_TRACES_BIN", "victoria-traces")

    @classmethod
    def version(cls) -> str:
        """What ``-version`` says; builds from the source name none, so that ``VICTORIA_TRACES_VERSION`` may."""
        return _said(cls.binary(), "-version", "VICTORIA_TRACES_VERSION")

    def _server(self) -> Server:
        return Server(
            [
                self.binary() or "victoria-traces",
                f"-storageDataPath={self.folder}",
                f"-httpListenAddr=127.0.0.1:{self.port}",
                "-retentionPeriod=100y",
                "-search.traceSearchStep=43800h",
            ],
            {},
            self.folder,
            f"http://127.0.0.1:{self.port}/health",
        )

    def flush(self) -> None:
        """Force the flush of in-memory buffers."""
        self.http().request("GET", "/internal/force_flush")

    def ask(self, connection: Http, question: str, traces: TraceSet, trace_id: str) -> bytes:
        """Ask by Jaeger's API, which is its only one for traces."""
        if question == "service map":
            raise Unsupported("VictoriaTraces of this version has no service map")
        return _ask_old(connection, self.api, question, traces, trace_id)

    def answer(self, question: str, payload: bytes) -> Answer:
        """Read Jaeger's JSON."""
        return _read_old(question, payload)

    def count(self, traces: TraceSet) -> int:
        """Count what has a span id: every span is a record of the log store below."""
        form = urlencode({"query": "span_id:* | stats count() n"}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return int(json.loads(self.http().request("POST", "/select/logsql/query", form, headers))["n"])


class Jaeger(TraceSystem):
    """Jaeger 2 with Badger on disk: OTLP straight into the storage, so that an acknowledged span has been written (not
    synced: ``consistency`` is off by default), and nothing else running."""

    name = "Jaeger, Badger"

    @classmethod
    def binary(cls) -> str | None:
        """Return ``JAEGER_BIN``, or ``jaeger`` of the PATH."""
        return find_binary("JAEGER_BIN", "jaeger")

    @classmethod
    def version(cls) -> str:
        """What ``jaeger version`` says; builds from the source name none, so that ``JAEGER_VERSION`` may."""
        return _said(cls.binary(), "version", "JAEGER_VERSION")

    def _server(self) -> Server:
        http, grpc, health, metrics = self.port, *self._more_ports[:3]
        config: dict[str, Any] = {
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
                "telemetry": {
                    "metrics": {
                        "level": "normal",
                        "readers": [{"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": metrics}}}}],
                    },
                    "logs": {"level": "warn"},
                },
            },
            "extensions": {
                "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"127.0.0.1:{health}"}},
                "jaeger_query": {
                    "storage": {"traces": "store"},
                    "http": {"endpoint": f"127.0.0.1:{http}"},
                    "grpc": {"endpoint": f"127.0.0.1:{grpc}"},
                },
                "jaeger_storage": {
                    "backends": {
                        "store": {
                            "badger": {
                                "directories": {"keys": f"{self.folder}/keys", "values": f"{self.folder}/values"},
                                "ephemeral": False,
                                # The spans are not of today.
                                "ttl": {"spans": "87600h"},
                            }
                        }
                    }
                },
            },
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.otlp_port}"}}}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "store"}},
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder.parent / f"{self.folder.name}.yaml"
        # JSON is YAML.
        path.write_text(json.dumps(config, indent=1))
        self._metrics_port = metrics
        command = [self.binary() or "jaeger", "--config", str(path)]
        return Server(command, {}, self.folder, f"http://127.0.0.1:{health}/status")

    def ask(self, connection: Http, question: str, traces: TraceSet, trace_id: str) -> bytes:
        """Ask by the API of Jaeger 2's own interface."""
        return _ask_v3(connection, question, traces, trace_id)

    def answer(self, question: str, payload: bytes) -> Answer:
        """Read its JSON."""
        return _read_v3(question, payload)

    def disk(self) -> int:
        """Of the stopped server: while it runs, files are as large as they may become."""
        self.server.stop()
        size = disk_bytes(self.folder)
        self.server.start()
        return size

    def count(self, traces: TraceSet) -> int:
        """What its exporter says that it has stored since its start; the storage cannot count."""
        text = Http(self._metrics_port).request("GET", "/metrics").decode()
        counted = [line for line in text.splitlines() if line.startswith("otelcol_exporter_sent_spans")]
        return int(sum(float(line.rpartition(" ")[2]) for line in counted))


def _said(binary: str | None, flag: str, variable: str = "") -> str:
    if binary is None:
        return "not installed"
    done = subprocess.run([binary, flag], capture_output=True, text=True, check=False)
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    said = os.environ.get(variable, "") if variable else ""
    return said or (lines[-1] if lines else "unknown")


SYSTEMS: Final[Mapping[str, type[TraceSystem]]] = {
    "nexus": Nexus,
    "victoriatraces": VictoriaTraces,
    "jaeger": Jaeger,
}
