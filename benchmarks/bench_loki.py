"""Latencies of Loki's query API, as Grafana and logcli ask it, on a store that is there already.

``bench_logs.py --reuse`` leaves such a store in its cache. A Nexus is started on it: give a copy to
keep it as it is.

    python benchmarks/bench_loki.py /path/to/store

Prints, per question, the median, the slowest and the fewest milliseconds of several runs around the whole HTTP response on
one keep-alive connection, one after the other, after a warm-up. Counts that the questions have in common must agree.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from harness import BenchmarkError, Http, Row, Series, write_results
from log_systems import Nexus

API: Final = "/loki/api/v1"
HOUR: Final = 3600 * 10**9
ALL: Final = '{service_name=~".+"}'


@dataclass(frozen=True)
class Question:
    """A request below the API, and how many records its answer accounts for (None: not a matter of counting)."""

    name: str
    path: str
    arguments: dict[str, Any]
    counted: Callable[[Any], int] | None = None


def _samples(document: Any) -> int:
    return sum(int(value) for one in document["data"]["result"] for _, value in one["values"])


def _entries(document: Any) -> int:
    return sum(len(one["values"]) for one in document["data"]["result"])


def questions(first: int, last: int, service: str) -> list[Question]:
    """Everything that is asked, over all records or the newest hour of them; `first` and `last` are ns."""
    day = {"start": first, "end": last + 1}
    hour = {"start": last - HOUR, "end": last + 1}
    # Windows of an hour that end at every hour after the first record: together they hold each record once.
    hours = -(-(last - first + 1) // HOUR)
    steps = {"start": first - 1 + HOUR, "end": first - 1 + hours * HOUR, "step": 3600}
    one = f'{{service_name="{service}"}}'
    return [
        Question("histogram by level, day", "query_range",
                 {"query": f"sum by (level) (count_over_time({ALL}[1h]))", **steps}, _samples),
        Question("histogram by level and word, day", "query_range",
                 {"query": f'sum by (level) (count_over_time({ALL} |= "completed" [1h]))', **steps}),
        Question("rate of one service, 5 m windows, day", "query_range",
                 {"query": f"sum(rate({one}[5m]))", **day, "step": 300}),
        Question("newest 100, day", "query_range", {"query": ALL, "limit": 100, **day}, _entries),
        Question("word, newest 100, day", "query_range", {"query": f'{ALL} |= "completed"', "limit": 100, **day}, _entries),
        Question("rare word, newest 100, day", "query_range", {"query": f'{ALL} |= "splitbrain"', "limit": 100, **day}),
        Question("rare word, oldest 100, day", "query_range",
                 {"query": f'{ALL} |= "splitbrain"', "limit": 100, "direction": "forward", **day}),
        Question("parser and filter, newest 100, hour", "query_range",
                 {"query": f'{ALL} | logfmt | bytes > 90000 | line_format "{{{{.route}}}} {{{{.bytes}}}}"',
                  "limit": 100, **hour}),
        Question("parser, counts by a parsed label, hour", "query_range",
                 {"query": f'sum by (route) (count_over_time({one} |= "upstream=" | logfmt [1m]))', **hour, "step": 60}),
        Question("parser, quantile of a parsed number, hour", "query_range",
                 {"query": f'quantile_over_time(0.99, {one} |= "bytes=" | logfmt | unwrap bytes | __error__="" [5m])'
                           ' by (service_name)', **hour, "step": 300}),
        Question("labels, day", "labels", day),
        Question("values of service_name, day", "label/service_name/values", day),
        Question("series, day", "series", {"match[]": ALL, **day}),
        Question("stats, day", "index/stats", {"query": ALL, **day}, lambda document: int(document["entries"])),
        Question("volume, day", "index/volume", {"query": ALL, **day}),
        Question("volume over time, day", "index/volume_range", {"query": ALL, **day, "step": 3600}),
        Question("detected labels, day", "detected_labels", day),
        Question("detected fields, day", "detected_fields", {"query": ALL, **day}),
        Question("patterns of one service, hour", "patterns", {"query": one, **hour}),
        Question("patterns of everything, day", "patterns", {"query": ALL, **day, "step": 3600, "limit": 100_000},
                 lambda document: sum(count for one in document["data"] for _, count in one["samples"])),
    ]  # fmt: skip


def bounds(http: Http) -> tuple[int, int, int, str]:
    """(first ns, last ns, records, busiest service) of the store."""

    def ask(path: str, **arguments: Any) -> Any:
        return json.loads(http.request("GET", f"{API}/{path}?{urlencode(arguments)}"))

    def moment(direction: str) -> int:
        found = ask("query_range", query=ALL, limit=1, direction=direction, start=0, end=time.time_ns())["data"]["result"]
        if not found:
            raise BenchmarkError("the store holds no records")
        return int(found[0]["values"][0][0])

    first, last = moment("forward"), moment("backward")
    total = int(ask("index/stats", query=ALL, start=first, end=last + 1)["entries"])
    volume = ask("index/volume", query=ALL, start=first, end=last + 1, limit=1)["data"]["result"]
    return first, last, total, volume[0]["metric"]["service_name"]


def measure(http: Http, runs: int, only: str) -> list[Row]:
    """Ask everything and print."""
    first, last, total, service = bounds(http)
    print(f"{total:,} records in {(last - first) / HOUR:.1f} h, service {service}")
    print(f"{'':<46} {'median':>8} {'max':>8} {'min':>8} ms")
    rows = []
    wanted = {"histogram by level, day": total, "stats, day": total, "patterns of everything, day": total,
              "newest 100, day": 100, "word, newest 100, day": 100}  # fmt: skip
    for one in questions(first, last, service):
        if only not in one.name:
            continue
        path = f"{API}/{one.path}?{urlencode(one.arguments)}"
        times, answer = [], b""
        for _ in range(runs + 1):
            began = time.perf_counter()
            answer = http.request("GET", path)
            times.append((time.perf_counter() - began) * 1000)
        if one.counted is not None and (found := one.counted(json.loads(answer))) != wanted[one.name]:
            raise BenchmarkError(f"{one.name}: {found} instead of {wanted[one.name]}")
        series = Series(tuple(times[1:]))
        print(
            f"{one.name:<46} {series.median:8.1f} {max(series.values):8.1f} {min(series.values):8.1f}   {len(answer):,} B",
            flush=True,
        )
        rows.append(Row(one.name, "ms", series, details={"request": f"{one.path}?{urlencode(one.arguments)}"}))
    return rows


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="questions whose name holds this text")
    parser.add_argument("--name", help="write results/NAME.json")
    given = parser.parse_args()
    system = Nexus(given.folder)
    with system.server:
        http = Http(system.port, system.headers)
        rows = measure(http, given.runs, given.only)
        http.close()
    if given.name:
        path = write_results(given.name, rows, {})
        print(f"written: {path.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
