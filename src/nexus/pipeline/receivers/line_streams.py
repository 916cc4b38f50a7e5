"""Lines over TCP: whole ones are handed on, half of one waits for the rest within a bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from nexus.errors import Overloaded
from nexus.pipeline.receivers.listener import Connection

MAX_LINE: Final = 64 << 10

Room = Callable[[], Awaitable[None]]


async def serve_lines(connection: Connection, take: Callable[[bytes], None], room: Room) -> None:
    """Hand on whole lines until the connection ends; its last one needs no end. Raises `Overloaded` for one too long."""
    rest = b""
    while chunk := await connection.read():
        whole, end, tail = chunk.rpartition(b"\n")
        if end:
            take(rest + whole + end)
            rest = tail
        else:
            rest += tail
        if len(rest) > MAX_LINE:
            raise Overloaded(f"a line is longer than {MAX_LINE} bytes.")
        connection.hold(len(rest))
        await room()
    if rest:
        take(rest + b"\n")
