"""Receiving bodies: limits in size, time and sum."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nexus.errors import InvalidRequest, Overloaded, PayloadTooLarge
from nexus.pipeline.body import BodyLimits, BodyTimeout, Budget, ClientGone, Lease, read_body

LIMITS = BodyLimits(100, 0.2, 1.0)


def sending(*chunks: bytes | float | None) -> Callable[[], Awaitable[Any]]:
    """An ASGI receive: bytes are chunks, numbers are silences in seconds, None is a closed connection."""
    parts = list(chunks)

    async def receive() -> Any:
        while parts:
            part = parts.pop(0)
            if part is None:
                return {"type": "http.disconnect"}
            if isinstance(part, bytes):
                return {"type": "http.request", "body": part, "more_body": bool(parts)}
            await asyncio.sleep(part)
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


async def read(*chunks: bytes | float | None, headers: dict[str, str] | None = None, budget: Budget | None = None) -> bytes:
    with Lease(budget or Budget(1000, "bodies")) as lease:
        return await read_body(sending(*chunks), headers or {}, LIMITS, lease)


async def test_a_body_in_pieces() -> None:
    assert await read(b"ab", b"", b"cd") == b"abcd"
    assert await read(b"x" * 100) == b"x" * 100
    assert await read() == b""


async def test_too_large_before_and_while_reading() -> None:
    with pytest.raises(PayloadTooLarge):
        await read(b"never read", headers={"content-length": "101"})
    with pytest.raises(PayloadTooLarge):
        await read(b"x" * 60, b"x" * 60)


@pytest.mark.parametrize("text", ["-1", "many", "", "1e3", "٣"])
async def test_a_content_length_that_is_none(text: str) -> None:
    with pytest.raises(InvalidRequest):
        await read(b"x", headers={"content-length": text})


async def test_silence_and_slowness() -> None:
    with pytest.raises(BodyTimeout):
        await read(b"a", 0.5, b"b")
    with pytest.raises(BodyTimeout):
        await read(*[part for _ in range(20) for part in (b"a", 0.1)])


async def test_a_sender_that_goes_away() -> None:
    with pytest.raises(ClientGone):
        await read(b"a", None)


async def test_all_bodies_share_a_budget() -> None:
    budget = Budget(150, "bodies being received")
    with Lease(budget) as first:
        await read_body(sending(b"x" * 100), {}, LIMITS, first)
        assert budget.used == 100
        with pytest.raises(Overloaded, match="already hold 100 of 150"):
            await read(b"y" * 60, budget=budget)
        with pytest.raises(Overloaded):
            await read(b"y", headers={"content-length": "60"}, budget=budget)
        assert budget.used == 100
    assert budget.used == 0
