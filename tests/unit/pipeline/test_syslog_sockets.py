"""UDP sockets: batches of datagrams, networks, drops; and zones of senders without one."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.unit.pipeline.memory import Bench, until

from nexus.config import SyslogConfig
from nexus.pipeline.receivers.datagrams import kernel_drops
from nexus.pipeline.receivers.forward import ack, chunk_key, helo, pong
from nexus.pipeline.receivers.listener import Networks
from nexus.pipeline.receivers.syslog import SyslogReceiver, zone_changes

CONFIG = SyslogConfig(protocol="udp", port=0, tenant="t", networks=["127.0.0.0/8"])


def counted(bench: Bench, name: str, *labels: str) -> float:
    found = [
        point.value for point in bench.registry.points() if point.name == name and tuple(point.labels.values()) == labels
    ]
    return sum(found)


async def test_datagrams_of_several_senders_are_one_batch(bench: Bench) -> None:
    receiver = SyslogReceiver(CONFIG, "127.0.0.1", bench.topology)
    _, port = await receiver.start()
    senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for number, sender in enumerate(senders):
        sender.bind((f"127.0.0.{number + 1}", 0))
    for number in range(300):
        senders[number % 3].sendto(b"<13>message %d" % number, ("127.0.0.1", port))
    senders[0].sendto(b"", ("127.0.0.1", port))
    await receiver.stop(60)
    assert bench.store.records == 300
    assert counted(bench, "nexus_ingest_rejected_records_total", "t", "syslog_udp", "invalid_record") == 1


async def test_a_full_buffer_costs_datagrams_and_is_counted(bench: Bench) -> None:
    bench.store.gate.clear()
    config = msgspec.structs.replace(CONFIG, buffer_bytes=1000)
    receiver = SyslogReceiver(config, "127.0.0.1", bench.topology)
    _, port = await receiver.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"<13>" + b"x" * 2000, ("127.0.0.1", port))
        await until(lambda: bench.store.waiting == 1)
        for _ in range(10):
            sender.sendto(b"<13>y", ("127.0.0.1", port))
        await until(lambda: counted(bench, "nexus_ingest_rejected_records_total", "t", "syslog_udp", "buffer_full") == 10)
    bench.store.gate.set()
    await receiver.stop(60)
    assert bench.store.records == 1
    assert counted(bench, "nexus_ingest_rejected_records_total", "t", "syslog_udp", "buffer_full") == 10


async def test_other_networks_and_long_datagrams(bench: Bench) -> None:
    config = msgspec.structs.replace(CONFIG, networks=["127.0.0.2"], max_message_bytes=1024)
    receiver = SyslogReceiver(config, "127.0.0.1", bench.topology)
    _, port = await receiver.start()
    for host in ("127.0.0.1", "127.0.0.2"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((host, 0))
            sender.sendto(b"<13>" + b"x" * 5000, ("127.0.0.1", port))
    await receiver.stop(60)
    assert bench.store.records == 1
    assert counted(bench, "nexus_ingest_refused_requests_total", "syslog_udp", "network_not_allowed") == 1
    assert counted(bench, "nexus_ingest_truncated_records_total", "t", "syslog_udp") == 1


@pytest.mark.skipif(not Path("/proc/net/udp").is_file(), reason="needs Linux")
def test_the_kernel_says_what_it_dropped() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        receiver.bind(("127.0.0.1", 0))
        if kernel_drops(receiver) is None:
            pytest.skip("the kernel does not list this socket")
        assert kernel_drops(receiver) == 0
        for _ in range(200):
            sender.sendto(b"x" * 1000, receiver.getsockname())
        assert (kernel_drops(receiver) or 0) > 100


def test_networks() -> None:
    networks = Networks(["10.0.0.0/8", "fd00::/8", "192.0.2.7"])
    assert networks.admit("10.1.2.3") == "10.1.2.3"
    assert networks.admit("::ffff:10.1.2.3") == "10.1.2.3"
    assert networks.admit("fd00::1%eth0") == "fd00::1"
    assert networks.admit("192.0.2.7") == "192.0.2.7"
    for host in ("192.0.2.8", "11.0.0.1", "::1", "nonsense"):
        assert networks.admit(host) == ""


def test_zones() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    berlin = zone_changes("Europe/Berlin", now)
    at = dict(berlin[1:])
    assert at[int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp())] == 7200
    assert at[int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp())] == 3600
    assert zone_changes("UTC", now) == []
    assert [offset for _, offset in zone_changes("Asia/Kolkata", now)] == [19800]


def test_messages_to_forward_clients() -> None:
    msgpack = pytest.importorskip("msgpack")
    unpack = msgpack.unpackb
    assert unpack(helo(b"n" * 16, b"")) == ["HELO", {"nonce": b"n" * 16, "auth": "", "keepalive": True}]
    assert unpack(helo(b"n" * 16, b"s"))[1]["auth"] == b"s"
    assert unpack(pong("", b"nexus", b"f" * 128)) == ["PONG", True, "", "nexus", "f" * 128]
    assert unpack(pong("no", b"n" * 300, b"")) == ["PONG", False, "no", "n" * 300, ""]
    assert unpack(ack(b"abc")) == {"ack": "abc"}
    assert unpack(ack(b"\xff" * 300), raw=True) == {b"ack": b"\xff" * 300}


def test_chunk_keys_are_keys() -> None:
    assert chunk_key(b"p8n9gmxTQVC8/nh2wlKKeQ==") == "forward/p8n9gmxTQVC8/nh2wlKKeQ=="
    for odd in (b"\xff\x00", b"x" * 300, "é".encode()):
        key = chunk_key(odd)
        assert key.startswith("forward/sha256:") and key.isprintable() and len(key) < 200
