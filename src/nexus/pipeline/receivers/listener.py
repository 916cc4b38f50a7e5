"""What listeners for senders without credentials have in common: who may send, TCP connections, TLS, limits, the stop.

A peer outside the configured networks is refused before a byte of it is read, TLS handshakes included. A stop ends the
connections as their senders would have: what was read is handed over first.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

from nexus.errors import ConfigError, Overloaded
from nexus.pipeline.body import Budget, Lease
from nexus.pipeline.receivers.tls import server_context

if TYPE_CHECKING:
    from nexus.config import ListenerConfig
    from nexus.pipeline.receivers.datagrams import DatagramSocket

READ_BYTES: Final = 64 << 10
HANDSHAKE_SECONDS: Final = 10.0
KEEPALIVE_SECONDS: Final = 60
BACKLOG: Final = 512
MAX_KNOWN_PEERS: Final = 10_000
ACCEPT_PAUSE: Final = 0.2

log = logging.getLogger(__name__)


class SocketReceiver(Protocol):
    """A receiver with a socket of its own."""

    name: str
    tenant: str

    async def start(self) -> tuple[str, int]:
        """Listen; the address. Raises `ConfigError`."""
        ...

    @property
    def certificates(self) -> tuple[str, ...]:
        """Files with certificates and keys; none without TLS."""
        ...

    def reload(self) -> None:
        """Read certificates again. Raises `ConfigError`; then the old ones stay."""
        ...

    async def stop(self, grace: float) -> None:
        """Listen no more and hand over what was read, within so many seconds."""
        ...

    @property
    def connections(self) -> int:
        """Open connections."""
        ...


class Networks:
    """Which peers may send."""

    def __init__(self, networks: Sequence[str]) -> None:
        """Networks such as 10.0.0.0/8."""
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]
        self._known: dict[str, str] = {}

    def admit(self, host: str) -> str:
        """The peer's address as it is shown; empty when it may not send."""
        found = self._known.get(host)
        if found is None:
            if len(self._known) >= MAX_KNOWN_PEERS:
                self._known.clear()
            found = self._known[host] = self._judge(host)
        return found

    def _judge(self, host: str) -> str:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return ""
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return str(address) if any(address in network for network in self._networks) else ""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """A TCP listener. Without `certificate` there is no TLS; `idle_timeout` 0 waits for ever; `partial_bytes` is what all
    connections together may hold of messages that are not whole."""

    name: str
    host: str
    port: int
    networks: Networks
    max_connections: int
    idle_timeout: float
    partial_bytes: int
    certificate: str = ""
    key: str = ""
    client_ca: str = ""

    @classmethod
    def of(cls, config: ListenerConfig, name: str, host: str, message_bytes: int) -> Self:
        """As configured, for messages of so many bytes at most."""
        return cls(
            name,
            host,
            config.port,
            Networks(config.networks),
            config.max_connections,
            config.idle_timeout,
            int(config.buffer_bytes) + message_bytes,
            config.certificate,
            config.key,
            config.client_ca,
        )


class Connection:
    """One sender's connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: str,
        idle_timeout: float,
        budget: Budget,
    ) -> None:
        """`peer` is the sender's address; `budget` is what all connections may hold of messages that are not whole."""
        self.peer = peer
        self._lease = Lease(budget)
        self._reader = reader
        self._writer = writer
        self._idle_timeout = idle_timeout

    async def read(self) -> bytes:
        """What comes next; empty at the end, whoever makes it."""
        try:
            if not self._idle_timeout:
                return await self._reader.read(READ_BYTES)
            async with asyncio.timeout(self._idle_timeout):
                return await self._reader.read(READ_BYTES)
        except (OSError, TimeoutError):
            return b""

    async def write(self, data: bytes) -> None:
        """Send. A peer that is gone is none of our business."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write(data)
            await self._writer.drain()

    def hold(self, amount: int) -> None:
        """Say how many bytes of a message that is not whole are held. Raises `Overloaded`."""
        self._lease.close()
        self._lease.take(amount)

    def release(self) -> None:
        """Hold nothing more."""
        self._lease.close()

    def end(self) -> None:
        """Read nothing more from the network; `read` gives what is there, then the end."""
        with contextlib.suppress(Exception):
            self._writer.transport.pause_reading()  # type: ignore[attr-defined]
        self._reader.feed_eof()


Serve = Callable[[Connection], Awaitable[None]]
"""Serves one connection to its end."""


class Refusals(Protocol):
    """Who is told of connections that are refused."""

    def refused(self, receiver: str, reason: str, count: int = 1) -> None:
        """They were refused as a whole."""
        ...


class StreamListener:
    """Accepts TCP connections, with TLS or without."""

    def __init__(self, options: StreamOptions, statistics: Refusals, serve: Serve) -> None:
        """Nothing is opened yet."""
        self._options = options
        self._statistics = statistics
        self._serve = serve
        self._context: ssl.SSLContext | None = None
        self._sock: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._running: dict[asyncio.Task[None], Connection | None] = {}
        self._budget = Budget(options.partial_bytes, "messages that are not whole")

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._running)

    async def start(self) -> tuple[str, int]:
        """Listen; the address. Raises `ConfigError`."""
        self.reload()
        options = self._options
        self._sock = bind(options.name, options.host, options.port, socket.SOCK_STREAM)
        self._sock.listen(BACKLOG)
        self._accepting = asyncio.create_task(self._accept(self._sock))
        return options.host, int(self._sock.getsockname()[1])

    @property
    def certificates(self) -> tuple[str, ...]:
        """Files with certificates and keys; none without TLS."""
        options = self._options
        return tuple(path for path in (options.certificate, options.key, options.client_ca) if path)

    def reload(self) -> None:
        """Read the certificates again, for connections to come."""
        options = self._options
        if options.certificate:
            self._context = server_context(options.certificate, options.key, options.client_ca)

    async def stop(self, grace: float) -> None:
        """Accept no more, end the connections, wait for their last messages to be handed over."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        if self._sock is not None:
            self._sock.close()
        for task, connection in self._running.items():
            if connection is not None:
                connection.end()
            else:
                task.cancel()
        if self._running:
            _, late = await asyncio.wait(list(self._running), timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listening)
            except OSError as error:
                # No files left, most likely: connections wait in the backlog.
                log.warning("%s cannot accept a connection: %s", self._options.name, error)
                await asyncio.sleep(ACCEPT_PAUSE)
                continue
            peer = self._options.networks.admit(address[0])
            reason = "network_not_allowed" if not peer else ""
            if not reason and len(self._running) >= self._options.max_connections:
                reason = "too_many_connections"
            if reason:
                self._statistics.refused(self._options.name, reason)
                _reset(sock)
                continue
            task = asyncio.create_task(self._run(sock, peer))
            self._running[task] = None
            task.add_done_callback(self._running.pop)

    async def _run(self, sock: socket.socket, peer: str) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        timeout = HANDSHAKE_SECONDS if self._context is not None else None
        try:
            _keep_alive(sock)
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, sock, ssl=self._context, ssl_handshake_timeout=timeout
            )
        except asyncio.CancelledError:
            sock.close()
            raise
        except (OSError, TimeoutError) as error:
            sock.close()
            self._statistics.refused(self._options.name, "tls_handshake" if self._context is not None else "connection_lost")
            log.info("the connection of %s to %s failed at once: %s", peer, self._options.name, error)
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        connection = Connection(reader, writer, peer, self._options.idle_timeout, self._budget)
        task = asyncio.current_task()
        assert task is not None
        self._running[task] = connection
        try:
            await self._serve(connection)
        except Overloaded as error:
            self._statistics.refused(self._options.name, error.code)
            log.warning("the connection of %s to %s is closed: %s", peer, self._options.name, error)
        except Exception:
            log.exception("a connection of %s failed", self._options.name)
        finally:
            connection.release()
            writer.close()


class OneSocketReceiver:
    """A `SocketReceiver` with one socket, of streams or of datagrams, which its constructor sets."""

    _streams: StreamListener | None = None
    _datagrams: DatagramSocket | None = None

    def __init__(self, name: str, tenant: str) -> None:
        """Nothing is opened yet."""
        self.name = name
        self.tenant = tenant

    async def start(self) -> tuple[str, int]:
        """Listen; the address (a path and 0 for a Unix socket). Raises `ConfigError`."""
        if self._streams is not None:
            return await self._streams.start()
        assert self._datagrams is not None
        return self._datagrams.start()

    @property
    def certificates(self) -> tuple[str, ...]:
        """Files with certificates and keys; none without TLS."""
        return self._streams.certificates if self._streams is not None else ()

    def reload(self) -> None:
        """Read certificates again. Raises `ConfigError`."""
        if self._streams is not None:
            self._streams.reload()

    async def stop(self, grace: float) -> None:
        """Listen no more and hand over what was read; half of the time is left for storing it."""
        if self._streams is not None:
            await self._streams.stop(grace / 2)
        if self._datagrams is not None:
            await self._datagrams.stop()

    @property
    def connections(self) -> int:
        """Open connections."""
        return self._streams.connections if self._streams is not None else 0


def bind(name: str, host: str, port: int, kind: int) -> socket.socket:
    """A socket on the address. Raises `ConfigError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, kind, protocol)
        try:
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)
            sock.bind(address)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port} for {name}: {error.strerror or error}.",
            hint="Stop what uses it, or choose another port; ports below 1024 need the right to bind them.",
        ) from error
    return sock


def _reset(sock: socket.socket) -> None:
    """Close at once and say so."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _keep_alive(sock: socket.socket) -> None:
    """Let the system find out when a peer is gone without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
