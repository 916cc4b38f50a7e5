"""Shapes of logging in and of one's own account. Paths are below `/api/nexus/v1`; times are RFC 3339, empty for never.

Doors of `auth/` are public; those of `profile/` are for the user of the session or of a key that acts for one.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from nexus.security.identity import Must
from nexus.security.login.logins import Factor


class Provider(Struct):
    """A single sign-on: `url` begins it; it takes `?next=<path of the UI>`."""

    id: str
    name: str
    url: str


class LoginOptions(Struct):
    """GET auth/options: how one can log in here. `mail`: a forgotten password can be asked for by mail.
    `passkeys_reason` says why there are no passkeys at this address, to be shown to people."""

    password: bool
    passkeys: bool
    mail: bool
    providers: list[Provider] = []
    passkeys_reason: str = ""


class LoginRequest(Struct, forbid_unknown_fields=True):
    """POST auth/login."""

    username: str
    password: str


class Challenge(Struct):
    """The second step of a login: the token goes with it. `methods` are of `totp`, `recovery`, `passkey`."""

    token: str
    methods: list[Factor]


class RoleIn(Struct):
    """A role in a tenant; `*` is every tenant."""

    role: str
    tenant: str


class Session(Struct):
    """GET auth/session and the answer to a login: who is asking.

    `tenant` is the tenant that requests without `X-Scope-OrgID` go to; `permissions` are those in the tenant of this
    request. `must` is what has to be done before anything else: `change_password`, `add_second_factor`, or nothing.
    With a `challenge` the login is not complete, and `authenticated` false. `masked` are fields whose values the
    caller does not see, `filtered` says that only records matching a policy are shown.
    """

    authenticated: bool
    username: str = ""
    display_name: str = ""
    role: str = ""
    roles: list[RoleIn] = []
    permissions: list[str] = []
    tenant: str = ""
    tenants: list[str] = []
    must: Must = ""
    masked: list[str] = []
    filtered: bool = False
    challenge: Challenge | None = None


class SecondFactorRequest(Struct, forbid_unknown_fields=True):
    """POST auth/second-factor: a code of the app, or a recovery code."""

    token: str
    code: str


class LoginLinkRequest(Struct, forbid_unknown_fields=True):
    """POST auth/link: the token of a link that `nexus admin login-link` has printed (`/login#link=<token>`)."""

    token: str


class PasskeyBeginRequest(Struct, forbid_unknown_fields=True):
    """POST auth/passkey/begin: without a `token` to log in with a passkey alone, with the challenge's as a second factor."""

    token: str = ""


class PasskeyOptions(Struct):
    """What `navigator.credentials` is called with (its JSON form), and the token for the second step."""

    token: str
    options: dict[str, Any]


class PasskeyFinishRequest(Struct, forbid_unknown_fields=True):
    """POST auth/passkey/finish and profile/passkeys/finish: the credential in its JSON form; `name` when one is added."""

    token: str
    credential: dict[str, Any]
    name: str = ""


class ResetRequest(Struct, forbid_unknown_fields=True):
    """POST auth/reset/request: ask for a link by mail. The answer is the same whether there is such a user or not."""

    username: str


class ResetFinishRequest(Struct, forbid_unknown_fields=True):
    """POST auth/reset/finish: the token of the link (`/login#reset=<token>`) and the new password. Nobody is logged
    in by it."""

    token: str
    password: str


class Done(Struct):
    """It is done. `redirect`: where the browser should go now (logging out at the single sign-on), mostly empty."""

    done: bool = True
    redirect: str = ""


# ------------------------------------------------------------------------------------------------------------- profile


class SessionInfo(Struct):
    """A login of a user. `current`: the one that asks."""

    id: str
    method: str
    address: str
    user_agent: str
    created_at: str
    last_seen: str
    expires_at: str
    current: bool = False


class PasskeyInfo(Struct):
    id: str
    name: str
    created_at: str
    last_used: str = ""


class Profile(Struct):
    """GET profile: one's own account. `source` is `local`, `oidc:<provider>` or `scim`."""

    username: str
    display_name: str
    email: str
    source: str
    has_password: bool
    password_changed_at: str
    totp: bool
    recovery_codes_left: int
    passkeys: list[PasskeyInfo]
    sessions: list[SessionInfo]
    roles: list[RoleIn]
    teams: list[str]
    second_factor_required: bool = False


class ProfileChange(Struct, forbid_unknown_fields=True):
    """PATCH profile. Another `email` is confirmed as in `Confirmation`: links to new passwords go there."""

    display_name: str | None = None
    email: str | None = None
    password: str = ""
    code: str = ""


class PasswordChange(Struct, forbid_unknown_fields=True):
    """POST profile/password: ends every other session."""

    current: str
    new: str


class Confirmation(Struct, forbid_unknown_fields=True):
    """Who is at the keyboard: the password, or a code of the second factor. For what would lock somebody out or let
    somebody in: POST profile/totp/begin, profile/totp/remove, profile/recovery-codes, profile/passkeys/begin,
    profile/passkeys/{id}/remove. A session that has just begun (10 minutes) needs neither. Without what is needed:
    403 `confirmation_required`."""

    password: str = ""
    code: str = ""


class TotpSetup(Struct):
    """The new secret (base32), its URI, and that as a QR code: rows of `1` and `0`, without a border."""

    secret: str
    uri: str
    qr: list[str]


class TotpConfirm(Struct, forbid_unknown_fields=True):
    """POST profile/totp/confirm: a code made with the new secret."""

    code: str


class RecoveryCodes(Struct):
    """Shown this once; each works once."""

    recovery_codes: list[str]


class PasskeyAdded(Struct):
    """POST profile/passkeys/finish. Recovery codes when there were none: shown this once."""

    passkey: PasskeyInfo
    recovery_codes: list[str] = []


class SessionsEnded(Struct):
    """DELETE profile/sessions (all others), DELETE profile/sessions/{id}, DELETE users/{name}/sessions."""

    ended: int = field(default=0)
