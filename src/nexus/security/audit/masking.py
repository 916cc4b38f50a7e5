"""Secrets out of what is written down: by the names of fields, and by what secrets look like. Pure.

Values are cut to bounds, too: nobody can fill the audit log with one change.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

MASKED: Final = "********"
CHANGED: Final = "******** (another one)"
MAX_TEXT: Final = 4096
"""Characters of a text; what goes beyond is cut off and counted."""
MAX_ITEMS: Final = 500
MAX_DEPTH: Final = 12
MAX_DOCUMENT: Final = 64 << 10
"""Bytes of a whole state before or after a change, as JSON."""

_NAMES: Final = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|secret|secrets|token|tokens|hash|hashes|authorization|cookie|totp|otp|recovery|"
    r"credential|credentials|signature|(?:private|api|shared|access|secret)_?key)(?:$|_)",
    re.ASCII | re.IGNORECASE,
)
_SHAPES: Final = (
    # API keys of ours; what is sealed; PHC strings of password hashes; modular crypt; JSON web tokens; private keys.
    (re.compile(r"nxs_[A-Za-z0-9_-]{20,}"), "nxs_" + MASKED),
    (re.compile(r"sealed:[A-Za-z0-9:_-]{16,}"), "sealed:" + MASKED),
    (re.compile(r"\$(?:argon2\w*|pbkdf2[\w-]*|scrypt|bcrypt|2[abxy]?|5|6|y)\$[^\s\"']{8,}"), MASKED),
    (re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"), MASKED),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASKED),
    # Credentials of the Authorization header, of addresses, and `password=...` in texts.
    (re.compile(r"\b((?:bearer|basic|splunk|apikey)\s+)[A-Za-z0-9+/=._~-]{12,}", re.IGNORECASE), r"\1" + MASKED),
    (re.compile(r"(\w://[^\s:/@]*):[^\s/@]+@"), r"\1:" + MASKED + "@"),
    (re.compile(r"\b((?:password|passwd|secret|token|api_?key)\s*[=:]\s*)(?!\*{8})[^\s,;&\"']+", re.I), r"\1" + MASKED),
    # Digests of 160 bits and more; random tokens of 256 bits, which hold capitals, small letters and digits.
    (re.compile(r"\b[0-9a-fA-F]{40,}\b"), MASKED),
    (re.compile(r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[A-Za-z0-9_-]{43,}(?![\w-])"), MASKED),
)  # fmt: skip


def masked_text(text: str, longest: int = MAX_TEXT) -> str:
    """The text without what looks like a secret, and no longer than that."""
    # First cut, so that the work is bounded; by more than is kept, so that no half of a secret is left.
    if len(text) > longest:
        text = text[: longest + MAX_TEXT]
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    if len(text) > longest:
        text = f"{text[:longest]} ... (cut)"
    return text


def secret_name(name: str) -> bool:
    """Does a field of this name hold a secret?"""
    return _NAMES.search(_snake(name)) is not None


def document(state: Any, other: Any = None) -> str:
    """The state of something as JSON, secrets masked; `other` is its state on the other side of the change. None is empty.

    Anything that msgspec can turn into plain values will do: dictionaries, dataclasses, structs.
    """
    if state is None:
        return ""
    plain, beside = _plain(state), _plain(other) if other is not None else None
    text = msgspec.json.encode(_masked(plain, beside, 0))
    if len(text) > MAX_DOCUMENT and isinstance(plain, dict) and isinstance(beside, dict):
        # Only what the change is about.
        plain = {name: value for name, value in plain.items() if name not in beside or beside[name] != value}
        text = msgspec.json.encode(_masked(plain, beside, 0))
    if len(text) > MAX_DOCUMENT:
        text = msgspec.json.encode({"cut": f"{len(text)} bytes, more than {MAX_DOCUMENT}"})
    return text.decode()


def _plain(state: Any) -> Any:
    return msgspec.to_builtins(state, enc_hook=str, str_keys=True)


def _masked(value: Any, beside: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return "..."
    match value:
        case str():
            return masked_text(value)
        case dict():
            items = list(value.items())[:MAX_ITEMS]
            found = {masked_text(name, 200): _member(name, inner, beside, depth) for name, inner in items}
            return found if len(items) == len(value) else {**found, "...": f"{len(value) - len(items)} more"}
        case list() | tuple():
            shown = [_masked(inner, None, depth + 1) for inner in value[:MAX_ITEMS]]
            return shown if len(shown) == len(value) else [*shown, f"... {len(value) - len(shown)} more"]
        case _:
            return value


def _member(name: str, value: Any, beside: Any, depth: int) -> Any:
    known = isinstance(beside, dict) and name in beside
    if secret_name(name) and value not in ("", None) and not isinstance(value, bool | int | float):
        if isinstance(value, list | dict) and not value:
            return value
        return CHANGED if known and beside[name] not in ("", value) else MASKED
    return _masked(value, beside[name] if known else None, depth + 1)


def _snake(name: str) -> str:
    """`clientSecret` and `client-secret` as `client_secret`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(".", "_")
