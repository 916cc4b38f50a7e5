"""No secret in what is written down, and no more text than there is room for."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from nexus.security import secrets
from nexus.security.audit.masking import CHANGED, MASKED, MAX_DOCUMENT, document, masked_text, secret_name

# The same in every process, so that tests have the same names.
KEY = secrets.KEY_PREFIX + "jVRN2uU2lESWq-DVwUGLxcXouxY5q_5LnzROHhniX5Y"
PHC = "$argon2id$v=19$m=19456,t=2,p=1$6Y1tXQSNi7dmDX/qechylQ$qVtgHJRxzYa2pBLmoL62SDmeptDPMWNnggy7XQKVXsc"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKs\n-----END PRIVATE KEY-----"


@dataclass(frozen=True)
class Thing:
    name: str
    password_hash: str
    recovery: tuple[str, ...] = ()
    keep: int = 7


class Shape(Struct):
    client_secret: str
    url: str


@pytest.mark.parametrize(
    "text",
    [KEY, secrets.digest("x"), PHC, JWT, PEM, "sealed:1:0a1b2c3d:aGVsbG8gd29ybGQgYWdhaW4", "aB3" + "x" * 40],
)
@pytest.mark.parametrize("frame", ["{}", "before {} after", '"{}"', "a={}&b", "({})", "level:error body:{}"])
def test_secrets_are_known_by_their_looks(text: str, frame: str) -> None:
    assert text not in masked_text(frame.format(text))
    assert MASKED in masked_text(frame.format(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: Bearer {MASKED}"),
        ("postgresql://nexus:pa%20ss@db:5432/nexus", f"postgresql://nexus:{MASKED}@db:5432/nexus"),
        ("body:password=hunter2, level:error", f"body:password={MASKED}, level:error"),
        ("api_key: abc", f"api_key: {MASKED}"),
    ],
)
def test_secrets_are_known_by_what_stands_before_them(text: str, shown: str) -> None:
    assert masked_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "level:error service:shop | count",
        "nxs_m64IFqLC",
        "77a4a07c2a3539e6",
        "checkout-service-7d9f8b6c5d-x2x4z.default.svc.cluster.local",
        "1732561796084046655-9a7bc0ffee012345",
        "/logs?query=level%3Aerror&from=now-1h",
        "SELECT count(*) FROM logs WHERE body LIKE '%token%'",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked_text(text) == text


@pytest.mark.parametrize(
    "name",
    ["password", "passwordHash", "password_hash", "token_hash", "client_secret", "clientSecret", "totp", "recovery", "hash",
     "previous_hash", "api_key", "privateKey", "Set-Cookie", "headers.authorization", "signature"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize("name", ["name", "prefix", "key", "key_id", "keys", "masked", "public_key", "id", "query", "days"])
def test_names_of_what_is_none(name: str) -> None:
    assert not secret_name(name)


def test_states_of_all_kinds_are_masked() -> None:
    before, after = Thing("a", PHC, ("x",)), Thing("b", PHC.replace("6Y", "7Y"), ("x",))
    old, new = json.loads(document(before, after)), json.loads(document(after, before))
    assert old == {"name": "a", "password_hash": CHANGED, "recovery": MASKED, "keep": 7}
    assert new == {"name": "b", "password_hash": CHANGED, "recovery": MASKED, "keep": 7}
    assert json.loads(document(Shape("s", "https://u:p@h/"))) == {"client_secret": MASKED, "url": f"https://u:{MASKED}@h/"}
    nested = {"list": [{"token": "t", "deep": {"secret": ["a"], "n": None, "f": False}}], "empty": {"password": ""}}
    assert json.loads(document(nested)) == {
        "list": [{"token": MASKED, "deep": {"secret": MASKED, "n": None, "f": False}}],
        "empty": {"password": ""},
    }
    assert document(None) == ""
    assert json.loads(document({"password": "new"}, {"password": ""})) == {"password": MASKED}


def test_a_state_is_bounded() -> None:
    big = {"rules": ["x" * 3000] * 40, "name": "a"}
    text = document({**big, "name": "b"}, big)
    assert json.loads(text) == {"name": "b"}
    assert len(document(big)) < 200 and "cut" in document(big)
    deep: object = "bottom"
    for _ in range(100):
        deep = {"a": deep}
    assert "bottom" not in document(deep)
    assert json.loads(document({"many": list(range(1000))}))["many"][-1] == "... 500 more"
    assert "... (cut)" in masked_text("y z" * 10_000)
    assert len(masked_text("y z" * 10_000)) < 4200


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.text() | st.integers() | st.booleans(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_it_is_it_becomes_json_within_bounds(value: object) -> None:
    text = document(value)
    assert len(text.encode()) <= MAX_DOCUMENT + 200
    assert value is None or json.loads(text) is not ...
