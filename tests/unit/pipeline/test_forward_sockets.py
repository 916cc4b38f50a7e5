"""Forward connections over a store in memory: acknowledgements, room, unfinished messages, refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import msgpack
import msgspec
from tests.unit.pipeline.memory import Bench, turns

from nexus.config import ForwardConfig
from nexus.errors import DiskFull
from nexus.pipeline.receivers.forward import ForwardReceiver

CONFIG = ForwardConfig(port=0, tenant="t", networks=["127.0.0.0/8"])


class Peer:
    """A client on the event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._unpacker = msgpack.Unpacker()

    @classmethod
    async def to(cls, port: int) -> Peer:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, *messages: Any) -> None:
        self.writer.write(b"".join(map(msgpack.packb, messages)))

    async def receive(self) -> Any:
        async with asyncio.timeout(60):
            while True:
                for message in self._unpacker:
                    return message
                data = await self._reader.read(65536)
                if not data:
                    return None
                self._unpacker.feed(data)


async def started(bench: Bench, **changes: Any) -> tuple[ForwardReceiver, int]:
    config = msgspec.structs.replace(CONFIG, **changes)
    receiver = ForwardReceiver(config, "127.0.0.1", bench.topology, lambda: 1 << 20)
    _, port = await receiver.start()
    return receiver, port


def refused(bench: Bench, reason: str) -> float:
    return bench.registry.counter("nexus_ingest_refused_requests_total", "", "receiver", "reason").value(
        "forward_tcp", reason
    )


async def test_an_acknowledgement_waits_for_the_store(bench: Bench) -> None:
    bench.store.gate.clear()
    receiver, port = await started(bench)
    peer = await Peer.to(port)
    peer.send(["app", [[5, {"log": "x"}]], {"chunk": "c1"}])
    while not bench.store.waiting:
        await asyncio.sleep(0.005)
    waiting = asyncio.create_task(peer.receive())
    await turns()
    assert not waiting.done()
    bench.store.gate.set()
    assert await waiting == {"ack": "c1"}
    await receiver.stop(60)


async def test_a_chunk_waits_while_there_is_no_room(bench: Bench) -> None:
    bench.store.failure = DiskFull("no room.", retry_after=0.01)
    receiver, port = await started(bench)
    peer = await Peer.to(port)
    peer.send(["app", [[5, {"log": "x"}]], {"chunk": "c1"}])
    assert await peer.receive() == {"ack": "c1"}
    assert bench.store.records == 1
    await receiver.stop(60)


async def test_a_stop_answers_what_it_stores(bench: Bench) -> None:
    bench.store.gate.clear()
    receiver, port = await started(bench)
    peer = await Peer.to(port)
    peer.send(["app", [[5, {"log": "x"}]], {"chunk": "c1"}], ["app", 5, {"log": "y"}])
    while bench.store.waiting < 2:
        await asyncio.sleep(0.005)
    stopping = asyncio.create_task(receiver.stop(60))
    await turns()
    bench.store.gate.set()
    assert await peer.receive() == {"ack": "c1"}
    assert await peer.receive() is None
    await stopping
    assert bench.store.records == 2


async def test_unfinished_messages_have_a_bound(bench: Bench) -> None:
    receiver, port = await started(bench, buffer_bytes=100_000, max_message_bytes=100_000)
    peers = [await Peer.to(port) for _ in range(4)]
    beginning = b"\x93\xa1t\x05\x81\xa3log\xdb\x00\x01\x5f\x90" + b"x" * 80_000
    for peer in peers:
        peer.writer.write(beginning)
        await peer.writer.drain()
    ended, _ = await asyncio.wait(
        [asyncio.create_task(peer.receive()) for peer in peers], timeout=60, return_when="FIRST_COMPLETED"
    )
    assert ended
    assert refused(bench, "overloaded") >= 1
    await receiver.stop(60)


async def test_a_message_that_is_too_large_ends_the_connection(bench: Bench) -> None:
    receiver, port = await started(bench, max_message_bytes=1024)
    peer = await Peer.to(port)
    peer.send(["app", 5, {"log": "fits"}], ["app", 5, {"log": "x" * 2000}])
    assert await peer.receive() is None
    assert refused(bench, "protocol_error") == 1
    await receiver.stop(60)
    assert bench.store.records == 1


async def test_a_client_that_says_nothing_is_refused(bench: Bench, monkeypatch: Any) -> None:
    monkeypatch.setattr("nexus.pipeline.receivers.forward.HANDSHAKE_SECONDS", 0.05)
    monkeypatch.setattr("nexus.pipeline.receivers.forward.REFUSAL_SECONDS", 0.0)
    receiver, port = await started(bench, shared_key="k")
    peer = await Peer.to(port)
    assert (await peer.receive())[0] == "HELO"
    assert (await peer.receive())[:3] == ["PONG", False, "no PING came in time"]
    assert await peer.receive() is None
    assert refused(bench, "unauthenticated") == 1
    await receiver.stop(60)


async def test_writing_to_a_peer_that_is_gone_is_no_error(bench: Bench) -> None:
    receiver, port = await started(bench)
    bench.store.gate.clear()
    peer = await Peer.to(port)
    peer.send(["app", [[5, {"log": "x"}]], {"chunk": "c1"}])
    while not bench.store.waiting:
        await asyncio.sleep(0.005)
    peer.writer.transport.abort()
    await turns()
    bench.store.gate.set()
    await receiver.stop(60)
    assert bench.store.records == 1
