"""The two stores of metrics under test behind one interface: how to start each, feed it and ask it the same questions."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from harness import REPOSITORY, BenchmarkError, Http, Server, find_binary, free_ports

V1_HEADERS: Final = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
V2_HEADERS: Final = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}

RANGE_QUERIES: Final[Mapping[str, str]] = {
    "rate by job": "sum by (job) (rate(http_requests_total[5m]))",
    "rate by handler and code": "sum by (handler, code) (rate(http_requests_total[5m]))",
    "share of errors": 'sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))',
    "quantile": "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    "quantile by handler": "histogram_quantile(0.9, sum by (le, handler) (rate(http_request_duration_seconds_bucket[5m])))",
    "busy by instance": '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))',
    "gauge by job": "avg by (job) (memory_usage_bytes)",
    "one instance": 'max_over_time(queue_length{instance="10.0.0.7:9100"}[10m])',
    "top five": "topk(5, sum by (instance) (increase(http_requests_total[1h])))",
    "mean duration": "sum by (instance) (rate(http_request_duration_seconds_sum[5m]))"
    " / sum by (instance) (rate(http_request_duration_seconds_count[5m]))",
}
"""Row M3: ten panels of dashboards."""


class MetricSystem(ABC):
    """A store of metrics as a child process with its data in `folder`."""

    name: ClassVar[str]
    write_path: ClassVar[str]
    query_base: ClassVar[str]
    extra: ClassVar[Mapping[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        """Prepare a server with its data in `folder`; free ports are taken now."""
        self.folder = folder
        self.port, self._second_port, self._third_port = free_ports(3)
        self.headers: dict[str, str] = {}
        self.server = self._server()

    @classmethod
    @abstractmethod
    def binary(cls) -> str | None:
        """Return the program, or None where it is not installed."""

    @abstractmethod
    def _server(self) -> Server:
        """Return the child process to run."""

    @abstractmethod
    def settle(self) -> None:
        """Bring everything accepted so far into the files in which it stays. The server runs before and after."""

    def http(self) -> Http:
        """Return a new connection with this system's credentials."""
        return Http(self.port, self.headers)

    def ask(self, connection: Http, path: str, **parameters: str) -> bytes:
        """The body of an answer of the Prometheus API below `/api/v1`."""
        query = urlencode({**parameters, **self.extra})
        return connection.request("GET", f"{self.query_base}/api/v1/{path}?{query}")

    def count(self, at_ms: int, selector: str) -> int:
        """How many series have a sample at a time."""
        answer = json.loads(self.ask(self.http(), "query", query=f"count({selector})", time=f"{at_ms / 1000:.3f}"))
        result = answer["data"]["result"]
        return int(float(result[0]["value"][1])) if result else 0

    def samples(self, start_ms: int, end_ms: int) -> int:
        """How many samples there are in a time, by counting them all."""
        seconds = (end_ms - start_ms) // 1000 + 1
        query = f'sum(count_over_time({{__name__!=""}}[{seconds}s]))'
        answer = json.loads(self.ask(self.http(), "query", query=query, time=f"{end_ms / 1000:.3f}"))
        result = answer["data"]["result"]
        return int(float(result[0]["value"][1])) if result else 0


class VictoriaMetrics(MetricSystem):
    """VictoriaMetrics, single node, default settings but for retention and what would cache or delay answers."""

    name = "VictoriaMetrics"
    write_path = "/api/v1/write"
    query_base = "/prometheus"
    extra: ClassVar[Mapping[str, str]] = {"nocache": "1"}

    @classmethod
    def binary(cls) -> str | None:
        """Return `VICTORIA_METRICS_BIN`, or `victoria-metrics` of the PATH."""
        return find_binary("VICTORIA_METRICS_BIN", "victoria-metrics")

    def _server(self) -> Server:
        return Server(
            [
                self.binary() or "victoria-metrics",
                f"-storageDataPath={self.folder}",
                f"-httpListenAddr=127.0.0.1:{self.port}",
                "-retentionPeriod=100y",
                "-search.disableCache",
                "-search.latencyOffset=0s",
                "-search.maxUniqueTimeseries=3000000",
                "-search.maxSeries=3000000",
                "-search.maxLabelsAPISeries=3000000",
                "-search.maxTagValues=3000000",
                "-search.maxQueryDuration=120s",
            ],
            {},
            self.folder,
            f"http://127.0.0.1:{self.port}/health",
        )

    def settle(self) -> None:
        """Flush what is in memory and merge it."""
        self.http().request("GET", "/internal/force_flush")
        self.http().request("GET", "/internal/force_merge")


class Nexus(MetricSystem):
    """Nexus in one process with default settings; telemetry of its own is off, retention unlimited."""

    name = "Nexus"
    write_path = "/api/v1/write"
    query_base = ""

    def __init__(self, folder: Path) -> None:
        """Take a random key with every right."""
        self.token = secrets.token_hex(16)
        super().__init__(folder)
        self.headers = {"Authorization": f"Bearer {self.token}"}

    @classmethod
    def binary(cls) -> str | None:
        """Return `NEXUS_BIN`, or the program of the repository's virtual environment, or that of the PATH."""
        return find_binary("NEXUS_BIN", str(REPOSITORY / ".venv" / "bin" / "nexus"), "nexus")

    def _server(self) -> Server:
        environment = {
            "NEXUS_DATA_DIR": str(self.folder),
            "NEXUS_HTTP_PORT": str(self.port),
            "NEXUS_OTLP_HTTP_PORT": str(self._second_port),
            "NEXUS_OTLP_GRPC_PORT": str(self._third_port),
            "NEXUS_BOOTSTRAP_TOKEN": self.token,
            "NEXUS_SELF_TELEMETRY": "off",
            "NEXUS_RETENTION_METRICS": "0",
            "NEXUS_METRICS_MAX_FUTURE": "0",
            "NEXUS_QUERY_TIMEOUT": "120s",
            "NEXUS_QUERY_CONDITION_CACHE": "false",
        }
        return Server([self.binary() or "nexus", "up"], environment, self.folder, f"http://127.0.0.1:{self.port}/-/ready")

    def settle(self) -> None:
        """Open samples are brought into the tables, and these merged, as it would be hours later."""
        self.server.stop()
        merge = Path(__file__).with_name("merge_metrics.py")
        done = subprocess.run([sys.executable, str(merge), str(self.folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"the tables cannot be merged: {done.stderr[-500:]}")
        self.server.start()


SYSTEMS: Final[Mapping[str, type[MetricSystem]]] = {"nexus": Nexus, "victoriametrics": VictoriaMetrics}


def series_in(payload: bytes) -> int:
    """How many series or values an answer holds; raises when it is no success."""
    answer: Any = json.loads(payload)
    if answer.get("status") != "success":
        raise BenchmarkError(f"an answer failed: {payload[:300]!r}")
    data = answer["data"]
    return len(data["result"] if isinstance(data, dict) else data)
