"""Codes of authenticator apps and recovery codes."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.security.login import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
    ],
)
def test_the_vectors_of_the_rfc(seconds: int, code: str) -> None:
    """RFC 6238, appendix B, SHA-1: the last six of its eight digits."""
    assert totp.step_of(SECRET, code[2:], seconds * 10**9) == seconds // 30


def test_a_step_before_and_after_count() -> None:
    now = 1_700_000_000 * 10**9
    current = 1_700_000_000 // 30
    import pyotp

    for offset in range(-3, 4):
        code = pyotp.TOTP(SECRET).generate_otp(current + offset)
        assert totp.step_of(SECRET, code, now) == (current + offset if abs(offset) <= 1 else None)
        assert totp.step_of(SECRET, f" {code[:3]} {code[3:]}", now) == totp.step_of(SECRET, code, now)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_what_is_no_code(text: str) -> None:
    if not totp.looks_like_code(text):
        assert totp.step_of(SECRET, text, 10**18) is None


def test_full_width_digits_are_no_code() -> None:
    assert totp.step_of(SECRET, "９４２８７０８２"[2:], 59 * 10**9) is None


def test_uri_and_picture() -> None:
    uri = totp.uri(SECRET, "o'neill@example.com")
    assert uri.startswith("otpauth://totp/Nexus:o%27neill%40example.com?secret=")
    assert uri.endswith("&issuer=Nexus")
    rows = totp.qr(uri)
    assert {len(row) for row in rows} == {len(rows)}
    # The finder pattern of the upper left corner.
    assert [row[:7] for row in rows[:7]] == [
        "1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111",
    ]  # fmt: skip
    assert len(base64.b32decode(totp.new_secret())) == 20


def test_recovery_codes() -> None:
    codes = totp.new_recovery_codes()
    assert len({*codes}) == 10
    for code in codes:
        assert len(base64.b32decode(code.replace("-", "").upper())) == 10
        assert not totp.looks_like_code(code)
        for typed in (code.upper(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
            assert totp.recovery_hash(typed) == totp.recovery_hash(code)
    assert totp.recovery_hash("oib") == totp.recovery_hash("018")
    assert len({totp.recovery_hash(code) for code in codes}) == 10
