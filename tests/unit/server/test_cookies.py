"""The session cookie."""

from __future__ import annotations

from nexus.server.cookies import session_cookie, usable_cookies
from nexus.server.dispatch import _FRESH, cookies

HTTP, HTTPS = {"scheme": "http"}, {"scheme": "https"}


def test_its_flags() -> None:
    assert session_cookie(HTTP, "t", 60) == b"nexus_session=t; Path=/; HttpOnly; SameSite=Strict; Max-Age=60"
    secure = b"__Host-nexus_session=t; Path=/; HttpOnly; SameSite=Strict; Secure"
    assert session_cookie(HTTPS, "t") == session_cookie({"scheme": "wss"}, "t") == secure
    assert session_cookie(HTTPS, "", 0).endswith(b"Max-Age=0; Secure")


def test_what_plain_http_may_have_planted_does_not_count_over_tls() -> None:
    text = "a=b; nexus_session=planted; __Host-nexus_session=real;nexus_session=again"
    assert usable_cookies(HTTPS, text) == "a=b; __Host-nexus_session=real"
    assert usable_cookies(HTTP, text) == text
    assert usable_cookies(HTTPS, "nexus_session =x") == ""


def test_an_exchanged_token_comes_with_the_answer() -> None:
    def brought(*headers: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        return cookies({**HTTP, _FRESH: "fresh"}, {"headers": headers}, 60)

    ((name, value),) = brought((b"content-type", b"text/plain"))
    assert (name, value) == (b"set-cookie", session_cookie(HTTP, "fresh", 60))
    assert brought((b"Set-Cookie", b"nexus_session=newer")) == []
    assert cookies(HTTP, {}, 60) == []
