"""Records per CPU second through syslog (UDP, TCP) and Fluent forward, of the whole server and of the decoders alone.

The load is the same RFC 5424 messages (some 190 bytes) on each way; CPU time is that of the server's process from the first
byte until everything is stored and it is quiet again. UDP is sent at a pace, and what the kernel dropped is shown.

Run ``python benchmarks/bench_sockets.py --messages 500000``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from harness import BenchmarkError, Http, Server, commit, cpu_seconds, free_ports, machine_class, scratch

TOKEN: Final = "bench"
SOURCE: Final = Path(__file__).resolve().parent.parent / "src"
FRAMES: Final = 200


def message(number: int) -> bytes:
    """One RFC 5424 message."""
    moment = f"2026-11-25T12:{number // 60 % 60:02d}:{number % 60:02d}.{number % 1_000_000:06d}Z"
    head = f"<{number * 7 % 192}>1 {moment} web{number % 20} checkout {1000 + number % 50} PAY"
    text = f"order {number} of customer {number % 9973} paid in {number % 977} ms from warehouse {number % 7}"
    return f'{head} [order@32473 id="{number}" region="eu"] {text}'.encode()


def by_udp(port: int, messages: list[bytes], rate: int) -> None:
    """One datagram a message, `rate` a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        began = time.monotonic()
        for number, one in enumerate(messages):
            with contextlib.suppress(ConnectionError):
                sock.send(one)
            if number % 500 == 0:
                time.sleep(max(0.0, number / rate - (time.monotonic() - began)))


def by_tcp(port: int, messages: list[bytes]) -> None:
    """Octet counting on one connection."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        for at in range(0, len(messages), FRAMES):
            sock.sendall(b"".join(b"%d %s" % (len(one), one) for one in messages[at : at + FRAMES]))


def by_forward(port: int, messages: list[bytes]) -> None:
    """PackedForward chunks of 2,000 records, acknowledged."""
    import msgpack

    with socket.create_connection(("127.0.0.1", port)) as sock:
        unpacker = msgpack.Unpacker()
        waiting = 0
        for at in range(0, len(messages), 2000):
            part = messages[at : at + 2000]
            entries = b"".join(
                msgpack.packb([1_795_000_000, {"log": one.decode(), "level": "info", "n": at + number}])
                for number, one in enumerate(part)
            )
            sock.sendall(msgpack.packb(["bench", entries, {"chunk": f"chunk-{at}"}]))
            waiting += 1
        while waiting:
            unpacker.feed(sock.recv(65536))
            waiting -= sum(1 for _ in unpacker)


def decoders(messages: list[bytes]) -> None:
    """The native decoders alone, single thread."""
    import msgpack

    sys.path.insert(0, str(SOURCE))
    from nexus import _native

    stream = b"".join(b"%d %s" % (len(one), one) for one in messages[:200_000])
    framer = _native.SyslogFramer("127.0.0.1", 1 << 17)
    began = time.process_time()
    bodies = []
    for at in range(0, len(stream), 256 << 10):
        framer.feed(stream[at : at + (256 << 10)])
        bodies.append(framer.take()[0])
    framed = time.process_time() - began
    began = time.process_time()
    count = sum(_native.decode_syslog(body, now_ns=time.time_ns()).accepted for body in bodies)
    taken = time.process_time() - began
    print(f"framing alone         {count / framed:>12,.0f} messages per CPU second")
    print(f"syslog decoder alone  {count / taken:>12,.0f} messages per CPU second")
    entries = b"".join(msgpack.packb([1, {"log": one.decode(), "level": "info"}]) for one in messages[:200_000])
    body = msgpack.packb(["bench", entries])
    began = time.process_time()
    count = _native.decode_forward(body, now_ns=time.time_ns(), limit=1 << 30).accepted
    taken = time.process_time() - began
    print(f"forward decoder alone {count / taken:>12,.0f} records per CPU second")


def measure(name: str, folder: Path, messages: list[bytes], send: Callable[[int, list[bytes]], None]) -> None:
    """One way, on a fresh server."""
    http, grpc, otlp, port = free_ports(4)
    receiver, _, protocol = name.partition("_")
    listener: dict[str, Any] = {
        "protocol": protocol or "tcp",
        "port": port,
        "tenant": "default",
        "networks": ["127.0.0.0/8"],
    }
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("NEXUS_")},
        "PYTHONPATH": str(SOURCE),
        "NEXUS_DATA_DIR": str(folder / name),
        "NEXUS_HTTP_PORT": str(http),
        "NEXUS_OTLP_GRPC_PORT": str(grpc),
        "NEXUS_OTLP_HTTP_PORT": str(otlp),
        "NEXUS_BOOTSTRAP_TOKEN": TOKEN,
        "NEXUS_SELF_TELEMETRY": "off",
        f"NEXUS_RECEIVERS_{receiver.upper()}": json.dumps([listener]),
    }
    with Server([sys.executable, "-m", "nexus", "up"], environment, folder, f"http://127.0.0.1:{http}/-/ready") as server:
        client = Http(http, {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})

        def stored() -> int:
            answer = client.request("POST", "/api/nexus/v1/logs/count", b'{"query": ""}')
            return int(json.loads(answer)["count"])

        server.wait_idle(quiet=2.0)
        before, began = cpu_seconds(server.pid), time.monotonic()
        send(port, messages)
        seen, still = -1, time.monotonic()
        while time.monotonic() - still < 3.0:
            time.sleep(0.5)
            if (now := stored()) != seen:
                seen, still = now, time.monotonic()
            if seen == len(messages):
                break
        elapsed = time.monotonic() - began
        used = cpu_seconds(server.pid) - before
        server.wait_idle(quiet=2.0)
        settled = cpu_seconds(server.pid) - before
        print(
            f"{name:<21} {seen / used:>12,.0f} records per CPU second until visible, {seen / settled:,.0f} with merges; "
            f"{seen:,} of {len(messages):,} in {elapsed:.1f} s"
        )
        client.close()


def main() -> int:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--udp-rate", type=int, default=50_000, help="datagrams a second")
    arguments = parser.parse_args()
    messages = [message(number) for number in range(arguments.messages)]
    size = sum(map(len, messages)) / len(messages)
    print(f"{machine_class()}, commit {commit()}; {len(messages):,} messages of {size:.0f} bytes")
    decoders(messages)
    try:
        with scratch(Path(tempfile.gettempdir())) as folder:
            measure("syslog_udp", folder, messages, partial(by_udp, rate=arguments.udp_rate))
            measure("syslog_tcp", folder, messages, by_tcp)
            measure("forward", folder, messages, by_forward)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
