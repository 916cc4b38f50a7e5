"""A real Prometheus to compare with: started on a free port, fed by remote write, asked over its API."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.promql.compare import Answer
from tests.conformance.promql.wire import snappy

FEATURES = (
    "promql-experimental-functions",
    "promql-delayed-name-removal",
    "promql-extended-range-selectors",
    "promql-binop-fill-modifiers",
    "use-start-timestamps",
)


@dataclass
class Prometheus:
    """A running server."""

    process: subprocess.Popen[bytes]
    address: str

    @classmethod
    def start(cls, binary: str, folder: Path) -> Prometheus:
        """Start it and wait until it is ready."""
        config = folder / "prometheus.yml"
        config.write_text("storage:\n  tsdb:\n    out_of_order_time_window: 1d\n")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            f"--enable-feature={','.join(FEATURES)}",
            "--log.level=error",
        ]
        with (folder / "log").open("wb") as log:
            server = cls(subprocess.Popen(command, stdout=log, stderr=log), f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and server.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{server.address}/-/ready", timeout=5):
                    return server
            except OSError:
                time.sleep(0.05)
        server.stop()
        raise RuntimeError(f"Prometheus does not start: {(folder / 'log').read_text()[-2000:]}")

    def write(self, body: bytes) -> None:
        """Take a remote write request."""
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        request = urllib.request.Request(f"{self.address}/api/v1/write", snappy(body), headers)
        try:
            with urllib.request.urlopen(request, timeout=60):
                pass
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"remote write: {error.code} {error.read()[:500]!r}") from error

    def ask(self, query: str, start: int, end: int, step: int) -> Answer:
        """Answer a query; times in ms, step 0 for an instant."""
        values = {"query": query, "time": start / 1000}
        if step:
            values = {"query": query, "start": start / 1000, "end": end / 1000, "step": step / 1000}
        url = f"{self.address}/api/v1/{'query_range' if step else 'query'}"
        try:
            with urllib.request.urlopen(url, urllib.parse.urlencode(values).encode(), timeout=60) as response:
                body = json.load(response)
        except urllib.error.HTTPError as error:
            body = json.load(error)
            return Answer(None, [], [], body.get("error") or "?")
        return Answer(body["data"], body.get("warnings", []), body.get("infos", []))

    def version(self) -> str:
        """Of the server."""
        with urllib.request.urlopen(f"{self.address}/api/v1/status/buildinfo", timeout=10) as response:
            return str(json.load(response)["data"]["version"])

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=30)
