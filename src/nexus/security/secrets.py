"""Passwords, keys and session tokens: how they are made, stored and compared.

Keys and tokens carry 256 random bits, so one SHA-256 is enough to store them by; passwords are guessed, so they get
argon2id (19 MiB, 2 passes: about 25 ms). Nothing here logs or keeps a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argon2 import PasswordHasher

KEY_PREFIX: Final = "nxs_"
SHOWN_CHARACTERS: Final = 12
"""How much of a key is kept in clear, for people to recognise it by."""

_PASSWORD_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # noqa: S105


def new_key() -> str:
    """A new API key."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def new_token() -> str:
    """A new opaque session token."""
    return secrets.token_urlsafe(32)


def new_id() -> str:
    """A short random identifier for a stored object."""
    return secrets.token_hex(8)


def new_password() -> str:
    """A password to print once: 20 characters without look-alikes, in groups of five."""
    letters = [secrets.choice(_PASSWORD_ALPHABET) for _ in range(20)]
    return "-".join("".join(letters[start : start + 5]) for start in range(0, 20, 5))


def digest(secret: str) -> str:
    """What a key or token is stored and looked up by: SHA-256 as hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def equal(left: str, right: str) -> bool:
    """Compare without telling by the time taken where they differ."""
    return hmac.compare_digest(left.encode("utf-8", "surrogateescape"), right.encode("utf-8", "surrogateescape"))


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def normalised(password: str) -> str:
    """The password as it is hashed and counted: NFKC, so that it does not matter how a keyboard puts letters together."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    """The argon2id hash in PHC form. Takes tens of milliseconds: call it in a thread."""
    return _hasher().hash(normalised(password))


def outdated(stored: str) -> bool:
    """Was the hash made with other parameters than those of today?"""
    return _hasher().check_needs_rehash(stored)


# The hash of a password nobody has, made with the parameters above: what an unknown user's password is compared with,
# so that it takes as long as a known one's.
_NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$6Y1tXQSNi7dmDX/qechylQ$qVtgHJRxzYa2pBLmoL62SDmeptDPMWNnggy7XQKVXsc"


def verify_password(stored: str | None, password: str) -> bool:
    """Does the password belong to the hash? None (no such user) takes as long and is false. Call it in a thread."""
    from argon2.exceptions import InvalidHashError, VerificationError

    found = False
    # Hashes of earlier versions are of passwords that were not normalised.
    for spelling in dict.fromkeys((normalised(password), password)):
        try:
            _hasher().verify(stored or _NOBODY, spelling.encode("utf-8", "surrogatepass"))
            found = True
        except (VerificationError, InvalidHashError):
            continue
    return found and stored is not None
