"""Row L5 of the targets: how long after its 2xx a record reaches a client that follows it.

A sender process offers records at a steady rate in small batches on several connections; this process follows them on the
live WebSocket. Both read one clock. Run ``python benchmarks/bench_live.py --help``; see README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from websockets.asyncio.client import connect

from harness import BenchmarkError, Http, Row, Series, cpu_seconds, exclusive, print_table, scratch, write_results
from log_systems import Nexus
from logs_data import cache_dir

LIMIT_MS: Final = 500
WARM_UP_S: Final = 3.0
PATIENCE_S: Final = 30.0


@dataclass(frozen=True)
class Load:
    """What is sent: `rate` records a second for `seconds`, in batches, on so many connections."""

    rate: int
    seconds: float
    batch: int
    connections: int

    @property
    def batches(self) -> int:
        """Requests in all."""
        return int(self.rate * self.seconds) // self.batch


def _body(batch: int, size: int) -> bytes:
    lines = (
        {"_msg": f"request {batch}-{n} took {n} ms for user-{batch % 997}", "level": "info", "service": "shop",
         "n": batch * size + n, "http.method": "GET", "http.route": "/api/v1/orders", "status": 200}
        for n in range(size)
    )  # fmt: skip
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def send(port: int, headers: dict[str, str], path: str, load: Load, answers: Any) -> None:
    """Send the load, in a process of its own; puts (batch, clock at its 2xx) for each batch, then the last lateness."""
    began = time.monotonic() + 0.5
    acknowledged: list[tuple[int, float]] = []
    late = [0.0]
    lock = threading.Lock()

    def one(connection: int) -> None:
        http = Http(port, headers | {"Content-Type": "application/x-ndjson"})
        for batch in range(connection, load.batches, load.connections):
            body = _body(batch, load.batch)
            due = began + batch * load.batch / load.rate
            time.sleep(max(due - time.monotonic(), 0))
            with lock:
                late[0] = max(late[0], time.monotonic() - due)
            http.request("POST", path, body)
            with lock:
                acknowledged.append((batch, time.monotonic()))
        http.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(load.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put((acknowledged, late[0]))


async def follow(system: Nexus, load: Load, subscribed: threading.Event) -> tuple[dict[int, float], int]:
    """(clock at the arrival of each record, records dropped)."""
    arrived: dict[int, float] = {}
    dropped = 0
    url = f"ws://127.0.0.1:{system.port}{system.api}/live"
    async with connect(url, additional_headers=system.headers, max_size=None, compression=None) as socket:
        await socket.send(json.dumps({"type": "subscribe", "id": "l5", "query": "service:shop", "rate": 20_000}))
        if (first := json.loads(await socket.recv()))["type"] != "subscribed":
            raise BenchmarkError(f"not subscribed: {first}")
        subscribed.set()
        while len(arrived) + dropped < load.batches * load.batch:
            async with asyncio.timeout(PATIENCE_S):
                text = await socket.recv()
            now = time.monotonic()
            message = json.loads(text)
            dropped += message.get("dropped", 0)
            for record in message["records"]:
                arrived[record["attributes"]["n"]] = now
    return arrived, dropped


def measure(load: Load) -> dict[str, float]:
    """One run on a fresh server: milliseconds of delay by quantile, and what else is worth knowing."""
    context = multiprocessing.get_context("spawn")
    with scratch(cache_dir()) as folder:
        system = Nexus(folder / "nexus")
        with system.server:
            time.sleep(WARM_UP_S)
            answers: Any = context.Queue()
            path = f"{system.api}/ingest/logs"
            sender = context.Process(target=send, args=(system.port, system.headers, path, load, answers), daemon=True)
            subscribed = threading.Event()
            threading.Thread(target=lambda: subscribed.wait() and sender.start(), daemon=True).start()
            before = cpu_seconds(system.server.pid)
            try:
                arrived, dropped = asyncio.run(follow(system, load, subscribed))
            except TimeoutError:
                raise BenchmarkError(f"no record arrived for {PATIENCE_S:g} s") from None
            acknowledged, late = answers.get(timeout=PATIENCE_S)
            sender.join()
            cpu = cpu_seconds(system.server.pid) - before
    # What arrives before its sender has read the answer has no delay.
    delays = sorted(
        max(arrived[number] - clock, 0.0) * 1000
        for batch, clock in acknowledged
        for number in range(batch * load.batch, (batch + 1) * load.batch)
        if number in arrived
    )
    if not delays:
        raise BenchmarkError("no record arrived")
    return {
        "p50_ms": delays[len(delays) // 2],
        "p99_ms": delays[len(delays) * 99 // 100],
        "max_ms": delays[-1],
        "records": len(delays),
        "dropped": dropped,
        "sender_late_ms": late * 1000,
        "server_cpu_share": cpu / load.seconds,
    }


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=int, default=5000, help="records a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--batch", type=int, default=50, help="records of a request")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--lock", help="a lock file to hold while measuring, on a shared machine")
    parser.add_argument("--name", default="live", help="write results/NAME.json")
    given = parser.parse_args()
    load = Load(given.rate, given.seconds, given.batch, given.connections)
    runs: list[dict[str, float]] = []
    for _ in range(given.runs):
        with exclusive(given.lock):
            runs.append(measure(load))
        print("  " + ", ".join(f"{key} {value:,.1f}" for key, value in runs[-1].items()), file=sys.stderr, flush=True)

    def of(key: str) -> Series:
        return Series(tuple(run[key] for run in runs))

    rows = [
        Row("L5 live tail, p50 after the 2xx", "ms", of("p50_ms")),
        Row("L5 live tail, p99 after the 2xx", "ms", of("p99_ms"), limit=LIMIT_MS, absolute=True, details={"runs": runs}),
        Row("L5 live tail, longest", "ms", of("max_ms")),
        Row("L5 records dropped", "records", of("dropped"), limit=0, absolute=True),
    ]
    print_table(rows, "-")
    done = subprocess.run([Nexus.binary() or "nexus", "--version"], capture_output=True, text=True, check=False)
    write_results(given.name, rows, {"versions": {"Nexus": done.stdout.strip()}, "load": vars(given) | {"lock": None}})


if __name__ == "__main__":
    main()
