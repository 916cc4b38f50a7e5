"""TLS of the HTTP ports: accepts connections, looks at their first byte, and lets only handshakes through.

A client that speaks plain HTTP is told so in plain HTTP, which says more than a failed handshake. Nothing of its request is
read; what it sent was in the clear already. Handshakes have a time limit and a bound on their number.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Final

from nexus.config import TlsConfig
from nexus.pipeline.receivers.tls import Tls, TlsFiles

HANDSHAKE_SECONDS: Final = 10.0
SHUTDOWN_SECONDS: Final = 5.0
MAX_HANDSHAKES: Final = 1000
ACCEPT_PAUSE: Final = 0.2
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 64 << 10

_HANDSHAKE: Final = 0x16
_TEXT: Final = b"This port speaks HTTPS: use https:// instead of http://.\n"
_PLAIN: Final = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
    b"x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n%s" % (len(_TEXT), _TEXT)
)

log = logging.getLogger(__name__)


def http_tls(name: str, config: TlsConfig, *, optional: bool = False) -> Tls | None:
    """TLS of an HTTP port as configured, None without; `optional`: clients may come without a certificate. Raises
    `ConfigError`."""
    if not config.certificate:
        return None
    files = TlsFiles(
        config.certificate, config.key, config.client_ca, config.min_version, optional=optional, protocols=("http/1.1",)
    )
    return Tls(name, files)


class TlsGate:
    """Accepts on a listening socket. Lives on one event loop."""

    def __init__(self, tls: Tls, sock: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        """`protocol` makes what serves a connection after its handshake."""
        self._tls = tls
        self._sock = sock
        self._protocol = protocol
        self._accepting: asyncio.Task[None] | None = None
        self._shaking: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Accept connections."""
        self._accepting = asyncio.create_task(self._accept())

    def stop(self) -> None:
        """Accept no more; handshakes that are under way end."""
        if self._accepting is not None:
            self._accepting.cancel()
        self._sock.close()
        for task in self._shaking:
            task.cancel()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(self._sock)
            except OSError as error:
                # No files left, most likely: connections wait in the backlog.
                log.warning("%s cannot accept a connection: %s", self._tls.name, error)
                await asyncio.sleep(ACCEPT_PAUSE)
                continue
            if len(self._shaking) >= MAX_HANDSHAKES:
                sock.close()
                continue
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.create_task(self._admit(sock))
            self._shaking.add(task)
            task.add_done_callback(self._shaking.discard)

    async def _admit(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        handed_over = False
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                first = await _peek(loop, sock)
            if first and first[0] != _HANDSHAKE:
                await _refuse(loop, sock)
            elif first:
                handed_over = True
                await loop.connect_accepted_socket(
                    self._protocol,
                    sock,
                    ssl=self._tls.context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS,
                    ssl_shutdown_timeout=SHUTDOWN_SECONDS,
                )
        except (OSError, TimeoutError) as error:
            # Scanners, clients that do not know our authority, clients without a certificate of their own.
            log.debug("a connection to %s failed at its handshake: %s", self._tls.name, error)
            if handed_over:
                sock.close()
        finally:
            if not handed_over:
                sock.close()


async def _peek(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> bytes:
    """The first byte, which stays where it is; empty when the peer has gone."""
    while True:
        try:
            return sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            readable: asyncio.Future[None] = loop.create_future()
            loop.add_reader(sock.fileno(), _settle, readable)
            try:
                await readable
            finally:
                loop.remove_reader(sock.fileno())


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _refuse(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    """Say what is wrong; then read a little, because closing at once could take the answer away from the client."""
    await loop.sock_sendall(sock, _PLAIN)
    sock.shutdown(socket.SHUT_WR)
    left = LINGER_BYTES
    async with asyncio.timeout(LINGER_SECONDS):
        while left > 0 and (chunk := await loop.sock_recv(sock, 4096)):
            left -= len(chunk)
