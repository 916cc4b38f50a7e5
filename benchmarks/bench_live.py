"""Row L5 of the targets: how long after its 2xx a record reaches a client that follows it.

A sender process offers records at a steady rate in small batches on several connections; this process follows them on the
live WebSocket. Both read one clock. With ``--browser`` it is the Logs page in Chromium that follows, as a person would: when
a record arrives in the page, and when the newest one is on the screen. Run ``python benchmarks/bench_live.py --help``; see
README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import connect

from harness import BenchmarkError, Http, Row, Series, cpu_seconds, exclusive, print_table, scratch, write_results
from log_systems import Nexus
from logs_data import cache_dir

LIMIT_MS: Final = 500
PASSWORD: Final = "benchmark-of-the-live-tail"
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


def quantiles(delays: list[float]) -> dict[str, float]:
    """Of milliseconds. What arrives before its sender has read the answer has no delay."""
    if not delays:
        raise BenchmarkError("no record arrived")
    ordered = sorted(max(delay, 0.0) for delay in delays)
    return {"p50_ms": ordered[len(ordered) // 2], "p99_ms": ordered[len(ordered) * 99 // 100], "max_ms": ordered[-1]}


def measure_browser(load: Load) -> dict[str, float]:
    """One run on a fresh server with the Logs page of Chromium: delays until records are in the page, and on the screen."""
    context = multiprocessing.get_context("spawn")
    epoch_ms = (time.time() - time.monotonic()) * 1000
    with scratch(cache_dir()) as folder:
        system = Nexus(folder / "nexus", PASSWORD)
        with system.server:
            time.sleep(WARM_UP_S)
            # Without any record the page says how to send some.
            Http(system.port, system.headers).request("POST", f"{system.api}/ingest/logs", b'{"_msg": "first"}')
            base = f"http://127.0.0.1:{system.port}"
            command = ["node", str(Path(__file__).with_name("live_browser.mjs"))]
            environment = {**os.environ, "NEXUS_URL": base, "NEXUS_PASSWORD": PASSWORD}
            with subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as browser:
                assert browser.stdin is not None and browser.stdout is not None
                if browser.stdout.readline().strip() != "ready":
                    raise BenchmarkError("the page did not go live")
                answers: Any = context.Queue()
                path = f"{system.api}/ingest/logs"
                sender = context.Process(target=send, args=(system.port, system.headers, path, load, answers), daemon=True)
                sender.start()
                acknowledged, late = answers.get(timeout=load.seconds + PATIENCE_S)
                sender.join()
                time.sleep(1.0)
                browser.stdin.write("\n")
                browser.stdin.flush()
                seen = json.loads(browser.stdout.readline())
    clocks = {batch: clock * 1000 + epoch_ms for batch, clock in acknowledged}
    arrived = quantiles([at - clocks[number // load.batch] for number, at in seen["arrived"]])
    shown = quantiles([at - clocks[batch] for batch, at in seen["shown"]])
    return {
        **arrived,
        **{f"shown_{key}": value for key, value in shown.items()},
        "records": len(seen["arrived"]),
        "frames": len(seen["shown"]),
        "dropped": seen["dropped"],
        "sender_late_ms": late * 1000,
    }


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
    delays = [
        (arrived[number] - clock) * 1000
        for batch, clock in acknowledged
        for number in range(batch * load.batch, (batch + 1) * load.batch)
        if number in arrived
    ]
    return {
        **quantiles(delays),
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
    parser.add_argument("--browser", action="store_true", help="follow with the Logs page in Chromium")
    parser.add_argument("--name", default="", help="write results/NAME.json (live, live-browser)")
    given = parser.parse_args()
    load = Load(given.rate, given.seconds, given.batch, given.connections)
    runs: list[dict[str, float]] = []
    for _ in range(given.runs):
        with exclusive(given.lock):
            runs.append(measure_browser(load) if given.browser else measure(load))
        print("  " + ", ".join(f"{key} {value:,.1f}" for key, value in runs[-1].items()), file=sys.stderr, flush=True)

    def of(key: str) -> Series:
        return Series(tuple(run[key] for run in runs))

    where = "live tail in a browser" if given.browser else "live tail"
    rows = [
        Row(f"L5 {where}, p50 after the 2xx", "ms", of("p50_ms")),
        Row(f"L5 {where}, p99 after the 2xx", "ms", of("p99_ms"), limit=LIMIT_MS, absolute=True, details={"runs": runs}),
        Row(f"L5 {where}, longest", "ms", of("max_ms")),
    ]
    if given.browser:
        # The page takes so many a second and says how many it left out.
        rows.append(Row("L5 newest row on the screen, p50 after its 2xx", "ms", of("shown_p50_ms")))
        rows.append(
            Row("L5 newest row on the screen, p99 after its 2xx", "ms", of("shown_p99_ms"), limit=LIMIT_MS, absolute=True)
        )
        rows.append(Row("L5 records left out by the page's rate", "records", of("dropped")))
    else:
        rows.append(Row("L5 records dropped", "records", of("dropped"), limit=0, absolute=True))
    print_table(rows, "-")
    done = subprocess.run([Nexus.binary() or "nexus", "--version"], capture_output=True, text=True, check=False)
    write_results(
        given.name or ("live-browser" if given.browser else "live"),
        rows,
        {"versions": {"Nexus": done.stdout.strip()}, "load": vars(given) | {"lock": None}},
    )


if __name__ == "__main__":
    main()
