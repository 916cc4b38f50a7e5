"""A browser's side of logging in: a client that keeps its cookie, and codes of an authenticator app."""

from __future__ import annotations

import http.cookies
import json
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.nexus_process import API, PASSWORD, Answer, NexusProcess

GOOD_PASSWORD = "plover tangent quartz 9"


@dataclass
class Browser:
    """Cookies, and the header that scripts of this site send. `forwarded` are headers of a proxy in front."""

    nexus: NexusProcess
    cookies: dict[str, str] = field(default_factory=dict)
    forwarded: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, document: Any = None, **headers: str) -> Answer:
        given = {"Content-Type": "application/json", "X-Nexus-Request": "1", **self.forwarded, **headers}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None if document is None else json.dumps(document).encode()
        answer = self.nexus.request(method, f"{API}/{path}", body, given, token="")
        for line in answer.headers.get_all("Set-Cookie") or ():  # type: ignore[attr-defined]
            for name, morsel in http.cookies.SimpleCookie(line).items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        return answer

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, document: Any = None, **headers: str) -> Answer:
        return self.ask("POST", path, {} if document is None else document, **headers)

    def login(self, username: str = "admin", password: str = PASSWORD) -> Answer:
        return self.post("auth/login", {"username": username, "password": password})


def logged_in(nexus: NexusProcess, username: str = "admin", password: str = PASSWORD) -> Browser:
    """A browser with a session."""
    browser = Browser(nexus)
    answer = browser.login(username, password)
    assert answer.json["authenticated"], answer.body
    return browser


def make_user(nexus: NexusProcess, name: str, *, email: str = "", roles: tuple[str, ...] = ("viewer",)) -> None:
    """A user with GOOD_PASSWORD."""
    document = {
        "name": name,
        "password": GOOD_PASSWORD,
        "email": email,
        "roles": [{"role": role, "tenant": "*"} for role in roles],
    }
    answer = nexus.post(f"{API}/users", document)
    assert answer.status == 200, answer.body
