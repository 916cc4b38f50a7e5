"""An hour of ingest and questions: memory must stay flat, and nothing that was acknowledged may be missing.

Half of the records come as JSON lines, half as OTLP; every ten seconds one of the questions of row L4 is asked. The records
of one day are sent again and again, so that parts and merges grow as they do in a long life.

Run ``python benchmarks/soak_memory.py --minutes 60 --rate 60000``; it needs about 45 bytes of disk a record. Exit code 0
means: the highest memory of the last third is at most a tenth above that of the first, below 900 MB, and no record is lost.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import load_client
from harness import BenchmarkError, MemoryCurve, disk_bytes, scratch
from log_systems import QUESTIONS, Nexus
from logs_data import LogSet, cache_dir, json_logs, otlp_logs

LIMIT_MB = 900.0
GROWTH = 1.1


def ask(system: Nexus, logs: LogSet, done: threading.Event) -> int:
    """Ask one question every ten seconds until done; returns how many were answered."""
    http, answered = system.http(), 0
    for question in itertools.cycle(QUESTIONS):
        if done.wait(10.0):
            break
        request = system.request(question, logs)
        system.answer(question, http.request("POST", request.path, request.body, request.headers))
        answered += 1
    http.close()
    return answered


def soak(minutes: float, rate: float) -> bool:
    """Run it and print what was found; True when everything holds."""
    logs, otlp = json_logs(10_000_000), otlp_logs(2_000_000)
    with contextlib.ExitStack() as stack:
        system = Nexus(stack.enter_context(scratch(cache_dir())) / "nexus")
        stack.enter_context(system.server)
        threads = stack.enter_context(ThreadPoolExecutor(3))
        done = threading.Event()
        questions = threads.submit(ask, system, logs, done)
        began = time.monotonic()
        with MemoryCurve(system.server.pid, interval=2.0) as curve:
            loads = [
                threads.submit(
                    load_client.run,
                    load_client.Job(
                        port=port,
                        path=path,
                        headers=system.headers | {"Content-Type": kind},
                        bodies=load_client.bodies_of(bodies),
                        rate=rate / 2,
                        seconds=60 * minutes,
                    ),
                )
                for port, path, kind, bodies in (
                    (system.port, system.json_path, "application/x-ndjson", logs.bodies),
                    (system.otlp_port, system.otlp_path, "application/x-protobuf", otlp),
                )
            ]
            reports = [load.result() for load in loads]
        seconds = time.monotonic() - began
        done.set()
        acknowledged, stored = sum(report.acknowledged for report in reports), system.count()
        for report in reports:
            print(f"{report.acknowledged:,} acknowledged, {report.skipped:,} not sent", report.statuses, report.latency_ms)
        tenth = max(len(curve.samples) // 10, 1)
        for at in range(0, len(curve.samples), tenth):
            part = curve.samples[at : at + tenth]
            print(
                f"{at / len(curve.samples):4.0%}  resident {max(s.rss_mb for s in part):4.0f} MB, "
                f"anonymous {max(s.anonymous_mb for s in part):4.0f} MB"
            )
        print(
            f"{seconds / 60:.1f} min, {acknowledged / seconds:,.0f} records/s, {questions.result()} questions, "
            f"{disk_bytes(system.folder) / 1e9:.1f} GB; peak {curve.peak.rss_mb:.0f} MB (limit {LIMIT_MB:.0f}), "
            f"last third over first {curve.growth():.2f} (limit {GROWTH}); "
            f"{acknowledged:,} acknowledged, {stored:,} stored"
        )
        return curve.peak.rss_mb <= LIMIT_MB and curve.growth() <= GROWTH and stored == acknowledged


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=60_000.0, help="records a second")
    options = parser.parse_args()
    try:
        sys.exit(0 if soak(options.minutes, options.rate) else 1)
    except BenchmarkError as error:
        sys.exit(f"soak_memory: {error}")


if __name__ == "__main__":
    main()
