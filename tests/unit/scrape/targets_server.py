"""Targets for tests: an HTTP server on a free port whose answers a test sets, and a store that keeps what it is given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

STALE = "7ff0000000000002"


@dataclass
class TargetServer:
    """Answers by path; keeps the requests."""

    port: int = 0
    answers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def say(self, path: str, body: str | bytes, content_type: str = "text/plain; version=0.0.4", **more: Any) -> None:
        async def answer(request: web.Request) -> web.Response:
            content = body.encode() if isinstance(body, str) else body
            headers = {"Content-Type": content_type, **more.get("headers", {})}
            return web.Response(body=content, status=more.get("status", 200), headers=headers)

        self.answers[path] = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if (answer := self.answers.get(request.path)) is None:
            return web.Response(status=404)
        return await answer(request)


@asynccontextmanager
async def serving(ssl_context: Any = None) -> AsyncIterator[TargetServer]:
    """A running server."""
    found = TargetServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
    await site.start()
    found.port = runner.addresses[0][1]
    try:
        yield found
    finally:
        await runner.cleanup()


@dataclass
class Receipt:
    """Everything was stored."""

    message: str = ""
    refused: int = 0


class Kept:
    """Stands for the store: keeps batches as JSON, and raises what a test sets."""

    def __init__(self) -> None:
        self.series: list[dict[str, Any]] = []
        self.fault: Exception | None = None
        self.changed = asyncio.Event()

    async def append(self, batch: Any) -> Receipt:
        if self.fault is not None:
            raise self.fault
        self.series += [json.loads(one) for one in batch.render(1_000_000)]
        self.changed.set()
        return Receipt()

    def of(self, name: str, **labels: str) -> list[tuple[int, Any]]:
        """Samples of a metric whose labels include these, oldest first."""
        return [
            (sample[0], sample[1])
            for one in self.series
            if one["labels"]["__name__"] == name and labels.items() <= one["labels"].items()
            for sample in one["samples"]
        ]

    async def until(self, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Wait for a condition on what was stored."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                self.changed.clear()
                await self.changed.wait()
            return found


def is_stale(value: Any) -> bool:
    """A staleness marker, as it is rendered: a NaN, which counters here never have."""
    return value != value or value in ("NaN", None)


def names(found: Sequence[dict[str, Any]]) -> set[str]:
    """Names of metrics."""
    return {one["labels"]["__name__"] for one in found}
