"""The two log stores under test behind one interface: how to start each, feed it and ask it the same questions."""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from harness import REPOSITORY, Http, Server, find_binary, free_ports
from logs_data import (
    BUCKET_S,
    COMMON_WORD,
    PHRASE,
    RARE_WORD,
    SUBSTRING,
    LogSet,
    format_time_ns,
    parse_time_ns,
)

# Every question of row L4, with what kind of answer it has.
QUESTIONS: Final[Mapping[str, str]] = {
    "rare word": "records",
    "common word, count": "count",
    "phrase, count": "count",
    "substring, count": "count",
    "field filter, count": "count",
    "field range, count": "count",
    "top 10 values": "top",
    "histogram by severity": "histogram",
    "last 100 of a filter": "records",
    "last 100": "records",
    "trace id": "records",
}
LAST: Final = 100
_INGEST_QUERY: Final = "_stream_fields=service,host"


@dataclass(frozen=True)
class Request:
    """A question as one HTTP request."""

    path: str
    body: bytes
    headers: Mapping[str, str]


class LogSystem(ABC):
    """A log store as a child process with its data in ``folder``."""

    name: str
    version: str
    json_path: str
    otlp_path: str

    def __init__(self, folder: Path) -> None:
        """Prepare a server with its data in ``folder``; free ports are taken now."""
        self.folder = folder
        self.port, self.otlp_port, self._third_port = free_ports(3)
        self.headers: dict[str, str] = {}
        self.server = self._server()

    @classmethod
    @abstractmethod
    def binary(cls) -> str | None:
        """Return the program, or None where it is not installed."""

    @abstractmethod
    def _server(self) -> Server:
        """Return the child process to run."""

    def flush(self) -> None:
        """Make everything accepted so far searchable; nothing to do where an answer means just that."""
        return

    @abstractmethod
    def request(self, question: str, logs: LogSet) -> Request:
        """Translate a question of :data:`QUESTIONS`."""

    @abstractmethod
    def answer(self, question: str, payload: bytes) -> Any:
        """Normalise a response, so that equal answers of both systems are equal."""

    @abstractmethod
    def count(self) -> int:
        """Count all stored records."""

    def http(self) -> Http:
        """Return a new connection with this system's credentials."""
        return Http(self.port, self.headers)


class VictoriaLogs(LogSystem):
    """VictoriaLogs, single node, default settings but for the retention (the records are not of today)."""

    name = "VictoriaLogs"
    json_path = f"/insert/jsonline?{_INGEST_QUERY}&_time_field=_time&_msg_field=_msg"
    otlp_path = "/insert/opentelemetry/v1/logs"

    def __init__(self, folder: Path) -> None:
        """OTLP arrives at the same port as everything else."""
        super().__init__(folder)
        self.otlp_port = self.port

    @classmethod
    def binary(cls) -> str | None:
        """Return ``VICTORIA_LOGS_BIN``, or ``victoria-logs`` of the PATH."""
        return find_binary("VICTORIA_LOGS_BIN", "victoria-logs")

    def _server(self) -> Server:
        return Server(
            [
                self.binary() or "victoria-logs",
                f"-storageDataPath={self.folder}",
                f"-httpListenAddr=127.0.0.1:{self.port}",
                "-retentionPeriod=100y",
            ],
            {},
            self.folder,
            f"http://127.0.0.1:{self.port}/health",
        )

    def flush(self) -> None:
        """Force the flush of in-memory buffers."""
        self.http().request("GET", "/internal/force_flush")

    def request(self, question: str, logs: LogSet) -> Request:
        """Translate to LogsQL; of equivalent forms, the fastest one measured."""
        query, limit = {
            "rare word": (RARE_WORD, LAST),
            "common word, count": (f"{COMMON_WORD} | stats count() n", 0),
            "phrase, count": (f'"{PHRASE}" | stats count() n', 0),
            "substring, count": (f'~"{SUBSTRING}" | stats count() n', 0),
            "field filter, count": ("status:=503 | stats count() n", 0),
            "field range, count": ("status:>=500 | stats count() n", 0),
            "top 10 values": ("path:* | top 10 by (path) hits as n", 0),
            "histogram by severity": ("*", 0),
            "last 100 of a filter": ("level:error", LAST),
            "last 100": ("*", LAST),
            "trace id": (f"trace_id:={logs.truth.trace_id}", LAST),
        }[question]
        form = {"query": query, "start": format_time_ns(logs.start_ns), "end": format_time_ns(logs.end_ns)}
        path = "/select/logsql/query"
        if limit:
            form["limit"] = str(limit)
        if question == "histogram by severity":
            path = "/select/logsql/hits"
            form |= {"step": f"{BUCKET_S}s", "field": "level"}
        return Request(path, urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"})

    def answer(self, question: str, payload: bytes) -> Any:
        """Parse JSON lines, or the one document of ``hits``."""
        kind = QUESTIONS[question]
        if kind == "histogram":
            histogram: dict[int, dict[str, int]] = {}
            for series in json.loads(payload)["hits"]:
                for time, count in zip(series["timestamps"], series["values"], strict=True):
                    if count:
                        bucket = parse_time_ns(time) // 10**9
                        histogram.setdefault(bucket, {})[series["fields"]["level"]] = count
            return histogram
        records = [json.loads(line) for line in payload.splitlines()]
        if kind == "count":
            return int(records[0]["n"])
        if kind == "top":
            return sorted(((r["path"], int(r["n"])) for r in records), key=lambda pair: (-pair[1], pair[0]))
        # The records come unordered: their order is the client's work, outside the clock.
        records.sort(key=lambda record: parse_time_ns(record["_time"]), reverse=True)
        return [record["span_id"] for record in records]

    def count(self) -> int:
        """Count all stored records."""
        form = urlencode({"query": "* | stats count() n"}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return int(json.loads(self.http().request("POST", "/select/logsql/query", form, headers))["n"])


class Nexus(LogSystem):
    """Nexus in one process with default settings; telemetry of its own is off, retention unlimited."""

    name = "Nexus"
    json_path = f"/api/nexus/v1/ingest/logs?{_INGEST_QUERY}"
    otlp_path = "/v1/logs"
    api = "/api/nexus/v1"

    def __init__(self, folder: Path, admin_password: str = "") -> None:
        """Take a random key with every right, and a password for the web UI."""
        self.token = secrets.token_hex(16)
        self.admin_password = admin_password
        super().__init__(folder)
        self.headers = {"Authorization": f"Bearer {self.token}"}

    @classmethod
    def binary(cls) -> str | None:
        """Return ``NEXUS_BIN``, or the program of the repository's virtual environment, or that of the PATH."""
        return find_binary("NEXUS_BIN", str(REPOSITORY / ".venv" / "bin" / "nexus"), "nexus")

    def _server(self) -> Server:
        environment = {
            "NEXUS_DATA_DIR": str(self.folder),
            "NEXUS_HTTP_PORT": str(self.port),
            "NEXUS_OTLP_HTTP_PORT": str(self.otlp_port),
            "NEXUS_OTLP_GRPC_PORT": str(self._third_port),
            "NEXUS_BOOTSTRAP_TOKEN": self.token,
            "NEXUS_BOOTSTRAP_ADMIN_PASSWORD": self.admin_password,
            "NEXUS_SELF_TELEMETRY": "off",
            "NEXUS_RETENTION_LOGS": "0",
            # What a repeated question costs without the memory of the first one.
            "NEXUS_QUERY_CONDITION_CACHE": "false",
        }
        return Server([self.binary() or "nexus", "up"], environment, self.folder, f"http://127.0.0.1:{self.port}/-/ready")

    def request(self, question: str, logs: LogSet) -> Request:
        """Translate to the native search language and API."""
        query = {
            "rare word": RARE_WORD,
            "common word, count": COMMON_WORD,
            "phrase, count": f'"{PHRASE}"',
            "substring, count": f"body:*{SUBSTRING}*",
            "field filter, count": "status:503",
            "field range, count": "status:>=500",
            "top 10 values": "",
            "histogram by severity": "",
            "last 100 of a filter": "level:error",
            "last 100": "",
            "trace id": f"trace_id:{logs.truth.trace_id}",
        }[question]
        body: dict[str, Any] = {
            "query": query,
            "from": format_time_ns(logs.start_ns),
            "to": format_time_ns(logs.end_ns),
        }
        kind = QUESTIONS[question]
        if kind == "count":
            return self._post("/logs/count", body)
        if kind == "top":
            return self._post("/logs/facets", body | {"fields": ["path"], "limit": 10})
        if kind == "histogram":
            buckets = (logs.end_ns - logs.start_ns) // (BUCKET_S * 10**9)
            return self._post("/logs/histogram", body | {"buckets": buckets, "by": "severity"})
        return self._post("/logs/search", body | {"limit": LAST, "order": "desc"})

    def _post(self, path: str, body: Mapping[str, Any]) -> Request:
        return Request(self.api + path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def answer(self, question: str, payload: bytes) -> Any:
        """Read the native API's JSON."""
        document = json.loads(payload)
        match QUESTIONS[question]:
            case "count":
                return int(document["count"])
            case "records":
                return [record["span_id"] for record in document["records"]]
            case "top":
                values = next(facet["values"] for facet in document["facets"] if facet["name"] == "path")
                return sorted(((v["value"], int(v["count"])) for v in values), key=lambda pair: (-pair[1], pair[0]))
        histogram: dict[int, dict[str, int]] = {}
        start, step = int(document["start"]), int(document["step"])
        for series in document["series"]:
            for number, count in enumerate(series["counts"]):
                if count:
                    histogram.setdefault((start + number * step) // 10**9, {})[series["key"].lower()] = count
        return histogram

    def count(self) -> int:
        """Count all stored records with SQL."""
        request = self._post("/sql", {"query": "SELECT count() FROM logs"})
        answer = json.loads(self.http().request("POST", request.path, request.body, request.headers))
        return int(answer["rows"][0][0])


SYSTEMS: Final[Mapping[str, type[LogSystem]]] = {"nexus": Nexus, "victorialogs": VictoriaLogs}
