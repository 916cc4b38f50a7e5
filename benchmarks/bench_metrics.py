"""Rows M1-M4 of the targets: remote write, size, dashboard queries, a million series; against VictoriaMetrics.

Run ``python benchmarks/bench_metrics.py --help``; see README.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness import (
    BenchmarkError,
    MemoryCurve,
    Row,
    Series,
    cpu_seconds,
    disk_bytes,
    exclusive,
    geometric_mean,
    print_table,
    scratch,
    write_results,
)
from logs_data import cache_dir
from metric_systems import RANGE_QUERIES, SYSTEMS, V1_HEADERS, V2_HEADERS, MetricSystem, series_in
from metrics_data import DAY_MS, INTERVAL_MS, Scrapes, requests, wide

ROWS: Final = ("M1", "M2", "M3", "M4")
CONNECTIONS: Final = 4
STEPS: Final = (60, 300)
SETTLE_S: Final = 12.0
"""Pause before the wait for idleness: VictoriaMetrics keeps samples in memory for some seconds without using CPU."""


@dataclass
class Options:
    """What to run."""

    only: set[str]
    systems: dict[str, type[MetricSystem]]
    targets: int
    write_scrapes: int
    query_scrapes: int
    wide_series: int
    runs: int
    lock: Path | None


@dataclass
class Session:
    """The rows so far and the options."""

    options: Options
    rows: list[Row] = field(default_factory=list)

    def wants(self, *names: str) -> bool:
        """Tell whether one of the rows was asked for."""
        return bool(self.options.only & set(names))

    def add(self, row: Row, values: Mapping[str, Series]) -> None:
        """Add a row with the series of the systems that were measured, and the reason where one was not."""
        row.nexus, row.rival = values.get("nexus"), values.get("victoriametrics")
        for key, kind in SYSTEMS.items():
            if key not in values:
                row.note = row.note or (f"{kind.name} not installed" if kind.binary() is None else f"{kind.name} not run")
        self.rows.append(row)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def send(system: MetricSystem, bodies: Iterable[tuple[bytes, int]], headers: Mapping[str, str]) -> int:
    """Send requests over some connections as they are made, each once; the samples acknowledged."""
    lock, source = threading.Lock(), iter(bodies)
    total = itertools.count()
    acknowledged: list[int] = []
    failures: list[BaseException] = []

    def work() -> None:
        connection = system.http()
        try:
            while not failures:
                with lock:
                    taken = next(source, None)
                if taken is None:
                    return
                while True:
                    status, answer = connection.try_request("POST", system.write_path, taken[0], headers)
                    if status not in (429, 503):
                        break
                    time.sleep(0.2)
                if status >= 300:
                    raise BenchmarkError(f"{system.name} answered {status}: {answer[:300]!r}")
                next(total)
                acknowledged.append(taken[1])
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(acknowledged)


def check_samples(system: MetricSystem, scrapes: Scrapes) -> None:
    """Raise when another number of samples is stored than was sent."""
    end = scrapes.end_ms + INTERVAL_MS
    stored = system.samples(scrapes.start_ms - INTERVAL_MS, end)
    if stored != scrapes.samples:
        raise BenchmarkError(f"{system.name} has {stored:,} of {scrapes.samples:,} samples")


def bench_write(session: Session) -> None:
    """Row M1: samples per CPU second, by version of the protocol."""
    if not session.wants("M1"):
        return
    options = session.options
    scrapes = Scrapes(options.targets, options.write_scrapes)
    rival: list[tuple[float, float, float]] = []
    for version, headers in ((1, V1_HEADERS), (2, V2_HEADERS)):
        bodies = list(requests(scrapes, version))
        size = sum(len(body) for body, _ in bodies)
        _say(f"M1: remote write {version}.0, {scrapes.samples:,} samples, {size / 1e6:,.0f} MB compressed")
        runs: dict[str, list[tuple[float, float, float]]] = {key: [] for key in options.systems}
        notes: dict[str, str] = {}
        for _ in range(options.runs):
            for key, kind in options.systems.items():
                if key in notes:
                    continue
                try:
                    runs[key].append(_write_run(session, kind, key, scrapes, bodies, headers))
                except BenchmarkError as error:
                    if key == "nexus":
                        raise
                    notes[key] = str(error)
                    _say(f"  {kind.name}: {error}")
        taken = {key: values for key, values in runs.items() if values}
        note = "; ".join(notes.values())
        if "victoriametrics" in taken:
            rival = taken["victoriametrics"]
        elif rival:
            # It does not know version 2.0: the same samples as it takes them.
            taken["victoriametrics"], note = rival, f"{note}; compared with its remote write 1.0"
        session.add(
            Row(
                f"M1 remote write {version}.0 in", "samples/CPU s", limit=1.0, at_most=False, note=note,
                details={"samples": scrapes.samples, "series": len(scrapes.labels), "bytes": size},
            ),
            {key: Series(tuple(scrapes.samples / run[0] for run in values)) for key, values in taken.items()},
        )  # fmt: skip
        session.add(
            Row(f"M1 remote write {version}.0 in, until the last answer", "samples/CPU s", note=note),
            {key: Series(tuple(scrapes.samples / run[1] for run in values)) for key, values in taken.items()},
        )
        session.add(
            Row(f"M1 peak memory, remote write {version}.0", "MB", note=note),
            {key: Series(tuple(run[2] for run in values)) for key, values in taken.items()},
        )


def _write_run(
    session: Session,
    kind: type[MetricSystem],
    key: str,
    scrapes: Scrapes,
    bodies: list[tuple[bytes, int]],
    headers: Mapping[str, str],
) -> tuple[float, float, float]:
    with exclusive(session.options.lock), scratch(cache_dir()) as folder:
        system = kind(folder / key)
        with system.server:
            system.server.wait_idle(quiet=2.0)
            pid = system.server.pid
            before = cpu_seconds(pid)
            with MemoryCurve(pid) as curve:
                began = time.monotonic()
                acknowledged = send(system, bodies, headers)
                wall = time.monotonic() - began
                at_last = cpu_seconds(pid) - before
                if acknowledged != scrapes.samples:
                    raise BenchmarkError(f"{system.name} acknowledged {acknowledged:,} of {scrapes.samples:,} samples")
                time.sleep(SETTLE_S)
                system.server.wait_idle()
            cpu = cpu_seconds(pid) - before
            check_samples(system, scrapes)
    _say(
        f"  {kind.name}: {acknowledged / cpu:,.0f} samples/CPU s ({cpu:.1f} CPU s, {at_last:.1f} at the last answer), "
        f"{acknowledged / wall:,.0f} samples/s, peak {curve.peak.rss_mb:.0f} MB"
    )
    return cpu, at_last, curve.peak.rss_mb


@contextlib.contextmanager
def _loaded(session: Session, scrapes: Scrapes) -> Iterator[dict[str, MetricSystem]]:
    """Every system running with the query data set, merged and idle."""
    with scratch(cache_dir()) as parent, contextlib.ExitStack() as stack:
        systems = {key: kind(parent / key) for key, kind in session.options.systems.items()}
        for system in systems.values():
            _say(f"{system.name}: loading {scrapes.samples:,} samples")
            with exclusive(session.options.lock):
                stack.enter_context(system.server)
                began = time.monotonic()
                send(system, requests(scrapes, 1), V1_HEADERS)
                _say(f"  {time.monotonic() - began:.0f} s")
                system.settle()
                time.sleep(SETTLE_S)
                system.server.wait_idle()
                check_samples(system, scrapes)
        yield systems


def bench_size_and_queries(session: Session) -> None:
    """Rows M2 and M3: a day of series."""
    if not session.wants("M2", "M3"):
        return
    scrapes = Scrapes(session.options.targets, session.options.query_scrapes)
    with _loaded(session, scrapes) as systems:
        if session.wants("M2"):
            session.add(
                Row("M2 disk", "B/sample", limit=0.9, details={"samples": scrapes.samples, "series": len(scrapes.labels)}),
                {key: Series((disk_bytes(system.folder) / scrapes.samples,)) for key, system in systems.items()},
            )
        if session.wants("M3"):
            for system in systems.values():
                system.server.wait_idle(quiet=2.0)
            bench_range_queries(session, systems, scrapes)


def bench_range_queries(session: Session, systems: Mapping[str, MetricSystem], scrapes: Scrapes) -> None:
    """Row M3: every query at every step, system by system in turns, the clock around the whole response."""
    connections = {key: system.http() for key, system in systems.items()}
    medians: dict[str, list[float]] = {key: [] for key in systems}
    for step in STEPS:
        _say(f"M3: step {step} s")
        start, end = scrapes.start_ms // 1000 // step * step + step, scrapes.end_ms // 1000 // step * step
        for name, query in RANGE_QUERIES.items():
            arguments = {"query": query, "start": str(start), "end": str(end), "step": f"{step}s"}
            times = _timed(
                session,
                systems,
                lambda key, arguments=arguments: systems[key].ask(connections[key], "query_range", **arguments),
            )
            session.add(Row(f"M3 {name}, {step} s", "ms"), times)
            for key, series in times.items():
                medians[key].append(series.median)
    asked = len(STEPS) * len(RANGE_QUERIES)
    complete = {key: Series((geometric_mean(values),)) for key, values in medians.items() if len(values) == asked}
    session.add(Row("M3 geometric mean", "ms", limit=0.8, details={"samples": scrapes.samples}), complete)


def _timed(
    session: Session, systems: Mapping[str, MetricSystem], ask: Callable[[str], bytes], same: bool = True
) -> dict[str, Series]:
    """Medians of ms by system; answers must hold equally many series."""
    times: dict[str, list[float]] = {key: [] for key in systems}
    found: dict[str, int] = {}
    with exclusive(session.options.lock):
        for run in range(session.options.runs + 1):
            for key in systems:
                began = time.perf_counter()
                payload = ask(key)
                elapsed = 1000 * (time.perf_counter() - began)
                if run:
                    times[key].append(elapsed)
                else:
                    # The first round warms up.
                    found[key] = series_in(payload)
    if not all(found.values()) or (same and len(set(found.values())) > 1):
        raise BenchmarkError(f"answers hold different numbers of series: {found}")
    return {key: Series(tuple(values)) for key, values in times.items()}


def bench_wide(session: Session) -> None:
    """Row M4: instant queries and metadata over very many active series."""
    if not session.wants("M4"):
        return
    options = session.options
    number = options.wide_series
    end_ms = int(time.time() * 1000) // INTERVAL_MS * INTERVAL_MS
    with scratch(cache_dir()) as parent, contextlib.ExitStack() as stack:
        systems = {key: kind(parent / key) for key, kind in options.systems.items()}
        memory: dict[str, Series] = {}
        for key, system in systems.items():
            _say(f"{system.name}: loading {number:,} series")
            with exclusive(options.lock):
                stack.enter_context(system.server)
                with MemoryCurve(system.server.pid) as curve:
                    began = time.monotonic()
                    send(system, wide(number, 3, end_ms), V1_HEADERS)
                    _say(f"  {time.monotonic() - began:.0f} s")
                    time.sleep(SETTLE_S)
                    system.server.wait_idle()
                memory[key] = Series((curve.peak.rss_mb,))
                found = system.count(end_ms, '{__name__=~"pod_requests_.*"}')
                if found != number:
                    raise BenchmarkError(f"{system.name} has {found:,} of {number:,} series")
        session.add(Row("M4 peak memory while loading", "MB", details={"series": number}), memory)
        at, day = f"{end_ms / 1000:.3f}", {"start": str(end_ms // 1000 - 3600), "end": str(end_ms // 1000)}
        questions: dict[str, tuple[str, dict[str, str]]] = {
            "count by": ("query", {"query": 'count by (job) ({__name__=~"pod_requests_.*"})', "time": at}),
            "topk": ("query", {"query": 'topk(10, {__name__=~"pod_requests_.*"})', "time": at}),
            "sum of one metric": ("query", {"query": "sum by (namespace) (pod_requests_3_total)", "time": at}),
            "label values": ("label/instance/values", day),
            "label values of a selector": ("label/pod/values", {**day, "match[]": '{namespace="ns-7"}'}),
            "series": ("series", {**day, "match[]": '{namespace="ns-7"}'}),
        }
        connections = {key: system.http() for key, system in systems.items()}
        medians: dict[str, list[float]] = {key: [] for key in systems}
        for name, (path, arguments) in questions.items():
            times = _timed(
                session,
                systems,
                lambda key, path=path, arguments=arguments: systems[key].ask(connections[key], path, **arguments),
            )
            session.add(Row(f"M4 {name}", "ms"), times)
            for key, series in times.items():
                medians[key].append(series.median)
        complete = {key: Series((geometric_mean(values),)) for key, values in medians.items()}
        session.add(Row("M4 geometric mean", "ms", limit=1.0, details={"series": number}), complete)


def _version(kind: type[MetricSystem]) -> str:
    binary = kind.binary()
    if binary is None:
        return "not installed"
    flag = "--version" if kind.name == "Nexus" else "-version"
    done = subprocess.run([binary, flag], capture_output=True, text=True, check=False)
    return (done.stdout.strip().splitlines() or ["unknown"])[-1]


def _options() -> tuple[Options, str]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--targets", type=int, default=50, help="targets of 100 series each")
    parser.add_argument("--write-scrapes", type=int, default=1_200, help="scrapes of each for M1")
    parser.add_argument("--query-scrapes", type=int, default=DAY_MS // INTERVAL_MS, help="scrapes of each for M2 and M3")
    parser.add_argument("--wide-series", type=int, default=1_000_000, help="series for M4")
    parser.add_argument("--only", default=",".join(ROWS), help="rows to measure, of " + ",".join(ROWS))
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="systems to measure")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small data, two runs")
    parser.add_argument("--lock", type=Path, help="a lock file to hold while measuring, on a shared machine")
    parser.add_argument("--name", default="metrics", help="write results/NAME.json")
    given = parser.parse_args()
    if unknown := set(given.only.split(",")) - set(ROWS):
        parser.error(f"unknown rows: {', '.join(sorted(unknown))}")
    if unknown := set(given.systems.split(",")) - set(SYSTEMS):
        parser.error(f"unknown systems: {', '.join(sorted(unknown))}")
    chosen = {key: kind for key, kind in SYSTEMS.items() if key in given.systems.split(",") and kind.binary()}
    options = Options(
        only=set(given.only.split(",")),
        systems=chosen,
        targets=given.targets,
        write_scrapes=given.write_scrapes,
        query_scrapes=given.query_scrapes,
        wide_series=given.wide_series,
        runs=given.runs,
        lock=given.lock,
    )
    if given.quick:
        options.targets, options.write_scrapes, options.query_scrapes = 10, 240, 960
        options.wide_series, options.runs = 50_000, 2
    return options, f"{given.name}-quick" if given.quick else given.name


def main() -> None:
    """Measure, print the table, write the JSON; a measurement that fails does not stop the others."""
    options, name = _options()
    session = Session(options)
    failures: list[str] = []
    try:
        for stage in (bench_write, bench_size_and_queries, bench_wide):
            try:
                stage(session)
            except BenchmarkError as error:
                failures.append(f"{stage.__name__}: {error}")
                _say(failures[-1])
    finally:
        print_table(session.rows, "VictoriaMetrics")
        write_results(
            name,
            session.rows,
            {"versions": {kind.name: _version(kind) for kind in SYSTEMS.values()}, "failures": failures},
        )
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
