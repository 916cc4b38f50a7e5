"""Datagrams over UDP or a Unix socket, read some hundreds at a time; those of lines are handed on as one piece."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from nexus.errors import ConfigError
from nexus.pipeline.receivers.listener import Networks, bind

if TYPE_CHECKING:
    from nexus.config import GraphiteConfig, JaegerConfig, StatsdConfig, SyslogConfig

DATAGRAMS: Final = 512
"""Read at a time, before others have their turn."""
LARGEST_DATAGRAM: Final = 65_535
DROPS_INTERVAL: Final = 2.0
SOCKET_MODE: Final = 0o660
UDP_PATIENCE: Final = 10.0
"""Seconds until an overload of the store costs what came: there is nobody to wait."""

log = logging.getLogger(__name__)

Take = Callable[[bytes, int], None]
"""Given lines and the number of datagrams they came in."""
Count = Callable[[str, int], None]
"""Told why datagrams were refused or lost, and how many."""


@dataclass(frozen=True, slots=True)
class DatagramOptions:
    """A UDP address, or the path of a Unix socket."""

    name: str
    host: str
    port: int
    networks: Networks
    receive_buffer: int
    path: str = ""

    @classmethod
    def of(
        cls, config: GraphiteConfig | JaegerConfig | StatsdConfig | SyslogConfig, name: str, host: str, path: str = ""
    ) -> Self:
        """As configured."""
        return cls(name, host, config.port, Networks(config.networks), int(config.receive_buffer_bytes), path)


class DatagramSocket(abc.ABC):
    """The socket: opened, read when there is something, and emptied before it is closed."""

    def __init__(self, options: DatagramOptions, lost: Count) -> None:
        """Nothing is opened yet. `lost` is told of what the kernel had no room for."""
        self._options = options
        self._lost = lost
        self._sock: socket.socket | None = None
        self._drops = 0
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> tuple[str, int]:
        """Listen; the address, or the path and 0. Raises `ConfigError`."""
        options = self._options
        if options.path:
            sock = self._sock = bind_unix(options.name, options.path)
            address = (options.path, 0)
        else:
            sock = self._sock = bind(options.name, options.host, options.port, socket.SOCK_DGRAM)
            address = (options.host, int(sock.getsockname()[1]))
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.receive_buffer)
        # Linux doubles what is asked for, for its own needs.
        if (granted := sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2) < options.receive_buffer:
            log.info("the system allows %s a receive buffer of %d bytes (net.core.rmem_max)", options.name, granted)
        loop = asyncio.get_running_loop()
        loop.add_reader(sock.fileno(), self._on_readable)
        if not options.path:
            self._drops = kernel_drops(sock) or 0
            self._watch = loop.create_task(self._watch_drops())
        return address

    async def stop(self) -> None:
        """Take what the kernel has, then close."""
        if self._sock is None:
            return
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        while self._readable():
            pass
        self._count_drops()
        self._sock.close()
        if self._options.path:
            _remove(self._options.path)

    def _on_readable(self) -> None:
        self._readable()

    @abc.abstractmethod
    def _readable(self) -> int:
        """Take the datagrams that are there, some hundreds at most; their number."""

    async def _watch_drops(self) -> None:
        while True:
            await asyncio.sleep(DROPS_INTERVAL)
            self._count_drops()

    def _count_drops(self) -> None:
        assert self._sock is not None
        drops = None if self._options.path else kernel_drops(self._sock)
        if drops is not None and drops > self._drops:
            self._lost("kernel_buffer", drops - self._drops)
            self._drops = drops


class LineDatagrams(DatagramSocket):
    """Lines, joined."""

    def __init__(self, options: DatagramOptions, take: Take, refused: Count, lost: Count) -> None:
        """Nothing is opened yet."""
        super().__init__(options, lost)
        self._take = take
        self._refused = refused

    def _readable(self) -> int:
        assert self._sock is not None
        receive, admit = self._sock.recvfrom, self._options.networks.admit
        pieces: list[bytes] = []
        refused = taken = 0
        unix = bool(self._options.path)
        while taken < DATAGRAMS:
            try:
                piece, address = receive(LARGEST_DATAGRAM)
            except OSError:
                # Nothing there; or an earlier answer of ours that found nobody, which is no concern of this socket.
                break
            taken += 1
            if unix or admit(address[0]):
                pieces.append(piece)
            else:
                refused += 1
        if refused:
            self._refused("network_not_allowed", refused)
        if pieces:
            self._take(b"\n".join(pieces) + b"\n", len(pieces))
        return taken


def kernel_drops(sock: socket.socket) -> int | None:
    """Datagrams that the kernel had no room for on this socket; None where it does not say (Linux does)."""
    table = Path("/proc/net/udp6" if sock.family == socket.AF_INET6 else "/proc/net/udp")
    inode = str(os.fstat(sock.fileno()).st_ino)
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return None
    for line in lines[1:]:
        fields = line.split()
        if len(fields) > 12 and fields[9] == inode:
            return int(fields[12])
    return None


def bind_unix(name: str, path: str) -> socket.socket:
    """A datagram socket at a path; one that is left over from before is replaced. Raises `ConfigError`."""
    place = Path(path)
    try:
        if place.exists() and stat.S_ISSOCK(place.stat().st_mode):
            place.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.bind(path)
            place.chmod(SOCKET_MODE)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {path} for {name}: {error.strerror or error}.", hint="Choose a path that can be written."
        ) from error
    return sock


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        Path(path).unlink()
