"""Entries of the audit log to somewhere else: in order, each at least once, from where the last process left off.

Whoever has the database and the key file can write another history; what has gone elsewhere by then cannot be changed from
here. The log itself is the queue: a forwarder reads pages of it, and moves its position, kept in the metadata, when a page
has arrived. Over OTLP that is what a 2xx says. Syslog acknowledges nothing: over TCP and TLS a page has arrived when the
receiver's system has confirmed every byte, and after a connection broke the last `AGAIN` entries go once more, because the
receiver may have had them unread; over UDP nobody knows. Receivers know an entry again by its number and hash.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from nexus.config import AuditForward
from nexus.errors import ConfigError, NexusError
from nexus.model.time import format_time
from nexus.security.audit.log import OK, Audit
from nexus.storage.metadata.api import AuditRecord, MetadataStore
from nexus.telemetry import Registry

if TYPE_CHECKING:
    import aiohttp

PAGE: Final = 200
AGAIN: Final = 100
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
SEND_TIMEOUT: Final = 30.0
MAX_DATAGRAM: Final = 32_768
"""Bytes of a message over UDP; the state before and after a change is left out of longer ones."""
_SETTING: Final = "audit.forward."
_AUDIT_FACILITY: Final = 13
_SD_ID: Final = "nexus@32473"
"""32473 is the number that RFC 5612 gives to whoever has none of his own."""

log = logging.getLogger(__name__)


class SendFailed(Exception):
    """A page did not arrive; the text says why and holds no secret."""


class Sender(Protocol):
    """A way out. Used by one task."""

    async def send(self, page: list[AuditRecord]) -> None:
        """Send entries, and return when they have arrived. Raises `SendFailed`."""
        ...

    @property
    def fresh(self) -> bool:
        """Has the next page to go over a new connection?"""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


def syslog_message(record: AuditRecord, host: str, process: str, longest: int = 0) -> bytes:
    """An entry as an RFC 5424 message: its fields as structured data, the whole of it as JSON in the text.

    `longest` in bytes leaves before and after, and then details, out of the text of longer ones; 0 is no limit.
    """
    severity = 6 if record.outcome == OK else 4
    priority = _AUDIT_FACILITY * 8 + severity
    names = ("number", "tenant", "kind", "who", "address", "action", "subject", "outcome", "hash")
    data = "".join(f' {name}="{_parameter(str(getattr(record, name)))}"' for name in names if getattr(record, name) != "")
    head = f"<{priority}>1 {_stamp(record.at)} {host} nexus {process} audit [{_SD_ID}{data}] \ufeff".encode()
    document = body_of(record)
    for dropped in ((), ("before", "after"), ("details",)):
        for name in dropped:
            document.pop(name, None)
        message = head + msgspec.json.encode(document)
        if not longest or len(message) <= longest:
            break
    return message


def otlp_document(page: list[AuditRecord], resource: dict[str, str]) -> dict[str, Any]:
    """Entries as an OTLP ExportLogsServiceRequest in its JSON form."""
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeLogs": [{"scope": {"name": "nexus.audit"}, "logRecords": [_log_record(one) for one in page]}],
            }
        ]
    }


def body_of(record: AuditRecord) -> dict[str, Any]:
    """An entry as a document."""
    return {
        "number": record.number,
        "at": format_time(record.at),
        "tenant": record.tenant,
        "kind": record.kind,
        "who": record.who,
        "address": record.address,
        "action": record.action,
        "subject": record.subject,
        "outcome": record.outcome,
        "details": record.details,
        "before": record.before,
        "after": record.after,
        "hash": record.hash,
    }


def _log_record(record: AuditRecord) -> dict[str, Any]:
    fields = body_of(record)
    details = fields.pop("details")
    number, at = fields.pop("number"), fields.pop("at")
    texts = {f"audit.{name}": str(value) for name, value in fields.items() if value != ""}
    texts |= {f"audit.details.{name}": str(value) for name, value in details.items()}
    warning = record.outcome != OK
    return {
        "timeUnixNano": str(record.at),
        "observedTimeUnixNano": str(record.at),
        "severityNumber": 13 if warning else 9,
        "severityText": "WARN" if warning else "INFO",
        "body": {"stringValue": f"{record.who or record.kind} {record.action} {record.subject} {record.outcome} at {at}"},
        "attributes": [{"key": "audit.number", "value": {"intValue": str(number)}}, *_attributes(texts)],
    }


def _attributes(texts: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in texts.items()]


def _stamp(ns: int) -> str:
    """RFC 3339 with microseconds, which is what RFC 5424 allows."""
    text = format_time(ns)
    whole, _, fraction = text.rstrip("Z").partition(".")
    return f"{whole}.{(fraction + '000000')[:6]}Z"


def _parameter(text: str) -> str:
    """A PARAM-VALUE: what RFC 5424 wants escaped is, and what would begin a line of its own is spelled out."""
    shown = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
    return shown.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


# ------------------------------------------------------------------------------------------------------------- senders


@dataclass(slots=True)
class _Place:
    host: str
    port: int
    context: ssl.SSLContext | None


class SyslogSender:
    """Over UDP a message is a datagram (RFC 5426); over TCP (RFC 6587) and TLS (RFC 5425) its length goes before it."""

    def __init__(self, target: AuditForward, host: str = "") -> None:
        """Nothing is connected yet. Raises `ConfigError` for certificates that cannot be used."""
        parts = urlsplit(target.url)
        self._protocol = parts.scheme
        self._place = _Place(parts.hostname or "", parts.port or 0, tls_context(target) if parts.scheme == "tls" else None)
        self._host = _token(host or socket.gethostname(), 255)
        self._process = str(os.getpid())
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self._datagrams: asyncio.DatagramTransport | None = None

    @property
    def fresh(self) -> bool:
        """See `Sender`."""
        return self._protocol != "udp" and (self._writer is None or self._ended)

    @property
    def _ended(self) -> bool:
        return self._writer is not None and (
            self._writer.is_closing() or (self._reader is not None and self._reader.at_eof())
        )

    async def send(self, page: list[AuditRecord]) -> None:
        """See `Sender`."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                if self._protocol == "udp":
                    await self._send_datagrams(page)
                else:
                    await self._send_stream(page)
        except (OSError, TimeoutError, ssl.SSLError) as error:
            await self.close()
            raise SendFailed(_reason(error)) from error

    async def _send_datagrams(self, page: list[AuditRecord]) -> None:
        if self._datagrams is None:
            loop = asyncio.get_running_loop()
            address = (self._place.host, self._place.port)
            self._datagrams, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=address)
        for record in page:
            self._datagrams.sendto(syslog_message(record, self._host, self._process, MAX_DATAGRAM))
            # So that a page does not overrun the receiver's buffer.
            await asyncio.sleep(0)

    async def _send_stream(self, page: list[AuditRecord]) -> None:
        if self.fresh:
            await self.close()
            self._reader, self._writer = await asyncio.open_connection(
                self._place.host, self._place.port, ssl=self._place.context
            )
        assert self._writer is not None
        for record in page:
            message = syslog_message(record, self._host, self._process)
            self._writer.write(b"%d %s" % (len(message), message))
            await self._writer.drain()
        await self._confirmed()

    async def _confirmed(self) -> None:
        """Wait until the receiver's system has confirmed every byte."""
        assert self._writer is not None
        transport = self._writer.transport
        sock: Any = transport.get_extra_info("socket")
        while transport.get_write_buffer_size() or _unconfirmed(sock):
            if self._ended:
                raise ConnectionResetError("the receiver closed the connection")
            await asyncio.sleep(0.01)
        if self._ended:
            raise ConnectionResetError("the receiver closed the connection")

    async def close(self) -> None:
        """See `Sender`."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await writer.wait_closed()
        if self._datagrams is not None:
            self._datagrams.close()
            self._datagrams = None


class OtlpSender:
    """POSTs to an OTLP/HTTP door; a 2xx is the acknowledgement."""

    fresh = False

    def __init__(self, target: AuditForward, resource: dict[str, str]) -> None:
        """Nothing is connected yet. Raises `ConfigError` for certificates that cannot be used."""
        self._target = target
        self._resource = resource
        self._context = tls_context(target) if target.url.startswith("https:") else None
        self._session: aiohttp.ClientSession | None = None

    async def send(self, page: list[AuditRecord]) -> None:
        """See `Sender`."""
        import aiohttp

        if self._session is None:
            # Comes with the first use: aiohttp takes a while to load.
            timeout = aiohttp.ClientTimeout(total=SEND_TIMEOUT)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        body = msgspec.json.encode(otlp_document(page, self._resource))
        headers = {"User-Agent": "nexus-audit", **self._target.headers, "Content-Type": "application/json"}
        try:
            async with self._session.post(
                self._target.url, data=body, headers=headers, allow_redirects=False, ssl=self._context or True
            ) as response:
                answer = await response.content.read(65_536)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise SendFailed(_reason(error)) from error
        if not 200 <= status < 300:
            raise SendFailed(f"the receiver answered with status {status}")
        _note_rejected(answer)

    async def close(self) -> None:
        """See `Sender`."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _note_rejected(answer: bytes) -> None:
    """A receiver may take a page and refuse records of it: sending them again would not help."""
    with contextlib.suppress(msgspec.MsgspecError, AttributeError, TypeError, ValueError):
        partial = msgspec.json.decode(answer).get("partialSuccess") or {}
        if rejected := int(partial.get("rejectedLogRecords") or 0):
            log.error("the receiver of the audit log rejected %d entries for good", rejected)


def tls_context(target: AuditForward) -> ssl.SSLContext:
    """TLS 1.2 or newer, the receiver's certificate verified. Raises `ConfigError`."""
    try:
        context = ssl.create_default_context(cafile=target.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if target.certificate:
            context.load_cert_chain(target.certificate, target.key or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the certificates for {_shown(target)} cannot be used: {_reason(error)}.", hint="See audit.forward."
        ) from error
    return context


# ---------------------------------------------------------------------------------------------------------- forwarding


class Forwarder:
    """Brings the log to one place, as long as it runs."""

    def __init__(
        self, target: AuditForward, sender: Sender, audit: Audit, metadata: MetadataStore, wake: asyncio.Event
    ) -> None:
        """`wake` is set when there may be something new."""
        self.name = _shown(target)
        self.sent = 0
        self.failures = 0
        self.lost = 0
        self._setting = _SETTING + hashlib.sha256(f"{target.type} {target.url}".encode()).hexdigest()[:16]
        self._sender = sender
        self._audit = audit
        self._metadata = metadata
        self._wake = wake
        self.position = 0
        """The last entry that has arrived."""

    async def run(self) -> None:
        """Send for ever; failures are tried again after longer and longer pauses."""
        pause = FIRST_PAUSE
        self.position = await asyncio.to_thread(self._load)
        try:
            while True:
                try:
                    moved = await self._step()
                except (SendFailed, NexusError) as error:
                    self.failures += 1
                    log.warning("the audit log waits for %s: %s", self.name, error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                except Exception:
                    self.failures += 1
                    log.exception("the audit log waits for %s", self.name)
                    await asyncio.sleep(LONGEST_PAUSE)
                    continue
                pause = FIRST_PAUSE
                if not moved:
                    await self._wake.wait()
                    self._wake.clear()
        finally:
            await self._sender.close()

    async def _step(self) -> bool:
        """Send a page; was there one?"""
        page = await asyncio.to_thread(self._audit.after, self.position, PAGE)
        if not page:
            return False
        if self.position and page[0].number > self.position + 1:
            self.lost += page[0].number - self.position - 1
        if self._sender.fresh and self.position:
            again = await asyncio.to_thread(self._audit.after, max(0, self.position - AGAIN), AGAIN)
            page = [one for one in again if one.number <= self.position] + page
        await self._sender.send(page)
        self.sent += len(page)
        self.position = page[-1].number
        await asyncio.to_thread(self._metadata.put_setting, self._setting, str(self.position))
        return True

    def _load(self) -> int:
        text = self._metadata.get_setting(self._setting) or "0"
        # Metadata from a backup may end before what has arrived.
        return min(int(text), self._audit.newest) if text.isascii() and text.isdigit() else 0


class Forwarding:
    """Every forwarder of the configuration."""

    def __init__(
        self, targets: list[AuditForward], audit: Audit, metadata: MetadataStore, registry: Registry, version: str
    ) -> None:
        """Raises `ConfigError` for certificates that cannot be used."""
        resource = {"service.name": "nexus", "service.version": version, "host.name": socket.gethostname()}
        self._audit = audit
        self._wakes = [asyncio.Event() for _ in targets]
        self.forwarders = []
        for target, wake in zip(targets, self._wakes, strict=True):
            sender: Sender = SyslogSender(target) if target.type == "syslog" else OtlpSender(target, resource)
            self.forwarders.append(Forwarder(target, sender, audit, metadata, wake))
        self._gauges: list[tuple[Any, Callable[[Forwarder], int]]] = [
            (
                registry.gauge("nexus_audit_forward_lag", "Entries that have not arrived yet.", "target"),
                lambda one: max(0, audit.newest - one.position),
            ),
            (registry.gauge("nexus_audit_forward_sent", "Entries sent since the start.", "target"), lambda one: one.sent),
            (
                registry.gauge("nexus_audit_forward_failures", "Attempts that failed since the start.", "target"),
                lambda one: one.failures,
            ),
            (
                registry.gauge("nexus_audit_forward_lost", "Entries that retention removed before they went out.", "target"),
                lambda one: one.lost,
            ),
        ]

    async def run(self) -> None:
        """Run them all for ever."""
        async with asyncio.TaskGroup() as group:
            for forwarder in self.forwarders:
                group.create_task(forwarder.run())
            group.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            self._measure()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._audit.news()
            for wake in self._wakes:
                wake.set()

    def _measure(self) -> None:
        for gauge, read in self._gauges:
            for forwarder in self.forwarders:
                gauge.set(read(forwarder), forwarder.name)


def _shown(target: AuditForward) -> str:
    """Where to, without what an address may hold besides."""
    parts = urlsplit(target.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _token(text: str, longest: int) -> str:
    """A field of a syslog header: printable ASCII without blanks."""
    return "".join(character if "!" <= character <= "~" else "-" for character in text)[:longest] or "-"


def _unconfirmed(sock: Any) -> int:
    """Bytes that the peer's system has not confirmed yet; 0 where the system does not tell."""
    import array
    import fcntl
    import termios

    found = array.array("i", [0])
    try:
        # SIOCOUTQ has the number of TIOCOUTQ.
        fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, found)
    except OSError:
        return 0
    return found[0]


def _reason(error: Exception) -> str:
    return " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())[:300]
