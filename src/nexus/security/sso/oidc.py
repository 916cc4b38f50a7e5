"""A provider of single sign-on, as OpenID Connect describes it: discovery, keys, the authorization code, what it says of a
user.

Source: OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (issuer in the answer), RP-Initiated Logout 1.0.
Every request goes through `nexus.outgoing`. What a provider publishes is kept for an hour, and used for a day when it cannot
be asked again; an unknown key makes it asked at most every half minute, so that forged tokens cannot be turned into a flood.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from nexus.config import OidcConfig
from nexus.errors import NexusError, TargetFailed, TargetRefused
from nexus.outgoing.client import Outgoing
from nexus.outgoing.targets import parse_target
from nexus.security.sso import jwt
from nexus.security.sso.jwt import BadToken, UnknownKey, VerifyingKey

FRESH: Final = 3600.0
USABLE: Final = 24 * 3600.0
BETWEEN_REFRESHES: Final = 30.0
MAX_CODE: Final = 4096
MAX_ACCESS_TOKEN: Final = 32 << 10
CALM: Final = 5.0
"""Seconds between two attempts to ask a provider that is not there."""

log = logging.getLogger(__name__)


class SignOnFailed(Exception):
    """A login at a provider that comes to nothing; the text says why, for the audit log."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a provider says of itself; endpoints that it does not have are empty."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    end_session: str
    algorithms: tuple[str, ...]
    sends_issuer: bool
    secret_in_body: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """What a provider said of a user at a login: its claims, the session there, and the token that says so."""

    subject: str
    session: str
    claims: Mapping[str, Any]
    id_token: str


@dataclass(slots=True)
class _Kept:
    found: Discovered
    keys: tuple[VerifyingKey, ...]
    at: float


class Provider:
    """One provider. `monotonic` and `now` give seconds."""

    def __init__(
        self, config: OidcConfig, outgoing: Outgoing, monotonic: Callable[[], float], now: Callable[[], float]
    ) -> None:
        """Nothing is asked before somebody logs in."""
        self.config = config
        self._outgoing = outgoing
        self._monotonic = monotonic
        self._now = now
        self._kept: _Kept | None = None
        self._tried = float("-inf")
        self._lock = asyncio.Lock()

    # ---------------------------------------------------------------------------------------------------- the way there

    async def authorization_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to log in. Raises `TargetFailed`, `TargetRefused`."""
        kept = await self._known()
        arguments = {
            "response_type": "code",
            "client_id": self.config.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *self.config.scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        return _with_arguments(kept.found.authorization, arguments)

    async def end_session_url(self, id_token: str, redirect_uri: str) -> str:
        """Where the browser goes to log out there; empty when the provider has no such place, or cannot be asked."""
        try:
            kept = await self._known()
        except NexusError:
            return ""
        if not kept.found.end_session:
            return ""
        arguments = {"client_id": self.config.client_id, "post_logout_redirect_uri": redirect_uri}
        if id_token:
            arguments["id_token_hint"] = id_token
        return _with_arguments(kept.found.end_session, arguments)

    # ----------------------------------------------------------------------------------------------------- the way back

    async def statement(self, code: str, issuer: str | None, redirect_uri: str, nonce: str, verifier: str) -> Statement:
        """Exchange an authorization code. `issuer` is what came with it (RFC 9207).

        Raises `SignOnFailed`, `TargetFailed`, `TargetRefused`.
        """
        kept = await self._known()
        if issuer is None and kept.found.sends_issuer:
            raise SignOnFailed("the answer does not say which provider it is from")
        if issuer is not None and issuer != self.config.issuer:
            raise SignOnFailed("the answer is from another provider")
        if not 0 < len(code) <= MAX_CODE:
            raise SignOnFailed("the answer holds no code")
        tokens = await self._exchange(kept.found, code, redirect_uri, verifier)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token", "")
        if not isinstance(id_token, str) or not isinstance(access_token, str) or len(access_token) > MAX_ACCESS_TOKEN:
            raise SignOnFailed("the provider gave no ID token")
        try:
            header, claims = await self._verified(id_token)
            jwt.check_id_token(
                header,
                claims,
                issuer=self.config.issuer,
                client_id=self.config.client_id,
                nonce=nonce,
                access_token=access_token,
                now=self._now(),
                skew=self.config.clock_skew,
            )
        except BadToken as error:
            raise SignOnFailed(f"the ID token is not believed: {error}") from error
        claims = await self._completed(kept.found, claims, access_token)
        session = claims.get("sid", "")
        return Statement(claims["sub"], session if isinstance(session, str) else "", claims, id_token)

    async def logout(self, token: str) -> tuple[str, str, str]:
        """Subject, session and id of a logout token. Raises `BadToken`, `TargetFailed`, `TargetRefused`."""
        header, claims = await self._verified(token)
        return jwt.check_logout_token(
            header,
            claims,
            issuer=self.config.issuer,
            client_id=self.config.client_id,
            now=self._now(),
            skew=self.config.clock_skew,
        )

    async def _exchange(self, found: Discovered, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        client, secret = self.config.client_id, self.config.client_secret
        if not secret:
            form["client_id"] = client
        elif found.secret_in_body:
            form |= {"client_id": client, "client_secret": secret}
        else:
            # Both parts are form-encoded before they are put together: RFC 6749, section 2.3.1.
            pair = f"{quote_plus(client)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        answer = await self._outgoing.fetch("POST", found.token, headers=headers, body=urlencode(form).encode())
        document = _document(answer.json())
        if answer.status != 200:
            raise SignOnFailed(f"the provider refused the code: {_word(document.get('error'))} (status {answer.status})")
        return document

    async def _completed(self, found: Discovered, claims: dict[str, Any], access_token: str) -> dict[str, Any]:
        """The claims with those that only the userinfo endpoint says; the signed ones stay."""
        config = self.config
        wanted = {name.partition(".")[0] for name in (config.username_claim, config.email_claim, config.name_claim)}
        if config.roles:
            wanted.add(config.groups_claim.partition(".")[0])
        if not found.userinfo or not access_token or wanted <= claims.keys():
            return claims
        answer = await self._outgoing.fetch(
            "GET", found.userinfo, headers={"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        )
        if answer.status != 200:
            raise SignOnFailed(f"the provider does not say who it is (status {answer.status})")
        more = _document(answer.json())
        if more.get("sub") != claims["sub"]:
            # Core, section 5.3.2: an answer about somebody else must not be used.
            raise SignOnFailed("the provider tells of somebody else than the one who logged in")
        return {**more, **claims}

    # --------------------------------------------------------------------------------------------- what it publishes

    async def _verified(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        kept = await self._known()
        try:
            return jwt.verify(token, kept.keys, kept.found.algorithms)
        except UnknownKey:
            kept = await self._known(unless_older=BETWEEN_REFRESHES)
            return jwt.verify(token, kept.keys, kept.found.algorithms)

    async def _known(self, unless_older: float = FRESH) -> _Kept:
        """What the provider publishes, not older than that, if it can be asked."""
        kept = self._kept
        if kept is not None and self._monotonic() - kept.at < unless_older:
            return kept
        async with self._lock:
            kept, now = self._kept, self._monotonic()
            if kept is not None and now - kept.at < unless_older:
                return kept
            usable = kept if kept is not None and now - kept.at < USABLE else None
            if now - self._tried < CALM:
                if usable is not None:
                    return usable
                raise TargetFailed(f"{self.config.issuer} could not be asked a moment ago.", retry_after=CALM)
            self._tried = now
            try:
                found = await self._discover()
                answer = await self._outgoing.fetch("GET", found.keys, headers={"Accept": "application/json"})
                if answer.status != 200:
                    raise TargetFailed(f"{found.keys} answers with status {answer.status}.")
                self._kept = _Kept(found, jwt.read_keys(answer.json()), now)
            except (TargetFailed, TargetRefused, BadToken) as error:
                log.warning(
                    "a provider of single sign-on could not be asked",
                    extra={"fields": {"provider": self.config.id, "error": str(error)[:300]}},
                )
                if usable is not None:
                    return usable
                if isinstance(error, BadToken):
                    raise TargetFailed(f"{self.config.issuer} publishes no keys.") from error
                raise
            self._tried = float("-inf")
            return self._kept

    async def _discover(self) -> Discovered:
        url = self.config.issuer.rstrip("/") + "/.well-known/openid-configuration"
        answer = await self._outgoing.fetch("GET", url, headers={"Accept": "application/json"})
        if answer.status != 200:
            raise TargetFailed(f"{url} answers with status {answer.status}.")
        document = _document(answer.json())
        if document.get("issuer") != self.config.issuer:
            raise TargetFailed(
                f"{url} describes another issuer than {self.config.issuer}.",
                hint="Write sso.oidc.issuer exactly as the provider does.",
            )
        return discovered(document, self.config)


def discovered(document: Mapping[str, Any], config: OidcConfig) -> Discovered:
    """Read a provider's description. Raises `TargetFailed`, `TargetRefused`."""

    def endpoint(name: str, *, needed: bool) -> str:
        url = document.get(name, "")
        if not isinstance(url, str) or not url:
            if needed:
                raise TargetFailed(f"{config.issuer} does not say its {name}.")
            return ""
        target = parse_target(url)
        if target.scheme != "https" and config.issuer.startswith("https:"):
            raise TargetRefused(f"the {name} of {config.issuer} is not https.")
        return url

    offered = _texts(document.get("id_token_signing_alg_values_supported"))
    methods = _texts(document.get("token_endpoint_auth_methods_supported")) or ("client_secret_basic",)
    algorithms = tuple(name for name in jwt.ALGORITHMS if name in offered) or ("RS256",)
    return Discovered(
        authorization=endpoint("authorization_endpoint", needed=True),
        token=endpoint("token_endpoint", needed=True),
        keys=endpoint("jwks_uri", needed=True),
        userinfo=endpoint("userinfo_endpoint", needed=False),
        end_session=endpoint("end_session_endpoint", needed=False),
        algorithms=algorithms,
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        secret_in_body="client_secret_basic" not in methods and "client_secret_post" in methods,
    )


def challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode().rstrip("=")


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name; `realm_access.roles` is one within another, unless a claim has that very name."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _with_arguments(url: str, arguments: Mapping[str, str]) -> str:
    return url + ("&" if "?" in url else "?") + urlencode(arguments)


def _document(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TargetFailed("a provider of single sign-on answered something else than an object.")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _word(value: Any) -> str:
    return value[:60] if isinstance(value, str) and value.isascii() and value.isprintable() else "without a reason"
