"""The client against real sockets: what is connected to, and what never is."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nexus.errors import NexusError, TargetFailed, TargetRefused
from nexus.outgoing.client import Outgoing
from nexus.outgoing.targets import rules

Serve = Callable[..., Awaitable["Server"]]


@dataclass
class Server:
    """A server that answers with fixed bytes and keeps what it was asked."""

    answer: bytes
    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    connections: int = 0
    hang: bool = False

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answer)
            await writer.drain()
            if self.hang:
                await reader.read()
        writer.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            answer: bytes, host: str = "127.0.0.1", port: int = 0, hang: bool = False, tls: ssl.SSLContext | None = None
        ) -> Server:
            one = Server(answer, hang=hang)
            listening = await asyncio.start_server(one.connected, host, port, ssl=tls)
            one.port = listening.sockets[0].getsockname()[1]
            stack.push_async_callback(listening.wait_closed)
            stack.callback(listening.close)
            return one

        yield start


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Names:
    """A resolver that answers each time with the next list; the last one stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): lists for name, lists in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        lists = self.answers.get(host)
        if lists is None:
            raise OSError("no such name")
        return lists.pop(0) if len(lists) > 1 else lists[0]


def client(resolve: Names, *allow: str) -> Outgoing:
    allowed = rules(allow)
    return Outgoing(lambda: allowed, resolve=resolve)


async def test_an_allowed_server_is_asked_with_its_name(serve: Serve) -> None:
    server = await serve(answer(b'{"a": 1}'))
    names = Names(idp_test=[["127.0.0.1"]])
    got = await client(names, "127.0.0.1").fetch(
        "POST", f"http://idp.test:{server.port}/a%2Fb?c=%20d", body=b"x=1", headers={"Content-Type": "text/plain"}
    )
    assert got.status == 200 and got.json() == {"a": 1}
    head = server.asked[0].decode()
    assert head.startswith("POST /a%2Fb?c=%20d HTTP/1.1\r\n") and f"Host: idp.test:{server.port}\r\n" in head
    assert "Cookie" not in head and "gzip" not in head


async def test_a_name_that_moves_inside_gains_nothing(serve: Serve) -> None:
    """DNS rebinding: the first answer is allowed, the next would not be; only the first is ever asked for."""
    good = await serve(answer(b'"good"'))
    bad = await serve(answer(b'"inside"'), "127.0.0.2", good.port)
    names = Names(rebind_test=[["127.0.0.1"], ["127.0.0.2"]])
    outgoing = client(names, "127.0.0.1")
    assert (await outgoing.fetch("GET", f"http://rebind.test:{good.port}/")).json() == "good"
    assert names.asked == ["rebind.test"]
    # The second request resolves anew, and is refused.
    with pytest.raises(TargetRefused):
        await outgoing.fetch("GET", f"http://rebind.test:{good.port}/")
    assert bad.connections == 0


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.2"],
        ["127.0.0.1", "127.0.0.2"],
        ["::ffff:127.0.0.2"],
        ["169.254.169.254"],
        ["fe80::1%lo"],
        ["::1"],
        ["0.0.0.0"],
        ["2130706434"],
    ],
)
async def test_a_name_with_any_address_inside_is_refused(serve: Serve, addresses: list[str]) -> None:
    server = await serve(answer(), "127.0.0.2")
    with pytest.raises(TargetRefused) as refused:
        await client(Names(evil_test=[addresses]), "127.0.0.1").fetch("GET", f"http://evil.test:{server.port}/")
    assert server.connections == 0
    # What is inside is not told.
    assert not any(address in refused.value.message for address in addresses)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
                                 "http://2130706433:{port}/", "http://0:{port}/", "http://127.1:{port}/",
                                 "http://0x7f000001:{port}/", "https://127.0.0.1:{port}/"])  # fmt: skip
async def test_loopback_in_any_spelling_is_not_asked(serve: Serve, url: str) -> None:
    server = await serve(answer())
    with pytest.raises(TargetRefused):
        await client(Names(localhost=[["127.0.0.1"]])).fetch("GET", url.format(port=server.port))
    assert server.connections == 0


async def test_redirects_are_not_followed_unless_asked_for(serve: Serve) -> None:
    server = await serve(answer(b"", "302 Found", "Location: http://127.0.0.2/"))
    got = await client(Names(), "127.0.0.1").fetch("GET", f"http://127.0.0.1:{server.port}/")
    assert got.status == 302


async def test_each_hop_is_checked(serve: Serve) -> None:
    inside = await serve(answer(b'"inside"'), "127.0.0.2")
    for where in (f"http://127.0.0.2:{inside.port}/", f"http://inside.test:{inside.port}/", f"//127.0.0.2:{inside.port}/",
                  "file:///etc/passwd", "http://169.254.169.254/latest/meta-data"):  # fmt: skip
        first = await serve(answer(b"", "302 Found", f"Location: {where}"))
        with pytest.raises(TargetRefused):
            await client(Names(inside_test=[["127.0.0.2"]]), "127.0.0.1").fetch(
                "GET", f"http://127.0.0.1:{first.port}/", redirects=3
            )
    assert inside.connections == 0


async def test_a_redirect_to_another_origin_takes_no_credentials_along(serve: Serve) -> None:
    last = await serve(answer(b'"there"'))
    first = await serve(answer(b"", "307 Temporary Redirect", f"Location: http://127.0.0.1:{last.port}/there"))
    got = await client(Names(), "127.0.0.1").fetch(
        "GET", f"http://127.0.0.1:{first.port}/", headers={"Authorization": "Bearer secret", "X-A": "b"}, redirects=1
    )
    assert got.json() == "there"
    assert b"secret" in first.asked[0] and b"secret" not in last.asked[0] and b"X-A: b" in last.asked[0]


async def test_redirects_in_a_circle_end(serve: Serve) -> None:
    server = await serve(answer(b"", "302 Found", "Location: /again"))
    got = await client(Names(), "127.0.0.1").fetch("GET", f"http://127.0.0.1:{server.port}/", redirects=5)
    assert got.status == 302 and server.connections == 6


async def test_an_answer_that_is_too_large_is_cut_off(serve: Serve) -> None:
    declared = await serve(answer(b"x" * 100_000))
    endless = await serve(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1000\r\n"
        + b"x" * 4096
        + b"\r\n"
        + b"1000\r\n"
        + b"x" * 4096
        + b"\r\n",
        hang=True,
    )
    squeezed = await serve(answer(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"))
    wide = await serve(answer(b"", "200 OK", f"X: {'x' * 100_000}"))
    for server in (declared, endless, squeezed, wide):
        with pytest.raises(TargetFailed):
            await client(Names(), "127.0.0.1").fetch("GET", f"http://127.0.0.1:{server.port}/", max_bytes=5000)


async def test_a_server_that_is_silent_or_talks_nonsense(serve: Serve) -> None:
    silent = await serve(b"", hang=True)
    slow = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", hang=True)
    for server in (silent, slow):
        with pytest.raises(TargetFailed, match="within"):
            await client(Names(), "127.0.0.1").fetch("GET", f"http://127.0.0.1:{server.port}/", within=0.2)
    for nonsense in (b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b""):
        server = await serve(nonsense)
        with pytest.raises(TargetFailed) as failed:
            await client(Names(), "127.0.0.1").fetch("GET", f"http://127.0.0.1:{server.port}/")
        assert "SSH" not in failed.value.message


async def test_nobody_listens_or_nobody_is_known(serve: Serve) -> None:
    server = await serve(answer())
    with pytest.raises(TargetFailed):
        await client(Names(), "127.0.0.0/8").fetch("GET", f"http://127.0.0.3:{server.port}/")
    with pytest.raises(TargetFailed):
        await client(Names(), "127.0.0.1").fetch("GET", "https://nobody.test/")


async def test_headers_cannot_be_smuggled_in(serve: Serve) -> None:
    server = await serve(answer())
    url = f"http://127.0.0.1:{server.port}/"
    with pytest.raises(NexusError):
        await client(Names(), "127.0.0.1").fetch("GET", url, headers={"X": "a\r\nInjected: 1"})
    with pytest.raises(TargetRefused):
        await client(Names(), "127.0.0.1").fetch("GET", url + "\r\nInjected: 1")
    assert not any(b"Injected" in head for head in server.asked)


async def test_certificates_are_verified(serve: Serve, tmp_path: Path) -> None:
    certificate, tls = certificate_of("idp.test", tmp_path)
    server = await serve(answer(b'"safe"'), tls=tls)
    allowed = rules(["127.0.0.1"])

    def names() -> Names:
        return Names(idp_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])

    unknown = Outgoing(lambda: allowed, resolve=names())
    with pytest.raises(TargetFailed, match="certificate"):
        await unknown.fetch("GET", f"https://idp.test:{server.port}/")
    known = Outgoing(lambda: allowed, resolve=names(), authorities=str(certificate))
    assert (await known.fetch("GET", f"https://idp.test:{server.port}/")).json() == "safe"
    # The certificate is of the name, not of the address that it was pinned to.
    with pytest.raises(TargetFailed, match="certificate"):
        await known.fetch("GET", f"https://other.test:{server.port}/")
    # From https no redirect leads to http.
    plain = await serve(answer(b'"plain"'))
    moved = await serve(answer(b"", "302 Found", f"Location: http://127.0.0.1:{plain.port}/"), tls=tls)
    with pytest.raises(TargetRefused):
        await known.fetch("GET", f"https://idp.test:{moved.port}/", redirects=1)
    assert plain.connections == 0


def certificate_of(name: str, folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate that signs itself, and a server's side with it."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return certificate, context
