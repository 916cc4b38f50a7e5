"""Signed tokens of a single sign-on: ID tokens (OpenID Connect Core 1.0, section 3.1.3.7) and logout tokens (OpenID Connect
Back-Channel Logout 1.0, section 2.6), as JWS in compact form (RFC 7515, RFC 7519). Pure; `joserfc` checks the signatures.

A token is believed when a key of the provider signed it, with an asymmetric algorithm that is allowed for the provider, and
every claim is as it must be. The key is one of the provider's key set and nothing else: what a header says of keys elsewhere
(`jku`, `x5u`, `jwk`) is refused, and a key is used with algorithms of its own type only, so no public key ever becomes a
shared secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec

from nexus.security.secrets import equal

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""What may sign at all. `none` and the HMAC family are not among them, whatever a provider says."""
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
MAX_TOKEN: Final = 64 << 10
MAX_HEADER: Final = 8 << 10
MAX_KEYS: Final = 100
MAX_SUBJECT: Final = 255
LOGOUT_AGE: Final = 600
"""Seconds after which a logout token without an end of its own counts no more."""

_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_ELSEWHERE: Final = frozenset({"jku", "x5u", "jwk", "crit", "b64", "zip", "enc"})
_MIN_RSA_BITS: Final = 2048


class BadToken(ValueError):
    """A token that is not believed; the text says why, without the token, for the audit log."""


class UnknownKey(BadToken):
    """No key of the key set fits: it may have been exchanged since it was fetched."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key of a provider: how tokens name it, what it is, and joserfc's form of it."""

    id: str
    type: str
    curve: str
    algorithm: str
    key: Any


def read_keys(document: Any) -> tuple[VerifyingKey, ...]:
    """The keys of a JWK set (RFC 7517) that can verify signatures; those of kinds not known here are left out.

    Raises `BadToken` when it is none.
    """
    _quiet()
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise BadToken("the key set is none")
    keys: list[VerifyingKey] = []
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        operations = entry.get("key_ops")
        if entry.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
            continue
        # The public half alone, and nothing of the certificate chain.
        public = {name: value for name, value in entry.items() if name in ("kty", "n", "e", "crv", "x", "y")}
        try:
            key: Any = JWKRegistry.import_key(public)
            bits = key.public_key.key_size if entry["kty"] == "RSA" else _MIN_RSA_BITS
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if bits < _MIN_RSA_BITS:
            continue
        texts = [value if isinstance(value, str) else "" for value in (entry.get("kid"), entry.get("crv"), entry.get("alg"))]
        keys.append(VerifyingKey(texts[0], entry["kty"], texts[1], texts[2], key))
    return tuple(keys)


def verify(token: str, keys: Iterable[VerifyingKey], algorithms: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token that one of the keys signed. Raises `BadToken`, `UnknownKey` when none of them fits."""
    _quiet()
    from joserfc.errors import JoseError
    from joserfc.jws import JWSRegistry, deserialize_compact

    if len(token) > MAX_TOKEN or not token.isascii() or token.count(".") != 2:
        raise BadToken("it is no signed token")
    header = _decoded(token.partition(".")[0])
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or algorithm not in algorithms:
        raise BadToken("its algorithm is not allowed")
    if not _ELSEWHERE.isdisjoint(header):
        raise BadToken("its header names a key elsewhere, or what is not understood")
    key = _key_for(header.get("kid"), algorithm, keys)
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = MAX_HEADER
    try:
        checked = deserialize_compact(token, key.key, registry=registry)
    except (JoseError, ValueError, TypeError) as error:
        raise BadToken("its signature is wrong") from error
    return header, _object(checked.payload or b"")


def check_id_token(
    header: Mapping[str, Any], claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, access_token: str,
    now: float, skew: float,
) -> None:  # fmt: skip
    """Are these the claims of an ID token for us, of this login? `now` and `skew` in seconds. Raises `BadToken`."""
    if str(header.get("typ", "JWT")).lower() != "jwt":
        raise BadToken("it is a token for something else")
    _check_common(claims, issuer, client_id, now, skew)
    if "exp" not in claims:
        raise BadToken("it has no end")
    if not _subject(claims.get("sub")):
        raise BadToken("it names no subject")
    sent = claims.get("nonce")
    if not isinstance(sent, str) or not equal(sent, nonce):
        raise BadToken("its nonce is not the one of this login")
    stated = claims.get("at_hash")
    if stated is not None and (not isinstance(stated, str) or not equal(stated, half_hash(access_token, header["alg"]))):
        raise BadToken("it belongs to another access token")


def check_logout_token(
    header: Mapping[str, Any], claims: Mapping[str, Any], *, issuer: str, client_id: str, now: float, skew: float
) -> tuple[str, str, str]:
    """Subject, session (one may be empty) and id of a logout token. Raises `BadToken`."""
    if str(header.get("typ", "JWT")).lower() not in ("logout+jwt", "application/logout+jwt", "jwt"):
        raise BadToken("it is a token for something else")
    _check_common(claims, issuer, client_id, now, skew)
    if "exp" not in claims and claims["iat"] < now - LOGOUT_AGE - skew:
        raise BadToken("it is too old")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise BadToken("it is not about a logout")
    if "nonce" in claims:
        raise BadToken("it has a nonce")
    subject, session, token_id = (claims.get(name, "") for name in ("sub", "sid", "jti"))
    if not isinstance(token_id, str) or not 0 < len(token_id) <= 1024:
        raise BadToken("it has no id")
    for value in (subject, session):
        if not isinstance(value, str) or len(value) > 1024:
            raise BadToken("it names neither a subject nor a session")
    if not subject and not session:
        raise BadToken("it names neither a subject nor a session")
    return subject, session, token_id


def half_hash(text: str, algorithm: str) -> str:
    """The left half of a hash, as in `at_hash`: with the hash of the algorithm that signed, SHA-512 for EdDSA."""
    name = {"256": "sha256", "384": "sha384", "512": "sha512"}.get(algorithm[-3:], "sha512")
    whole = hashlib.new(name, text.encode("utf-8")).digest()
    return base64.urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")


def _check_common(claims: Mapping[str, Any], issuer: str, client_id: str, now: float, skew: float) -> None:
    if claims.get("iss") != issuer:
        raise BadToken("another issuer made it")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise BadToken("it is for somebody else")
    if "azp" in claims:
        if claims["azp"] != client_id:
            raise BadToken("it was given to somebody else")
    elif len(audiences) > 1:
        raise BadToken("it is for several, and does not say to whom it was given")
    issued: Any = claims.get("iat")
    until: Any = claims.get("exp")
    earliest: Any = claims.get("nbf")
    if not _time(issued) or issued > now + skew:
        raise BadToken("it was made in the future, or does not say when")
    if until is not None and (not _time(until) or until <= now - skew):
        raise BadToken("it has ended")
    if earliest is not None and (not _time(earliest) or earliest > now + skew):
        raise BadToken("it does not count yet")


def _key_for(named: Any, algorithm: str, keys: Iterable[VerifyingKey]) -> VerifyingKey:
    """The key that a token names; without a name the only one that can have signed it."""
    fitting = [key for key in keys if _fits(key, algorithm)]
    if named is not None:
        fitting = [key for key in fitting if key.id == named]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise BadToken("it does not say which of several keys signed it")
    raise UnknownKey("no key of the provider fits")


def _fits(key: VerifyingKey, algorithm: str) -> bool:
    if key.algorithm and key.algorithm != algorithm:
        # EdDSA and Ed25519 are two names of one thing (RFC 9864).
        return {key.algorithm, algorithm} == {"EdDSA", "Ed25519"}
    match algorithm[:2]:
        case "RS" | "PS":
            return key.type == "RSA"
        case "ES":
            return key.type == "EC" and key.curve == _CURVES[algorithm]
    return key.type == "OKP" and key.curve == "Ed25519"


def _decoded(part: str) -> dict[str, Any]:
    if len(part) > MAX_HEADER:
        raise BadToken("its header is too long")
    try:
        return _object(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except binascii.Error as error:
        raise BadToken("its header is none") from error


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadToken("it is no JSON") from error
    if not isinstance(found, dict):
        raise BadToken("it holds no claims")
    return found


@cache
def _quiet() -> None:
    """What is too weak or old is decided here; the library need not say so on standard error."""
    from joserfc.errors import SecurityWarning

    warnings.filterwarnings("ignore", category=SecurityWarning)


def _time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _subject(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT
