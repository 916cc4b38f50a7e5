"""Row M5 of the targets: scraping 500 targets of 1,000 series each; CPU against Prometheus.

Run ``python benchmarks/bench_scrape.py --help``; see README.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from harness import (
    BenchmarkError,
    Row,
    Series,
    Server,
    cpu_seconds,
    exclusive,
    find_binary,
    free_ports,
    get,
    memory,
    print_table,
    scratch,
    write_results,
)
from logs_data import cache_dir

REPOSITORY: Final = Path(__file__).resolve().parents[1]
SERIES: Final = 1000
VARIANTS: Final = 8


# ------------------------------------------------------------------------------------------------------------- targets


def body(variant: int) -> bytes:
    """What a target says the n-th time: counters, gauges and classic histograms, 1,000 series in text format."""
    lines: list[str] = []
    count = 0
    family = 0
    while count < SERIES:
        kind = ("counter", "gauge", "histogram")[family % 3]
        name = f"app_subsystem_{family}_{'total' if kind == 'counter' else 'seconds'}"
        lines += [f"# HELP {name} What this family of metrics is about, in a sentence.", f"# TYPE {name} {kind}"]
        if kind == "histogram":
            for bound in ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"):
                lines.append(f'{name}_bucket{{handler="/api/v1/query",le="{bound}"}} {100_000 + 37 * variant + family}')
            lines += [
                f'{name}_sum{{handler="/api/v1/query"}} {1234.5 + variant * 1.25}',
                f'{name}_count{{handler="/api/v1/query"}} {100_000 + 37 * variant + family}',
            ]
            count += 14
        else:
            for number in range(10):
                value = 1_000_000 + 1013 * variant + number if kind == "counter" else (number + variant * 0.37) % 17
                lines.append(f'{name}{{method="GET",code="{200 + number}",path="/api/v1/resource/{number}"}} {value}')
            count += 10
        family += 1
    return ("\n".join(lines[: len(lines) - (count - SERIES)]) + "\n").encode()


class Target(asyncio.Protocol):
    """Answers every request on a kept connection with the next variant: nearly for nothing."""

    answers: Final = [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s"
        % (len(content), content)
        for content in map(body, range(VARIANTS))
    ]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A scraper has connected."""
        self.transport: Any = transport
        self.asked = b""
        self.number = 0

    def data_received(self, data: bytes) -> None:
        """A request, or a part of one."""
        self.asked += data
        while (end := self.asked.find(b"\r\n\r\n")) >= 0:
            self.asked = self.asked[end + 4 :]
            self.transport.write(self.answers[self.number % VARIANTS])
            self.number += 1


async def serve(port: int) -> None:
    """Be every target: all of 127.0.0.0/8 leads here."""
    server = await asyncio.get_running_loop().create_server(Target, "0.0.0.0", port, backlog=1024)
    await server.serve_forever()


def configuration(targets: int, interval: int, port: int) -> str:
    """The prometheus.yml that both read."""
    addresses = [f"127.0.{number // 250}.{number % 250 + 1}:{port}" for number in range(targets)]
    return json.dumps(
        {
            "global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{min(interval, 10)}s"},
            "scrape_configs": [{"job_name": "app", "static_configs": [{"targets": addresses}]}],
        }
    )


# ------------------------------------------------------------------------------------------------------------- systems


def nexus(folder: Path, config: Path) -> tuple[Server, str, dict[str, str]]:
    """Nexus with default settings but for its own telemetry: server, address, headers."""
    binary = find_binary("NEXUS_BIN", str(REPOSITORY / ".venv" / "bin" / "nexus"), "nexus")
    if binary is None:
        raise BenchmarkError("there is no nexus; set NEXUS_BIN")
    port, second, third = free_ports(3)
    token = secrets.token_hex(16)
    environment = {
        "NEXUS_DATA_DIR": str(folder),
        "NEXUS_HTTP_PORT": str(port),
        "NEXUS_OTLP_HTTP_PORT": str(second),
        "NEXUS_OTLP_GRPC_PORT": str(third),
        "NEXUS_BOOTSTRAP_TOKEN": token,
        "NEXUS_SELF_TELEMETRY": "off",
        "NEXUS_SCRAPE_FILE": str(config),
    }
    address = f"http://127.0.0.1:{port}"
    server = Server([binary, "up"], environment, folder, f"{address}/-/ready")
    return server, address, {"Authorization": f"Bearer {token}"}


def prometheus(folder: Path, config: Path) -> tuple[Server, str, dict[str, str]]:
    """Prometheus with default settings: server, address, headers."""
    binary = find_binary("PROMETHEUS_BIN", "prometheus")
    if binary is None:
        raise BenchmarkError("there is no prometheus; set PROMETHEUS_BIN")
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return Server(command, {}, folder, f"{address}/-/ready"), address, {}


SYSTEMS: Final = {"nexus": nexus, "prometheus": prometheus}


def ask(address: str, headers: dict[str, str], query: str) -> float:
    """The value of an instant query."""
    import urllib.parse
    import urllib.request

    request = urllib.request.Request(f"{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        result = json.load(answer)["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


def measure(name: str, folder: Path, config: Path, options: argparse.Namespace) -> Iterator[tuple[float, float]]:
    """(CPU milliseconds for each second of the clock, resident MB) of as many windows as are wanted."""
    server, address, headers = SYSTEMS[name](folder / name, config)
    with server:
        time.sleep(options.interval * 2)
        for _ in range(options.runs):
            began, used = time.monotonic(), cpu_seconds(server.pid)
            time.sleep(options.window)
            spent = (cpu_seconds(server.pid) - used) / (time.monotonic() - began)
            yield spent * 1000, memory(server.pid).rss_mb
        up, samples = ask(address, headers, "sum(up)"), ask(address, headers, "sum(scrape_samples_scraped)")
        if up != options.targets or samples != options.targets * SERIES:
            raise BenchmarkError(f"{name}: {up:g} targets are up with {samples:g} samples")


def main() -> int:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--systems", default="nexus,prometheus")
    parser.add_argument("--targets", type=int, default=500)
    parser.add_argument("--interval", type=int, default=15, help="seconds")
    parser.add_argument("--window", type=float, default=60.0, help="seconds of each run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lock", type=Path, help="hold this lock while measuring")
    parser.add_argument("--name", default="scrape")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return 0
    found: dict[str, tuple[Series, Series]] = {}
    notes: list[str] = []
    with exclusive(options.lock), scratch(cache_dir()) as folder:
        (port,) = free_ports(1)
        config = folder / "prometheus.yml"
        config.write_text(configuration(options.targets, options.interval, port))
        targets = subprocess.Popen([sys.executable, __file__, "--serve", str(port)])
        try:
            while True:
                try:
                    get(f"http://127.0.0.1:{port}/metrics")
                    break
                except OSError:
                    time.sleep(0.05)
            for name in options.systems.split(","):
                try:
                    windows = list(measure(name, folder, config, options))
                except BenchmarkError as error:
                    notes.append(str(error))
                    continue
                found[name] = (Series(tuple(cpu for cpu, _ in windows)), Series(tuple(resident for _, resident in windows)))
        finally:
            targets.terminate()
            targets.wait()
    ours, theirs = found.get("nexus"), found.get("prometheus")
    rows = [
        Row("M5 CPU of scraping", "ms/s", ours and ours[0], theirs and theirs[0], limit=1.0, note="; ".join(notes)),
        Row("M5 resident memory", "MB", ours and ours[1], theirs and theirs[1]),
    ]
    print_table(rows, "Prometheus")
    write_results(
        options.name,
        rows,
        {"targets": options.targets, "series": SERIES, "interval_s": options.interval, "window_s": options.window},
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
