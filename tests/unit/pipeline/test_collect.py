"""The collector: pieces become bodies, overload waits or costs records, a stop stores what is there."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.unit.pipeline.memory import Bench

from nexus import _native
from nexus.errors import Overloaded, TokenReused
from nexus.pipeline.receivers import collect
from nexus.pipeline.receivers.collect import Collector, CollectorOptions, Fate
from nexus.security.limits.limiter import Limiter, Meter, Subjects
from nexus.storage.metadata.api import StoredLimits
from nexus.telemetry import Registry


def piece(text: str, count: int = 1) -> bytes:
    framer = _native.SyslogFramer("peer", 1 << 20)
    framer.feed(f"<13>{text}\n".encode() * count)
    return framer.take()[0]


def decoder() -> collect.Decode:
    return lambda body: _native.decode_syslog(body, now_ns=1)


def collector(bench: Bench, limit: int = 1 << 20, patience: float | None = None) -> Collector:
    options = CollectorOptions("syslog_tcp", "t", limit, patience, flush_seconds=0.01)
    return Collector(bench.topology, options, decoder)


def lost(bench: Bench, reason: str) -> float:
    return bench.registry.counter("nexus_ingest_rejected_records_total", "", "tenant", "receiver", "reason").value(
        "t", "syslog_tcp", reason
    )


async def test_pieces_are_stored_together(bench: Bench) -> None:
    one = collector(bench)
    for number in range(50):
        one.add(piece(f"message {number}"), 1)
    await one.close(5)
    assert [batch.num_rows for _, batch in bench.store.batches] == [50]
    assert one.held == 0


async def test_a_large_backlog_becomes_several_bodies(bench: Bench) -> None:
    bench.store.gate.clear()
    one = collector(bench, limit=16 << 20)
    big = piece("x" * 1000, 200)
    for _ in range(40):
        one.add(big, 200)
    await asyncio.sleep(0)
    bench.store.gate.set()
    await one.close(10)
    assert bench.store.records == 8000
    assert len(bench.store.batches) < 40


async def test_a_full_collector_waits_for_room(bench: Bench) -> None:
    bench.store.gate.clear()
    one = collector(bench, limit=1000)
    one.add(piece("x" * 2000), 1)
    assert one.full
    waiter = asyncio.create_task(one.room())
    await asyncio.sleep(0.02)
    assert not waiter.done()
    bench.store.gate.set()
    await asyncio.wait_for(waiter, 60)
    assert one.held == 0


async def test_overload_is_waited_for(bench: Bench) -> None:
    one = collector(bench)
    bench.store.failure = Overloaded("full.", retry_after=0.01)
    one.add(piece("a"), 1)
    await one.close(5)
    assert bench.store.records == 1


async def test_overload_costs_those_who_cannot_wait(bench: Bench) -> None:
    one = collector(bench, patience=0.0)
    bench.store.failure = Overloaded("full.", retry_after=0.01)
    one.add(piece("a", 3), 3)
    await one.close(5)
    assert bench.store.records == 0
    assert lost(bench, "overloaded") == 3


async def test_a_stop_does_not_wait_for_ever(bench: Bench) -> None:
    await bench.topology.drain()
    one = collector(bench)
    one.add(piece("a"), 1)
    await asyncio.wait_for(one.close(0.05), 60)
    assert lost(bench, "overloaded") == 1


async def test_a_name_used_for_another_payload_is_no_loss(bench: Bench) -> None:
    one = collector(bench)
    assert await one.deliver(piece("a"), 1, "key") is Fate.STORED
    assert await one.deliver(piece("a"), 1, "key") is Fate.STORED
    assert await one.deliver(piece("b"), 1, "key") is Fate.STORED
    assert await one.deliver(piece("b"), 1, "key") is Fate.STORED
    assert bench.store.records == 2
    assert TokenReused.code not in str(list(bench.registry.points()))


async def test_what_is_never_accepted_is_counted(bench: Bench) -> None:
    one = collector(bench)
    assert await one.deliver(b"x" * (2 << 20), 7) is Fate.REFUSED
    assert lost(bench, "payload_too_large") == 7


async def test_a_defect_is_logged_and_counted(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> collect.Decode:
        def decode(_: bytes) -> object:
            raise RuntimeError("a defect")

        return decode  # type: ignore[return-value]

    one = Collector(bench.topology, CollectorOptions("syslog_tcp", "t", 100), broken)
    assert await one.deliver(piece("a"), 1) is Fate.LOST
    assert lost(bench, "internal") == 1
    assert "a defect" in caplog.text


async def test_a_limit_costs_those_who_cannot_wait_and_others_wait(bench: Bench) -> None:
    stored = [StoredLimits("tenant", "t", {"ingest_records": 50.0, "ingest_records_burst": 2.0})]
    limiter = Limiter(Registry(), time.monotonic_ns, lambda: stored)
    await limiter.refresh()
    bench.topology.meter_of = lambda tenant: Meter(limiter, Subjects(tenant=tenant))
    hasty, patient = collector(bench, patience=0.0), collector(bench)
    assert await hasty.deliver(piece("a", 2), 2) is Fate.STORED
    assert await hasty.deliver(piece("a", 2), 2) is Fate.LOST
    assert lost(bench, "rate_limited") == 2
    assert await patient.deliver(piece("a", 2), 2) is Fate.STORED
    assert bench.store.records == 4


async def test_bytes_that_were_let_in_are_counted_once(bench: Bench) -> None:
    stored = [StoredLimits("tenant", "t", {"ingest_bytes": 1.0, "ingest_bytes_burst": 1000.0})]
    limiter = Limiter(Registry(), time.monotonic_ns, lambda: stored)
    await limiter.refresh()
    bench.topology.meter_of = lambda tenant: Meter(limiter, Subjects(tenant=tenant))
    bench.store.failure = Overloaded("full.", retry_after=0.01)
    one = collector(bench)
    body = piece("x" * 400)
    assert await one.deliver(body, 1) is Fate.STORED
    assert await one.deliver(body, 1) is Fate.STORED
    (use,) = limiter.use()
    assert use.used == pytest.approx(2 * len(body) / 10, rel=0.3)
