"""Requests to the query API of a backend: what its statuses mean, and many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

import msgspec

from nexus.errors import InvalidRequest, LimitExceeded, Overloaded
from nexus.storage.forwarding.errors import Away
from nexus.storage.forwarding.http import Arguments, Http, shown

AT_A_TIME: Final = 16
"""Requests of one query."""

_NO_PAGE: Final = b"404 page not found"
"""What servers in Go say when they have nothing at an address at all."""

T = TypeVar("T")
K = TypeVar("K")
D = TypeVar("D", bound=msgspec.Struct)


class Asking:
    """GETs of one backend."""

    def __init__(self, base: str, http: Http, max_bytes: int) -> None:
        """`max_bytes` bounds one answer."""
        self._base = base
        self._http = http
        self._max_bytes = max_bytes

    async def get(self, path: str, query: Arguments, *, within: float, accept: str = "application/json") -> bytes | None:
        """The body of an answer; None when it is not found. Raises `Away`, `InvalidRequest`, `LimitExceeded`,
        `Overloaded`."""
        url, headers = f"{self._base}{path}", {"Accept": accept}
        status, body = await self._http.request(
            "GET", url, query=query, headers=headers, within=within, max_bytes=self._max_bytes
        )
        name = self._http.access.name
        if status // 100 == 2:
            return body
        if status == 404 and body.strip()[:18] != _NO_PAGE:
            return None
        if status == 429:
            raise Overloaded(f"{name} is busy: {shown(body)}", retry_after=5.0)
        if status in (413, 422):
            raise LimitExceeded(f"{name}: {shown(body)}", hint="Ask for less: a shorter range, say.")
        if status // 100 == 4 and status not in (401, 403, 404):
            raise InvalidRequest(f"{name}: {shown(body)}")
        raise Away(f"{name} answers {status}: {shown(body)}", hint=self._http.access.hint)

    async def document(self, path: str, query: Arguments, type: type[D], *, within: float) -> D:
        """An answer in JSON. Raises as `get`, and `Away` when there is none or it cannot be read."""
        body = await self.get(path, query, within=within)
        if body is None:
            raise Away(f"{self._http.access.name} has nothing at {path}.", hint=self._http.access.hint)
        try:
            return msgspec.json.decode(body, type=type)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise self.unreadable(error) from None

    def unreadable(self, error: Exception) -> Away:
        """What is wrong when an answer is not what it should be."""
        return Away(f"{self._http.access.name}'s answer cannot be read: {error}.", hint=self._http.access.hint)


async def many(work: Callable[[K], Awaitable[T]], of: Iterable[K]) -> list[T]:
    """The answers for all keys, in their order, some at a time. The first error ends it."""
    gate = asyncio.Semaphore(AT_A_TIME)

    async def one(key: K) -> T:
        async with gate:
            return await work(key)

    tasks = [asyncio.ensure_future(one(key)) for key in of]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
