"""Certificates of listeners: the server's context, and when a certificate ends.

A context is made anew at a reload; connections that are open keep the one they began with.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

from nexus.errors import ConfigError

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def server_context(certificate: str, key: str = "", client_ca: str = "") -> ssl.SSLContext:
    """TLS 1.2 and newer with this certificate; with `client_ca` a client must have one of these authorities.

    Raises `ConfigError`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as error:
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
