"""A real Prometheus to compare with: started on a free port, fed by remote write, asked over its API."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from tests.conformance.promql.compare import Answer
from tests.conformance.promql.wire import snappy
from tests.e2e import programs

FEATURES = (
    "promql-experimental-functions",
    "promql-delayed-name-removal",
    "promql-extended-range-selectors",
    "promql-binop-fill-modifiers",
    "use-start-timestamps",
)


class Prometheus(programs.Prometheus):
    """A server that takes samples of a day ago, too."""

    def __init__(self, binary: str, folder: Path) -> None:
        """Nothing is started yet."""
        config = "storage:\n  tsdb:\n    out_of_order_time_window: 1d\n"
        options = ("--web.enable-remote-write-receiver", "--log.level=error")
        super().__init__(binary, folder, config, *options, features=",".join(FEATURES))

    def write(self, body: bytes) -> None:
        """Take a remote write request."""
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        request = urllib.request.Request(f"{self.url}/api/v1/write", snappy(body), headers)
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
        url = f"{self.url}/api/v1/{'query_range' if step else 'query'}"
        try:
            with urllib.request.urlopen(url, urllib.parse.urlencode(values).encode(), timeout=60) as response:
                body = json.load(response)
        except urllib.error.HTTPError as error:
            body = json.load(error)
            return Answer(None, [], [], body.get("error") or "?")
        return Answer(body["data"], body.get("warnings", []), body.get("infos", []))

    def version(self) -> str:
        """Of the server."""
        with urllib.request.urlopen(f"{self.url}/api/v1/status/buildinfo", timeout=10) as response:
            return str(json.load(response)["data"]["version"])
