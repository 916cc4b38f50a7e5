"""Syslog over UDP, TCP and TLS: sockets here, framing and decoding in the native module.

UDP knows no acknowledgement: what finds no room is dropped and counted, by the kernel (whose count is read) or here. TCP
waits: a connection is not read while its messages find no room. Messages of all senders are stored together.
"""

from __future__ import annotations

import asyncio
import struct
import time
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from nexus.pipeline.decode import Decode, native_module
from nexus.pipeline.receivers.collect import Collector, CollectorOptions
from nexus.pipeline.receivers.datagrams import (
    DATAGRAMS,
    LARGEST_DATAGRAM,
    UDP_PATIENCE,
    DatagramOptions,
    DatagramSocket,
)
from nexus.pipeline.receivers.listener import Connection, OneSocketReceiver, StreamListener, StreamOptions
from nexus.pipeline.topology import Topology

if TYPE_CHECKING:
    from nexus.config import SyslogConfig

PAUSE_SECONDS: Final = 0.001
BUFFER: Final = 1 << 20
ZONE_DAYS: Final = 400

_HEAD: Final = struct.Struct("<BII")


class SyslogReceiver(OneSocketReceiver):
    """One configured listener."""

    def __init__(self, config: SyslogConfig, host: str, topology: Topology) -> None:
        """`host` is where to listen. Nothing is opened yet."""
        super().__init__(f"syslog_{config.protocol}", config.tenant)
        self._config = config
        self._topology = topology
        options = CollectorOptions(
            self.name, config.tenant, int(config.buffer_bytes), UDP_PATIENCE if config.protocol == "udp" else None
        )
        self._collector = Collector(topology, options, decoder_of(config))
        if config.protocol == "udp":
            self._datagrams = Datagrams(DatagramOptions.of(config, self.name, host), config, topology, self._collector)
        else:
            self._streams = StreamListener(
                StreamOptions.of(config, self.name, host, int(config.max_message_bytes)), topology.statistics, self._serve
            )

    async def stop(self, grace: float) -> None:
        """Listen no more and store what was read."""
        await super().stop(grace)
        await self._collector.close(grace / 2)

    async def _serve(self, connection: Connection) -> None:
        limit = int(self._config.max_message_bytes)
        framer = native_module().SyslogFramer(connection.peer, limit)
        partial = 0
        try:
            while chunk := await connection.read():
                if framer.feed(chunk):
                    self._hand_over(*framer.take())
                    partial = 0
                # At most so much is left in the framer.
                partial = min(partial + len(chunk), limit)
                connection.hold(partial)
                if self._collector.full:
                    await self._collector.room()
        finally:
            # Half a message is more than none: there is nobody to send it again.
            framer.finish()
            self._hand_over(*framer.take())

    def _hand_over(self, body: bytes, records: int, truncated: int) -> None:
        if records:
            self._collector.add(body, records)
        if truncated:
            self._topology.statistics.truncated(self.tenant, self.name, truncated)


class Datagrams(DatagramSocket):
    """The UDP socket."""

    def __init__(self, options: DatagramOptions, config: SyslogConfig, topology: Topology, collector: Collector) -> None:
        """Nothing is opened yet."""
        super().__init__(options, lambda reason, count: collector.drop(count, reason))
        self._tenant = config.tenant
        self._max_message = int(config.max_message_bytes)
        self._statistics = topology.statistics
        self._collector = collector
        self._buffer = bytearray(BUFFER + LARGEST_DATAGRAM + 1024)
        self._pause: asyncio.TimerHandle | None = None

    async def stop(self) -> None:
        """Take what the kernel has, then close. What finds no room is counted like any other."""
        if self._pause is not None:
            self._pause.cancel()
        await super().stop()

    def _on_readable(self) -> None:
        """Read what is there, then look away for a moment: a wake-up for every datagram costs more than the datagram."""
        if self._readable() < DATAGRAMS and self._sock is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._sock.fileno())
            self._pause = loop.call_later(PAUSE_SECONDS, self._look_again)

    def _look_again(self) -> None:
        if self._sock is not None:
            self._pause = None
            asyncio.get_running_loop().add_reader(self._sock.fileno(), self._on_readable)

    def _readable(self) -> int:
        """Take the datagrams that are there, some hundreds at most, as one body; their number."""
        assert self._sock is not None
        receive, view, admit = self._sock.recvfrom_into, memoryview(self._buffer), self._options.networks.admit
        limit = self._max_message
        at = records = refused = truncated = taken = 0
        last = ""
        while taken < DATAGRAMS and at < BUFFER:
            body = at + _HEAD.size
            try:
                size, address = receive(view[body:])
            except OSError:
                # Nothing there; or an earlier answer of ours that found nobody, which is no concern of this socket.
                break
            taken += 1
            host = address[0]
            if host != last:
                peer = admit(host)
                if not peer:
                    refused += 1
                    continue
                last = host
                source = bytes((0, len(peer))) + peer.encode()
                view[body + len(source) : body + len(source) + size] = bytes(view[body : body + size])
                view[at : at + len(source)] = source
                at += len(source)
                body += len(source)
            kept = min(size, limit)
            _HEAD.pack_into(self._buffer, at, 1, kept, size - kept)
            truncated += kept < size
            at = body + kept
            records += 1
        if refused:
            self._statistics.refused(self._options.name, "network_not_allowed", refused)
        if records and self._collector.full:
            self._collector.drop(records, "buffer_full")
        elif records:
            self._collector.add(bytes(view[:at]), records)
            if truncated:
                self._statistics.truncated(self._tenant, self._options.name, truncated)
        return taken


def decoder_of(config: SyslogConfig) -> Callable[[], Decode]:
    """Makes the decoder of messages that arrive now."""
    zones: dict[int, list[tuple[int, int]]] = {}

    def make() -> Decode:
        now_ns = time.time_ns()
        day = now_ns // (86_400 * 10**9)
        if day not in zones:
            zones.clear()
            zones[day] = zone_changes(config.timezone, datetime.fromtimestamp(day * 86_400, UTC))
        return partial(native_module().decode_syslog, now_ns=now_ns, zone=zones[day], charset=config.charset)

    return make


def zone_changes(name: str, now: datetime) -> list[tuple[int, int]]:
    """When the zone's offset changed in the last year and will within days: (Unix seconds, offset in seconds east)."""
    if name == "UTC":
        return []
    zone = zoneinfo.ZoneInfo(name)

    def offset(moment: datetime) -> int:
        found = moment.astimezone(zone).utcoffset()
        return int(found.total_seconds()) if found is not None else 0

    changes: list[tuple[int, int]] = []
    day = now - timedelta(days=ZONE_DAYS)
    changes.append((int(day.timestamp()), offset(day)))
    while day < now + timedelta(days=4):
        following = day + timedelta(days=1)
        if offset(following) != offset(day):
            early, late = day, following
            while late - early > timedelta(seconds=1):
                middle = early + (late - early) / 2
                early, late = (middle, late) if offset(middle) == offset(day) else (early, middle)
            changes.append((round(late.timestamp()), offset(following)))
        day = following
    return changes
