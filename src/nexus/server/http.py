"""The HTTP server: uvicorn's protocol on sockets of our own, with bounds that it does not have.

A request's head must arrive within 15 s and 64 KiB; a body that nobody reads any more is discarded for 10 s at most.
Reading and writing are already paced by the transport. There is one event loop and no fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from email.utils import formatdate
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from nexus.pipeline.receivers.tls import Tls
from nexus.server.tls import TlsGate

HEAD_TIMEOUT: Final = 15.0
MAX_HEAD_BYTES: Final = 64 << 10
DISCARD_TIMEOUT: Final = 10.0
KEEP_ALIVE: Final = 75
MAX_MESSAGE_BYTES: Final = 1 << 20
"""Of a WebSocket message from a client."""
PING_INTERVAL: Final = 20.0
BACKLOG: Final = 1024
CERTIFIED: Final = "nexus.certified"
"""Key of a scope whose client has shown a certificate that was asked for."""

log = logging.getLogger(__name__)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with time and size bounds on the head of a request."""

    _guard: asyncio.TimerHandle | None = None
    _in_head = True
    _in_message = False
    _head_bytes = 0
    _large = 0
    _certified = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect the head of a first request."""
        super().connection_made(transport)
        self._certified = bool(transport.get_extra_info("peercert"))
        self._arm(HEAD_TIMEOUT)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that is not complete."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(431, b"Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = self._in_message = True
        self._head_bytes = self._large = 0
        if self._certified:
            self.scope[CERTIFIED] = True  # type: ignore[typeddict-unknown-key]
        self._arm(HEAD_TIMEOUT)

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        self._large += len(url)
        if self._large <= MAX_HEAD_BYTES:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. What comes in one piece is larger than the bound before anybody has counted it. Those after a body are
        ignored: whoever stands before us has not looked at them."""
        if not self._in_head:
            return
        self._large += len(name) + len(value) + 4
        if self._large <= MAX_HEAD_BYTES:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._in_head = False
        self._disarm()
        if self._large > MAX_HEAD_BYTES:
            self._refuse(431, b"Request Header Fields Too Large")
            # The parser stops here: nothing of what follows is a request.
            raise ValueError("the head is too large")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless it has been answered."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def on_message_complete(self) -> None:
        """A body is complete, read or not."""
        self._in_message = False
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answered; if the body is still coming, discard it for a while only."""
        super().on_response_complete()
        if self._in_message and not self.transport.is_closing():
            self._arm(DISCARD_TIMEOUT)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._guard = self.loop.call_later(seconds, self._expired)

    def _disarm(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None

    def _expired(self) -> None:
        if self.transport.is_closing():
            return
        if self._in_head and self._head_bytes:
            self._refuse(408, b"Request Timeout")
        else:
            self.transport.close()

    def _refuse(self, status: int, reason: bytes) -> None:
        self.transport.write(b"HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, reason))
        self.transport.close()


def bind(host: str, port: int) -> socket.socket:
    """Bind a listening socket; port 0 picks a free one. Raises `OSError` with the address in its text."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            # Two listeners may bind one address before either listens; listening now tells them apart.
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        reason = "it is in use" if error.errno == errno.EADDRINUSE else (error.strerror or str(error)).lower()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {reason}") from error
    return sock


class HttpServer:
    """Serves one ASGI application on one socket."""

    def __init__(
        self, app: Any, sock: socket.socket, trusted_proxies: list[str] | None = None, tls: Tls | None = None
    ) -> None:
        """`trusted_proxies` are addresses whose forwarding headers are believed; with `tls` nothing else is spoken."""
        self._config = Config(
            app,
            http=GuardedProtocol,
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_ping_interval=PING_INTERVAL,
            ws_ping_timeout=PING_INTERVAL,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=trusted_proxies or [],
        )
        # The protocol reports every malformed request as a warning; they are not ours.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._config.load()
        self._state = ServerState()
        self._socket = sock
        self._server: asyncio.Server | None = None
        self._tls = tls
        self._gate: TlsGate | None = None
        self._clock: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that was bound."""
        return int(self._socket.getsockname()[1])

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._state.connections)

    async def start(self) -> None:
        """Accept connections."""
        loop = asyncio.get_running_loop()
        self._tick(loop)

        def protocol() -> GuardedProtocol:
            return GuardedProtocol(config=self._config, server_state=self._state, app_state={}, _loop=loop)

        if self._tls is not None:
            self._gate = TlsGate(self._tls, self._socket, protocol)
            self._gate.start()
        else:
            self._server = await loop.create_server(protocol, sock=self._socket, backlog=BACKLOG)

    async def stop(self, grace: float) -> None:
        """Accept no more, let running requests finish within `grace` seconds, close every connection."""
        if self._gate is not None:
            self._gate.stop()
        elif self._server is not None:
            self._server.close()
        else:
            self._socket.close()
            return
        for connection in list(self._state.connections):
            connection.shutdown()
        tasks = list(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                log.warning("requests were cut off at the stop", extra={"fields": {"requests": len(late)}})
                await asyncio.wait(late, timeout=1.0)
        for connection in list(self._state.connections):
            with contextlib.suppress(Exception):
                connection.transport.close()
        if self._clock:
            self._clock.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]
        self._clock = loop.call_later(1.0, self._tick, loop)
