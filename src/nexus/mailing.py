"""Mail to users, by the SMTP server of the configuration: in the background, tried again, bounded.

`post` returns at once. Up to 200 mails wait, further ones are dropped and counted; one that cannot be sent is tried
again after 5, 30 and 180 seconds, unless the server has refused it for good. What a mail says is never logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ssl

    from nexus.config import SmtpConfig
    from nexus.telemetry import Registry

MAX_WAITING: Final = 200
RETRIES: Final = (5.0, 30.0, 180.0)
TIMEOUT: Final = 30.0
SENDERS: Final = 2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Mail:
    """A mail of plain text; it may hold a secret, so it has no text of its own."""

    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        """Without the address and what it says."""
        return f"Mail({self.subject!r})"


class Mailer:
    """See the module text. Lives on one event loop, from `start` to `stop`."""

    def __init__(self, config: Callable[[], SmtpConfig], registry: Registry, retries: Sequence[float] = RETRIES) -> None:
        """Nothing is sent before `start`."""
        self._config = config
        self._retries = retries
        self._queue: asyncio.Queue[Mail] = asyncio.Queue(MAX_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._mails = registry.counter("nexus_mails_total", "Mails to users, by what became of them.", "outcome")

    @property
    def on(self) -> bool:
        """Is there a server to send with?"""
        return bool(self._config().host)

    def start(self) -> None:
        """Send what is posted."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(SENDERS)]

    async def stop(self) -> None:
        """Give up what still waits."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if waiting := self._queue.qsize():
            log.warning("mails were not sent before the stop", extra={"fields": {"mails": waiting}})

    def post(self, mail: Mail) -> bool:
        """Have a mail sent; False when there is no server, no address, or too much waits."""
        if not self.on or not mail.to:
            return False
        try:
            self._queue.put_nowait(mail)
        except asyncio.QueueFull:
            self._mails.add(1, "dropped")
            log.error("a mail was dropped: too many wait", extra={"fields": {"subject": mail.subject}})
            return False
        return True

    async def _work(self) -> None:
        # The SMTP client may swallow a cancellation while it says goodbye: the flag is what ends this.
        while not self._stopping:
            mail = await self._queue.get()
            try:
                await self._deliver(mail)
            except Exception:
                log.exception("a mail could not be made")
                self._mails.add(1, "failed")

    async def _deliver(self, mail: Mail) -> None:
        from aiosmtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

        for pause in (*self._retries, None):
            try:
                await self._send(mail)
            except (SMTPException, OSError, TimeoutError) as error:
                final = isinstance(error, SMTPRecipientsRefused) or (
                    isinstance(error, SMTPResponseException) and error.code >= 500
                )
                # Not the text: servers repeat addresses and more in it.
                code = error.code if isinstance(error, SMTPResponseException) else 0
                facts = {"fields": {"error": type(error).__name__, "code": code, "subject": mail.subject}}
                log.warning("a mail was not sent", extra=facts)
                if final or pause is None or self._stopping:
                    self._mails.add(1, "failed")
                    return
                await asyncio.sleep(pause)
            else:
                self._mails.add(1, "sent")
                return

    async def _send(self, mail: Mail) -> None:
        import aiosmtplib

        smtp = self._config()
        await aiosmtplib.send(
            message_of(mail, smtp.sender),
            hostname=smtp.host,
            port=smtp.port,
            username=smtp.username or None,
            password=smtp.password or None,
            use_tls=smtp.tls == "tls",
            start_tls=smtp.tls == "starttls",
            tls_context=None if smtp.tls == "off" else await asyncio.to_thread(_context, smtp.authorities),
            timeout=TIMEOUT,
        )


def message_of(mail: Mail, sender: str) -> EmailMessage:
    """The mail as it is sent. Raises `ValueError` for a line break in a header."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip("> ") or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


def _context(authorities: str) -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context()
    if authorities:
        context.load_verify_locations(authorities)
    return context
