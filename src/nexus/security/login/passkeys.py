"""Passkeys: WebAuthn (W3C level 2 and 3), to log in with alone, or as the second factor after a password.

Each ceremony has a challenge of 256 random bits that counts once and for five minutes. What a browser signs names the
site: its origin and its RP id must be those of `http.public_url`. Without that setting only `localhost` has passkeys:
the Host header is the client's word, and who could choose it could choose the site. An IP address cannot be an RP id,
nor can a site without TLS.

Alone a passkey must verify the user (PIN, fingerprint): it is both factors at once. As a second factor its presence
is enough, so plain security keys do. A counter that does not go up means that somebody has a copy of the key: it is
refused.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import ipaddress
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from nexus.errors import Conflict, InvalidRequest, PermissionDenied, Unauthenticated
from nexus.security.login.tickets import Pending
from nexus.storage.metadata.api import MetadataStore, Passkey, User

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

CHALLENGE_SECONDS: Final = 300.0
BROWSER_SECONDS: Final = 120
MAX_PASSKEYS: Final = 20
MAX_CREDENTIAL: Final = 65_536
MAX_NAME: Final = 100
SITE_NAME: Final = "Nexus"
_HINT: Final = "Begin again."


class PasskeysOff(PermissionDenied):
    """There are no passkeys at this address, for a reason that people can be shown."""

    code = "passkeys_off"


@dataclass(frozen=True, slots=True)
class Site:
    """What passkeys are bound to."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A challenge that waits for its answer: for which purpose (`login`, `second`, `add`), whose, at which site.
    `ticket` is the login that waits for its second factor."""

    purpose: str
    challenge: bytes
    site: Site
    user: str = ""
    ticket: str = ""


def site_of(public_url: str, scheme: str, host: str) -> Site:
    """The site of a request. `host` is its Host header. Raises `PasskeysOff` with the reason when it can have none."""
    text = public_url or f"{scheme}://{host}"
    try:
        parts = urlsplit(text)
        name, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise PasskeysOff("there are no passkeys here: the address of this server is none.") from None
    local = name == "localhost" or name.endswith(".localhost")
    if not public_url and not local:
        raise PasskeysOff(
            "there are no passkeys here: this server does not know its own address.", hint="Set http.public_url."
        )
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        raise PasskeysOff(
            "there are no passkeys here: browsers bind them to names, and this address is an IP address.",
            hint="Set http.public_url to a name.",
        )
    if not name or (parts.scheme != "https" and not (local and parts.scheme == "http")):
        raise PasskeysOff("there are no passkeys here: browsers have them with https only.", hint="Turn TLS on.")
    default = {"https": 443, "http": 80}[parts.scheme]
    origin = f"{parts.scheme}://{name}" + (f":{port}" if port and port != default else "")
    return Site(name, origin)


class Passkeys:
    """See the module text. Lives on one event loop."""

    def __init__(self, metadata: MetadataStore, now_ns: Callable[[], int]) -> None:
        """Nothing is read before it is asked for."""
        self._metadata = metadata
        self._now_ns = now_ns
        self._pending = Pending(now_ns)

    async def begin_login(self, site: Site) -> tuple[str, dict[str, Any]]:
        """Options to log in with whatever passkey there is, and the token for the second step."""
        return await self._begin_authentication(Ceremony("login", secrets.token_bytes(32), site), (), verify=True)

    async def begin_second(self, site: Site, user: str, ticket: str) -> tuple[str, dict[str, Any]]:
        """Options for the second factor of a login that waits."""
        passkeys = await asyncio.to_thread(self._metadata.list_passkeys, user)
        ceremony = Ceremony("second", secrets.token_bytes(32), site, user, ticket)
        return await self._begin_authentication(ceremony, passkeys, verify=False)

    async def begin_adding(self, site: Site, user: User) -> tuple[str, dict[str, Any]]:
        """Options to make a passkey. Raises `Conflict` when there are too many."""
        passkeys = await asyncio.to_thread(self._metadata.list_passkeys, user.name)
        if len(passkeys) >= MAX_PASSKEYS:
            raise Conflict(f"there are {MAX_PASSKEYS} passkeys already.", hint="Remove one that is not used.")
        ceremony = Ceremony("add", secrets.token_bytes(32), site, user.name)

        def make() -> dict[str, Any]:
            from webauthn import generate_registration_options
            from webauthn.helpers import options_to_json_dict
            from webauthn.helpers.structs import (
                AuthenticatorSelectionCriteria,
                ResidentKeyRequirement,
                UserVerificationRequirement,
            )

            return options_to_json_dict(
                generate_registration_options(
                    rp_id=site.rp_id,
                    rp_name=SITE_NAME,
                    user_name=user.name,
                    user_id=user_handle(user),
                    user_display_name=user.display_name or user.name,
                    challenge=ceremony.challenge,
                    timeout=BROWSER_SECONDS * 1000,
                    exclude_credentials=_descriptors(passkeys),
                    authenticator_selection=AuthenticatorSelectionCriteria(
                        resident_key=ResidentKeyRequirement.PREFERRED,
                        user_verification=UserVerificationRequirement.PREFERRED,
                    ),
                )
            )

        return self._pending.issue(ceremony, CHALLENGE_SECONDS), await asyncio.to_thread(make)

    async def finish_adding(self, user: User, token: str, credential: Mapping[str, Any], name: str) -> Passkey:
        """Keep a passkey that a browser made. Raises `InvalidRequest`, `Conflict`."""
        ceremony = self._pending.take(token)
        if ceremony is None or ceremony.purpose != "add" or ceremony.user != user.name:
            raise InvalidRequest("this took too long, or was completed before.", hint=_HINT)
        name = name.strip() or "Passkey"
        if len(name) > MAX_NAME or not name.isprintable():
            raise InvalidRequest(f"a passkey has a name of at most {MAX_NAME} printable characters.")
        _check_size(credential)

        def verify() -> Passkey:
            from webauthn import verify_registration_response
            from webauthn.helpers import bytes_to_base64url

            verified = verify_registration_response(
                credential=dict(credential),
                expected_challenge=ceremony.challenge,
                expected_rp_id=ceremony.site.rp_id,
                expected_origin=ceremony.site.origin,
            )
            return Passkey(
                bytes_to_base64url(verified.credential_id), user.name, name, verified.credential_public_key,
                verified.sign_count, _transports(credential), self._now_ns(),
            )  # fmt: skip

        def keep() -> Passkey:
            try:
                passkey = verify()
                check_same_site(credential)
            except Exception as error:
                # The library parses what strangers send, and raises whatever comes up there.
                raise InvalidRequest("the passkey cannot be verified.", hint=_HINT) from error
            if len(self._metadata.list_passkeys(user.name)) >= MAX_PASSKEYS:
                raise Conflict(f"there are {MAX_PASSKEYS} passkeys already.", hint="Remove one that is not used.")
            if self._metadata.get_passkey(passkey.id) is not None:
                raise Conflict("this passkey is registered already.")
            self._metadata.put_passkey(passkey)
            return passkey

        return await asyncio.to_thread(keep)

    async def finish(self, token: str, credential: Mapping[str, Any]) -> tuple[Ceremony, Passkey]:
        """Whose passkey answered the challenge of a login or of a second factor. Raises `Unauthenticated`."""
        refused = Unauthenticated("the passkey was not accepted.", hint=_HINT)
        ceremony: Ceremony | None = self._pending.take(token)
        if ceremony is None or ceremony.purpose not in ("login", "second"):
            raise refused
        _check_size(credential)

        def verify() -> Passkey:
            from webauthn import verify_authentication_response

            passkey = self._metadata.get_passkey(str(credential.get("id", ""))[:2000])
            user = self._metadata.get_user(passkey.user) if passkey else None
            if passkey is None or user is None or (ceremony.user and passkey.user != ceremony.user):
                raise refused
            try:
                check_same_site(credential)
                check_handle(credential, user)
                verified = verify_authentication_response(
                    credential=dict(credential),
                    expected_challenge=ceremony.challenge,
                    expected_rp_id=ceremony.site.rp_id,
                    expected_origin=ceremony.site.origin,
                    credential_public_key=passkey.public_key,
                    credential_current_sign_count=passkey.sign_count,
                    require_user_verification=ceremony.purpose == "login",
                )
            except Exception as error:
                raise refused from error
            used = replace(passkey, sign_count=verified.new_sign_count, last_used=self._now_ns())
            self._metadata.put_passkey(used)
            return used

        return ceremony, await asyncio.to_thread(verify)

    async def _begin_authentication(
        self, ceremony: Ceremony, allowed: Sequence[Passkey], *, verify: bool
    ) -> tuple[str, dict[str, Any]]:
        def make() -> dict[str, Any]:
            from webauthn import generate_authentication_options
            from webauthn.helpers import options_to_json_dict
            from webauthn.helpers.structs import UserVerificationRequirement

            wanted = UserVerificationRequirement.REQUIRED if verify else UserVerificationRequirement.PREFERRED
            return options_to_json_dict(
                generate_authentication_options(
                    rp_id=ceremony.site.rp_id,
                    challenge=ceremony.challenge,
                    timeout=BROWSER_SECONDS * 1000,
                    allow_credentials=_descriptors(allowed),
                    user_verification=wanted,
                )
            )

        return self._pending.issue(ceremony, CHALLENGE_SECONDS), await asyncio.to_thread(make)


def user_handle(user: User) -> bytes:
    """What an authenticator knows the user by: opaque, and another one when a user of the same name is made again."""
    return hashlib.sha256(f"nexus user handle\0{user.name}\0{user.created_at}".encode()).digest()


def check_same_site(credential: Mapping[str, Any]) -> None:
    """Refuse what was signed within a frame of another site. Raises `InvalidRequest`."""
    data = json.loads(_decoded(str(credential["response"]["clientDataJSON"])))
    if data.get("crossOrigin") or data.get("topOrigin"):
        raise InvalidRequest("the passkey was used within a page of another site.")


def check_handle(credential: Mapping[str, Any], user: User) -> None:
    """Refuse an answer for another user than the passkey's. Raises `InvalidRequest`."""
    handle = credential["response"].get("userHandle")
    if handle and not secrets.compare_digest(_decoded(str(handle)), user_handle(user)):
        raise InvalidRequest("the passkey is another user's.")


def _check_size(credential: Mapping[str, Any]) -> None:
    if len(json.dumps(credential)) > MAX_CREDENTIAL:
        raise InvalidRequest(f"a credential has at most {MAX_CREDENTIAL:,} bytes.")


def _transports(credential: Mapping[str, Any]) -> tuple[str, ...]:
    known = {"usb", "nfc", "ble", "smart-card", "hybrid", "internal"}
    response = credential.get("response")
    told = response.get("transports") if isinstance(response, Mapping) else None
    return tuple(sorted(known.intersection(one for one in told if isinstance(one, str)))) if isinstance(told, list) else ()


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(one.id), transports=[AuthenticatorTransport(name) for name in one.transports] or None
        )
        for one in passkeys
    ]


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("it is not base64url.") from error
