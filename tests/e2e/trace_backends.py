"""Real backends of traces: a Jaeger 2 (`JAEGER_BIN`, or `jaeger` in the PATH), a Tempo (`TEMPO_BIN`, or `tempo`), and a second
Nexus in the place of either, which serves their APIs. Without a program the tests that need it say so and are skipped."""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Self

import pytest
from tests.e2e.nexus_process import TOKEN, NexusProcess
from tests.e2e.programs import Program, free_port

JAEGER_CONFIG = """
service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines: {{traces: {{receivers: [otlp], exporters: [jaeger_storage_exporter]}}}}
  telemetry: {{metrics: {{level: none}}}}
extensions:
  healthcheckv2: {{use_v2: true, http: {{endpoint: "127.0.0.1:{health}"}}}}
  jaeger_storage: {{backends: {{kept: {backend}}}}}
  jaeger_query:
    storage: {{traces: kept}}
    http: {{endpoint: "127.0.0.1:{http}"}}
    grpc: {{endpoint: "127.0.0.1:{grpc}"}}
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}}}
exporters: {{jaeger_storage_exporter: {{trace_storage: kept}}}}
"""
IN_MEMORY = "{memory: {max_traces: 10000}}"
ON_DISK = "{{badger: {{directories: {{keys: {folder}/keys, values: {folder}/values}}, ephemeral: false}}}}"

TEMPO_CONFIG = """
server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_address: 127.0.0.1, grpc_listen_port: {grpc}}}
memberlist: {{bind_addr: [127.0.0.1], bind_port: {gossip}}}
distributor: {{receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}}}}}
storage: {{trace: {{backend: local, local: {{path: {folder}/blocks}}, wal: {{path: {folder}/wal}}}}}}
usage_report: {{reporting_enabled: false}}
query_frontend: {{query_end_cutoff: 0s}}
live_store:
  wal: {{path: {folder}/live}}
  shutdown_marker_dir: {folder}/marker
  flush_check_period: 200ms
  max_trace_idle: 200ms
  max_trace_live: 500ms
backend_scheduler: {{local_work_path: {folder}/work}}
block_builder: {{wal: {{path: {folder}/builder}}}}
"""
"""Searches see a trace once it is cut, half a second after its last span instead of several."""


def program(variable: str, name: str) -> str:
    """The path of a program, "" when there is none."""
    return os.environ.get(variable) or shutil.which(name) or ""


JAEGER = program("JAEGER_BIN", "jaeger")
TEMPO = program("TEMPO_BIN", "tempo")


class TraceBackend(Protocol):
    """What a tenant's traces may be in."""

    @property
    def entry(self) -> dict[str, Any]:
        """Its addresses in an entry of `traces.jaeger` or `traces.tempo`."""
        ...

    def start(self) -> Self: ...
    def stop(self) -> object: ...
    def kill(self) -> None: ...


class Jaeger(Program):
    """A Jaeger that keeps traces in memory, or on disk (`durable`)."""

    listen = "--config"
    health = "/api/v3/services"

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(JAEGER, folder / "jaeger.log", free_port())
        self.otlp = free_port()
        config = folder / "jaeger.yaml"
        backend = ON_DISK.format(folder=folder) if durable else IN_MEMORY
        ports = {"http": self.port, "grpc": free_port(), "otlp": self.otlp, "health": free_port()}
        config.write_text(JAEGER_CONFIG.format(backend=backend, **ports))
        self._command = [JAEGER, "--config", str(config)]

    @property
    def entry(self) -> dict[str, Any]:
        """See `TraceBackend`."""
        return {"url": self.url, "otlp_url": f"http://127.0.0.1:{self.otlp}"}

    def send(self, body: bytes) -> bool:
        """Hand spans over, if it takes them yet."""
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.otlp}/v1/traces", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            return False

    def get(self, path: str) -> Any:
        """JSON of a GET."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)


class Tempo(Program):
    """A Tempo with its blocks in a folder."""

    listen = "-config.file"
    health = "/ready"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(TEMPO, folder / "tempo.log", free_port())
        self.otlp = free_port()
        config = folder / "tempo.yaml"
        ports = {"http": self.port, "grpc": free_port(), "otlp": self.otlp, "gossip": free_port()}
        config.write_text(TEMPO_CONFIG.format(folder=folder, **ports))
        self._command = [TEMPO, f"-config.file={config}"]

    def stop(self) -> None:
        """End it: in order it would first leave its rings, which takes longer than a test."""
        self.kill()

    @property
    def entry(self) -> dict[str, Any]:
        """See `TraceBackend`."""
        return {"url": self.url, "otlp_url": f"http://127.0.0.1:{self.otlp}"}


class NexusBackend(NexusProcess):
    """A second Nexus, which serves Jaeger's API and Tempo's, and takes OTLP; addresses stay over restarts."""

    def __init__(self, folder: Path, tempo: bool) -> None:
        port, otlp = free_port(), free_port()
        super().__init__(folder, NEXUS_HTTP_PORT=str(port), NEXUS_OTLP_HTTP_PORT=str(otlp))
        self._tempo = tempo
        self._port, self._otlp = port, otlp

    @property
    def entry(self) -> dict[str, Any]:
        """See `TraceBackend`."""
        base = "/tempo" if self._tempo else "/jaeger"
        otlp = f"http://127.0.0.1:{self._otlp}"
        return {"url": f"http://127.0.0.1:{self._port}{base}", "otlp_url": otlp, "token": TOKEN, "org": "kept"}


KINDS = ("embedded", "jaeger", "tempo", "nexus-as-jaeger", "nexus-as-tempo")
"""Where traces of the tenant of a test are."""
LOST = {"tempo": ("flags",)}
"""Fields of spans (in OTLP's JSON) that a backend does not keep: all that tests expect to differ."""


def made(kind: str, folder: Path, *, durable: bool = False) -> TraceBackend:
    """A backend of a kind, not started. Skips the test when there is no program for it."""
    if kind == "jaeger":
        if not JAEGER:
            pytest.skip("JAEGER_BIN names no Jaeger 2")
        return Jaeger(folder / "jaeger", durable=durable)
    if kind == "tempo":
        if not TEMPO:
            pytest.skip("TEMPO_BIN names no Tempo")
        return Tempo(folder / "tempo")
    return NexusBackend(folder / kind, tempo=kind == "nexus-as-tempo")


def setting(kind: str, backend: TraceBackend, tenant: str, **more: Any) -> dict[str, str]:
    """The setting that puts a tenant's traces there."""
    name = "NEXUS_TRACES_TEMPO" if kind.endswith("tempo") else "NEXUS_TRACES_JAEGER"
    return {name: json.dumps([{"tenant": tenant, **backend.entry, **more}])}


class OnBackend(NexusProcess):
    """A Nexus with the traces of one tenant in a backend, which it starts and stops."""

    def __init__(self, kind: str, folder: Path, tenant: str, **settings: str) -> None:
        self.kind = kind
        self.backend = made(kind, folder)
        super().__init__(folder / "data", **setting(kind, self.backend, tenant), **settings)

    def start(self) -> Self:
        """Start both."""
        self.backend.start()
        return super().start()

    def stop(self) -> int:
        """Stop both."""
        code = super().stop()
        self.backend.stop()
        return code


def kind_of(nexus: NexusProcess) -> str:
    """Where the traces of a test's tenant are."""
    return nexus.kind if isinstance(nexus, OnBackend) else "embedded"


# ------------------------------------------------------------------------------------- fixtures for modules that import them

POOL = 40
"""Tenants with their traces elsewhere that a module may use."""


class Elsewhere(NexusProcess):
    """A Nexus with the traces of the tenants `elsewhere-0`, ... in one backend."""

    def __init__(self, kind: str, folder: Path, **settings: str) -> None:
        self.backend = made(kind, folder)
        self._next = 0
        names = [f"elsewhere-{number}" for number in range(POOL)]
        entries = [{**self.backend.entry, "tenant": name, "org": name} for name in names]
        super().__init__(folder / "data", NEXUS_TRACES_JAEGER=json.dumps(entries), **settings)

    def take_tenant(self) -> str:
        """A tenant that was not used yet."""
        self._next += 1
        return f"elsewhere-{self._next - 1}"


@pytest.fixture(scope="module", params=["embedded", "elsewhere"])
def nexus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """A Nexus with its own store, and one with the traces of its tenants in a Jaeger (or in a Nexus, without one)."""
    folder = tmp_path_factory.mktemp("elsewhere")
    limits = {"NEXUS_INGEST_MAX_BODY_BYTES": "4MiB"}
    if request.param == "embedded":
        process = NexusProcess(folder / "data", **limits).start()
    else:
        process = Elsewhere("jaeger" if JAEGER else "nexus-as-jaeger", folder, **limits)
        process.backend.start()
        process.start()
    yield process
    assert process.stop() == 0
    if isinstance(process, Elsewhere):
        process.backend.stop()
    assert "Traceback" not in process.output(), process.output()


@pytest.fixture
def tenant(nexus: NexusProcess) -> str:
    """A tenant that nobody else uses."""
    return nexus.take_tenant() if isinstance(nexus, Elsewhere) else f"t-{uuid.uuid4().hex[:12]}"
