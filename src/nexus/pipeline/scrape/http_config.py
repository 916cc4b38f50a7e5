"""How targets and discovery services are asked: credentials, TLS, proxies. The keys of Prometheus' HTTP client. Pure."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from msgspec import Struct

SECRET = "<secret>"  # noqa: S105
_TLS_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")
TlsVersion = Literal["", "TLS10", "TLS11", "TLS12", "TLS13"]


class Quiet(Struct, forbid_unknown_fields=True, frozen=True):
    """Base of what may hold secrets: its `repr`, which may end in a log, shows none."""

    def __repr__(self) -> str:
        """The type only."""
        return f"{type(self).__name__}(...)"


class BasicAuth(Quiet, frozen=True):
    """User name and password, written here or in files."""

    username: str = ""
    username_file: str = ""
    password: str = ""
    password_file: str = ""

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if self.password and self.password_file:
            raise ValueError("at most one of `password` and `password_file` may be set")
        if self.username and self.username_file:
            raise ValueError("at most one of `username` and `username_file` may be set")


class Authorization(Quiet, frozen=True):
    """The Authorization header."""

    type: str = "Bearer"
    credentials: str = ""
    credentials_file: str = ""

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if self.credentials and self.credentials_file:
            raise ValueError("at most one of `credentials` and `credentials_file` may be set")
        if self.type.strip().lower() == "basic":
            raise ValueError("`type` cannot be basic; use `basic_auth`")


class TlsSettings(Quiet, frozen=True):
    """TLS of a client. Texts are PEM."""

    ca: str = ""
    ca_file: str = ""
    cert: str = ""
    cert_file: str = ""
    key: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: TlsVersion = ""
    max_version: TlsVersion = ""

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        for name in ("ca", "cert", "key"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise ValueError(f"at most one of `{name}` and `{name}_file` may be set")
        if bool(self.cert or self.cert_file) != bool(self.key or self.key_file):
            raise ValueError("a client certificate needs both a certificate and a key")
        if (
            self.min_version
            and self.max_version
            and _TLS_VERSIONS.index(self.min_version) > _TLS_VERSIONS.index(self.max_version)
        ):
            raise ValueError("`min_version` is above `max_version`")


class ProxySettings(Quiet, frozen=True):
    """Base: a proxy between us and the other side."""

    proxy_url: str = ""
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: dict[str, list[str]] = {}

    def check_proxy(self) -> None:
        """Raise `ValueError` when values do not fit each other."""
        if self.proxy_url and self.proxy_from_environment:
            raise ValueError("`proxy_from_environment` and `proxy_url` exclude each other")
        if self.no_proxy and self.proxy_from_environment:
            raise ValueError("`proxy_from_environment` and `no_proxy` exclude each other")
        if self.no_proxy and not self.proxy_url:
            raise ValueError("`no_proxy` needs a `proxy_url`")
        if self.proxy_connect_header and not (self.proxy_url or self.proxy_from_environment):
            raise ValueError("`proxy_connect_header` needs a proxy")
        if self.proxy_url and urlsplit(self.proxy_url).scheme not in ("http", "https"):
            raise ValueError("`proxy_url` must be an http or https address; others are not supported")


class OAuth2(ProxySettings, frozen=True):
    """A token by OAuth 2.0 client credentials."""

    client_id: str = ""
    client_secret: str = ""
    client_secret_file: str = ""
    scopes: list[str] = []
    token_url: str = ""
    endpoint_params: dict[str, str] = {}
    tls_config: TlsSettings = TlsSettings()

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if not self.client_id:
            raise ValueError("`oauth2` needs a `client_id`")
        if not self.token_url:
            raise ValueError("`oauth2` needs a `token_url`")
        if self.client_secret and self.client_secret_file:
            raise ValueError("at most one of `client_secret` and `client_secret_file` may be set")
        self.check_proxy()


class HeaderValues(Quiet, frozen=True):
    """Values of one header."""

    values: list[str] = []
    secrets: list[str] = []
    files: list[str] = []


_RESERVED = frozenset(
    (
        "authorization", "host", "content-encoding", "content-length", "content-type", "user-agent", "connection",
        "keep-alive", "proxy-authenticate", "proxy-authorization", "www-authenticate", "accept-encoding",
        "x-prometheus-remote-write-version", "x-prometheus-remote-read-version", "x-prometheus-scrape-timeout-seconds",
    )
)  # fmt: skip


class HttpSettings(ProxySettings, frozen=True):
    """Keys that a job and a discovery service have between their own."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    bearer_token: str = ""
    bearer_token_file: str = ""
    tls_config: TlsSettings = TlsSettings()
    follow_redirects: bool = True
    enable_http2: bool = True
    http_headers: dict[str, HeaderValues] = {}

    def check_http(self) -> None:
        """Raise `ValueError` when values do not fit each other."""
        if self.bearer_token and self.bearer_token_file:
            raise ValueError("at most one of `bearer_token` and `bearer_token_file` may be set")
        bearer = bool(self.bearer_token or self.bearer_token_file)
        if bearer and self.basic_auth is not None:
            raise ValueError("at most one of `basic_auth`, `oauth2`, `bearer_token` and `bearer_token_file` may be set")
        if self.authorization is not None and bearer:
            raise ValueError("`authorization` excludes `bearer_token` and `bearer_token_file`")
        if sum((self.basic_auth is not None, self.authorization is not None or bearer, self.oauth2 is not None)) > 1:
            raise ValueError("at most one of `basic_auth`, `oauth2` and `authorization` may be set")
        for name in self.http_headers:
            if name.lower() in _RESERVED:
                raise ValueError(f"`http_headers` cannot set {name!r}; it has a setting of its own")
        self.check_proxy()


_SECRETS = frozenset(
    (
        "password", "credentials", "client_secret", "bearer_token", "key", "secrets", "token", "secret_key",
        "access_token", "api_key",
    )
)  # fmt: skip


def masked(value: Any, key: str = "") -> Any:
    """Lists, dicts and texts with the secrets among them masked, by their keys."""
    if isinstance(value, dict):
        return {name: masked(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, key) for inner in value]
    if value and key in _SECRETS:
        return SECRET
    if key in ("proxy_url", "url") and isinstance(value, str) and "@" in value:
        scheme, _, rest = value.partition("://")
        return f"{scheme}://{SECRET}@{rest.rpartition('@')[2]}"
    return value
