"""The one HTTP client for addresses that are named from outside.

A host name is resolved once for each request; every address that comes back is checked, and the connection goes to exactly
those, so a name that answers differently the next time (DNS rebinding) gains nothing. Redirects are not followed, or by hand
with each hop checked like the first. Answers are bounded in size and time, certificates are verified, no cookies, proxies or
credentials of the environment are used. What a refused name resolved to is not told to whoever named it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import msgspec

from nexus.errors import NexusError, Overloaded, TargetFailed, TargetRefused
from nexus.outgoing.targets import Address, Rules, Target, check_address, check_scheme, check_target, parse_target

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

MAX_ANSWER: Final = 1 << 20
TIMEOUT: Final = 10.0
MAX_AT_A_TIME: Final = 32
MAX_WAITING: Final = 256
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 1 << 16

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name, as texts. Raises `OSError`."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """The body as JSON. Raises `TargetFailed`."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise TargetFailed(f"what {parse_target(self.url).origin} answered is not JSON.") from error


async def resolve_by_system(host: str, port: int) -> list[str]:
    """Ask the resolver of the system. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outgoing:
    """See the module text. `rules` gives what is allowed now; `authorities` is a file (PEM) with certificate authorities
    that are trusted besides those of the system."""

    def __init__(
        self,
        rules: Callable[[], Rules] = Rules,
        *,
        authorities: str = "",
        resolve: Resolve = resolve_by_system,
        user_agent: str = "Nexus",
    ) -> None:
        """Nothing is loaded or opened before the first request."""
        self._rules = rules
        self._authorities = authorities
        self._resolve = resolve
        self._user_agent = user_agent
        self._tls: ssl.SSLContext | None = None
        self._turns = asyncio.Semaphore(MAX_AT_A_TIME)
        self._waiting = 0

    def check(self, url: str) -> Target:
        """Refuse what can be refused without asking the network: when an address is stored. Raises `TargetRefused`."""
        target = parse_target(url)
        check_target(target, self._rules())
        return target

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        within: float = TIMEOUT,
        max_bytes: int = MAX_ANSWER,
        redirects: int = 0,
    ) -> Answer:
        """Make a request, `within` seconds; any status is an answer. A GET follows up to `redirects` redirects, without
        credentials to another origin.

        Raises `TargetRefused` for an address that is not asked, `TargetFailed` for a server that is not there or answers too
        much or too slowly, `Overloaded` when too many requests are under way.
        """
        if self._waiting >= MAX_WAITING:
            raise Overloaded("too many outgoing requests are under way.")
        self._waiting += 1
        try:
            async with asyncio.timeout(within), self._turns:
                return await self._follow(method, url, dict(headers or {}), body, max_bytes, redirects)
        except TimeoutError as error:
            raise TargetFailed(f"{parse_target(url).origin} did not answer within {within:g} s.") from error
        finally:
            self._waiting -= 1

    async def _follow(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, max_bytes: int, redirects: int
    ) -> Answer:
        target = self.check(url)
        for left in range(redirects, -1, -1):
            answer = await self._once(method, target, headers, body, max_bytes)
            where = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not where or not left or method != "GET":
                break
            following = self.check(urljoin(target.url, where))
            if target.scheme == "https" and following.scheme != "https":
                raise TargetRefused(f"{target.origin} redirects from https to http.")
            if following.origin != target.origin:
                headers = {name: value for name, value in headers.items() if name.lower() not in ("authorization", "cookie")}
            target = following
        return answer

    async def _once(
        self, method: str, target: Target, headers: dict[str, str], body: bytes | None, max_bytes: int
    ) -> Answer:
        aiohttp = await asyncio.to_thread(_library)
        pinned = _pinned_resolver(await self._addresses(target))
        connector = aiohttp.TCPConnector(
            resolver=pinned, use_dns_cache=False, force_close=True, ssl=await self._context(), limit=1,
            socket_factory=pinned.socket,
        )  # fmt: skip
        from yarl import URL

        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    trust_env=False,
                    headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
                ) as session,
                session.request(
                    method, URL(target.url, encoded=True), headers=headers, data=body, allow_redirects=False
                ) as response,
            ):
                received = {name.lower(): value for name, value in response.headers.items()}
                if received.get("content-encoding", "identity").lower() != "identity":
                    raise TargetFailed(f"{target.origin} answers compressed, which was not asked for.")
                content = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    content += chunk
                    if len(content) > max_bytes:
                        raise TargetFailed(f"{target.origin} answers more than {max_bytes} bytes.")
                return Answer(response.status, received, bytes(content), target.url)
        except NexusError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            log.info("an outgoing request failed", extra={"fields": {"target": target.origin, "error": str(error)[:300]}})
            raise TargetFailed(f"{target.origin} could not be asked: {_reason(error)}.") from error

    async def _addresses(self, target: Target) -> list[Address]:
        """Every address of the target, checked. Raises `TargetRefused`, and `TargetFailed` when there is none."""
        allowed = self._rules()
        if target.address is not None:
            return [target.address]
        try:
            found = [ipaddress.ip_address(text) for text in await self._resolve(target.host, target.port)]
        except (OSError, UnicodeError) as error:
            raise TargetFailed(f"{target.host} is not known to the resolver.") from error
        except ValueError as error:
            raise TargetRefused(f"{target.host} is not a public address.") from error
        if not found:
            raise TargetFailed(f"{target.host} is not known to the resolver.")
        for address in found:
            check_address(target.host, address, allowed)
        check_scheme(target, allowed, found)
        return found

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            context = await asyncio.to_thread(ssl.create_default_context)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._authorities:
                try:
                    context.load_verify_locations(self._authorities)
                except (OSError, ssl.SSLError) as error:
                    raise TargetFailed("the file of outgoing.authorities cannot be read.") from error
            self._tls = context
        return self._tls


def _library() -> Any:
    import aiohttp

    return aiohttp


def _pinned_resolver(addresses: Sequence[Address]) -> Any:
    """What the connector asks instead of the network: it has the checked addresses and no others."""
    from aiohttp.abc import AbstractResolver

    allowed = {str(address) for address in addresses}

    class Pinned(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            return [
                {
                    "hostname": host,
                    "host": str(address),
                    "port": port,
                    "family": socket.AF_INET if address.version == 4 else socket.AF_INET6,
                    "proto": 0,
                    "flags": socket.AI_NUMERICHOST,
                }
                for address in addresses
            ]

        async def close(self) -> None:
            return None

        def socket(self, info: tuple[Any, ...]) -> socket.socket:
            """The last look before the connection: whatever happened above, it goes to a checked address."""
            family, kind, protocol, _, address = info
            if str(ipaddress.ip_address(address[0])) not in allowed:
                raise OSError("the address was not checked")
            return socket.socket(family=family, type=kind, proto=protocol)

    return Pinned()


def _reason(error: Exception) -> str:
    """Why it failed, without addresses: those of the inside are nobody's business."""
    import aiohttp

    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not valid"
        case aiohttp.ClientSSLError():
            return "TLS failed"
        case aiohttp.ClientConnectorError() | ConnectionError():
            return "no connection"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return "it broke off"
    return "its answer is not HTTP"
