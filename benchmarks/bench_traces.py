"""Rows T1-T3 of the targets: trace ingest, size and questions, against VictoriaTraces and Jaeger.

Run ``python benchmarks/bench_traces.py --help``; see README.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import load_client
from harness import (
    BenchmarkError,
    MemoryCurve,
    Row,
    Series,
    cpu_seconds,
    disk_bytes,
    exclusive,
    print_table,
    scratch,
    write_results,
)
from logs_data import cache_dir
from trace_systems import QUESTIONS, SEARCHES, SYSTEMS, Answer, NexusAsJaeger, TraceSystem, Unsupported
from traces_data import BLOCK_SPANS, NEWEST, TraceSet, Truth, describe, otlp_traces

ROWS: Final = ("T1", "T2", "T3")
CONNECTIONS: Final = 4
SETTLE_S: Final = 12.0
"""Pause before the wait for idleness: VictoriaTraces keeps spans in memory for some seconds without using CPU."""
RIVALS: Final = {key: kind.name for key, kind in SYSTEMS.items() if key != "nexus"}
GONE_S: Final = 120.0
"""Longest wait until merged files are gone."""
CALLS_OFF: Final = 0.03
"""How far the calls of an edge may be from the truth, ..."""
EXTRAPOLATED_S: Final = 8.0
"""... and seconds of the load by which they may be: PromQL's rates reach beyond first and last sample by half of their mean
distance, which matters when a load was short."""


@dataclass(frozen=True)
class Ingest:
    """One load of a fresh server, from the first byte sent until the server was idle."""

    spans: int
    cpu_s: float
    cpu_at_last_answer_s: float
    wall_s: float
    disk: int
    peak_mb: float
    latency_ms: dict[str, float]


@dataclass
class Options:
    """What to run. Jaeger gets fewer spans: with Badger it takes six thousand a second."""

    only: set[str]
    systems: dict[str, type[TraceSystem]]
    spans_ingest: dict[str, int]
    spans_query: dict[str, int]
    runs: int
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

    def add(self, row: Row, values: Mapping[str, Series]) -> None:
        """Add a row; it is compared with the better rival. A system without a value says why."""
        row.nexus = values.get("nexus")
        row.rivals = {name: values[key] for key, name in RIVALS.items() if key in values}
        if row.rivals:
            best = min if row.at_most else max
            row.rival = best(row.rivals.values(), key=lambda series: series.median)
        missing = [
            f"{kind.name} {'not installed' if kind.binary() is None else 'not run'}"
            for key, kind in SYSTEMS.items()
            if key not in values and kind.name not in row.note
        ]
        row.note = "; ".join(filter(None, (row.note, *missing)))
        self.rows.append(row)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ingest(system: TraceSystem, traces: TraceSet) -> Ingest:
    """Send the bodies to a running, idle server and wait until it is idle again; its count must then be theirs."""
    pid = system.server.pid
    system.server.wait_idle(quiet=2.0)
    job = load_client.Job(
        port=system.otlp_port,
        path=system.otlp_path,
        bodies=load_client.bodies_of(traces.bodies),
        headers=system.headers | {"Content-Type": "application/x-protobuf"},
        connections=CONNECTIONS,
    )
    before = cpu_seconds(pid)
    with MemoryCurve(pid) as curve:
        report = load_client.run(job)
        system.loaded_ns, system.load_s = time.time_ns(), report.seconds
        at_last_answer = cpu_seconds(pid) - before
        if report.acknowledged != traces.spans:
            raise BenchmarkError(
                f"{system.name} acknowledged {report.acknowledged} of {traces.spans} spans: {report.statuses}"
            )
        system.flush()
        time.sleep(SETTLE_S)
        system.server.wait_idle(timeout=1_200.0)
    cpu = cpu_seconds(pid) - before
    stored = system.count(traces)
    if stored != traces.spans:
        raise BenchmarkError(f"{system.name} stored {stored} of {traces.spans} acknowledged spans")
    disk = settled_disk(system)
    return Ingest(traces.spans, cpu, at_last_answer, report.seconds, disk, curve.peak.rss_mb, report.latency_ms)


def settled_disk(system: TraceSystem) -> int:
    """Bytes on disk once files that were merged are gone: an engine keeps them for some seconds, without using CPU."""
    sizes = [disk_bytes(system.folder)]
    deadline = time.monotonic() + GONE_S
    while time.monotonic() < deadline and (len(sizes) < 5 or max(sizes[-5:]) > 1.01 * min(sizes[-5:])):
        time.sleep(3.0)
        sizes.append(disk_bytes(system.folder))
    return system.disk()


def bench_ingest(session: Session) -> None:
    """Rows T1 and T2: load fresh servers, system by system in turns, so that a slow minute of the machine hits all."""
    if not session.wants("T1", "T2"):
        return
    options = session.options
    results: dict[str, list[Ingest]] = {key: [] for key in options.systems}
    for run in range(options.runs):
        for key, kind in options.systems.items():
            traces = otlp_traces(options.spans_ingest[key])
            if not run:
                _say(f"T1: {traces.spans:,} spans for {kind.name}")
            with exclusive(options.lock), scratch(cache_dir()) as folder:
                system = kind(folder / key)
                with system.server:
                    result = ingest(system, traces)
            results[key].append(result)
            _say(
                f"  {kind.name}: {result.spans / result.cpu_s:,.0f} spans/CPU s ({result.cpu_s:.1f} CPU s, "
                f"{result.cpu_at_last_answer_s:.1f} at the last answer), {result.spans / result.wall_s:,.0f} spans/s, "
                f"{result.disk / result.spans:.1f} B/span, peak {result.peak_mb:.0f} MB"
            )

    def of(pick: Callable[[Ingest], float]) -> dict[str, Series]:
        return {key: Series(tuple(map(pick, runs))) for key, runs in results.items() if runs}

    details = {"spans": options.spans_ingest}
    if session.wants("T1"):
        latency = {key: runs[-1].latency_ms for key, runs in results.items() if runs}
        session.add(
            Row("T1 OTLP in", "spans/CPU s", limit=2.0, at_most=False, details=details),
            of(lambda run: run.spans / run.cpu_s),
        )
        session.add(
            Row("T1 OTLP in, until the last answer", "spans/CPU s", at_most=False),
            of(lambda run: run.spans / run.cpu_at_last_answer_s),
        )
        session.add(
            Row("T1 OTLP in, wall", "spans/s", at_most=False, details={"request_latency_ms": latency}),
            of(lambda run: run.spans / run.wall_s),
        )
        session.add(Row("T1 peak memory", "MB"), of(lambda run: run.peak_mb))
    if session.wants("T2"):
        session.add(Row("T2 disk", "B/span", limit=50, absolute=True, details=details), of(lambda run: run.disk / run.spans))


@contextlib.contextmanager
def _store(session: Session, key: str, traces: TraceSet, parent: Path) -> Iterator[TraceSystem]:
    """Yield a system, not started, that holds the whole query data set; its store is kept when asked to."""
    folder = (cache_dir() / "stores" if session.options.reuse else parent) / f"traces-{key}-{traces.spans}"
    done = folder.parent / f"{folder.name}.json"
    system = session.options.systems[key](folder)
    if not (session.options.reuse and done.exists()):
        shutil.rmtree(folder, ignore_errors=True)
        _say(f"{system.name}: loading {traces.spans:,} spans")
        with exclusive(session.options.lock), system.server:
            result = ingest(system, traces)
        about = {"disk": result.disk, "loaded_ns": system.loaded_ns, "load_s": system.load_s}
        done.write_text(json.dumps(about))
        _say(f"  {result.spans / result.cpu_s:,.0f} spans/CPU s, {result.disk / result.spans:.1f} B/span")
    about = json.loads(done.read_text())
    system.loaded_ns, system.load_s = about["loaded_ns"], about["load_s"]
    yield system


def check(question: str, answer: Answer, truth: Truth, trace_id: str, system: TraceSystem, *, exact: bool) -> None:
    """Compare an answer with what is known of the data. `exact`: the newest traces have one right order."""
    if question == "trace by id":
        if (spans := sorted(answer.spans[trace_id])) != truth.known[trace_id]:
            raise BenchmarkError(f"{question}: {len(spans)} spans instead of {len(truth.known[trace_id])}")
        return
    if question == "service map":
        check_calls(answer.calls, truth, CALLS_OFF + (EXTRAPOLATED_S / system.load_s if system.load_s else 0.0))
        return
    expected = {
        "attribute, rare value": [trace for trace, _ in truth.rare][:NEWEST],
        "attribute, common value": truth.common_newest,
        "duration": truth.long_newest,
    }[question]
    if len(set(answer.traces)) != len(expected) or len(answer.traces) != len(expected):
        raise BenchmarkError(f"{question}: {len(answer.traces)} traces instead of {len(expected)}")
    if wrong := [trace for trace, matches in answer.matching.items() if not matches]:
        raise BenchmarkError(f"{question}: trace {wrong[0]} does not match")
    if exact and answer.traces != expected:
        raise BenchmarkError(f"{question}: {answer.traces[:3]} ... instead of {expected[:3]} ...")


def check_calls(calls: Mapping[tuple[str, str], float], truth: Truth, may_be_off: float) -> None:
    """Every edge between services with its number of calls; what databases and queues are called differs by system."""
    services = set(truth.services)
    found = {edge: calls for edge, calls in calls.items() if set(edge) <= services}
    if set(found) != set(truth.edges):
        raise BenchmarkError(f"service map: edges {sorted(set(found) ^ set(truth.edges))} are missing or too many")
    off = {edge: calls / truth.edges[edge] for edge, calls in found.items()}
    worst = max(off, key=lambda edge: abs(off[edge] - 1))
    if abs(off[worst] - 1) > may_be_off:
        raise BenchmarkError(f"service map: {found[worst]:,.0f} calls of {worst}, not {truth.edges[worst]:,}")


Asked = tuple[TraceSystem | type[NexusAsJaeger], TraceSystem, TraceSet]
"""Who translates question and answer, who is asked, what it holds."""


def bench_questions(session: Session, systems: Mapping[str, tuple[TraceSystem, TraceSet]]) -> None:
    """Row T3: every question to every system in turns, sequentially, the clock around the whole response. A trace is another
    one in each round."""
    with contextlib.ExitStack() as stack:
        for system, _ in systems.values():
            stack.enter_context(system.server)
        for system, _ in systems.values():
            system.server.wait_idle(quiet=2.0)
        asked: dict[str, Asked] = {key: (system, system, traces) for key, (system, traces) in systems.items()}
        if "nexus" in systems:
            asked["nexus by Jaeger's API"] = (NexusAsJaeger, *systems["nexus"])
        for question, target in QUESTIONS.items():
            # The map by Jaeger's API is the same one; it is not asked for twice.
            forms = {key: one for key, one in asked.items() if key in systems or question != "service map"}
            times, notes = _ask_all(session, question, forms)
            series = {key: Series(tuple(values)) for key, values in times.items() if values}
            told = [note for key, note in notes.items() if key in systems]
            row = Row(f"T3 {question}", "ms", limit=target, absolute=True, note="; ".join(told))
            row.details = {"spans": session.options.spans_query}
            session.add(row, series)
            again = Row(f"T3 {question}, Jaeger's API", "ms", note=notes.get("nexus by Jaeger's API", ""))
            if "nexus by Jaeger's API" in series:
                session.add(again, series | {"nexus": series["nexus by Jaeger's API"]})


def _ask_all(session: Session, question: str, asked: Mapping[str, Asked]) -> tuple[dict[str, list[float]], dict[str, str]]:
    """(ms of each run, why there is none) by system."""
    times: dict[str, list[float]] = {key: [] for key in asked}
    notes: dict[str, str] = {}
    connections = {key: system.http() for key, (_, system, _) in asked.items()}
    with exclusive(session.options.lock):
        for run in range(session.options.runs + 1):
            for key, (form, system, traces) in asked.items():
                if key in notes:
                    continue
                known = list(traces.truth.known)
                trace_id = known[(2 * run + 1) * len(known) // (2 * session.options.runs + 3)]
                began = time.perf_counter()
                try:
                    payload = form.ask(connections[key], question, traces, trace_id)
                    elapsed = time.perf_counter() - began
                    exact = system.exact and form is system
                    check(question, form.answer(question, payload), traces.truth, trace_id, system, exact=exact)
                except Unsupported as error:
                    notes[key] = str(error)
                except (BenchmarkError, LookupError, TypeError, ValueError) as error:
                    notes[key] = f"{form.name} failed: {str(error).strip() or type(error).__name__}"
                else:
                    # The first round warms up.
                    if run:
                        times[key].append(1000 * elapsed)
                    continue
                times[key].clear()
                _say(f"  {question}: {notes[key]}")
    return times, notes


def bench_on_store(session: Session) -> None:
    """Rows T2 (large) and T3: everything that needs the query data set in a store."""
    if not session.wants("T3"):
        return
    options = session.options
    with scratch(cache_dir()) as parent, contextlib.ExitStack() as stack:
        systems = {}
        # Nexus last: its service map is of the hour in which the spans came.
        for key in sorted(options.systems, key=lambda key: key == "nexus"):
            traces = otlp_traces(options.spans_query[key])
            systems[key] = (stack.enter_context(_store(session, key, traces, parent)), traces)
        if session.wants("T2"):
            sizes = {
                key: json.loads((system.folder.parent / f"{system.folder.name}.json").read_text())["disk"] / traces.spans
                for key, (system, traces) in systems.items()
            }
            row = Row("T2 disk, query data set", "B/span", limit=50, absolute=True, details={"spans": options.spans_query})
            session.add(row, {key: Series((size,)) for key, size in sizes.items()})
        _say("T3")
        bench_questions(session, {key: systems[key] for key in options.systems})


def _options() -> tuple[Options, str]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--spans-ingest", type=int, default=1_000_000)
    parser.add_argument("--spans-query", type=int, default=10_000_000)
    parser.add_argument("--jaeger-spans-ingest", type=int, default=100_000)
    parser.add_argument("--jaeger-spans-query", type=int, default=500_000)
    parser.add_argument("--only", default=",".join(ROWS), help="rows to measure, of " + ",".join(ROWS))
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="systems to measure")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small data, two runs")
    parser.add_argument("--reuse", action="store_true", help="keep the loaded stores in the cache and use them again")
    parser.add_argument("--lock", type=Path, help="a lock file to hold while measuring, on a shared machine")
    parser.add_argument("--name", default="traces", help="write results/NAME.json")
    given = parser.parse_args()
    if unknown := set(given.only.split(",")) - set(ROWS):
        parser.error(f"unknown rows: {', '.join(sorted(unknown))}")
    if unknown := set(given.systems.split(",")) - set(SYSTEMS):
        parser.error(f"unknown systems: {', '.join(sorted(unknown))}")
    if given.quick:
        given.spans_ingest = given.spans_query = 200_000
        given.jaeger_spans_ingest, given.jaeger_spans_query = 50_000, 150_000
        given.runs = 2
    for spans in (given.spans_ingest, given.spans_query, given.jaeger_spans_ingest, given.jaeger_spans_query):
        if spans % BLOCK_SPANS:
            parser.error(f"numbers of spans must be multiples of {BLOCK_SPANS:,}")
    chosen = {key: kind for key, kind in SYSTEMS.items() if key in given.systems.split(",") and kind.binary()}
    options = Options(
        only=set(given.only.split(",")),
        systems=chosen,
        spans_ingest={key: given.jaeger_spans_ingest if key == "jaeger" else given.spans_ingest for key in chosen},
        spans_query={key: given.jaeger_spans_query if key == "jaeger" else given.spans_query for key in chosen},
        runs=given.runs,
        reuse=given.reuse,
        lock=given.lock,
    )
    return options, f"{given.name}-quick" if given.quick else given.name


def main() -> None:
    """Measure, print the table, write the JSON; a measurement that fails does not stop the others."""
    options, name = _options()
    session = Session(options)
    failures: list[str] = []
    try:
        for stage in (bench_ingest, bench_on_store):
            try:
                stage(session)
            except BenchmarkError as error:
                failures.append(f"{stage.__name__}: {error}")
                _say(failures[-1])
    finally:
        print_table(session.rows, *RIVALS.values())
        for what, spans in (("T1", options.spans_ingest), ("T2 and T3 of the query data set", options.spans_query)):
            print(f"{what}: " + ", ".join(f"{SYSTEMS[key].name} {count:,} spans" for key, count in spans.items()))
        about: dict[str, Any] = {
            "versions": {kind.name: kind.version() for kind in SYSTEMS.values()},
            "data": describe(otlp_traces(max(options.spans_ingest.values(), default=BLOCK_SPANS))),
            "searches": {question: repr(search) for question, search in SEARCHES.items()},
            "failures": failures,
        }
        write_results(name, session.rows, about)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
