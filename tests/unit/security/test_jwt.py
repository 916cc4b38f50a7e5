"""Signed tokens: what is believed, and every confusion that is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from nexus.security.sso.jwt import (
    ALGORITHMS,
    LOGOUT_EVENT,
    BadToken,
    UnknownKey,
    check_id_token,
    check_logout_token,
    half_hash,
    read_keys,
    verify,
)

NOW = 1_800_000_000.0
ISSUER, CLIENT = "https://idp.example", "nexus"
CLAIMS = {"iss": ISSUER, "aud": CLIENT, "sub": "u-1", "exp": NOW + 300, "iat": NOW - 5, "nonce": "n-1"}
LOGOUT = {"iss": ISSUER, "aud": CLIENT, "sub": "u-1", "sid": "s-1", "iat": NOW, "exp": NOW + 60, "jti": "j-1",
          "events": {LOGOUT_EVENT: {}}}  # fmt: skip


@cache
def rsa(name: str = "a") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": f"rsa-{name}", "use": "sig"})


@cache
def others() -> tuple[ECKey, OKPKey]:
    return ECKey.generate_key("P-256", {"kid": "ec"}), OKPKey.generate_key("Ed25519", {"kid": "ed"})


def published(*keys: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def signed(claims: Any, key: Any = None, algorithm: str = "RS256", **header: Any) -> str:
    key = key or rsa()
    head = {"alg": algorithm, "kid": key.kid, **header}
    head = {name: value for name, value in head.items() if value is not None}
    return jws.serialize_compact(
        head, json.dumps(claims).encode(), key, registry=JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    )


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode().rstrip("=")


def checked(token: str, keys: Any = None, algorithms: Any = ALGORITHMS, **more: Any) -> dict[str, Any]:
    header, claims = verify(token, read_keys(keys or published(rsa())), algorithms)
    wanted = {"issuer": ISSUER, "client_id": CLIENT, "nonce": "n-1", "access_token": "at", "now": NOW, "skew": 60.0}
    check_id_token(header, claims, **{**wanted, **more})
    return claims


def test_a_good_token_is_believed() -> None:
    assert checked(signed(CLAIMS))["sub"] == "u-1"
    assert checked(signed({**CLAIMS, "aud": [CLIENT, "other"], "azp": CLIENT}))
    assert checked(signed({**CLAIMS, "at_hash": half_hash("at", "RS256")}))
    # Without a key id, when there is only one key that can have signed it.
    assert checked(signed(CLAIMS, kid=None), published(rsa(), *others()))


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS512", "ES256", "EdDSA"])
def test_every_allowed_algorithm(algorithm: str) -> None:
    key = {"E": others()[0], "d": others()[1]}.get(algorithm[0] if algorithm != "EdDSA" else "d", rsa())
    claims = {**CLAIMS, "at_hash": half_hash("at", algorithm)}
    assert checked(signed(claims, key, algorithm), published(rsa(), *others()))


def test_no_signature_at_all() -> None:
    """alg none, in every spelling, with and without something in the place of the signature."""
    for name in ("none", "None", "NONE", "nOnE", ""):
        for rest in ("", "AA", signed(CLAIMS).rpartition(".")[2]):
            with pytest.raises(BadToken):
                checked(f"{part({'alg': name, 'kid': rsa().kid})}.{part(CLAIMS)}.{rest}", algorithms=(*ALGORITHMS, name))


@pytest.mark.parametrize("digest", ["256", "384", "512"])
def test_the_public_key_as_a_shared_secret(digest: str) -> None:
    """HS256 with what everybody can read: the PEM and DER of the key, its JSON, its modulus, its id."""
    key = rsa()
    public = key.as_dict(private=False)
    for secret in (key.as_pem(private=False), key.as_pem(private=False).strip(), key.as_der(private=False),
                   json.dumps(public).encode(), public["n"].encode(), b"", key.kid.encode()):  # fmt: skip
        text = f"{part({'alg': f'HS{digest}', 'kid': key.kid, 'typ': 'JWT'})}.{part(CLAIMS)}"
        mark = hmac.new(secret, text.encode(), getattr(hashlib, f"sha{digest}")).digest()
        # Even when the provider claims to sign so.
        with pytest.raises(BadToken):
            checked(f"{text}.{part(mark)}", algorithms=(*ALGORITHMS, f"HS{digest}"))


def test_a_shared_secret_among_the_keys_is_none() -> None:
    secret = OctKey.generate_key(256, {"kid": "oct"})
    token = signed(CLAIMS, secret, "HS256")
    with pytest.raises(BadToken):
        checked(token, {"keys": [secret.as_dict(private=True), rsa().as_dict(private=False)]}, ("HS256", *ALGORITHMS))
    assert [key.id for key in read_keys({"keys": [secret.as_dict(private=True), rsa().as_dict(private=False)]})] == ["rsa-a"]


def test_another_key_whatever_it_calls_itself() -> None:
    stranger = RSAKey.generate_key(2048, {"kid": rsa().kid})
    with pytest.raises(BadToken, match="signature"):
        checked(signed(CLAIMS, stranger))
    with pytest.raises(UnknownKey):
        checked(signed(CLAIMS, stranger, kid="unknown"))
    # The id of another key of the same provider.
    with pytest.raises(BadToken, match="signature"):
        checked(signed(CLAIMS, rsa(), kid=rsa("b").kid), published(rsa(), rsa("b")))
    for odd in (17, ["rsa-a"], {"a": 1}, True, "../../dev/null", "' or 1=1", ""):
        with pytest.raises(BadToken):
            checked(f"{part({'alg': 'RS256', 'kid': odd})}.{part(CLAIMS)}.AA")


@pytest.mark.parametrize("header", [
    {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/cert"}, {"crit": ["exp"]}, {"crit": ["b64"], "b64": False},
    {"b64": False}, {"zip": "DEF"},
])  # fmt: skip
def test_headers_that_lead_elsewhere_are_refused(header: dict[str, Any]) -> None:
    """Even with a good signature: nobody who means well sends them."""
    head = {"alg": "RS256", "kid": rsa().kid, **header}
    text = f"{part(head)}.{part(CLAIMS)}"
    good = signed(CLAIMS)
    for token in (f"{text}.{good.rpartition('.')[2]}",):
        with pytest.raises(BadToken, match="header"):
            checked(token)


def test_a_key_in_the_header_signs_nothing() -> None:
    mine = RSAKey.generate_key(2048, {"kid": rsa().kid})
    with pytest.raises(BadToken, match="header"):
        checked(signed(CLAIMS, mine, jwk=mine.as_dict(private=False)))
    with pytest.raises(BadToken):
        checked(signed(CLAIMS, mine, x5c=["MIIB"]))


def test_an_algorithm_that_the_provider_does_not_use() -> None:
    with pytest.raises(BadToken, match="algorithm"):
        checked(signed(CLAIMS, algorithm="RS512"), algorithms=("RS256",))
    with pytest.raises(BadToken, match="algorithm"):
        checked(signed(CLAIMS), algorithms=())
    # A key that is for another algorithm.
    bound = {**rsa().as_dict(private=False), "alg": "PS256"}
    with pytest.raises(UnknownKey):
        checked(signed(CLAIMS), {"keys": [bound]})
    # An elliptic key with an algorithm of RSA's.
    with pytest.raises(UnknownKey):
        checked(f"{part({'alg': 'RS256', 'kid': 'ec'})}.{part(CLAIMS)}.AA", published(*others()))


@pytest.mark.parametrize("change", [
    {"iss": "https://evil.example"}, {"iss": ISSUER + "/"}, {"iss": None}, {"iss": [ISSUER]},
    {"aud": "other"}, {"aud": []}, {"aud": ["other"]}, {"aud": None}, {"aud": {CLIENT: 1}}, {"aud": CLIENT + "x"},
    {"aud": [CLIENT, "other"]}, {"azp": "other"}, {"aud": [CLIENT, "other"], "azp": "other"},
    {"exp": NOW - 61}, {"exp": None}, {"exp": "never"}, {"exp": True}, {"exp": 1e300},
    {"iat": NOW + 61}, {"iat": None}, {"iat": "now"}, {"nbf": NOW + 61},
    {"nonce": None}, {"nonce": "n-2"}, {"nonce": ""}, {"nonce": ["n-1"]},
    {"sub": None}, {"sub": ""}, {"sub": "x" * 256}, {"sub": 1}, {"at_hash": half_hash("other", "RS256")}, {"at_hash": 1},
])  # fmt: skip
def test_a_claim_that_is_wrong(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    with pytest.raises(BadToken):
        checked(signed(claims))


def test_a_logout_token_is_no_id_token_and_the_other_way_round() -> None:
    with pytest.raises(BadToken):
        checked(signed({**LOGOUT}))
    with pytest.raises(BadToken):
        checked(signed(CLAIMS, typ="logout+jwt"))
    with pytest.raises(BadToken):
        checked(signed(CLAIMS, typ="at+jwt"))
    with pytest.raises(BadToken):
        logged_out(CLAIMS)
    with pytest.raises(BadToken):
        logged_out({**CLAIMS, "jti": "x"})


def logged_out(claims: dict[str, Any], **header: Any) -> tuple[str, str, str]:
    head, found = verify(signed(claims, **header), read_keys(published(rsa())), ALGORITHMS)
    return check_logout_token(head, found, issuer=ISSUER, client_id=CLIENT, now=NOW, skew=60.0)


def test_a_logout_token() -> None:
    assert logged_out(LOGOUT, typ="logout+jwt") == ("u-1", "s-1", "j-1")
    assert logged_out({name: value for name, value in LOGOUT.items() if name != "sid"}) == ("u-1", "", "j-1")
    for change in (
        {"nonce": "n"}, {"events": None}, {"events": {}}, {"events": {LOGOUT_EVENT: 1}}, {"events": [LOGOUT_EVENT]}, {"jti": None},
        {"jti": ""}, {"sub": None, "sid": None}, {"sub": 1}, {"aud": "other"}, {"iss": "x"}, {"exp": NOW - 100}, {"iat": NOW + 100},
        {"exp": None, "iat": NOW - 3600},
    ):  # fmt: skip
        claims = {name: value for name, value in {**LOGOUT, **change}.items() if value is not None}
        with pytest.raises(BadToken):
            logged_out(claims)


@given(st.integers(0, 3), st.binary(max_size=40), st.integers(0, 400))
def test_a_token_that_was_altered_anywhere(kind: int, noise: bytes, place: int) -> None:
    token = signed(CLAIMS)
    place %= len(token)
    altered = {
        0: token[:place] + part(noise) + token[place:],
        1: token[:place] + token[place + 1 + len(noise) :],
        2: part(noise) + token[token.index(".") :],
        3: token + "." + part(noise),
    }[kind]
    if altered == token:
        return
    try:
        claims = checked(altered)
    except BadToken:
        return
    # Base64url has several spellings of the last bits of a signature; what is said must be the same.
    assert claims == CLAIMS


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_any_key_set_is_read_or_refused(document: Any) -> None:
    for one in (document, {"keys": document}, {"keys": [document]}, {"keys": [{"kty": "RSA", "n": document, "e": "AQAB"}]}):
        try:
            read_keys(one)
        except BadToken:
            pass


def test_keys_that_are_too_weak_or_for_something_else() -> None:
    public = rsa().as_dict(private=False)
    weak = {"kty": "RSA", "n": part((2**1023 + 1).to_bytes(128, "big")), "e": "AQAB", "kid": "weak"}
    assert read_keys({"keys": [weak, {**public, "use": "enc"}, {**public, "key_ops": ["encrypt"]}, {"kty": "odd"}]}) == ()
    with pytest.raises(BadToken):
        read_keys({"keys": [public] * 101})
    # A private key that was published by mistake is used as a public one.
    private = KeySet([rsa()]).as_dict(private=True)
    assert not any(key.key.is_private for key in read_keys(private))
