"""The HTTP server on real sockets: bounds on heads and unread bodies, keep-alive, ports, stopping."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from nexus.server import http
from nexus.server.http import HttpServer, bind

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Answers 200; on /refuse 413 without reading; on /wait when `go` is set."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waiting = asyncio.Event()

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        status = 200
        if scope["path"] == "/refuse":
            status = 413
        elif scope["path"] == "/wait":
            self.waiting.set()
            await self.go.wait()
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def running(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[HttpServer, App]]:
    monkeypatch.setattr(http, "HEAD_TIMEOUT", 0.3)
    monkeypatch.setattr(http, "DISCARD_TIMEOUT", 0.3)
    app = App()
    server = HttpServer(app, bind("127.0.0.1", 0))
    await server.start()
    yield server, app
    app.go.set()
    await server.stop(1.0)


async def exchange(server: HttpServer, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send the pieces and read, until the server closes or is silent for seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    received = bytearray()

    async def read() -> None:
        with contextlib.suppress(TimeoutError, ConnectionError):
            while chunk := await asyncio.wait_for(reader.read(65536), 3.0 if received else 60.0):
                received.extend(chunk)

    reading = asyncio.create_task(read())
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
    await reading
    writer.close()
    return bytes(received)


async def test_keep_alive_and_pipelining(running: tuple[HttpServer, App], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_TIMEOUT", 60.0)
    received = await exchange(running[0], REQUEST, REQUEST * 2, pause=0.05)
    assert received.count(b"HTTP/1.1 200") == 3
    assert b"date: " in received
    assert b"server:" not in received.lower()


async def test_a_head_that_does_not_end_in_time(running: tuple[HttpServer, App]) -> None:
    assert (await exchange(running[0], b"GET / HTTP/1.1\r\nHost: x\r\n")).startswith(b"HTTP/1.1 408")
    slow = [REQUEST[position : position + 4] for position in range(0, len(REQUEST), 4)]
    assert b"408" in await exchange(running[0], *slow, pause=0.1)


async def test_a_connection_that_says_nothing_is_closed(running: tuple[HttpServer, App]) -> None:
    assert await exchange(running[0]) == b""
    assert running[0].connections == 0


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000, b"GET /" + b"a" * 200_000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 40_000],
)
async def test_a_head_that_is_too_long(
    running: tuple[HttpServer, App], monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(http, "HEAD_TIMEOUT", 60.0)
    pieces = [head[position : position + 20_000] for position in range(0, len(head), 20_000)]
    assert b"HTTP/1.1 431" in await exchange(running[0], *pieces, pause=0.01)


async def test_what_is_no_http(running: tuple[HttpServer, App]) -> None:
    assert (await exchange(running[0], b"\x16\x03\x01 hello\r\n\r\n")).startswith(b"HTTP/1.1 400")


async def test_an_unread_body_is_discarded_for_a_while_only(running: tuple[HttpServer, App]) -> None:
    head = b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    whole = await exchange(running[0], head + b"x" * 100_000 + REQUEST)
    assert whole.count(b"HTTP/1.1 413") == 1
    assert whole.count(b"HTTP/1.1 200") == 1
    reader, writer = await asyncio.open_connection("127.0.0.1", running[0].port)
    writer.write(head)
    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    # It goes on sending until the server ends it.
    async with asyncio.timeout(60):
        while not reader.at_eof():
            with contextlib.suppress(ConnectionError, TimeoutError):
                writer.write(b"x")
                await asyncio.wait_for(reader.read(65536), 0.05)
            if reader.exception() is not None:
                break
    writer.close()


async def test_stopping_lets_running_requests_finish(running: tuple[HttpServer, App]) -> None:
    server, app = running
    asking = asyncio.create_task(exchange(server, b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"))
    await app.waiting.wait()
    stopping = asyncio.create_task(server.stop(5.0))
    await asyncio.sleep(0.05)
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_connection("127.0.0.1", server.port)
    app.go.set()
    await stopping
    assert b"HTTP/1.1 200" in await asking


def test_ports() -> None:
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: it is in use"):
        bind("127.0.0.1", port)
    sock.close()
    with pytest.raises(OSError, match=r"cannot listen on no\.such\.host\.invalid"):
        bind("no.such.host.invalid", 0)
