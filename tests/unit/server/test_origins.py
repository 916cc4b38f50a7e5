"""Names of this server, and pages of others."""

from __future__ import annotations

import pytest

from nexus.config import HttpConfig
from nexus.server.origins import WrongHost, check_host, cors_headers, host_name, is_own

LOCAL = HttpConfig()
OPEN = HttpConfig(host="0.0.0.0")
NAMED = HttpConfig(host="0.0.0.0", public_url="https://nexus.example.com", allowed_hosts=["inside.example.com"])
PROXIED = HttpConfig(trusted_proxies=["127.0.0.1"])


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:8080", "localhost"),
        ("Nexus.Example.com.", "nexus.example.com"),
        ("[::1]:8080", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("", ""),
    ],
)
def test_names_in_a_host_header(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost", "a.localhost:1", "[::1]:8080", "192.0.2.7", "", "LOCALHOST"]
)
@pytest.mark.parametrize("config", [LOCAL, OPEN, NAMED, PROXIED])
def test_addresses_and_this_machine_are_always_right(config: HttpConfig, host: str) -> None:
    check_host(config, host)


@pytest.mark.parametrize(
    ("config", "host", "right"),
    [
        (LOCAL, "evil.example", False),
        (LOCAL, "localhost.evil.example", False),
        (LOCAL, "127.0.0.1.evil.example", False),
        (OPEN, "nexus.internal", True),
        (PROXIED, "nexus.example.com", True),
        (NAMED, "nexus.example.com:443", True),
        (NAMED, "inside.example.com", True),
        (NAMED, "evil.example", False),
        (HttpConfig(host="box.internal"), "box.internal", True),
        (HttpConfig(allowed_hosts=["box.internal"]), "BOX.internal.", True),
    ],
)
def test_names(config: HttpConfig, host: str, right: bool) -> None:
    if right:
        check_host(config, host)
        return
    with pytest.raises(WrongHost) as caught:
        check_host(config, host)
    assert "allowed_hosts" in caught.value.hint


CORS = HttpConfig(
    cors_origins=["https://app.example.com", "https://other.example.com"], cors_credentials=["https://app.example.com"]
)


@pytest.mark.parametrize(
    ("config", "headers", "own"),
    [
        (LOCAL, {}, True),
        (LOCAL, {"host": "localhost:8080", "origin": "http://localhost:8080"}, True),
        (LOCAL, {"host": "localhost:8080", "origin": "http://localhost:8081"}, False),
        (LOCAL, {"host": "localhost:8080", "origin": "null"}, False),
        (LOCAL, {"host": "localhost:8080", "origin": "http://localhost:8080.evil.example"}, False),
        # Pages without a host: of files, of apps. Some browsers say no `null` for them.
        (LOCAL, {"host": "localhost:8080", "origin": "file://"}, False),
        (LOCAL, {"host": "localhost:8080", "origin": "app:"}, False),
        (LOCAL, {"host": "", "origin": "http://"}, False),
        (LOCAL, {"host": "x", "origin": "chrome-extension://x"}, False),
        (LOCAL, {"host": "x", "sec-fetch-site": "same-origin"}, True),
        (LOCAL, {"host": "x", "sec-fetch-site": "none"}, True),
        (LOCAL, {"host": "x", "sec-fetch-site": "same-site"}, False),
        (LOCAL, {"host": "x", "sec-fetch-site": "cross-site"}, False),
        (LOCAL, {"host": "x", "origin": "http://x", "sec-fetch-site": "cross-site"}, False),
        (NAMED, {"host": "10.0.0.7:8080", "origin": "https://nexus.example.com"}, True),
        (CORS, {"host": "x", "origin": "https://app.example.com", "sec-fetch-site": "same-site"}, True),
        (CORS, {"host": "x", "origin": "https://other.example.com", "sec-fetch-site": "same-site"}, False),
    ],
)
def test_requests_of_own_pages(config: HttpConfig, headers: dict[str, str], own: bool) -> None:
    assert is_own(config, headers) is own


def test_cors_is_closed_until_an_origin_is_named() -> None:
    assert cors_headers([], [], "https://app.example.com") == []
    named = dict(cors_headers(CORS.cors_origins, CORS.cors_credentials, "https://app.example.com"))
    assert named[b"access-control-allow-origin"] == b"https://app.example.com"
    assert named[b"access-control-allow-credentials"] == b"true"
    assert named[b"vary"] == b"Origin"
    other = dict(cors_headers(CORS.cors_origins, CORS.cors_credentials, "https://other.example.com"))
    assert b"access-control-allow-credentials" not in other
    assert cors_headers(CORS.cors_origins, CORS.cors_credentials, "https://evil.example") == [(b"vary", b"Origin")]


@pytest.mark.parametrize(
    "settings",
    [
        {"cors_origins": ["*"]},
        {"cors_origins": ["https://app.example.com/"]},
        {"cors_origins": ["app.example.com"]},
        {"cors_credentials": ["https://app.example.com"]},
        {"public_url": "nexus.example.com"},
        {"public_url": "javascript:alert(1)"},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"address|origin|does not"):
        HttpConfig(**settings)  # type: ignore[arg-type]
