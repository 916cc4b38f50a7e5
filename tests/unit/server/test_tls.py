"""TLS on real sockets: versions, reloads, client certificates, plain HTTP at the wrong port, slow strangers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import Authority

from nexus.errors import ConfigError
from nexus.pipeline.receivers import tls as receivers_tls
from nexus.pipeline.receivers.tls import Tls, TlsFiles, expiry, server_context, watch
from nexus.server import tls as server_tls
from nexus.server.http import CERTIFIED, HttpServer, bind

Start = Callable[..., Any]


class App:
    """Answers with the scheme and whether the client showed a certificate."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = f"{scope['scheme']} {scope.get(CERTIFIED, False)}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    running: list[HttpServer] = []

    async def begin(files: TlsFiles) -> tuple[HttpServer, Tls]:
        tls = Tls("http.tls", files)
        server = HttpServer(App(), bind("127.0.0.1", 0), None, tls)
        await server.start()
        running.append(server)
        return server, tls

    yield begin
    for server in running:
        await server.stop(1.0)


async def get(server: HttpServer, context: ssl.SSLContext | None, data: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context, server_hostname="localhost" if context else None
    )
    try:
        writer.write(data or b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()
        with contextlib.suppress(Exception):
            await writer.wait_closed()


async def refused(server: HttpServer, context: ssl.SSLContext) -> bool:
    """Is there no answer? With TLS 1.3 a client believes for a moment that it was let in."""
    try:
        return await get(server, context) == b""
    except (ssl.SSLError, ConnectionError):
        return True


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path)


def files(pair: tuple[Path, Path], **more: Any) -> TlsFiles:
    return TlsFiles(str(pair[0]), str(pair[1]), **more)


async def test_requests_are_served_with_modern_tls_only(start: Start, authority: Authority) -> None:
    server, _ = await start(files(authority.issue("server"), protocols=("http/1.1",)))
    client = authority.client()
    client.set_alpn_protocols(["http/1.1"])
    assert (await get(server, client)).endswith(b"https False")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        client = authority.client()
        client.minimum_version = client.maximum_version = version
        assert (await get(server, client)).endswith(b"https False")
    old = authority.client()
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert await refused(server, old)
    weak = authority.client()
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    assert await refused(server, weak)
    newest, _ = await start(files(authority.issue("server"), min_version="1.3"))
    client = authority.client()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert await refused(newest, client)


async def test_plain_http_is_told_so_and_junk_is_closed(start: Start, authority: Authority) -> None:
    server, _ = await start(files(authority.issue("server")))
    told = await get(server, None)
    assert told.startswith(b"HTTP/1.1 400 ")
    assert b"use https://" in told
    assert b"use https://" in await get(server, None, b"POST / HTTP/1.1\r\ncontent-length: 900000\r\n\r\n" + b"x" * 60_000)
    assert (await get(server, authority.client())).endswith(b"https False")
    assert b"HTTP/1.1 200" not in await get(server, None, b"\x16\x03\x01junk" + b"\0" * 100)
    assert (await get(server, authority.client())).endswith(b"https False")


async def test_a_stranger_who_says_nothing_is_let_go(
    start: Start, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_tls, "HANDSHAKE_SECONDS", 0.1)
    server, _ = await start(files(authority.issue("server")))
    for first in (b"", b"\x16\x03\x01"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(first)
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()


async def test_other_files_hold_for_connections_to_come(start: Start, tmp_path: Path) -> None:
    old, new = Authority.make(tmp_path, "old"), Authority.make(tmp_path, "new")
    pair = old.issue("server")
    server, tls = await start(files(pair))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=old.client(), server_hostname="localhost")
    new.issue("server")
    tls.reload()
    assert (await get(server, new.client())).endswith(b"https False")
    with pytest.raises(ssl.SSLCertVerificationError):
        await get(server, old.client())
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).endswith(b"https False")
    writer.close()
    pair[1].write_text("no key")
    with pytest.raises(ConfigError):
        tls.reload()
    assert (await get(server, new.client())).endswith(b"https False")


async def test_client_certificates(start: Start, authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("server")
    server, _ = await start(files(pair, client_ca=str(authority.certificate)))
    assert (await get(server, authority.client(authority.issue("agent")))).endswith(b"https True")
    assert await refused(server, authority.client())
    stranger = Authority.make(tmp_path / "other", "other")
    assert await refused(server, authority.client(stranger.issue("agent")))
    optional, _ = await start(files(pair, client_ca=str(authority.certificate), optional=True))
    assert (await get(optional, authority.client(authority.issue("agent")))).endswith(b"https True")
    assert (await get(optional, authority.client())).endswith(b"https False")
    assert await refused(optional, authority.client(stranger.issue("agent")))


async def test_changed_files_are_noticed(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers_tls, "WATCH_SECONDS", 0.01)
    pair = authority.issue("server")
    # As secrets are mounted: a link that is turned to another folder.
    folder = authority.folder / "mounted"
    folder.symlink_to(authority.folder)
    changed = asyncio.Event()
    paths = [str(folder / pair[0].name), str(folder / pair[1].name)]
    task = asyncio.create_task(watch(lambda: paths, changed.set))
    await asyncio.sleep(0.05)
    assert not changed.is_set()
    (authority.folder / "next").mkdir()
    authority.issue("server", folder=authority.folder / "next")
    (authority.folder / "swap").symlink_to(authority.folder / "next")
    os.replace(authority.folder / "swap", folder)
    await asyncio.wait_for(changed.wait(), 60)
    task.cancel()


def test_files_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    one, other = authority.issue("one"), authority.issue("other")
    with pytest.raises(ConfigError, match="mismatch"):
        server_context(str(one[0]), str(other[1]))
    with pytest.raises(ConfigError):
        server_context(str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match="authorities"):
        server_context(str(one[0]), str(one[1]), str(one[1]))
    days = (expiry(str(authority.issue("short", days=3)[0])).timestamp() - os.stat(one[0]).st_mtime) / 86400
    assert 2.9 < days < 3.1


def test_a_key_with_a_passphrase_does_not_ask_at_the_terminal(authority: Authority) -> None:
    from cryptography.hazmat.primitives import serialization

    certificate, path = authority.issue("locked")
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
        )
    )
    with pytest.raises(ConfigError, match="passphrase"):
        server_context(str(certificate), str(path))
