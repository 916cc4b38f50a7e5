"""Certificates of every port: the server's context, when its files change, and when a certificate ends.

A context is made anew at a reload; connections that are open keep the one they began with. Files that cannot be used change
nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nexus.errors import ConfigError

WATCH_SECONDS: Final = 2.0
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption only. Those of 1.3 are all of that kind."""

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a port's TLS is made of; `key` empty is in the certificate's file. With `client_ca` a client must have a
    certificate of one of these authorities, or only may when it is `optional`."""

    certificate: str
    key: str = ""
    client_ca: str = ""
    min_version: str = "1.2"
    optional: bool = False
    protocols: tuple[str, ...] = ()
    """What is spoken inside, for clients that ask (ALPN)."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files."""
        return tuple(path for path in (self.certificate, self.key, self.client_ca) if path)


class Tls:
    """TLS of one port: the context in force."""

    def __init__(self, name: str, files: TlsFiles) -> None:
        """Read the files; `name` is how the port is called in the log. Raises `ConfigError`."""
        self.name = name
        self.files = files
        self.number = 0
        """Counts the reloads."""
        self.material: tuple[bytes, bytes, bytes | None] = (b"", b"", None)
        """Certificate, key and authorities as PEM, for those who make contexts of their own."""
        self.context = self._made()

    def reload(self) -> None:
        """Read the files again, for connections to come. Raises `ConfigError`; then the old ones stay."""
        self.context = self._made()
        self.number += 1

    def _made(self) -> ssl.SSLContext:
        files = self.files
        context = server_context(files.certificate, files.key, files.client_ca, files.min_version)
        if files.client_ca and files.optional:
            context.verify_mode = ssl.CERT_OPTIONAL
        if files.protocols:
            context.set_alpn_protocols(list(files.protocols))
        try:
            read = [Path(path).read_bytes() if path else b"" for path in (files.certificate, files.key, files.client_ca)]
        except OSError as error:
            raise ConfigError(f"cannot read the certificate again: {error}.") from error
        self.material = read[0], read[1] or read[0], read[2] or None
        return context


def server_context(certificate: str, key: str = "", client_ca: str = "", min_version: str = "1.2") -> ssl.SSLContext:
    """TLS with this certificate; with `client_ca` a client must have one of these authorities.

    Raises `ConfigError`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[min_version]
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(certificate, key or None, password=_no_passphrase)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"cannot use the certificate {certificate} with the key {key or certificate}: {error}.",
            hint="Both are PEM files that Nexus may read; the key has no passphrase.",
        ) from error
    if client_ca:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot read the authorities in {client_ca}: {error}.") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_passphrase() -> str:
    # Without this OpenSSL asks at the terminal, and the start waits.
    raise ValueError("the key is encrypted")


async def watch(paths: Callable[[], Sequence[str]], changed: Callable[[], None]) -> None:
    """Call `changed` after files have changed: written, replaced, or their links turned elsewhere."""
    known = _marks(paths())
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        found = _marks(paths())
        if found == known:
            continue
        # Certificate and key are seldom written in one moment.
        await asyncio.sleep(WATCH_SECONDS / 4)
        known = _marks(paths())
        changed()


def _marks(paths: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    found = {}
    for path in paths:
        try:
            facts = Path(path).stat()
        except OSError:
            found[path] = (0, 0, 0)
            continue
        found[path] = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
    return found


def expiry(certificate: str) -> datetime:
    """When the first certificate of a PEM file ends. Raises `ValueError`, `OSError`."""
    found = _PEM.search(Path(certificate).read_bytes())
    if found is None:
        raise ValueError(f"{certificate} holds no certificate")
    fields = _children(_children(ssl.PEM_cert_to_DER_cert(found[0].decode("ascii")))[0][1])
    # tbsCertificate: version (tag 0xA0, not always there), serial, algorithm, issuer, validity
    tbs = _children(fields[0][1]) if fields else []
    validity = tbs[4 if tbs and tbs[0][0] == 0xA0 else 3][1]
    tag, text = _children(validity)[1]
    return datetime.strptime(text.decode("ascii"), "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _children(der: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of DER values that stand one after the other."""
    found = []
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        found.append((tag, der[at : at + length]))
        at += length
    return found
