"""HTTP to a backend: one session, bounded answers, its troubles as `Away`."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nexus.errors import LimitExceeded
from nexus.storage.forwarding.errors import Away

CONNECTIONS: Final = 32
MAX_ANSWER: Final = 512 << 20
_CHUNK: Final = 1 << 16

Arguments = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Access:
    """How a backend is spoken to: what it is called in messages, headers of every request, the file of its authorities
    (empty: the system's)."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    ca: str = ""

    @property
    def hint(self) -> str:
        """The next step when it does not answer."""
        return f"Look whether {self.name} runs and its address in the configuration is right."


def basic(username: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def authorization(username: str, password: str, token: str) -> dict[str, str]:
    """The header of a token, or of a user; none when there is neither."""
    if token:
        return {"Authorization": f"Bearer {token}"}
    return {"Authorization": basic(username, password)} if username else {}


class Http:
    """See the module text. Lives on an event loop."""

    def __init__(self, access: Access) -> None:
        """Nothing is opened before the first request."""
        self.access = access
        self._session: Any = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        form: Arguments | None = None,
        query: Arguments = (),
        headers: Mapping[str, str] | None = None,
        within: float,
        max_bytes: int = MAX_ANSWER,
    ) -> tuple[int, bytes]:
        """Status and body of an answer. Raises `Away`, and `LimitExceeded` when it has more than `max_bytes`."""
        aiohttp, session = await self._open()
        try:
            async with session.request(
                method,
                url,
                params=list(query) or None,
                data=body if form is None else aiohttp.FormData(list(form)),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=within, connect=min(within, 5.0)),
                allow_redirects=False,
            ) as response:
                return response.status, await self._bounded(response, max_bytes)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self.away(error) from error

    async def stream(self, url: str, form: Arguments, *, within: float) -> AsyncIterator[tuple[int, bytes]]:
        """The answer to a form in pieces, each with the status. Raises `Away`."""
        aiohttp, session = await self._open()
        try:
            async with session.post(
                url, data=list(form), timeout=aiohttp.ClientTimeout(total=within), allow_redirects=False
            ) as response:
                async for piece in response.content.iter_chunked(_CHUNK):
                    yield response.status, piece
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self.away(error) from error

    def away(self, error: BaseException) -> Away:
        """What an error of the connection is to us."""
        reason = "no answer in time" if isinstance(error, TimeoutError) else (str(error) or type(error).__name__)
        return Away(f"{self.access.name} cannot be asked: {reason}.", hint=self.access.hint)

    async def _bounded(self, response: Any, most: int) -> bytes:
        pieces, size = [], 0
        async for piece in response.content.iter_chunked(_CHUNK):
            size += len(piece)
            if size > most:
                raise LimitExceeded(
                    f"{self.access.name} answered more than {most >> 20} MiB.", hint="Ask for less: a shorter range, say."
                )
            pieces.append(piece)
        return b"".join(pieces)

    async def _open(self) -> tuple[Any, Any]:
        aiohttp = await asyncio.to_thread(_library)
        if self._session is None:
            context = await asyncio.to_thread(ssl.create_default_context, cafile=self.access.ca or None)
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    headers=self.access.headers,
                    connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=context),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                )
        return aiohttp, self._session


def _library() -> Any:
    # It takes a tenth of a second to load, and most never need it.
    import aiohttp

    return aiohttp


def shown(text: bytes) -> str:
    """The beginning of an answer, for messages."""
    return text[:500].decode("utf-8", "replace").strip() or "nothing"
