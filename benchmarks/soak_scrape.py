"""kill -9 while targets are scraped, many times: every scrape is stored once and whole, or was under way at a kill.

Targets on this machine answer each scrape with the number of the scrape, in many series. Nexus scrapes them five times a
second and is killed at random moments and started again on the same data; a client keeps asking what it sees. At the end,
of every target: no number is there twice, no two samples have one time, all series have the same samples, a number that a
query had shown is there, and a number that is missing was the last one given before a kill (it was under way), or Nexus
itself said with `up` 0 that the scrape failed (it took longer than its timeout).

Run ``python benchmarks/soak_scrape.py --rounds 100 [--fsync]``. Exit code 0 means that all of this is so.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import http.server
import json
import random
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from soak_kill import Server, SoakError, run

TARGETS: Final = 6
SERIES: Final = 100
INTERVAL_MS: Final = 200
LATE_SECONDS: Final = 5.0
"""How late a target may come to a scrape that has long failed."""


@dataclass
class Served:
    """What the targets answered: when each scrape was (seconds, from number 1 on), and the last one before each kill.
    Guarded by its lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    under_way: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def next(self, target: str) -> int:
        """The number of a scrape."""
        with self.lock:
            self.times[target].append(time.time())
            return len(self.times[target])

    def killed(self) -> None:
        """The process was killed: the last scrape of each target may not have been stored."""
        # A request may be on its way to the thread that answers it.
        time.sleep(0.05)
        with self.lock:
            for target, times in self.times.items():
                self.under_way[target].add(len(times))

    @property
    def total(self) -> int:
        """Scrapes of all targets."""
        with self.lock:
            return sum(map(len, self.times.values()))


class Targets(http.server.ThreadingHTTPServer):
    """All targets: one path each."""

    daemon_threads = True

    def __init__(self, served: Served) -> None:
        self.served = served
        super().__init__(("127.0.0.1", 0), _Answer)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke off with the process that was killed is no error."""


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Targets

    def do_GET(self) -> None:
        number = self.server.served.next(self.path.strip("/"))
        lines = "".join(f'soak_scrapes_total{{n="{one}"}} {number}\n' for one in range(SERIES))
        body = f"# TYPE soak_scrapes_total counter\n{lines}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Watcher(threading.Thread):
    """Asks for the newest sample of every target all the time."""

    def __init__(self, server: Server, stop: threading.Event) -> None:
        super().__init__(name="watcher", daemon=True)
        self._server = server
        self._enough = stop
        self.seen: dict[str, set[int]] = defaultdict(set)
        self.questions = 0

    def run(self) -> None:
        """Ask until told to stop."""
        while not self._enough.wait(0.01):
            with contextlib.suppress(OSError, http.client.HTTPException, SoakError):
                for labels, value in self._server.promql('soak_scrapes_total{n="7"}', time.time()):
                    self.seen[labels["job"]].add(int(value))
                self.questions += 1


@dataclass
class Verdict:
    """Scrapes that were served, are stored, were under way at a kill, failed and said so; and what is wrong."""

    served: int = 0
    stored: int = 0
    under_way: int = 0
    failed: int = 0
    lost: int = 0
    doubled: int = 0
    faults: list[str] = field(default_factory=list)


def check(server: Server, served: Served, seen: dict[str, set[int]], seconds: float) -> Verdict:
    """Compare what is stored with what the targets served."""
    verdict = Verdict()
    window = int(seconds) + 60
    for target, served_at in sorted(served.times.items()):
        found = server.samples(f'soak_scrapes_total{{job="{target}"}}[{window}s]', time.time())
        if len(found) != SERIES:
            verdict.faults.append(f"{target} has {len(found)} series")
            continue
        first = found[0][1]
        differing = [labels["n"] for labels, samples in found if samples != first]
        if differing:
            verdict.faults.append(f"series {differing[:5]} of {target} have other samples than the first")
        numbers, times = [int(value) for _, value in first], [at for at, _ in first]
        kept, all_numbers = set(numbers), set(range(1, len(served_at) + 1))
        missing = all_numbers - kept
        excused = {number for number in missing & served.under_way[target] if number not in seen[target]}
        ((_, ups),) = server.samples(f'up{{job="{target}"}}[{window}s]', time.time())
        failures = [at for at, up in ups if up == 0]
        stored_at = dict(zip(numbers, times, strict=True))
        failed = {
            number
            for number in missing - excused - seen[target]
            if _failed(number, served_at[number - 1], stored_at, failures)
        }
        verdict.served += len(served_at)
        verdict.stored += len(kept)
        verdict.under_way += len(excused)
        verdict.failed += len(failed)
        verdict.lost += len(missing - excused - failed)
        verdict.doubled += len(numbers) - len(kept) + len(times) - len(set(times))
        if numbers != sorted(numbers):
            verdict.faults.append(f"the samples of {target} are out of order")
        if stray := sorted(kept - all_numbers):
            verdict.faults.append(f"{target} never said {stray[:5]}")
    return verdict


def _failed(number: int, served: float, stored_at: dict[int, float], failures: list[float]) -> bool:
    """Did a scrape fail between those that are stored before and after this number, shortly before it was served? On a busy
    machine a target answers after the timeout."""
    after = max((at for other, at in stored_at.items() if other < number), default=0.0)
    before = min((at for other, at in stored_at.items() if other > number), default=float("inf"))
    return any(after < at < before and -0.05 <= served - at <= LATE_SECONDS for at in failures)


def soak(rounds: int, folder: Path, *, fsync: bool, seed: int) -> int:
    """Run it all; the exit code."""
    choose, served, stop = random.Random(seed), Served(), threading.Event()
    targets = Targets(served)
    threading.Thread(target=targets.serve_forever, daemon=True).start()
    jobs = [
        {
            "job_name": f"t{number}",
            "metrics_path": f"/t{number}",
            "static_configs": [{"targets": [f"127.0.0.1:{targets.server_port}"]}],
        }
        for number in range(TARGETS)
    ]
    config = folder / "prometheus.yml"
    times = {"scrape_interval": f"{INTERVAL_MS}ms", "scrape_timeout": f"{INTERVAL_MS}ms"}
    config.write_text(json.dumps({"global": times, "scrape_configs": jobs}))
    server = Server(folder / "data", fsync=fsync, settings={"NEXUS_SCRAPE_FILE": str(config)})
    began = time.monotonic()
    starts = [server.start()]
    watcher = Watcher(server, stop)
    watcher.start()
    for number in range(1, rounds + 1):
        time.sleep(choose.uniform(0.05, 2.5))
        server.kill()
        served.killed()
        starts.append(server.start())
        if number % 10 == 0 or number == rounds:
            print(f"  round {number}: {served.total:,} scrapes", file=sys.stderr)
    time.sleep(1)
    # What is under way at an orderly stop may be lost, too.
    code = server.stop()
    served.killed()
    stop.set()
    watcher.join()
    server = Server(folder / "data", fsync=fsync)
    server.start()
    seconds = time.monotonic() - began
    verdict = check(server, served, watcher.seen, seconds)
    code = code or server.stop()
    targets.shutdown()
    starts.sort()
    print(f"rounds        {rounds} in {seconds:.0f} s ({'fsync' if fsync else 'commit'})")
    print(f"served        {verdict.served:,} scrapes of {SERIES} series by {TARGETS} targets")
    print(f"stored        {verdict.stored:,} scrapes")
    print(f"not stored    {verdict.under_way} that were under way at a kill, {verdict.failed} that failed and said so")
    print(f"seen          {watcher.questions:,} queries meanwhile")
    print(f"start         {starts[len(starts) // 2]:.2f} s median, {starts[-1]:.2f} s longest")
    print(f"lost          {verdict.lost}")
    print(f"duplicated    {verdict.doubled}")
    for fault in verdict.faults[:10]:
        print(f"fault         {fault}")
    if code != 0:
        print(f"fault         the last stop ended with code {code}")
    if verdict.stored < rounds * TARGETS:
        print("fault         next to nothing was scraped")
        return 1
    return 1 if verdict.lost or verdict.doubled or verdict.faults or code else 0


def main() -> int:
    """Parse arguments, run in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    return run(parser, 100, lambda given, folder: soak(given.rounds, folder, fsync=given.fsync, seed=given.seed))


if __name__ == "__main__":
    sys.exit(main())
