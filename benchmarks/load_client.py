"""The load: a process of its own that sends prepared bodies over keep-alive connections and counts what was answered.

It reads one JSON document from standard input (a :class:`Job`) and writes one to standard output (a :class:`Report`);
:func:`run` starts it. A closed loop sends each body once, as fast as it is answered, and repeats one that was refused
(429, 503). An open loop sends at a rate for a time whatever the answers are, and never repeats.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness import BenchmarkError
from logs_data import Body


@dataclass(frozen=True)
class Job:
    """What to send and how. ``rate`` (records a second) with ``seconds`` makes an open loop."""

    port: int
    path: str
    bodies: Sequence[tuple[str, int, int, int]]
    headers: Mapping[str, str] = field(default_factory=dict)
    connections: int = 4
    rate: float = 0.0
    seconds: float = 0.0
    timeout: float = 60.0


@dataclass
class Report:
    """What happened. ``unknown`` counts records whose request got no answer: they may be stored or not."""

    offered: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    skipped: int = 0
    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)


class _Load:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.report = Report()
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.counting = threading.Lock()
        self.handing_out = threading.Lock()
        self.began = time.monotonic()
        self.work = self._open_loop() if job.rate else iter(job.bodies)

    def _open_loop(self) -> Iterator[tuple[str, int, int, int]]:
        job = self.job
        due = 0.0
        number = 0
        while due < job.seconds:
            body = job.bodies[number % len(job.bodies)]
            number += 1
            late = time.monotonic() - self.began - due
            due += body[3] / job.rate
            # All connections were busy for longer than a second: what was due meanwhile is given up, not queued.
            if late > 1.0:
                self.report.skipped += body[3]
                continue
            if late < 0:
                time.sleep(-late)
            yield body

    def next(self) -> tuple[str, int, int, int] | None:
        with self.handing_out:
            return next(self.work, None)

    def worker(self) -> None:
        job = self.job
        connection = http.client.HTTPConnection("127.0.0.1", job.port, timeout=job.timeout)
        while (body := self.next()) is not None:
            payload = Body(Path(body[0]), body[1], body[2], body[3]).read()
            while True:
                began = time.monotonic()
                status, wait = self._send(connection, payload)
                self._count(status, body[3], 1000 * (time.monotonic() - began))
                if job.rate or status not in (429, 503):
                    break
                time.sleep(wait)
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, payload: bytes) -> tuple[int, float]:
        try:
            try:
                connection.request("POST", self.job.path, payload, dict(self.job.headers))
            except (BrokenPipeError, ConnectionResetError):
                # The server may refuse before it has read everything; its answer is then already here.
                if connection.sock is None:
                    raise
            response = connection.getresponse()
            response.read()
            if response.will_close:
                connection.close()
            wait = 0.2
            with contextlib.suppress(TypeError, ValueError):
                wait = min(5.0, float(response.headers["Retry-After"]))
            return response.status, wait
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0, 0.0

    def _count(self, status: int, rows: int, latency: float) -> None:
        with self.counting:
            report = self.report
            self.statuses[str(status) if status else "no answer"] += 1
            report.offered += rows
            if 200 <= status < 300:
                report.acknowledged += rows
                self.latencies.append(latency)
            elif status:
                report.refused += rows
            else:
                report.unknown += rows

    def run(self) -> Report:
        threads = [threading.Thread(target=self.worker) for _ in range(self.job.connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.report.seconds = time.monotonic() - self.began
        self.report.statuses = dict(self.statuses)
        if self.latencies:
            ordered = sorted(self.latencies)
            self.report.latency_ms = {
                name: round(ordered[int(share * (len(ordered) - 1))], 1)
                for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
            }
        return self.report


def bodies_of(bodies: Sequence[Body]) -> list[tuple[str, int, int, int]]:
    """Bodies in the form that a job takes."""
    return [(str(body.path), body.offset, body.size, body.rows) for body in bodies]


def run(job: Job) -> Report:
    """Run the job in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve())],
        input=json.dumps(asdict(job)),
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"the load client failed:\n{done.stderr[-2000:]}")
    return Report(**json.loads(done.stdout))


def main() -> None:
    """Run the job on standard input and print the report."""
    json.dump(asdict(_Load(Job(**json.load(sys.stdin))).run()), sys.stdout)


if __name__ == "__main__":
    main()
