"""Which passwords are good enough, and that stored hashes keep up."""

from __future__ import annotations

import random
import string
import time

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.errors import InvalidRequest
from nexus.security import secrets
from nexus.security.login import passwords

KNOWN = ("alice", "alice.smith@example.com", "Alice Smith")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "5 characters"),
        ("a" * 1025, "more than 1024"),
        ("P@ssw0rd2024!", "common passwords"),
        ("pa$$word2024!!", "common passwords"),
        ("Winter2025!Winter", "common passwords"),
        ("monkeydragon12", "common passwords"),
        ("iloveyouforever", "common passwords"),
        ("letmeinletmein1", "repeats itself"),
        ("drowssap12345", "common passwords"),
        ("correct horse battery staple", "common passwords"),
        ("qwertyuiop123", "keyboard"),
        ("1qaz2wsx3edc4rfv", "keyboard"),
        ("zxcvbnm,./asdf", "keyboard"),
        ("abcdefghijkl", "alphabet"),
        ("987654321987", "keyboard"),
        ("!@#$%^&*()12", "keyboard"),
        ("aaaaaaaaaaaa", "repeats itself"),
        ("xq7xq7xq7xq7", "repeats itself"),
        ("a" * 1024, "repeats itself"),
        ("7301846529182", "digits"),
        ("alice.smith1984", "your name"),
        ("Alice-Alice-2024", "repeats itself"),
        ("htimsecila2024", "your name"),
        ("nexusnexus2024", "repeats itself"),
        ("nexus-admin-2025", "common passwords"),
        ("\ud800" * 12, "characters that are none"),
    ],
)
def test_what_is_guessed_is_refused_with_the_reason(password: str, reason: str) -> None:
    found = passwords.weakness(password, KNOWN)
    assert reason in found
    assert password.lower() not in found.lower()
    with pytest.raises(InvalidRequest, match="not good enough"):
        passwords.check(password, KNOWN)


@pytest.mark.parametrize(
    "password",
    [
        "plover tangent quartz 9",
        "zürich-fjord-quokka",
        "lion blanket fourteen soup",
        "k8f3m2p9x4z1",
        "Tr0ub4dor&3xyz",
        "ein Pferd frisst keinen Gurkensalat",
        "тихая река за деревней",
        "静かな川の向こうの村へ行く道",
        "73018465291826407",
        "\u0000\u0001 odd but allowed \t",
    ],
)
def test_what_is_not_guessed_is_taken(password: str) -> None:
    assert passwords.weakness(password, KNOWN) == ""


def test_the_bundled_list() -> None:
    assert passwords.word_count() >= 4000


def test_chance_is_taken() -> None:
    """Twelve letters by chance are never refused, nor is what Nexus makes up."""
    chance = random.Random(7)
    for _ in range(300):
        assert passwords.weakness("".join(chance.choices(string.ascii_lowercase, k=12))) == ""
        assert passwords.weakness(secrets.new_password(), ("admin",)) == ""


@settings(deadline=None)
@given(st.sampled_from(sorted(passwords._words())), st.integers(0, 9999), st.sampled_from("!?.#$*"), st.booleans())
def test_a_word_with_the_usual_around_it_is_refused(word: str, number: int, sign: str, capital: bool) -> None:
    text = f"{word.capitalize() if capital else word}{number}{sign}"
    leet = text.replace("a", "4").replace("e", "3").replace("o", "0").replace("s", "$")
    assert passwords.weakness(text) != ""
    assert passwords.weakness(leet) != ""
    assert passwords.weakness(word * 4) != ""


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert isinstance(passwords.weakness(text, (text,)), str)


def test_the_longest_take_no_time() -> None:
    began = time.process_time()
    for text in ("a" * 1024, "ab" * 512, "aab" * 341, "".join(random.Random(1).choices("ab", k=1024)), "password" * 128):
        passwords.weakness(text)
    assert time.process_time() - began < 3.0


def test_the_same_letters_typed_otherwise() -> None:
    stored = secrets.hash_password("caf\u00e9 au lait du matin")
    assert passwords.verify(stored, "cafe\u0301 au lait du matin").right
    assert not passwords.verify(stored, "cafe au lait du matin").right


def test_hashes_keep_up() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("plover tangent quartz 9")
    verified = passwords.verify(old, "plover tangent quartz 9")
    assert verified.right
    assert verified.fresh_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify(verified.fresh_hash, "plover tangent quartz 9") == passwords.Verified(True)
    assert passwords.verify(old, "wrong") == passwords.Verified(False)


@pytest.mark.parametrize("stored", [None, "", "not a hash"])
def test_nobody_has_no_password(stored: str | None) -> None:
    for password in ("", "x", "x" * 5000, "\ud800"):
        assert not passwords.verify(stored, password).right
