"""Asking targets and discovery services: one HTTP client with connections kept, a guard at each of them, and the
credentials, TLS and proxies of the configuration.

Targets may be on private networks: an administrator named them. Addresses of metadata services, link-local and reserved
ones are not connected to unless `outgoing.allow` lists them, whatever a name resolves to and wherever a redirect leads.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from nexus.errors import TargetFailed, TargetRefused
from nexus.outgoing.targets import Rules, check_configured
from nexus.pipeline.scrape.http_config import HttpSettings, OAuth2, ProxySettings, TlsSettings

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

REDIRECTS: Final = 10
KEEPALIVE: Final = 150.0
SECRET_SECONDS: Final = 5.0
MAX_SECRET: Final = 1 << 16
_REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})
_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")
_TLS: Final = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


class Refused(OSError):
    """The guard does not let this address be connected to."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: the body as it came, with the headers that say what it is."""

    status: int
    reason: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def content_type(self) -> str:
        """Its `Content-Type`."""
        return self.headers.get("Content-Type", "")

    @property
    def encoding(self) -> str:
        """Its `Content-Encoding`."""
        return self.headers.get("Content-Encoding", "")


class SecretFile:
    """A text in a file, without the newline at its end; read again when the file has changed."""

    def __init__(self, path: str) -> None:
        """Nothing is read yet."""
        self._path = Path(path)
        self._checked = -SECRET_SECONDS
        self._stamp = (0, 0)
        self._text = ""

    def read(self) -> str:
        """The text now. Raises `TargetFailed`."""
        now = time.monotonic()
        if now - self._checked < SECRET_SECONDS:
            return self._text
        try:
            state = self._path.stat()
            if (state.st_mtime_ns, state.st_size) != self._stamp:
                if state.st_size > MAX_SECRET:
                    raise TargetFailed(f"{self._path} is too large for a secret.")
                self._text = self._path.read_text("utf-8").strip()
                self._stamp = (state.st_mtime_ns, state.st_size)
        except (OSError, UnicodeDecodeError) as error:
            raise TargetFailed(f"cannot read {self._path}: {getattr(error, 'strerror', 'it is not UTF-8')}.") from error
        self._checked = now
        return self._text


class TlsContext:
    """The context of TLS settings; made again when a file has changed."""

    def __init__(self, settings: TlsSettings) -> None:
        """Nothing is read yet."""
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._stamps: tuple[float, ...] = ()
        self._checked = -SECRET_SECONDS

    def get(self) -> ssl.SSLContext:
        """The context now. Raises `TargetFailed`."""
        now = time.monotonic()
        if self._context is not None and now - self._checked < SECRET_SECONDS:
            return self._context
        files = [name for name in (self._settings.ca_file, self._settings.cert_file, self._settings.key_file) if name]
        try:
            stamps = tuple(Path(name).stat().st_mtime for name in files)
            if self._context is None or stamps != self._stamps:
                self._context, self._stamps = self._make(), stamps
        except (OSError, ssl.SSLError, ValueError) as error:
            raise TargetFailed(f"the files of `tls_config` cannot be used: {error}.") from error
        self._checked = now
        return self._context

    def _make(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ca_file or None, cadata=settings.ca or None)
        context.minimum_version = _TLS.get(settings.min_version, ssl.TLSVersion.TLSv1_2)
        if settings.max_version:
            context.maximum_version = _TLS[settings.max_version]
        if settings.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if settings.cert_file or settings.cert:
            _load_chain(context, settings)
        return context


def _load_chain(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """The standard library loads certificates from files only."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name in ("cert", "key"):
            path = getattr(settings, f"{name}_file")
            if not path:
                path = str(Path(folder) / name)
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
                with os.fdopen(descriptor, "w") as file:
                    file.write(getattr(settings, name))
            paths.append(path)
        context.load_cert_chain(paths[0], paths[1])


class Profile:
    """How one job or discovery service is asked."""

    def __init__(self, settings: HttpSettings, client: ScrapeClient) -> None:
        """Secrets are read when they are needed."""
        self._settings = settings
        self._client = client
        default = settings.tls_config == TlsSettings()
        self._tls = client.default_tls if default else TlsContext(settings.tls_config)
        self.server_name = settings.tls_config.server_name or None
        self.follow = settings.follow_redirects
        self._fixed: dict[str, str] = {}
        self._files: dict[str, SecretFile] = {}
        for name, header in settings.http_headers.items():
            values = [*header.values, *header.secrets]
            if values:
                self._fixed[name] = ", ".join(values)
            for path in header.files:
                self._files[name] = SecretFile(path)
        basic = settings.basic_auth
        self._user_file = SecretFile(basic.username_file) if basic and basic.username_file else None
        self._password_file = SecretFile(basic.password_file) if basic and basic.password_file else None
        token_file = settings.bearer_token_file or (
            settings.authorization.credentials_file if settings.authorization else ""
        )
        self._token_file = SecretFile(token_file) if token_file else None
        self._oauth = Tokens(settings.oauth2, client) if settings.oauth2 else None
        self._plain = not (self._files or basic or self._token_file or self._oauth or settings.authorization
                           or settings.bearer_token)  # fmt: skip

    def tls(self) -> ssl.SSLContext:
        """Its TLS."""
        return self._tls.get()

    def proxy(self, url: str) -> str | None:
        """The proxy for an address, None for none."""
        return proxy_for(self._settings, url)

    @property
    def proxy_headers(self) -> Mapping[str, str] | None:
        """Headers for the proxy."""
        headers = self._settings.proxy_connect_header
        return {name: ", ".join(values) for name, values in headers.items()} if headers else None

    async def headers(self) -> dict[str, str]:
        """Headers with credentials. Raises `TargetFailed`."""
        headers = dict(self._fixed)
        if self._plain:
            return headers
        for name, file in self._files.items():
            headers[name] = file.read()
        settings = self._settings
        if basic := settings.basic_auth:
            user = self._user_file.read() if self._user_file else basic.username
            password = self._password_file.read() if self._password_file else basic.password
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        elif self._oauth:
            headers["Authorization"] = await self._oauth.header()
        else:
            kind = settings.authorization.type if settings.authorization else "Bearer"
            written = settings.authorization.credentials if settings.authorization else settings.bearer_token
            token = self._token_file.read() if self._token_file else written
            if token:
                headers["Authorization"] = f"{kind} {token}"
        return headers


class Tokens:
    """Tokens of OAuth 2.0 client credentials (RFC 6749, 4.4), kept until shortly before they expire."""

    def __init__(self, settings: OAuth2, client: ScrapeClient) -> None:
        """No token is asked for yet."""
        self._settings = settings
        self._client = client
        self._secret = SecretFile(settings.client_secret_file) if settings.client_secret_file else None
        # The service that gives tokens is asked with the TLS and the proxy of `oauth2`, without credentials of its own.
        self._profile = Profile(
            HttpSettings(
                tls_config=settings.tls_config,
                proxy_url=settings.proxy_url,
                no_proxy=settings.no_proxy,
                proxy_from_environment=settings.proxy_from_environment,
                follow_redirects=False,
            ),
            client,
        )
        self._value = ""
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def header(self) -> str:
        """The Authorization header. Raises `TargetFailed`."""
        async with self._lock:
            if time.monotonic() >= self._until:
                await self._ask()
            return self._value

    async def _ask(self) -> None:
        settings = self._settings
        secret = self._secret.read() if self._secret else settings.client_secret
        form = {"grant_type": "client_credentials", **settings.endpoint_params}
        if settings.scopes:
            form["scope"] = " ".join(settings.scopes)
        basic = base64.b64encode(f"{settings.client_id}:{secret}".encode()).decode()
        answer = await self._post(form, {"Authorization": f"Basic {basic}"})
        if 400 <= answer.status < 500:
            # Some take the credentials in the form only.
            answer = await self._post({**form, "client_id": settings.client_id, "client_secret": secret}, {})
        try:
            document = msgspec.json.decode(answer.body)
            token, kind = document["access_token"], document.get("token_type") or "Bearer"
            lifetime = float(document.get("expires_in") or 3600)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
            raise TargetFailed(f"the token service answers {answer.status} without a token.") from None
        self._value = f"{'Bearer' if str(kind).lower() == 'bearer' else kind} {token}"
        self._until = time.monotonic() + max(lifetime - 10.0, lifetime / 2)

    async def _post(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Fetched:
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **headers}
        return await self._client.fetch(
            self._profile, self._settings.token_url, sent, 10.0, 1 << 20, method="POST", data=urlencode(form).encode()
        )


def proxy_for(settings: ProxySettings, url: str) -> str | None:
    """The proxy for an address, None for none."""
    if settings.proxy_from_environment:
        from urllib.request import getproxies, proxy_bypass

        parts = urlsplit(url)
        return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    if not settings.proxy_url:
        return None
    host = (urlsplit(url).hostname or "").lower()
    for entry in (part.strip().lower() for part in settings.no_proxy.split(",")):
        if entry == "*" or (entry and (host == entry.lstrip(".") or host.endswith("." + entry.lstrip(".")))):
            return None
        try:
            if ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return None
        except ValueError:
            continue
    return settings.proxy_url


class ScrapeClient:
    """See the module text. `rules` gives what `outgoing.allow` lists. Lives on one event loop."""

    def __init__(self, rules: Callable[[], Rules] = Rules, *, user_agent: str = "Nexus") -> None:
        """Nothing is loaded or opened before the first request."""
        self._rules = rules
        self._user_agent = user_agent
        self._session: ClientSession | None = None
        self.default_tls = TlsContext(TlsSettings())

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(
        self,
        profile: Profile,
        url: str,
        headers: Mapping[str, str],
        within: float,
        limit: int,
        *,
        method: str = "GET",
        data: bytes | None = None,
    ) -> Fetched:
        """Ask for an address, at most `limit` bytes as they are sent. Raises `TargetFailed`, `TargetRefused`."""
        try:
            async with asyncio.timeout(within):
                return await self._follow(profile, url, {**headers, **await profile.headers()}, limit, method, data)
        except TimeoutError as error:
            raise TargetFailed(f"timeout: no complete answer within {within:g} s") from error

    async def _follow(
        self, profile: Profile, url: str, headers: dict[str, str], limit: int, method: str, data: bytes | None
    ) -> Fetched:
        session = self._session or await self._open()
        origin = url
        for _ in range(REDIRECTS + 1):
            answer = await self._once(session, profile, url, headers, limit, method, data)
            if isinstance(answer, Fetched):
                return answer
            following = urljoin(url, answer)
            parts, before = urlsplit(following), urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
                raise TargetRefused("the target redirects to an address that is not asked")
            if (parts.scheme, parts.netloc) != (before.scheme, before.netloc):
                headers = {name: value for name, value in headers.items() if name.lower() not in ("authorization", "cookie")}
            url = following
        raise TargetFailed(f"stopped after {REDIRECTS} redirects")

    async def _once(
        self,
        session: ClientSession,
        profile: Profile,
        url: str,
        headers: dict[str, str],
        limit: int,
        method: str,
        data: bytes | None,
    ) -> Fetched | str:
        """One request: an answer, or where it redirects to."""
        import aiohttp
        from yarl import URL

        secure = url.startswith("https:")
        try:
            async with session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
                ssl=profile.tls() if secure else True,
                server_hostname=profile.server_name if secure else None,
                proxy=profile.proxy(url),
                proxy_headers=profile.proxy_headers,
            ) as response:
                where = response.headers.get("Location")
                if profile.follow and where and response.status in _REDIRECT_STATUSES and method == "GET":
                    return where
                body = await _body(response, limit)
                return Fetched(response.status, response.reason or "", body, response.headers)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, Refused):
                raise TargetRefused(str(error.os_error)) from error
            raise TargetFailed(_reason(error, url)) from error
        except Refused as error:
            raise TargetRefused(str(error)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TargetFailed(_reason(error, url)) from error

    async def _open(self) -> ClientSession:
        import aiohttp

        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0, limit_per_host=0, keepalive_timeout=KEEPALIVE, ttl_dns_cache=10, socket_factory=self._socket
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(),
                headers={"User-Agent": self._user_agent},
                read_bufsize=1 << 18,
            )
        return self._session

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The guard: a look at the very address, right before it is connected to."""
        family, kind, protocol, _, address = info
        try:
            check_configured("", ipaddress.ip_address(address[0].partition("%")[0]), self._rules())
        except TargetRefused as error:
            raise Refused(error.message) from error
        return socket.socket(family=family, type=kind, proto=protocol)


async def _body(response: ClientResponse, limit: int) -> bytes:
    declared = response.content_length
    if declared is not None and declared > limit:
        response.close()
        raise TargetFailed(f"body_size_limit exceeded: more than {limit} bytes")
    content = response.content
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > limit:
            # What is left of it is not wanted: the connection goes, too.
            response.close()
            raise TargetFailed(f"body_size_limit exceeded: more than {limit} bytes")
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _reason(error: Exception, url: str) -> str:
    """Why a request failed, for the target's page: whoever reads it may see the target's address."""
    import aiohttp

    where = urlsplit(url).netloc
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {where} is not valid: {str(error.certificate_error)[:200]}"
        case aiohttp.ClientConnectorDNSError():
            return f"{where} is not known to the resolver"
        case aiohttp.ClientSSLError():
            return f"no TLS with {where}: {_tls_words(error.os_error)}"
        case aiohttp.ClientConnectorError():
            return f"no connection to {where}: {_system_words(error.os_error)}"
        case aiohttp.ServerDisconnectedError():
            return f"{where} closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return f"{where} broke off within its answer"
        case OSError(errno=int()):
            return f"the connection to {where} broke: {_system_words(error)}"
    return f"{where} could not be asked: {str(error)[:200] or type(error).__name__}"


def _system_words(error: OSError) -> str:
    """What the system says of it. Of several addresses that failed in several ways, what it says of each."""
    # The text of an exception is Python's, and only it has the numbers when there is no single one.
    numbers = [error.errno] if error.errno else [int(number) for number in _ERRNO.findall(str(error))]
    said = list(dict.fromkeys(os.strerror(number) for number in numbers))
    words = [text[:1].lower() + text[1:] for text in said]
    return ", ".join(words) or "the system does not say why"


def _tls_words(error: OSError) -> str:
    """What the TLS library says of it."""
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return reason.replace("_", " ").lower() if reason else "the handshake failed"
