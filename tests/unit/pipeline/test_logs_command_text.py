"""What `nexus logs` prints of a record, and how it follows a subscription."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest

from nexus.errors import InvalidRequest, NotFound, Unauthenticated
from nexus.logs_command import _Follower, render, safe
from nexus.remote import Remote, RemoteFailed, refusal

TIME = str(1_795_478_400 * 10**9 + 120_000_000)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"severity": "error", "service": "pay", "body": "boom"}, "ERROR pay  boom"),
        ({"severity": "unset", "service": "", "body": ""}, "      -  "),
        (
            {"severity": "warn", "service": "a\nb", "body": "one\r\ntwo\n\nthree"},
            "WARN  a\\nb  one\n    two\n    \n    three",
        ),
        ({"severity": "info", "service": "x", "body": "a\tb\x1b]0;title\x07\x9b"}, "INFO  x  a\tb\\x1b]0;title\\x07\\x9b"),
    ],
)
def test_text_of_a_record(record: dict[str, Any], text: str) -> None:
    assert render({"timestamp": TIME, **record}) == f"2026-11-24T00:00:00.120Z {text}"


def test_colours_are_around_the_severity_alone() -> None:
    shown = render({"timestamp": TIME, "severity": "error", "service": "s", "body": "b"}, colours=True)
    assert shown == "2026-11-24T00:00:00.120Z \x1b[31mERROR\x1b[0m s  b"


def test_nothing_steers_a_terminal() -> None:
    assert not any((ord(c) < 32 and c not in "\t\n") or 127 <= ord(c) < 160 for c in safe("".join(map(chr, range(300)))))


def test_refusals() -> None:
    body = b'{"error": {"code": "x", "message": "no.", "hint": "Do this."}}'
    kinds = {
        400: InvalidRequest,
        401: Unauthenticated,
        403: Unauthenticated,
        404: NotFound,
        422: InvalidRequest,
        503: RemoteFailed,
    }
    for status, kind in kinds.items():
        error = refusal(status, body)
        assert type(error) is kind and "no." in str(error)
        assert "status" in str(refusal(status, b"<html>"))


def test_following(capsys: Any) -> None:
    """Dropped records are told; a second connection asks for no backlog; mistakes in the query end it."""
    shown: list[bytes] = []
    follower = _Follower(Remote(urllib.parse.urlsplit("http://x"), "", ""), {"backlog": 10}, shown.append, lambda _: None)
    assert follower._take({"type": "subscribed", "id": "tail"}) == ""
    assert follower._take({"type": "records", "id": "tail", "dropped": 7, "records": [{"body": "a"}]}) == ""
    assert [json.loads(line) for line in shown] == [{"body": "a"}]
    assert "7 records were left out" in capsys.readouterr().err
    assert follower._subscription == {"backlog": 0}
    assert follower._take({"type": "ended", "id": "tail"})
    assert follower._take({"type": "error", "error": {"code": "overloaded", "message": "later."}}) == "later."
    with pytest.raises(InvalidRequest, match="wrong"):
        follower._take({"type": "error", "error": {"code": "query_syntax", "message": "wrong"}})
