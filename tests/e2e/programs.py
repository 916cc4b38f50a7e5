"""Other servers as child processes: any program with a health page, and a real Prometheus."""

from __future__ import annotations

import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from tests.e2e.nexus_process import wait_for


def free_port() -> int:
    """A port that was free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """A program with a health page, on a port of 127.0.0.1 that stays the same over restarts."""

    listen = "-httpListenAddr"
    health = "/health"

    def __init__(self, path: str, log: Path, port: int, *options: str) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        self._command = [path, f"{self.listen}=127.0.0.1:{port}", *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_for(f"{self._command[0]} on {self.port}", self._healthy, timeout=60)
        return self

    def _healthy(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(self.url + self.health, timeout=60) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(60)


class Prometheus(Program):
    """Prometheus with a configuration, its data and `prometheus.log` in a folder."""

    listen = "--web.listen-address"
    health = "/-/ready"

    def __init__(self, path: str, folder: Path, config: str, *options: str, port: int = 0, features: str = "") -> None:
        """`features` are those behind flags, comma-separated. Nothing is started yet."""
        file = folder / "prometheus.yml"
        file.write_text(config)
        enabled = [f"--enable-feature={features}"] if features else []
        given = (f"--config.file={file}", f"--storage.tsdb.path={folder / 'prometheus'}", *enabled, *options)
        super().__init__(path, folder / "prometheus.log", port or free_port(), *given)
