"""Receiving request bodies: bounded in size, in time and in their sum over all requests.

`read_body` reads an ASGI body. It refuses by `Content-Length` before reading, counts while reading, gives up on senders
that are silent or slow, and holds what it read against a shared `Budget`, through a `Lease` of the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from nexus.errors import InvalidRequest, Overloaded, PayloadTooLarge

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The client closed the connection before its body was complete; there is nobody to answer."""


class BodyTimeout(InvalidRequest):
    """The body did not arrive in time."""

    code = "body_timeout"
    http_status = 408


class Budget:
    """A number of bytes that several holders share. Used from the event loop only."""

    def __init__(self, limit: int, what: str) -> None:
        """`what` names the thing in the refusal, such as "bodies being received"."""
        self.limit = limit
        self.used = 0
        self._what = what

    def take(self, amount: int) -> None:
        """Take bytes. Raises `Overloaded` when they are not there."""
        if self.used + amount > self.limit:
            raise Overloaded(
                f"{self._what} already hold {self.used} of {self.limit} bytes.",
                retry_after=1.0,
                hint="Retry after the time in Retry-After.",
            )
        self.used += amount

    def give(self, amount: int) -> None:
        """Give bytes back."""
        self.used -= amount


class Lease:
    """What one holder took of a budget; given back once, at `close` or at the end of its `with` block."""

    def __init__(self, budget: Budget, meter: Callable[[int], None] | None = None) -> None:
        """Start with nothing taken. `meter` is told of bytes as they are taken, and may refuse them."""
        self._budget = budget
        self._taken = 0
        self._meter = meter

    def take(self, amount: int) -> None:
        """Take more. Raises `Overloaded`, and what the meter raises."""
        self._budget.take(amount)
        self._taken += amount
        if self._meter is not None:
            self._meter(amount)

    def close(self) -> None:
        """Give everything back."""
        self._budget.give(self._taken)
        self._taken = 0

    def __enter__(self) -> Self:
        """Hold until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give everything back."""
        self.close()


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bytes as sent, and seconds: of silence, and altogether."""

    max_bytes: int
    idle_timeout: float
    timeout: float


async def read_body(receive: Receive, headers: Mapping[str, str], limits: BodyLimits, lease: Lease) -> bytes:
    """Read the whole body and hold its bytes on the lease.

    Raises `PayloadTooLarge`, `BodyTimeout`, `Overloaded`, `InvalidRequest`, and `ClientGone`.
    """
    declared = _content_length(headers)
    if declared is not None:
        if declared > limits.max_bytes:
            raise too_large(limits.max_bytes)
        lease.take(declared)
    return await _read(receive, limits, lease, declared)


async def _read(receive: Receive, limits: BodyLimits, lease: Lease, declared: int | None) -> bytes:
    chunks: list[bytes] = []
    size = 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.timeout
    try:
        async with asyncio.timeout_at(min(deadline, loop.time() + limits.idle_timeout)) as timer:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunk: bytes = message.get("body", b"")
                if chunk:
                    size += len(chunk)
                    if size > limits.max_bytes:
                        raise too_large(limits.max_bytes)
                    if declared is None:
                        lease.take(len(chunk))
                    chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
                timer.reschedule(min(deadline, loop.time() + limits.idle_timeout))
    except TimeoutError as error:
        raise BodyTimeout(
            f"the body did not arrive in time: {size} bytes came, {limits.idle_timeout:g} s of silence and "
            f"{limits.timeout:g} s altogether are allowed.",
            hint="Send smaller bodies.",
        ) from error


def too_large(limit: int) -> PayloadTooLarge:
    """The refusal of a body beyond the limit."""
    return PayloadTooLarge(f"the body is larger than {limit} bytes (after decompression).", hint="Send it in smaller parts.")


def _content_length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise InvalidRequest(f"Content-Length must be a number, not {text[:40]!r}.")
    return int(text)
