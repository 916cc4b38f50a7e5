"""The audit log elsewhere: what a message looks like, and that over real sockets nothing is lost or changes places."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.config import AuditForward, load
from nexus.errors import ConfigError
from nexus.security.actor import Actor
from nexus.security.audit import forwarding as module
from nexus.security.audit.forwarding import Forwarding, otlp_document, syslog_message
from nexus.security.audit.log import Audit
from nexus.storage.metadata.api import AuditRecord
from nexus.storage.metadata.sqlite import SqliteMetadata
from nexus.telemetry import Registry

RECORD = AuditRecord(
    1_700_000_000_123_456_789,
    "shop",
    "alice",
    "key.created",
    "k1",
    {"name": "x"},
    "user",
    "192.0.2.7",
    "ok",
    "",
    '{"a":1}',
    7,
    "ab.c",
)
_HEADER = re.compile(
    r'<(\d+)>1 (\S+) (\S+) nexus (\d+) audit \[nexus@32473((?: \w+="(?:[^"\\\]]|\\["\\\]])*")*)\] \ufeff(.*)', re.DOTALL
)


def test_a_syslog_message_is_rfc_5424() -> None:
    message = syslog_message(RECORD, "host", "42").decode()
    found = _HEADER.fullmatch(message)
    assert found is not None
    priority, stamp, host, process, data, text = found.groups()
    assert (int(priority) // 8, int(priority) % 8) == (13, 6)
    assert (stamp, host, process) == ("2023-11-14T22:13:20.123456Z", "host", "42")
    assert ' number="7"' in data and ' who="alice"' in data and ' hash="ab.c"' in data
    document = json.loads(text)
    assert document["after"] == '{"a":1}' and document["details"] == {"name": "x"}
    failed = syslog_message(_with(outcome="denied"), "h", "1")
    assert failed.startswith(b"<108>1 ")


def _with(**changes: Any) -> AuditRecord:
    return replace(RECORD, **changes)


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_value_leaves_its_place_or_its_line(who: str, subject: str) -> None:
    message = syslog_message(_with(who=who, subject=subject), "h", "1").decode("utf-8", "surrogatepass")
    found = _HEADER.fullmatch(message)
    assert found is not None
    assert "\n" not in message and "\r" not in message and "\0" not in message


def test_what_is_too_long_for_a_datagram_says_less() -> None:
    big = _with(before="x" * 40_000, details={"a": "y" * 40_000})
    message = syslog_message(big, "h", "1", 1000)
    assert len(message) < 1000 and b'number="7"' in message
    assert len(syslog_message(_with(before="x" * 40_000), "h", "1")) > 40_000


def test_an_otlp_document() -> None:
    (resource,) = otlp_document([RECORD, _with(number=8, outcome="denied")], {"service.name": "nexus"})["resourceLogs"]
    first, second = resource["scopeLogs"][0]["logRecords"]
    assert first["timeUnixNano"] == "1700000000123456789" and first["severityText"] == "INFO"
    assert {"key": "audit.number", "value": {"intValue": "7"}} in first["attributes"]
    assert {"key": "audit.details.name", "value": {"stringValue": "x"}} in first["attributes"]
    assert second["severityText"] == "WARN"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"type": "syslog", "url": "http://a:1"}, "is written like tls://"),
        ({"type": "syslog", "url": "tcp://a"}, "is written like tls://"),
        ({"type": "syslog", "url": "tcp://a:x"}, "is written like tls://"),
        ({"type": "otlp", "url": "tcp://a:1"}, "is written like https://"),
        ({"type": "otlp", "url": "https://u:hunter2@a:1"}, "write them into `headers`"),
        ({"type": "syslog", "url": "tcp://a:1", "ca": "x"}, "has no certificates"),
        ({"type": "syslog", "url": "tcp://a:1", "headers": {"a": "hunter2"}}, "has no `headers`"),
    ],
)
def test_mistakes_are_said(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load({"NEXUS_AUDIT_FORWARD": json.dumps([wrong])})
    assert "hunter2" not in str(caught.value)


# ------------------------------------------------------------------------------------------------------------ delivery


class Receiver:
    """A TCP receiver of octet-counted messages that can be told to break."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.server: asyncio.Server | None = None
        self.port = 0
        self.writers: set[asyncio.StreamWriter] = set()
        self.arrived = asyncio.Event()

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        for writer in self.writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while True:
                length = int(await reader.readuntil(b" "))
                message = (await reader.readexactly(length)).decode()
                self.numbers.append(int(message.partition('number="')[2].partition('"')[0]))
                self.arrived.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def until(self, number: int) -> None:
        async with asyncio.timeout(60):
            while number not in self.numbers:
                self.arrived.clear()
                await self.arrived.wait()


@pytest.fixture
async def metadata(tmp_path: Path) -> AsyncIterator[SqliteMetadata]:
    store = SqliteMetadata(tmp_path)
    yield store
    store.close()


async def wrote(audit: Audit, start: int, end: int) -> None:
    for number in range(start, end):
        await audit.record(Actor("user", "alice"), "t", "view.changed", str(number))


Start = Callable[[Audit, str], Awaitable[Forwarding]]


@pytest.fixture
async def start(metadata: SqliteMetadata, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    tasks: list[asyncio.Task[None]] = []

    async def begin(audit: Audit, url: str) -> Forwarding:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        target = AuditForward(type="otlp" if url.startswith("http") else "syslog", url=url)
        forwarding = Forwarding([target], audit, metadata, Registry(), "1")
        tasks.append(asyncio.create_task(forwarding.run()))
        return forwarding

    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.05)
    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_over_tcp_in_order_and_again_after_a_break(metadata: SqliteMetadata, start: Start) -> None:
    audit, receiver = Audit(metadata, lambda: 1), Receiver()
    await receiver.start()
    await wrote(audit, 0, 5)
    forwarding = await start(audit, f"tcp://127.0.0.1:{receiver.port}")
    await receiver.until(5)
    await wrote(audit, 5, 8)
    await receiver.until(8)
    assert receiver.numbers == list(range(1, 9))
    # The receiver goes away with what it had, and comes back: nothing is missing, and in order.
    await receiver.stop()
    await wrote(audit, 8, 10)
    while not forwarding.forwarders[0].failures:
        await asyncio.sleep(0.01)
    receiver.numbers.clear()
    await receiver.start()
    await receiver.until(10)
    assert receiver.numbers == list(range(1, 11))
    # Another process goes on where this one was; what may have been unread comes again.
    receiver.numbers.clear()
    await start(audit, f"tcp://127.0.0.1:{receiver.port}")
    await wrote(audit, 10, 11)
    await receiver.until(11)
    assert receiver.numbers == list(range(1, 12))
    await receiver.stop()


async def test_over_otlp_until_the_receiver_says_yes(metadata: SqliteMetadata, start: Start) -> None:
    audit = Audit(metadata, lambda: 1)
    bodies: list[list[int]] = []
    answers = [503, 429, 400, 301, 200, 200]
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            document = json.loads(await reader.readexactly(length))
            records = document["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
            bodies.append([int(one["attributes"][0]["value"]["intValue"]) for one in records])
            status = answers.pop(0)
            writer.write(b"HTTP/1.1 %d x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\n{}" % status)
            await writer.drain()
            if len(answers) < 2:
                done.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    await wrote(audit, 0, 3)
    port = server.sockets[0].getsockname()[1]
    forwarding = await start(audit, f"http://127.0.0.1:{port}/v1/logs")
    async with asyncio.timeout(60):
        await done.wait()
        await wrote(audit, 3, 4)
        while forwarding.forwarders[0].position < 4:
            await asyncio.sleep(0.01)
    assert bodies == [[1, 2, 3]] * 5 + [[4]]
    assert forwarding.forwarders[0].failures == 4
    server.close()


async def test_what_retention_took_is_counted(metadata: SqliteMetadata, start: Start) -> None:
    audit, receiver = Audit(metadata, lambda: 1), Receiver()
    await receiver.start()
    await wrote(audit, 0, 2)
    await start(audit, f"tcp://127.0.0.1:{receiver.port}")
    await receiver.until(2)
    await receiver.stop()
    await wrote(audit, 2, 6)
    metadata.purge_audit(5)
    forwarding = await start(audit, f"tcp://127.0.0.1:{receiver.port}")
    receiver.numbers.clear()
    await receiver.start()
    await receiver.until(6)
    assert receiver.numbers == [5, 6]
    assert forwarding.forwarders[0].lost == 2
    await receiver.stop()
