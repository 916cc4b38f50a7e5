"""A million active series: memory, writes and answers beside each other, and how long a stop and a start take.

All series get a sample every 30 s by remote write 1.0, 5,000 a request over two connections, while three questions are asked
all the time. Then the process is killed and started again, stopped and started again; each time every sample must be there.

Run ``python benchmarks/soak_series.py [--series 1000000] [--rounds 10]``; it takes as many half minutes as there are rounds,
and some. The figures go to `results/soak.json` when `--record` is given. Exit code 0 means that no sample is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from harness import RESULTS, BenchmarkError, Http, MemoryCurve, commit, cpu_seconds, machine_class, scratch
from logs_data import cache_dir
from metric_systems import V1_HEADERS, Nexus
from metrics_data import Template, template_v1, wide_labels

INTERVAL_S: Final = 30.0
PER_REQUEST: Final = 5_000
CONNECTIONS: Final = 2
QUESTIONS: Final = {
    "panel": 'sum by (job) (rate(pod_requests_3_total{namespace="ns-3"}[2m]))',
    "sum by": "sum by (namespace) (pod_requests_3_total)",
    "count by": 'count by (job) ({__name__=~"pod_requests_.*"})',
}


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Of seconds, in ms."""
    ordered = sorted(times)
    at = min(int(len(ordered) * 0.99), len(ordered) - 1)
    return {
        "p50_ms": round(statistics.median(ordered) * 1e3, 1),
        "p99_ms": round(ordered[at] * 1e3, 1),
        "count": len(ordered),
    }


class Load:
    """The series, and what was written of them."""

    def __init__(self, system: Nexus, series: int) -> None:
        """Encodes the labels once."""
        self.system = system
        self.series = series
        self.rounds = 0
        self.latencies: list[float] = []
        self.refused = 0
        self.templates: list[tuple[Template, int]] = []
        for begin in range(0, series, PER_REQUEST):
            count = min(PER_REQUEST, series - begin)
            self.templates.append((template_v1(wide_labels(begin, begin + count)), count))
        self._values = np.arange(PER_REQUEST, dtype=np.float64)

    def write(self) -> float:
        """A sample of each series; the seconds that took."""
        began, now_ms = time.monotonic(), int(time.time() * 1000)
        self.rounds += 1
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            list(threads.map(lambda part: self._send(part, now_ms), range(CONNECTIONS)))
        return time.monotonic() - began

    def _send(self, part: int, now_ms: int) -> None:
        import cramjam

        connection = self.system.http()
        for template, count in self.templates[part::CONNECTIONS]:
            values = self._values[:count] * 3 + self.rounds * 7
            body = bytes(cramjam.snappy.compress_raw(template.fill(np.full(count, now_ms, dtype=np.int64), values)))
            while True:
                began = time.monotonic()
                status, answer = connection.try_request("POST", self.system.write_path, body, V1_HEADERS)
                self.latencies.append(time.monotonic() - began)
                if status not in (429, 503):
                    break
                self.refused += 1
                time.sleep(0.5)
            if status >= 300:
                raise BenchmarkError(f"a write was answered with {status}: {answer[:300]!r}")
        connection.close()

    def missing(self) -> int:
        """Samples that were acknowledged and are not there."""
        found = self.system.samples(int(time.time() * 1000) - 3_600_000, int(time.time() * 1000))
        return self.series * self.rounds - found


def ask(system: Nexus, connection: Http, query: str, at: float) -> float:
    """Seconds until the answer."""
    began = time.monotonic()
    answer = json.loads(system.ask(connection, "query", query=query, time=f"{at:.3f}"))
    if answer["status"] != "success":
        raise BenchmarkError(f"{query} has no answer: {str(answer)[:200]}")
    return time.monotonic() - began


def asking(system: Nexus, done: threading.Event) -> dict[str, list[float]]:
    """Ask everything in turns until done, a question every half second."""
    connection, times = system.http(), defaultdict(list)
    while not done.is_set():
        for name, query in QUESTIONS.items():
            times[name].append(ask(system, connection, query, time.time()))
            if done.wait(0.5):
                break
    connection.close()
    return times


def restart(system: Nexus, load: Load, *, kill: bool) -> dict[str, float]:
    """End the process, start it again; seconds of both, and what is missing then."""
    began = time.monotonic()
    if kill and system.server.process is not None:
        system.server.process.kill()
        system.server.process.wait()
    log_bytes = sum(file.stat().st_size for file in (system.folder / "metrics").iterdir()) if kill else 0
    # A stop that takes longer than this is a failure of its own.
    system.server.stop(timeout=300.0)
    stopped = time.monotonic() - began
    if not kill:
        log_bytes = sum(file.stat().st_size for file in (system.folder / "metrics").iterdir())
    ready = system.server.start()
    cpu = cpu_seconds(system.server.pid)
    return {
        "stop_s": round(stopped, 2),
        "log_mb": round(log_bytes / 1e6, 1),
        "ready_s": round(ready, 2),
        "ready_cpu_s": round(cpu, 2),
        "missing": load.missing(),
    }


def soak(series: int, rounds: int) -> dict[str, Any]:
    """Run it all."""
    with contextlib.ExitStack() as stack:
        system = Nexus(stack.enter_context(scratch(cache_dir())) / "nexus")
        load = Load(system, series)
        stack.enter_context(system.server)
        lags: list[float] = []
        with MemoryCurve(system.server.pid) as curve:
            first = load.write()
            load.latencies.clear()
            done = threading.Event()
            with ThreadPoolExecutor(1) as threads:
                questions = threads.submit(asking, system, done)
                due = time.monotonic()
                try:
                    for _ in range(rounds - 1):
                        time.sleep(max(due - time.monotonic(), 0))
                        due += INTERVAL_S
                        lags.append(max(load.write() - INTERVAL_S, 0.0))
                finally:
                    done.set()
                times = questions.result()
        found: dict[str, Any] = {
            "series": series,
            "rounds": rounds,
            "first_round_s": round(first, 1),
            "most_lag_s": round(max(lags, default=0.0), 1),
            "refused": load.refused,
            "write": percentiles(load.latencies),
            "questions": {name: percentiles(taken) for name, taken in times.items()},
            "resident_mb": round(curve.peak.rss_mb),
            "anonymous_mb": round(curve.peak.anonymous_mb),
        }
        found["kill"] = restart(system, load, kill=True)
        load.write()
        found["stop"] = restart(system, load, kill=False)
        found["second stop"] = restart(system, load, kill=False)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--record", action="store_true", help="write the figures to results/soak.json")
    parser.add_argument("--note", default="", help="what else the machine did meanwhile")
    options = parser.parse_args()
    try:
        found = soak(options.series, options.rounds)
    except BenchmarkError as error:
        sys.exit(f"soak_series: {error}")
    print(json.dumps(found, indent=1))
    if options.record:
        path = RESULTS / "soak.json"
        about = {"commit": commit(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine_class()}
        note = {"note": options.note} if options.note else {}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"many_series": about | found | note}, indent=1) + "\n")
    sys.exit(1 if any(found[one]["missing"] for one in ("kill", "stop", "second stop")) else 0)


if __name__ == "__main__":
    main()
