"""A real SMTP server (aiosmtpd) in a thread of its own: with TLS and a password, or without; it can refuse."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "nexus", "mail-server-password-7"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "mail.pem", folder / "mail.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


class MailServer:
    """Takes mails; `refusals` are answers to give instead, first come first."""

    def __init__(self, folder: Path, tls: str = "off", refusals: tuple[str, ...] = ()) -> None:
        self.mails: list[Message] = []
        self.encrypted: list[bool] = []
        self.sessions: list[Any] = []
        self.refusals = list(refusals)
        self._arrived = threading.Condition()
        folder.mkdir(parents=True, exist_ok=True)
        self.authority, key = certificate(folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.authority, key)
        options: dict[str, Any] = {"ready_timeout": 20.0}
        if tls != "off":
            options |= {"authenticator": self._authenticate, "auth_required": True}
        if tls == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if tls == "tls":
            options |= {"ssl_context": context, "auth_require_tls": False}
        self._controller = Controller(self, hostname="127.0.0.1", port=0, **options)

    @property
    def port(self) -> int:
        return int(self._controller.server.sockets[0].getsockname()[1])

    def settings(self, tls: str) -> dict[str, str]:
        """Environment of a Nexus that sends through it."""
        found = {
            "NEXUS_SMTP_HOST": "localhost",
            "NEXUS_SMTP_PORT": str(self.port),
            "NEXUS_SMTP_TLS": tls,
            "NEXUS_SMTP_SENDER": "Nexus <nexus@example.com>",
        }
        if tls != "off":
            found |= {
                "NEXUS_SMTP_USERNAME": USER,
                "NEXUS_SMTP_PASSWORD": PASSWORD,
                "NEXUS_SMTP_AUTHORITIES": str(self.authority),
            }
        return found

    def __enter__(self) -> Self:
        try:
            self._controller.start()
        except OSError:
            # It connects to the port it was told, which was 0.
            if self._controller.server is None:
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def wait(self, count: int, timeout: float = 60.0) -> Message:
        """The mail of that number, when it has come."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.mails) >= count, timeout), f"{len(self.mails)} mails came"
            return self.mails[count - 1]

    def _authenticate(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right)

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.refusals:
            with self._arrived:
                return self.refusals.pop(0)
        with self._arrived:
            self.mails.append(message_from_bytes(envelope.content, policy=default))
            self.encrypted.append(session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None)
            self._arrived.notify_all()
        return "250 taken"


def text_of(mail: Message) -> str:
    """What it says."""
    return str(mail.get_content()).replace("\r\n", "\n")  # type: ignore[attr-defined]
