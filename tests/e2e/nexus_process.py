"""A real Nexus as a child process on free ports, and a small HTTP client for it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.databases.metadata_of import settings_of

SOURCE = Path(__file__).resolve().parents[2] / "src"
TOKEN = "end-to-end-token"
PASSWORD = "end-to-end password"
API = "/api/nexus/v1"


def wait_for(what: str, condition: Callable[[], Any], timeout: float = 60.0, pause: float = 0.02) -> Any:
    """The condition's first true value; asked again and again."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(pause)
    raise AssertionError(f"waited {timeout} s for {what}")


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def guess_until_refused(guess: Callable[[], Answer]) -> Answer:
    """Three wrong guesses are answered, then they have to wait, longer each time; the first refusal that tells to wait for
    four seconds: time enough for a slow machine to look at what is refused meanwhile."""
    assert [guess().status for _ in range(3)] == [401] * 3

    def refused() -> Answer | None:
        answer = guess()
        assert answer.status in (401, 429), answer.body
        return answer if answer.status == 429 and int(answer.headers["Retry-After"]) >= 4 else None

    found: Answer = wait_for("a refusal", refused)
    return found


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a child: free ports, its own data, nothing of ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}
    return {
        **inherited,
        "PYTHONPATH": str(SOURCE),
        "NEXUS_DATA_DIR": str(folder),
        "NEXUS_HTTP_PORT": "0",
        "NEXUS_OTLP_GRPC_PORT": "0",
        "NEXUS_OTLP_HTTP_PORT": "0",
        "NEXUS_BOOTSTRAP_TOKEN": TOKEN,
        "NEXUS_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
        "NEXUS_SELF_TELEMETRY": "off",
        "NEXUS_STORAGE_DISK_RESERVE_BYTES": "1MiB",
        **({} if "NEXUS_METADATA_URL" in settings else settings_of(folder)),
        **settings,
    }


def command(folder: Path, *words: str, stdin: bytes | None = None, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run a short command of Nexus to its end."""
    return subprocess.run(
        [sys.executable, "-m", "nexus", *words],
        env=environment(folder, **settings),
        cwd=folder.parent,
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )


class NexusProcess:
    """`nexus up` on a folder."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = settings
        self.log = folder.parent / f"{folder.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, Any] = {}
        self.seconds = 0.0
        self.tls: ssl.SSLContext | None = None
        """How to speak to it when it speaks TLS."""

    def launch(self) -> Self:
        """Start it without waiting."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nexus", "up"],
                env=environment(self.folder, **self.settings),
                cwd=self.folder.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return self

    def start(self) -> Self:
        """Start it and wait until it is ready."""
        began = time.monotonic()
        self.launch()
        self.facts = wait_for(f"Nexus to be ready:\n{self.log.read_text()}", self._facts, timeout=240)
        self.seconds = time.monotonic() - began
        assert self.get("/-/ready", token="").status == 200
        return self

    def _facts(self) -> dict[str, Any] | None:
        assert self.process is not None
        assert self.process.poll() is None, f"Nexus ended:\n{self.log.read_text()}"
        try:
            facts: dict[str, Any] = json.loads((self.folder / "nexus.runtime.json").read_text())
        except (OSError, ValueError):
            return None
        return facts if facts["pid"] == self.process.pid else None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def port(self) -> int:
        """The main port."""
        return int(self.facts["http_port"])

    @property
    def otlp_port(self) -> int:
        """The OTLP/HTTP port."""
        return int(self.facts["otlp_http_port"])

    @property
    def grpc_port(self) -> int:
        """The OTLP/gRPC port."""
        return int(self.facts["otlp_grpc_port"])

    def output(self) -> str:
        """What it has printed."""
        return self.log.read_text()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for its end; the exit code."""
        assert self.process is not None
        return self.process.wait(timeout)

    def stop(self) -> int:
        """Stop it in order; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        self.wait()

    # -------------------------------------------------------------------------------------------------------- HTTP

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        token: str = TOKEN,
        tenant: str = "",
        port: int = 0,
    ) -> Answer:
        """One request on a connection of its own."""
        given = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        if tenant:
            given["X-Scope-OrgID"] = tenant
        connection = (
            http.client.HTTPSConnection("127.0.0.1", port or self.port, timeout=60, context=self.tls)
            if self.tls
            else http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        )
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Answer:
        """GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, document: Any = None, **options: Any) -> Answer:
        """POST a JSON document."""
        body = json.dumps(document if document is not None else {}).encode()
        headers = {"Content-Type": "application/json", **(options.pop("headers", None) or {})}
        return self.request("POST", path, body, headers, **options)

    def ingest(self, body: bytes, headers: Mapping[str, str] | None = None, query: str = "", **options: Any) -> Answer:
        """Send JSON lines."""
        return self.request("POST", f"{API}/ingest/logs{query}", body, headers, **options)

    def count(self, query: str = "", tenant: str = "", **more: Any) -> int:
        """How many records match."""
        answer = self.post(f"{API}/logs/count", {"query": query, **more}, tenant=tenant)
        assert answer.status == 200, answer.body
        return int(answer.json["count"])

    def raw(self, payload: bytes, port: int = 0) -> socket.socket:
        """A connection on which these bytes were sent."""
        sock = socket.create_connection(("127.0.0.1", port or self.port), timeout=60)
        sock.sendall(payload)
        return sock


def lines(*records: Mapping[str, Any]) -> bytes:
    """Records as JSON lines."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)
