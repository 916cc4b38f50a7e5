"""Rows L1-L4 and S1-S3 (and U1) of the targets: log ingest, size, queries, start, memory, overload.

Run ``python benchmarks/bench_logs.py --help``; see README.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import load_client
import ui_budget
from harness import (
    BenchmarkError,
    Memory,
    MemoryCurve,
    Row,
    Series,
    cpu_seconds,
    disk_bytes,
    exclusive,
    geometric_mean,
    memory,
    print_table,
    scratch,
    write_results,
)
from log_systems import QUESTIONS, SYSTEMS, LogSystem
from logs_data import Body, LogSet, Truth, cache_dir, describe, json_logs, otlp_logs

ROWS: Final = ("L1", "L2", "L3", "L4", "S1", "S2", "S3", "U1")
CONNECTIONS: Final = 4
OVERLOAD_CONNECTIONS: Final = 32
# VictoriaLogs keeps what it acknowledged in memory for up to five seconds more, without using CPU; a look right after
# the load would find it idle and its disk empty. Both systems get the same pause before the wait for idleness.
SETTLE_S: Final = 12.0


@dataclass(frozen=True)
class Ingest:
    """One load of a fresh server, from the first byte sent until the server was idle."""

    rows: int
    cpu_s: float
    cpu_at_last_answer_s: float
    wall_s: float
    disk: int
    peak: Memory
    latency_ms: dict[str, float]


@dataclass
class Options:
    """What to run."""

    only: set[str]
    systems: dict[str, type[LogSystem]]
    rows_ingest: int
    rows_query: int
    runs: int
    overload_s: float
    reuse: bool
    lock: Path | None


@dataclass
class Session:
    """The rows so far and the options."""

    options: Options
    rows: list[Row] = field(default_factory=list)

    def wants(self, *names: str) -> bool:
        """Tell whether one of the rows was asked for."""
        return bool(self.options.only & set(names))

    def add(self, row: Row, values: dict[str, Series]) -> None:
        """Add a row with the series of the systems that were measured, and the reason where one was not."""
        row.nexus, row.rival = values.get("nexus"), values.get("victorialogs")
        for key, kind in SYSTEMS.items():
            if key not in values:
                row.note = row.note or (f"{kind.name} not installed" if kind.binary() is None else f"{kind.name} not run")
        self.rows.append(row)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ingest(system: LogSystem, bodies: list[Body], *, otlp: bool) -> Ingest:
    """Send the bodies to a running, idle server and wait until it is idle again; its count must then be theirs."""
    pid = system.server.pid
    system.server.wait_idle(quiet=2.0)
    job = load_client.Job(
        port=system.otlp_port if otlp else system.port,
        path=system.otlp_path if otlp else system.json_path,
        bodies=load_client.bodies_of(bodies),
        headers=system.headers | {"Content-Type": "application/x-protobuf" if otlp else "application/x-ndjson"},
        connections=CONNECTIONS,
    )
    rows = sum(body.rows for body in bodies)
    before = cpu_seconds(pid)
    with MemoryCurve(pid) as curve:
        report = load_client.run(job)
        at_last_answer = cpu_seconds(pid) - before
        if report.acknowledged != rows:
            raise BenchmarkError(f"{system.name} acknowledged {report.acknowledged} of {rows} records: {report.statuses}")
        system.flush()
        time.sleep(SETTLE_S)
        system.server.wait_idle()
    cpu = cpu_seconds(pid) - before
    disk = disk_bytes(system.folder)
    stored = system.count()
    if stored != rows:
        raise BenchmarkError(f"{system.name} stored {stored} of {rows} acknowledged records")
    return Ingest(rows, cpu, at_last_answer, report.seconds, disk, curve.peak, report.latency_ms)


def _ingest_runs(session: Session, bodies: list[Body], *, otlp: bool) -> dict[str, list[Ingest]]:
    """Load fresh servers, system by system in turns, so that a slow minute of the machine hits both."""
    results: dict[str, list[Ingest]] = {key: [] for key in session.options.systems}
    for _ in range(session.options.runs):
        for key, kind in session.options.systems.items():
            with exclusive(session.options.lock), scratch(cache_dir()) as folder:
                system = kind(folder / key)
                with system.server:
                    result = ingest(system, bodies, otlp=otlp)
            results[key].append(result)
            _say(
                f"  {kind.name}: {result.rows / result.cpu_s:,.0f} rows/CPU s ({result.cpu_s:.1f} CPU s, "
                f"{result.cpu_at_last_answer_s:.1f} at the last answer), {result.rows / result.wall_s:,.0f} rows/s, "
                f"{result.disk / result.rows:.1f} B/row, peak {result.peak.rss_mb:.0f} MB"
            )
    return results


def _series(results: dict[str, list[Ingest]], pick: Callable[[Ingest], float]) -> dict[str, Series]:
    return {key: Series(tuple(map(pick, runs))) for key, runs in results.items() if runs}


def bench_json_lines(session: Session) -> None:
    """Rows L1 and L3, and the memory under ingest of S2."""
    if session.wants("L1", "L3", "S2"):
        _bench_ingest(session, "L1", otlp=False)


def bench_otlp(session: Session) -> None:
    """Row L2, with size and memory for comparison."""
    if session.wants("L2"):
        _bench_ingest(session, "L2", otlp=True)


def _bench_ingest(session: Session, name: str, *, otlp: bool) -> None:
    rows = session.options.rows_ingest
    _say(f"{name}: {rows:,} records")
    bodies = otlp_logs(rows) if otlp else json_logs(rows).bodies
    results = _ingest_runs(session, bodies, otlp=otlp)
    kind = "OTLP" if otlp else "JSON lines"
    if session.wants(name):
        latency = {key: runs[-1].latency_ms for key, runs in results.items() if runs}
        session.add(
            Row(f"{name} {kind} in", "rows/CPU s", limit=2.5, at_most=False, details={"rows": rows}),
            _series(results, lambda run: run.rows / run.cpu_s),
        )
        session.add(
            Row(f"{name} {kind} in, until the last answer", "rows/CPU s"),
            _series(results, lambda run: run.rows / run.cpu_at_last_answer_s),
        )
        session.add(
            Row(f"{name} {kind} in, wall", "rows/s", details={"request_latency_ms": latency}),
            _series(results, lambda run: run.rows / run.wall_s),
        )
    if session.wants("L3"):
        session.add(
            Row(f"L3 disk, {kind}", "B/record", limit=None if otlp else 0.85, details={"rows": rows}),
            _series(results, lambda run: run.disk / run.rows),
        )
    if session.wants("S2"):
        session.add(
            Row(f"S2 peak memory, {kind} in", "MB", limit=900, absolute=True),
            _series(results, lambda run: run.peak.rss_mb),
        )
        session.add(Row(f"S2 peak anonymous memory, {kind} in", "MB"), _series(results, lambda run: run.peak.anonymous_mb))


@contextlib.contextmanager
def _store(session: Session, key: str, logs: LogSet, parent: Path) -> Iterator[LogSystem]:
    """Yield a system, not started, that holds the whole query data set; its store is kept when asked to."""
    folder = (cache_dir() / "stores" if session.options.reuse else parent) / f"{key}-{logs.rows}"
    done = folder.parent / f"{folder.name}.json"
    system = session.options.systems[key](folder)
    if not (session.options.reuse and done.exists()):
        shutil.rmtree(folder, ignore_errors=True)
        _say(f"{system.name}: loading {logs.rows:,} records")
        with exclusive(session.options.lock), system.server:
            result = ingest(system, logs.bodies, otlp=False)
        done.write_text(json.dumps({"disk": result.disk, "rows_per_cpu_s": result.rows / result.cpu_s}))
        _say(f"  {result.rows / result.cpu_s:,.0f} rows/CPU s, {result.disk / result.rows:.1f} B/row")
    yield system


def check(question: str, answer: Any, truth: Truth) -> None:
    """Compare an answer with what is known of the data."""
    expected: Any
    match question:
        case "rare word" | "trace id":
            expected = truth.rare if question == "rare word" else truth.trace_records
            answer = len(set(answer))
        case "last 100 of a filter":
            expected = truth.last_error_spans
        case "last 100":
            expected = truth.last_spans
        case "top 10 values":
            expected = sorted(truth.top_paths, key=lambda pair: (-pair[1], pair[0]))
        case "histogram by severity":
            expected = truth.histogram
        case _:
            expected = {
                "common word, count": truth.common,
                "phrase, count": truth.phrase,
                "substring, count": truth.substring,
                "field filter, count": truth.status_503,
                "field range, count": truth.status_5xx,
            }[question]
    if answer != expected:
        raise BenchmarkError(f"{question}: {str(answer)[:300]} instead of {str(expected)[:300]}")


def bench_queries(session: Session, systems: dict[str, LogSystem], logs: LogSet) -> None:
    """Row L4: every question to every system in turns, sequentially, the clock around the whole response."""
    with contextlib.ExitStack() as stack:
        for system in systems.values():
            stack.enter_context(system.server)
        for system in systems.values():
            system.server.wait_idle(quiet=2.0)
        connections = {key: system.http() for key, system in systems.items()}
        medians: dict[str, list[float]] = {key: [] for key in systems}
        slower = []
        for question in QUESTIONS:
            times: dict[str, list[float]] = {key: [] for key in systems}
            answers: dict[str, Any] = {}
            failures: dict[str, str] = {}
            with exclusive(session.options.lock):
                for run in range(session.options.runs + 1):
                    for key, system in systems.items():
                        if key in failures:
                            continue
                        request = system.request(question, logs)
                        began = time.perf_counter()
                        try:
                            payload = connections[key].request("POST", request.path, request.body, request.headers)
                            elapsed = time.perf_counter() - began
                            answers[key] = system.answer(question, payload)
                            check(question, answers[key], logs.truth)
                        except (BenchmarkError, KeyError, IndexError, TypeError, ValueError) as error:
                            failures[key] = f"{system.name} failed: {type(error).__name__}: {error}"
                            _say(f"  {question}: {failures[key]}")
                            continue
                        # The first round warms up.
                        if run:
                            times[key].append(1000 * elapsed)
            row = Row(f"L4 {question}", "ms", limit=1.0, note="; ".join(failures.values()))
            session.add(row, {key: Series(tuple(values)) for key, values in times.items() if key not in failures})
            for key, values in times.items():
                if key not in failures:
                    medians[key].append(statistics.median(values))
            if row.ratio is not None and row.ratio > 1:
                slower.append(question)
        complete = {
            key: Series((geometric_mean(values),)) for key, values in medians.items() if len(values) == len(QUESTIONS)
        }
        session.add(Row("L4 geometric mean", "ms", limit=0.5, details={"slower_than_rival": slower}), complete)


def bench_start(session: Session, systems: dict[str, LogSystem], rows: int) -> None:
    """Row S1: start on the existing data until ready."""
    values: dict[str, list[float]] = {key: [] for key in systems}
    for _ in range(session.options.runs):
        for key, system in systems.items():
            with exclusive(session.options.lock):
                values[key].append(system.server.start())
                system.server.stop()
    session.add(
        Row("S1 start until ready", "s", limit=2.0, absolute=True, details={"rows": rows}),
        {key: Series(tuple(times)) for key, times in values.items()},
    )


def bench_idle_memory(session: Session, systems: dict[str, LogSystem]) -> None:
    """Row S2: memory 30 s after a start on the existing data."""
    total: dict[str, list[float]] = {key: [] for key in systems}
    anonymous: dict[str, list[float]] = {key: [] for key in systems}
    for _ in range(min(3, session.options.runs)):
        with contextlib.ExitStack() as stack:
            for system in systems.values():
                stack.enter_context(system.server)
            time.sleep(30)
            for key, system in systems.items():
                now = memory(system.server.pid)
                total[key].append(now.rss_mb)
                anonymous[key].append(now.anonymous_mb)
    session.add(
        Row("S2 idle memory", "MB", limit=400, absolute=True),
        {key: Series(tuple(values)) for key, values in total.items()},
    )
    session.add(
        Row("S2 idle anonymous memory", "MB", limit=150, absolute=True),
        {key: Series(tuple(values)) for key, values in anonymous.items()},
    )


def bench_on_store(session: Session) -> None:
    """Rows L3 (large), L4, S1 and idle S2: everything that needs the query data set in a store."""
    if not session.wants("L3", "L4", "S1", "S2"):
        return
    logs = json_logs(session.options.rows_query)
    with scratch(cache_dir()) as parent, contextlib.ExitStack() as stack:
        systems = {key: stack.enter_context(_store(session, key, logs, parent)) for key in session.options.systems}
        if session.wants("L3"):
            session.add(
                Row("L3 disk, query data set", "B/record", limit=0.85, details={"rows": logs.rows}),
                {key: Series((disk_bytes(system.folder) / logs.rows,)) for key, system in systems.items()},
            )
        if session.wants("L4"):
            _say(f"L4: {logs.rows:,} records")
            bench_queries(session, systems, logs)
        if session.wants("S1"):
            _say("S1")
            bench_start(session, systems, logs.rows)
        if session.wants("S2"):
            _say("S2")
            bench_idle_memory(session, systems)


def _overload(session: Session, system: LogSystem, logs: LogSet) -> dict[str, Any]:
    pid = system.server.pid
    common: dict[str, Any] = {
        "port": system.port,
        "path": system.json_path,
        "headers": system.headers | {"Content-Type": "application/x-ndjson"},
    }
    calm = load_client.run(load_client.Job(bodies=load_client.bodies_of(logs.bodies), connections=CONNECTIONS, **common))
    capacity = calm.acknowledged / calm.seconds
    with MemoryCurve(pid) as curve:
        storm = load_client.run(
            load_client.Job(
                bodies=load_client.bodies_of(logs.bodies),
                connections=OVERLOAD_CONNECTIONS,
                rate=2 * capacity,
                seconds=session.options.overload_s,
                **common,
            )
        )
    ended = time.monotonic()
    after = load_client.run(load_client.Job(bodies=load_client.bodies_of(logs.bodies[:1]), connections=1, **common))
    recovery = time.monotonic() - ended
    # Merging what minutes of overload left behind takes longer than the overload; what is stored can be counted before.
    system.flush()
    stored = system.count()
    reports = (calm, storm, after)
    acknowledged = sum(report.acknowledged for report in reports)
    return {
        "capacity": capacity,
        "offered": storm.offered / storm.seconds,
        "storm_acknowledged": storm.acknowledged,
        "statuses": storm.statuses,
        "skipped": storm.skipped,
        "unknown": sum(report.unknown for report in reports),
        "acknowledged": acknowledged,
        "stored": stored,
        "lost": max(0, acknowledged - stored),
        "surplus": max(0, stored - acknowledged),
        "growth": curve.growth(),
        "peak_mb": curve.peak.rss_mb,
        "latency_ms": storm.latency_ms,
        "recovery_s": recovery,
    }


def bench_overload(session: Session) -> None:
    """Row S3: twice the measured capacity for minutes; what was acknowledged must be there."""
    if not session.wants("S3"):
        return
    logs = json_logs(session.options.rows_ingest)
    outcome: dict[str, dict[str, Any]] = {}
    for key, kind in session.options.systems.items():
        _say(f"S3: {kind.name}, {session.options.overload_s:.0f} s")
        with exclusive(session.options.lock), scratch(cache_dir()) as folder:
            system = kind(folder / key)
            with system.server:
                outcome[key] = _overload(session, system, logs)
        _say(f"  {outcome[key]}")

    def of(name: str) -> dict[str, Series]:
        return {key: Series((float(values[name]),)) for key, values in outcome.items()}

    session.add(Row("S3 acknowledged records lost", "records", limit=0, absolute=True, details=outcome), of("lost"))
    session.add(Row("S3 memory, last third over first", "x", limit=1.1, absolute=True), of("growth"))
    session.add(Row("S3 peak memory", "MB", limit=900, absolute=True), of("peak_mb"))
    session.add(Row("S3 recovery", "s", limit=5, absolute=True), of("recovery_s"))


def _version(kind: type[LogSystem]) -> str:
    binary = kind.binary()
    if binary is None:
        return "not installed"
    flag = "--version" if kind.name == "Nexus" else "-version"
    done = subprocess.run([binary, flag], capture_output=True, text=True, check=False)
    return (done.stdout.strip().splitlines() or ["unknown"])[-1]


def _options() -> tuple[Options, str]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows-ingest", type=int, default=2_000_000)
    parser.add_argument("--rows-query", type=int, default=10_000_000)
    parser.add_argument("--only", default=",".join(ROWS), help="rows to measure, of " + ",".join(ROWS))
    parser.add_argument("--systems", default="nexus,victorialogs", help="systems to measure")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--overload-minutes", type=float, default=5.0)
    parser.add_argument("--quick", action="store_true", help="small data, two runs, 30 s of overload")
    parser.add_argument("--reuse", action="store_true", help="keep the loaded stores in the cache and use them again")
    parser.add_argument("--lock", type=Path, help="a lock file to hold while measuring, on a shared machine")
    parser.add_argument("--name", default="logs", help="write results/NAME.json")
    given = parser.parse_args()
    if unknown := set(given.only.split(",")) - set(ROWS):
        parser.error(f"unknown rows: {', '.join(sorted(unknown))}")
    if unknown := set(given.systems.split(",")) - set(SYSTEMS):
        parser.error(f"unknown systems: {', '.join(sorted(unknown))}")
    chosen = {key: kind for key, kind in SYSTEMS.items() if key in given.systems.split(",") and kind.binary()}
    options = Options(
        only=set(given.only.split(",")),
        systems=chosen,
        rows_ingest=given.rows_ingest,
        rows_query=given.rows_query,
        runs=given.runs,
        overload_s=60 * given.overload_minutes,
        reuse=given.reuse,
        lock=given.lock,
    )
    if given.quick:
        options.rows_ingest, options.rows_query = 200_000, 1_000_000
        options.runs, options.overload_s = 2, 30.0
    return options, f"{given.name}-quick" if given.quick else given.name


def main() -> None:
    """Measure, print the table, write the JSON; a measurement that fails does not stop the others."""
    options, name = _options()
    session = Session(options)
    failures: list[str] = []
    try:
        for stage in (bench_json_lines, bench_otlp, bench_on_store, bench_overload):
            try:
                stage(session)
            except BenchmarkError as error:
                failures.append(f"{stage.__name__}: {error}")
                _say(failures[-1])
    finally:
        if session.wants("U1"):
            session.rows += ui_budget.rows()
        print_table(session.rows, "VictoriaLogs")
        about: dict[str, Any] = {
            "versions": {kind.name: _version(kind) for kind in SYSTEMS.values()},
            "failures": failures,
        }
        if options.only - {"U1"}:
            about["data"] = describe(json_logs(options.rows_ingest))
        write_results(name, session.rows, about)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
