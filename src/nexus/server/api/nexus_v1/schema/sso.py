"""Shapes of single sign-on. Paths are below `/api/nexus/v1`."""

from __future__ import annotations

from msgspec import Struct


class SignOnLinkRequest(Struct, forbid_unknown_fields=True):
    """PUT users/{name}/link: the login with that `subject` (`sub`) at the provider is this user's from now on."""

    provider: str
    subject: str


class SignOnLink(Struct):
    """Whose login it is; `provider` and `subject` are empty for a user of this server alone. DELETE users/{name}/link ends
    it."""

    name: str
    provider: str
    subject: str
    created_at: str
