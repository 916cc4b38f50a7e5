"""A Nexus with listeners, the certificates they use, and what came through them."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.nexus_process import API, NexusProcess, wait_for

LOCAL = ["127.0.0.0/8"]


@dataclass(frozen=True)
class Certificates:
    """Files of an authority and of what it signed, all PEM."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate."""
        return self.folder / "ca.pem"

    def path(self, name: str) -> tuple[Path, Path]:
        """Certificate and key by name."""
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def issue(self, name: str, days: int = 30) -> tuple[Path, Path]:
        """Make certificate and key for 127.0.0.1."""
        certificate, key = self.path(name)
        request = self.folder / f"{name}.csr"
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions = self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
            "-days", str(days), "-extfile", extensions, "-out", certificate,
        )  # fmt: skip
        return certificate, key


def make_authority(folder: Path) -> Certificates:
    """A new authority; the test is skipped without openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder.mkdir(parents=True, exist_ok=True)
    _openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
        "-subj", "/CN=test authority", "-days", "30",
    )  # fmt: skip
    return Certificates(folder)


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def listeners(syslog: list[dict[str, Any]] | None = None, forward: list[dict[str, Any]] | None = None) -> dict[str, str]:
    """Settings of these listeners on free ports, for senders of this machine."""
    common = {"port": 0, "networks": LOCAL}
    found = {}
    if syslog:
        found["NEXUS_RECEIVERS_SYSLOG"] = json.dumps([{**common, **one} for one in syslog])
    if forward:
        found["NEXUS_RECEIVERS_FORWARD"] = json.dumps([{**common, **one} for one in forward])
    return found


def port_of(nexus: NexusProcess, tenant: str) -> int:
    """Port of the listener that writes to this tenant."""
    (port,) = [one["port"] for one in nexus.facts["listeners"] if one["tenant"] == tenant]
    return int(port)


def arrived(nexus: NexusProcess, tenant: str, count: int, query: str = "") -> list[dict[str, Any]]:
    """The records of a tenant, oldest first, when there are so many; more of them are an error."""

    def there() -> bool:
        return nexus.count(query, tenant=tenant) >= count

    wait_for(f"{count} records of {tenant}", there)
    document = {"query": query, "order": "asc", "limit": max(count, 1) + 10}
    records = nexus.post(f"{API}/logs/search", document, tenant=tenant).json["records"]
    assert len(records) == count, [record["body"] for record in records]
    return list(records)


def metric(nexus: NexusProcess, line: str) -> float:
    """The value of a line of /metrics; 0 when there is none."""
    for text in nexus.get("/metrics").body.decode().splitlines():
        if text.startswith(line + " "):
            return float(text.rpartition(" ")[2])
    return 0.0
