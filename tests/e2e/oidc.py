"""A real OpenID Connect provider as a child process, and a small browser without scripts for it."""

from __future__ import annotations

import html
import json
import re
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urljoin

from tests.e2e.nexus_process import API, NexusProcess

SCRIPTS = Path(__file__).parent / "javascript"
CLIENT = "nexus"
SECRET = "a secret with : and / in it"
USERS: dict[str, dict[str, Any]] = {
    "alice": {"sub": "u-1", "preferred_username": "Alice", "name": "Alice A.", "email": "alice@corp.example",
              "email_verified": True, "groups": ["nexus-admins", "staff"]},
    "bob": {"sub": "u-2", "preferred_username": "bob", "name": "Bob", "email": "bob@corp.example", "email_verified": True,
            "groups": ["staff"]},
    "carol": {"sub": "u-3", "preferred_username": "carol", "email": "carol@corp.example", "email_verified": True, "groups": []},
    "mallory": {"sub": "u-4", "preferred_username": "admin", "email": "admin@corp.example", "email_verified": True,
                "groups": ["nexus-admins"]},
    "eve": {"sub": "u-5", "preferred_username": "eve", "email": "eve@evil.example", "email_verified": True,
            "groups": ["staff"]},
    "unverified": {"sub": "u-6", "preferred_username": "uma", "email": "uma@corp.example", "email_verified": False,
                   "groups": ["staff"]},
}  # fmt: skip


class OidcProvider:
    """oidc-provider on a free port of `localhost`, which is another site than 127.0.0.1."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["node", "provider.mjs"], cwd=SCRIPTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.port = int(self._line()["port"])

    @property
    def issuer(self) -> str:
        """Its issuer."""
        return f"http://localhost:{self.port}"

    def settings(self, **more: Any) -> dict[str, str]:
        """The environment of a Nexus whose users log in here."""
        provider = {
            "id": "corp",
            "name": "Corporate login",
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "scopes": ["profile", "email", "groups"],
            "roles": [
                {"group": "nexus-admins", "role": "admin"},
                {"group": "staff", "role": "viewer", "tenant": "default"},
            ],
            "email_domains": ["corp.example"],
            **more,
        }
        return {"NEXUS_SSO_OIDC": json.dumps([provider]), "NEXUS_OUTGOING_ALLOW": "localhost"}

    def serve(self, nexus: NexusProcess, *, users: dict[str, dict[str, Any]] | None = None, **more: Any) -> Self:
        """Know this Nexus as a client."""
        base = f"http://127.0.0.1:{nexus.port}"
        self._say(
            client={
                "client_id": CLIENT,
                "client_secret": SECRET,
                "redirect_uris": [f"{base}{API}/auth/oidc/corp/callback"],
                "post_logout_redirect_uris": [f"{base}/login"],
                "backchannel_logout_uri": f"{base}{API}/auth/oidc/corp/back-channel-logout",
                "backchannel_logout_session_required": True,
            },
            users=users or USERS,
            **more,
        )
        return self

    def change(self, name: str, **claims: Any) -> None:
        """Say something else of a user from now on."""
        self._say(users={**USERS, name: {**USERS[name], **claims}})

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(60)

    def _say(self, **what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        assert self._line()["done"]

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the provider ended"
        found: dict[str, Any] = json.loads(line)
        return found


@dataclass
class Page:
    """What a browser has got."""

    url: str
    status: int
    headers: Message
    text: str


class _Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Browser:
    """Follows redirects and pages that go on by themselves, keeps cookies, fills in forms."""

    cookies: CookieJar = field(default_factory=CookieJar)
    visited: list[str] = field(default_factory=list)

    def once(self, url: str, form: dict[str, str] | None = None, **headers: str) -> Page:
        """One request."""
        opener = urllib.request.build_opener(_Still, urllib.request.HTTPCookieProcessor(self.cookies))
        body = urlencode(form).encode() if form is not None else None
        given = {"Accept": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = urllib.request.Request(url, body, given)
        self.visited.append(url)
        try:
            with opener.open(request, timeout=60) as answer:
                return Page(url, answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Page(url, error.code, error.headers, error.read().decode())

    def go(self, url: str, form: dict[str, str] | None = None) -> Page:
        """Until a page stays."""
        for _ in range(20):
            page = self.once(url, form)
            if page.status in (301, 302, 303, 307):
                url, form = urljoin(url, page.headers["Location"]), None
            elif refresh := re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page.text):
                url, form = urljoin(url, html.unescape(refresh[1])), None
            else:
                return page
        raise AssertionError(f"redirects without an end: {self.visited}")

    def log_in(self, nexus: NexusProcess, name: str, next_path: str = "/logs") -> Page:
        """By the button of the login page; where it ends."""
        page = self.go(f"http://127.0.0.1:{nexus.port}{API}/auth/oidc/corp/start?{urlencode({'next': next_path})}")
        if action := re.search(r'action="(/interaction/[^"]+)"', page.text):
            page = self.go(urljoin(page.url, action[1]), {"login": name})
        return page

    def session(self, nexus: NexusProcess) -> dict[str, Any]:
        """Who Nexus says it is."""
        found: dict[str, Any] = json.loads(self.once(f"http://127.0.0.1:{nexus.port}{API}/auth/session").text)
        return found
