"""Graphite and StatsD over their sockets: lines, networks, flushes, what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
from tests.unit.pipeline.memory import turns, until
from tests.unit.pipeline.metric_memory import MetricBench

from nexus.config import GraphiteConfig, StatsdConfig
from nexus.errors import ConfigError, DiskFull
from nexus.model.units import Duration
from nexus.pipeline.receivers.graphite import GraphiteReceiver
from nexus.pipeline.receivers.statsd import StatsdReceiver

LOCAL = ["127.0.0.0/8"]


def statsd(metrics: MetricBench, **options: object) -> StatsdReceiver:
    config = StatsdConfig(**{"tenant": "t", "networks": LOCAL, "port": 0, "flush_interval": Duration(3600), **options})  # type: ignore[arg-type]
    return StatsdReceiver(config, "127.0.0.1", metrics.pipeline)


def udp(port: int, *datagrams: bytes, host: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((host, 0))
        for datagram in datagrams:
            sender.sendto(datagram, ("127.0.0.1", port))


async def test_graphite_over_tcp(metrics: MetricBench) -> None:
    config = GraphiteConfig(tenant="t", networks=LOCAL, port=0)
    receiver = GraphiteReceiver(config, "127.0.0.1", metrics.pipeline)
    _, port = await receiver.start()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"a.b;dc=eu 1 1700000000\na.b;dc=eu 2 17000")
    await writer.drain()
    await turns()
    writer.write(b"00015\nbad\nlast 3")
    writer.close()
    await writer.wait_closed()
    while receiver.connections:
        await asyncio.sleep(0.01)
    await receiver.stop(60)
    values = metrics.store.values("t")
    assert values == {"a.b{dc=eu}": [1.0, 2.0], "last{}": [3.0]}
    assert metrics.counted("nexus_metrics_refused_samples_total", 'receiver="graphite_tcp"', "invalid_sample") == 1


async def test_graphite_over_udp_tries_again_when_the_store_is_full(metrics: MetricBench) -> None:
    config = GraphiteConfig(tenant="t", networks=["127.0.0.2"], port=0, protocol="udp")
    receiver = GraphiteReceiver(config, "127.0.0.1", metrics.pipeline)
    _, port = await receiver.start()
    metrics.store.failure = DiskFull("no room.", retry_after=0.01)
    udp(port, b"a 1", b"b 2\nc 3\n", host="127.0.0.2")
    udp(port, b"d 1")
    await until(lambda: sorted(metrics.store.values("t")) == ["a{}", "b{}", "c{}"])
    await turns()
    await receiver.stop(60)
    assert sorted(metrics.store.values("t")) == ["a{}", "b{}", "c{}"]
    assert metrics.counted("nexus_ingest_refused_requests_total", "network_not_allowed") == 1


async def test_a_line_without_end_ends_its_connection(metrics: MetricBench) -> None:
    receiver = GraphiteReceiver(GraphiteConfig(tenant="t", networks=LOCAL, port=0), "127.0.0.1", metrics.pipeline)
    _, port = await receiver.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"x" * 200_000)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    await receiver.stop(60)
    assert metrics.counted("nexus_ingest_refused_requests_total", "graphite_tcp", "overloaded") == 1


async def test_statsd_is_added_up_and_flushed(metrics: MetricBench) -> None:
    receiver = statsd(metrics, histogram_buckets=[0.1, 1.0])
    _, port = await receiver.start()
    udp(port, b"hits:1|c|#env:prod\nhits:2|c|#env:prod", b"took:50|ms", b"bad")
    await turns()
    await receiver.flush()
    udp(port, b"hits:4|c|#env:prod")
    await receiver.stop(60)
    values = metrics.store.values("t")
    assert values["hits{env=prod}"] == [3.0, 7.0]
    assert values["took_bucket{le=0.1}"] == [1.0, 1.0]
    assert metrics.counted("nexus_metrics_refused_samples_total", "statsd_udp", "invalid_sample") == 1


async def test_a_flush_that_fails_loses_no_count(metrics: MetricBench) -> None:
    receiver = statsd(metrics, protocol="tcp")
    _, port = await receiver.start()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hits:1|c\nhits:1|c\n")
    await writer.drain()
    await turns()
    metrics.store.failure = DiskFull("no room.")
    await receiver.flush()
    assert metrics.store.batches == []
    writer.write(b"hits:1|c")
    writer.close()
    await writer.wait_closed()
    await receiver.stop(60)
    assert metrics.store.values("t")["hits{}"] == [3.0]
    assert metrics.counted("nexus_metrics_refused_samples_total", "disk_full") == 1


async def test_statsd_over_a_unix_socket(metrics: MetricBench, tmp_path: Path) -> None:
    path = tmp_path / "statsd.sock"
    receiver = statsd(metrics, protocol="unix", path=str(path), networks=[])
    assert await receiver.start() == (str(path), 0)
    assert path.stat().st_mode & 0o777 == 0o660
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"users:ann|s\nusers:bob|s", str(path))
    await receiver.stop(60)
    assert metrics.store.values("t")["users{}"] == [2.0]
    assert not path.exists()
    # One that was left over is replaced, anything else is not.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(path))
    again = statsd(metrics, protocol="unix", path=str(path), networks=[])
    await again.start()
    await again.stop(5)
    path.write_text("a file")
    with pytest.raises(ConfigError, match="cannot listen on"):
        await statsd(metrics, protocol="unix", path=str(path), networks=[]).start()


async def test_series_are_bounded(metrics: MetricBench) -> None:
    receiver = statsd(metrics, max_series=2)
    _, port = await receiver.start()
    udp(port, b"\n".join(b"m%d:1|c" % number for number in range(5)))
    await receiver.stop(60)
    assert len(metrics.store.values("t")) == 2
    assert metrics.counted("nexus_metrics_refused_samples_total", "series_limit") == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "unix"}, "path"),
        ({"path": "/x"}, "path"),
        ({"networks": []}, "networks"),
        ({"flush_interval": Duration(0.5)}, "flush_interval"),
        ({"histogram_buckets": [2.0, 1.0]}, "histogram_buckets"),
    ],
)
def test_wrong_configuration_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StatsdConfig(**{"tenant": "t", "networks": LOCAL, **options})  # type: ignore[arg-type]
