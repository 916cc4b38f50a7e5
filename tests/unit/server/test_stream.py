"""Streamed answers: whole, broken off by an error, and broken off because their reader lost access."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from nexus.errors import Unavailable
from nexus.pipeline.body import ClientGone
from nexus.server.stream import Download, StreamedAnswer


async def run(work: Coroutine[Any, Any, None]) -> None:
    await work


async def never() -> None:
    await asyncio.Event().wait()


async def listening() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


class Sent:
    """What an answer sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.some = asyncio.Event()

    async def __call__(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if message.get("body"):
            self.some.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def whole(self) -> bool:
        return self.messages[-1].get("more_body") is False


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def test_an_answer_to_its_end() -> None:
    sent = Sent()
    await StreamedAnswer(b"a", pieces(b"b", b"c"), run, "q", never)({}, listening, sent)
    assert (sent.body, sent.whole) == (b"abc", True)


async def test_an_error_is_the_last_line() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"b\n"
        raise Unavailable("the disk is gone.")

    sent = Sent()
    await StreamedAnswer(b"a\n", failing(), run, "q", never)({}, listening, sent)
    assert sent.body.startswith(b"a\nb\n{") and b"the disk is gone" in sent.body


@pytest.mark.parametrize("kind", ["stream", "file"])
async def test_who_loses_access_gets_no_more(kind: str) -> None:
    sent, taken, closed = Sent(), [], asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                taken.append(1)
                yield b"record\n"
                await asyncio.sleep(0)
        finally:
            closed.set()

    async def revoked() -> None:
        await sent.some.wait()

    answer = (
        StreamedAnswer(None, endless(), run, "q", revoked)
        if kind == "stream"
        else Download(None, endless(), run, "q", revoked, name="logs.csv", media_type="text/csv")
    )
    async with asyncio.timeout(60):
        with pytest.raises(ClientGone):
            await answer({}, listening, sent)
        await closed.wait()
    assert sent.body and not sent.whole
    count = len(taken)
    await asyncio.sleep(0)
    assert len(taken) == count
