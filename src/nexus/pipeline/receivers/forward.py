"""The forward protocol of Fluentd and Fluent Bit over TCP and TLS: handshake and acknowledgements here, the rest native.

A message with a `chunk` is acknowledged when its records are durable and visible; the chunk's name is its idempotency key,
so a client that never saw the acknowledgement may send it again. Messages without one are stored together.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import struct
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nexus.pipeline.decode import Decode, native_module
from nexus.pipeline.receivers.collect import Collector, CollectorOptions, Fate
from nexus.pipeline.receivers.listener import Connection, OneSocketReceiver, StreamListener, StreamOptions
from nexus.pipeline.topology import MAX_KEY_LENGTH, Topology

if TYPE_CHECKING:
    from nexus.config import ForwardConfig

HANDSHAKE_SECONDS: Final = 10.0
REFUSAL_SECONDS: Final = 0.5
CHUNKS_IN_FLIGHT: Final = 8
"""Of one connection."""
NONCE_BYTES: Final = 16
MAX_PING: Final = 16 << 10

log = logging.getLogger(__name__)


class ForwardReceiver(OneSocketReceiver):
    """One configured listener."""

    def __init__(self, config: ForwardConfig, host: str, topology: Topology, limit: Callable[[], int]) -> None:
        """`host` is where to listen; `limit` bounds a chunk after decompression. Nothing is opened yet."""
        super().__init__(f"forward_{config.protocol}", config.tenant)
        self._config = config
        self._statistics = topology.statistics
        self._limit = limit
        options = CollectorOptions(self.name, config.tenant, int(config.buffer_bytes))
        self._collector = Collector(topology, options, self._decoder)
        self._streams = StreamListener(
            StreamOptions.of(config, self.name, host, int(config.max_message_bytes)), topology.statistics, self._serve
        )

    async def stop(self, grace: float) -> None:
        """Listen no more and store what was read."""
        await super().stop(grace)
        await self._collector.close(grace / 2)

    def _decoder(self) -> Decode:
        return partial(native_module().decode_forward, now_ns=time.time_ns(), limit=self._limit())

    async def _serve(self, connection: Connection) -> None:
        stream = native_module().ForwardStream(int(self._config.max_message_bytes))
        if self._config.shared_key:
            stream = await self._shake_hands(connection)
            if stream is None:
                return
        chunks = Chunks(connection, self._collector)
        partial = 0
        try:
            await self._take(stream, chunks)
            while chunk := await connection.read():
                stream.feed(chunk)
                # At most so much is left in the stream.
                partial = len(chunk) if await self._take(stream, chunks) else partial + len(chunk)
                connection.hold(partial)
        except ValueError as error:
            # What came whole before it is none the worse.
            await self._take(stream, chunks)
            self._statistics.refused(self.name, "protocol_error")
            log.warning("the connection of %s to %s is closed: %s", connection.peer, self.name, error)
        finally:
            await chunks.finish()

    async def _take(self, stream: Any, chunks: Chunks) -> bool:
        """Hand over the whole messages; were there any?"""
        found = stream.take()
        for body, chunk in found:
            if self._collector.full:
                await self._collector.room()
            if chunk:
                await chunks.begin(body, chunk)
            else:
                self._collector.add(body, 1)
        return bool(found)

    # ----------------------------------------------------------------------------------------------------- handshake

    async def _shake_hands(self, connection: Connection) -> Any:
        """HELO, PING, PONG; the stream after them, or None when the client is refused."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        salt = secrets.token_bytes(NONCE_BYTES) if self._config.users else b""
        await connection.write(helo(nonce, salt))
        stream = native_module().ForwardStream(MAX_PING)
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                ping = await _first_message(connection, stream)
        except TimeoutError:
            ping, reason = None, "no PING came in time"
        except ValueError as error:
            ping, reason = None, str(error)
        else:
            reason = self._judge(ping, nonce, salt) if ping is not None else "the connection was closed"
        client_salt = ping[2] if ping is not None and len(ping) == 6 else b""
        if reason:
            self._statistics.refused(self.name, "unauthenticated")
            log.warning("%s refused %s: %s", self.name, connection.peer, reason)
            # Guessing takes time.
            await asyncio.sleep(REFUSAL_SECONDS)
        proof = b"" if reason else digest(client_salt, self._server, nonce, self._key)
        await connection.write(pong(reason, self._server, proof))
        if reason:
            return None
        stream.set_limit(int(self._config.max_message_bytes))
        return stream

    @property
    def _server(self) -> bytes:
        return self._config.server_name.encode()

    @property
    def _key(self) -> bytes:
        return self._config.shared_key.encode()

    def _judge(self, ping: list[bytes], nonce: bytes, salt: bytes) -> str:
        """Why the client is refused; empty when it is not."""
        if len(ping) != 6 or ping[0] != b"PING":
            return "expected PING with six values"
        _, hostname, client_salt, proof, username, password = ping
        if not hmac.compare_digest(proof, digest(client_salt, hostname, nonce, self._key)):
            return "shared_key mismatch"
        if not self._config.users:
            return ""
        matches = [
            hmac.compare_digest(password, digest(salt, user.username.encode(), user.password.encode()))
            for user in self._config.users
            if user.username.encode() == username
        ]
        return "" if any(matches) else "username/password mismatch"


class Chunks:
    """Chunks of one connection on their way to the store, and their acknowledgements."""

    def __init__(self, connection: Connection, collector: Collector) -> None:
        """Nothing is on its way."""
        self._connection = connection
        self._collector = collector
        self._slots = asyncio.Semaphore(CHUNKS_IN_FLIGHT)
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, body: bytes, chunk: bytes) -> None:
        """Store and acknowledge, in the background; waits while too many are on their way."""
        await self._slots.acquire()
        task = asyncio.create_task(self._store(body, chunk))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()

    async def _store(self, body: bytes, chunk: bytes) -> None:
        if await self._collector.deliver(body, 1, chunk_key(chunk)) is not Fate.LOST:
            await self._connection.write(ack(chunk))

    async def finish(self) -> None:
        """Wait for those on their way."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def chunk_key(chunk: bytes) -> str:
    """The idempotency key of a chunk: its name when that is printable, otherwise a digest of it."""
    name = chunk.decode("latin-1")
    # Room for what tells two payloads of one name apart.
    if name.isascii() and name.isprintable() and len(name) <= MAX_KEY_LENGTH - 32:
        return f"forward/{name}"
    return f"forward/sha256:{hashlib.sha256(chunk).hexdigest()}"


def digest(*parts: bytes) -> bytes:
    """SHA-512 of the parts, in hex."""
    return hashlib.sha512(b"".join(parts)).hexdigest().encode()


# ---------------------------------------------------------------------------------------------- messages to the client


def helo(nonce: bytes, salt: bytes) -> bytes:
    """What the server says first; a salt asks for user and password."""
    auth = _bin(salt) if salt else _str(b"")
    return (
        b"\x92"
        + _str(b"HELO")
        + b"\x83"
        + _str(b"nonce")
        + _bin(nonce)
        + _str(b"auth")
        + auth
        + _str(b"keepalive")
        + b"\xc3"
    )


def pong(reason: str, server: bytes, proof: bytes) -> bytes:
    """The answer to a PING; without a reason it is a yes."""
    accepted = b"\xc2" if reason else b"\xc3"
    return b"\x95" + _str(b"PONG") + accepted + _str(reason.encode()) + _str(server) + _str(proof)


def ack(chunk: bytes) -> bytes:
    """The acknowledgement of a chunk, its name as it came."""
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return b"\x81" + _str(b"ack") + _bin(chunk)
    return b"\x81" + _str(b"ack") + _str(chunk)


def _str(text: bytes) -> bytes:
    if len(text) < 32:
        return bytes((0xA0 | len(text),)) + text
    return struct.pack(">BI", 0xDB, len(text)) + text if len(text) > 255 else bytes((0xD9, len(text))) + text


def _bin(content: bytes) -> bytes:
    return struct.pack(">BI", 0xC6, len(content)) + content if len(content) > 255 else bytes((0xC4, len(content))) + content


async def _first_message(connection: Connection, stream: Any) -> list[bytes] | None:
    while chunk := await connection.read():
        stream.feed(chunk)
        found: list[bytes] | None = stream.take_strings()
        if found is not None:
            return found
    return None
