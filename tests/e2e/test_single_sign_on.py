"""Single sign-on against a real provider process, by real redirects."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, PASSWORD, NexusProcess, command, wait_for
from tests.e2e.oidc import SCRIPTS, SECRET, USERS, Browser, OidcProvider

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    one = OidcProvider()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def signed(provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    process = NexusProcess(tmp_path_factory.mktemp("sso") / "data", **provider.settings(link_scim="external_id")).start()
    provider.serve(process)
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


@pytest.fixture(autouse=True)
def everybody(provider: OidcProvider) -> None:
    provider.change("alice")


def test_a_login_ends_where_it_was_to_lead(signed: NexusProcess) -> None:
    browser = Browser()
    page = browser.log_in(signed, "alice", "/logs?query=level%3Aerror")
    assert page.url == f"http://127.0.0.1:{signed.port}/logs?query=level%3Aerror"
    said = browser.session(signed)
    assert said["authenticated"] and said["username"] == "alice" and "users:write" in said["permissions"]
    # Nothing of the login is left in the browser.
    assert {cookie.name for cookie in browser.cookies if cookie.domain == "127.0.0.1"} == {"nexus_session"}
    # Again: the provider knows the browser, it is the same user.
    assert browser.log_in(signed, "alice").status in (200, 404) and browser.session(signed)["username"] == "alice"
    stored = [one for one in audit(signed, "user.created") if one["subject"] == "alice"]
    assert len(stored) == 1


def test_what_goes_to_the_provider(signed: NexusProcess, provider: OidcProvider) -> None:
    page = Browser().once(f"http://127.0.0.1:{signed.port}{API}/auth/oidc/corp/start?next=/logs")
    where = urlsplit(page.headers["Location"])
    arguments = {name: values[0] for name, values in parse_qs(where.query).items()}
    assert page.status == 303 and f"{where.scheme}://{where.netloc}" == provider.issuer
    assert arguments["response_type"] == "code" and arguments["code_challenge_method"] == "S256"
    assert len(arguments["state"]) >= 43 and len(arguments["nonce"]) >= 43 and len(arguments["code_challenge"]) == 43
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Max-Age=600" in cookie
    # Neither state, nonce nor verifier is the cookie or told by it.
    value = cookie.partition("=")[2].partition(";")[0]
    assert value not in page.headers["Location"]


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "logs",
     "/logs\r\nSet-Cookie: x=y", "/\tx", "/%0d\n", "/api/nexus/v1/auth/session", "/" + "a" * 3000],
)  # fmt: skip
def test_no_login_leads_away(signed: NexusProcess, path: str) -> None:
    from urllib.parse import quote

    answer = signed.get(f"{API}/auth/oidc/corp/start?next={quote(path, safe='')}", token="")
    assert answer.status == 400 and "location" not in {name.lower() for name in answer.headers}


def test_there_is_no_such_provider(signed: NexusProcess) -> None:
    for path in ("start", "callback"):
        assert signed.get(f"{API}/auth/oidc/nobody/{path}", token="").status in (401, 404)


def test_a_login_counts_in_the_browser_that_began_it(signed: NexusProcess) -> None:
    """Login CSRF: the attacker's own answer, given to somebody else's browser, logs nobody in."""
    attacker, victim = Browser(), Browser()
    attacker.log_in(signed, "bob")
    # A login that stops before it comes back.
    page = attacker.once(f"http://127.0.0.1:{signed.port}{API}/auth/oidc/corp/start?next=/logs")
    back = page.headers["Location"]
    while "/callback" not in back:
        back = attacker.once(back).headers["Location"]
    refused = victim.once(back)
    assert refused.status == 401 and not victim.session(signed)["authenticated"]
    # With a cookie of its own login it is not this one either.
    victim.once(f"http://127.0.0.1:{signed.port}{API}/auth/oidc/corp/start?next=/logs")
    assert victim.once(back).status == 401 and not victim.session(signed)["authenticated"]
    # The attempt has not used it up for the browser that may.
    assert attacker.once(back).status == 200
    # But that has, whoever comes.
    assert attacker.once(back).status == 401


def test_a_state_that_was_made_up_or_changed(signed: NexusProcess) -> None:
    browser = Browser()
    for query in (
        "",
        "code=x",
        "code=x&state=",
        "code=x&state=made-up",
        f"code=x&state={'s' * 5000}",
        "state=a&state=b&code=x",
    ):
        page = browser.once(f"http://127.0.0.1:{signed.port}{API}/auth/oidc/corp/callback?{query}")
        assert page.status in (400, 401) and "nexus_session" not in str(page.headers)


def test_the_user_says_no(signed: NexusProcess) -> None:
    browser = Browser()
    page = browser.log_in(signed, "nobody")
    assert page.status == 401 and "did not succeed" in page.text and not browser.session(signed)["authenticated"]
    assert audit(signed, "login.failed")[0]["details"]["reason"].startswith("the provider said no: access_denied")


@pytest.mark.parametrize(
    ("name", "why"),
    [("mallory", "another user"), ("carol", "groups"), ("eve", "e-mail"), ("unverified", "e-mail")],
)
def test_who_may_not_log_in(signed: NexusProcess, name: str, why: str) -> None:
    browser = Browser()
    page = browser.log_in(signed, name)
    assert page.status == 403 and why in page.text and not browser.session(signed)["authenticated"]
    entry = audit(signed, "login.failed")[0]
    assert why in entry["details"]["reason"] and entry["outcome"] == "permission_denied" and entry["who"] == "oidc:corp"


def test_roles_follow_the_groups(signed: NexusProcess, provider: OidcProvider) -> None:
    def permissions(groups: list[str]) -> set[str]:
        provider.change("bob", groups=groups)
        browser = Browser()
        browser.log_in(signed, "bob")
        return set(browser.session(signed).get("permissions", []))

    viewer = permissions(["staff"])
    assert "logs:read" in viewer and "logs:delete" not in viewer
    assert "users:write" in permissions(["staff", "nexus-admins"])
    assert permissions(["staff"]) == viewer
    # A role given by hand stays whatever the groups say; without any group there is nothing else.
    assert permissions([]) == set()


def test_the_provider_logs_out(signed: NexusProcess, provider: OidcProvider) -> None:
    """Back-channel logout: the provider ends its session, and ours ends at once."""
    browser, other = Browser(), Browser()
    browser.log_in(signed, "alice")
    other.log_in(signed, "alice")
    assert browser.session(signed)["authenticated"]
    page = browser.go(f"{provider.issuer}/session/end")

    xsrf = re.search(r'name="xsrf" value="([^"]+)"', page.text)
    assert xsrf, page.text
    browser.go(f"{provider.issuer}/session/end/confirm", {"xsrf": xsrf[1], "logout": "yes"})
    wait_for("the session to end", lambda: not browser.session(signed)["authenticated"])
    # Only the one that was logged out of.
    assert other.session(signed)["authenticated"]
    ended = audit(signed, "session.ended")[0]
    assert ended["details"]["by"] == "back-channel logout" and ended["details"]["ended"] == "1"


@pytest.mark.parametrize("body", [b"", b"logout_token=", b"logout_token=a.b.c", b"logout_token=a&logout_token=b", b"\xff"])
def test_a_logout_that_nobody_signed(signed: NexusProcess, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = signed.request("POST", f"{API}/auth/oidc/corp/back-channel-logout", body, headers, token="")
    assert answer.status == 400 and answer.json["error"] == "invalid_request"


def test_a_user_is_linked_by_an_administrator_only(signed: NexusProcess) -> None:
    path = f"{API}/users/admin/link"
    body = json.dumps({"provider": "corp", "subject": USERS["mallory"]["sub"]}).encode()
    json_type = {"Content-Type": "application/json"}
    # A key that may change users, but is no administrator, cannot make itself one by a link.
    made = signed.post(f"{API}/keys", {"name": "scim", "tenant": "*", "permissions": ["users:read", "users:write"]}).json
    assert signed.request("PUT", path, body, json_type, token=made["secret"]).status == 403
    assert signed.request("PUT", path, body, json_type).status == 200
    browser = Browser()
    browser.log_in(signed, "mallory")
    assert browser.session(signed)["username"] == "admin"
    assert signed.request("DELETE", path).status == 200
    assert not browser.session(signed)["authenticated"]
    assert Browser().log_in(signed, "mallory").status == 403


def test_in_a_real_browser(signed: NexusProcess, provider: OidcProvider) -> None:
    """Chromium, where the provider is another site: the session cookie is Strict, and there when the page is."""
    base = f"http://127.0.0.1:{signed.port}"
    done = subprocess.run(
        ["node", "single_sign_on.mjs", base, "alice"], cwd=SCRIPTS, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["provider"] == seen["redirect"] == provider.issuer and seen["landed"] == "/logs"
    assert seen["session"]["authenticated"] and seen["session"]["username"] == "alice" and seen["again"]
    assert seen["cookies"] == [{"name": "nexus_session", "httpOnly": True, "sameSite": "Strict"}] and seen["readable"] == ""
    assert seen["loggedOut"] and seen["asksAgain"] and seen["clicked"] == "alice" and seen["faults"] == []


@pytest.fixture
def another() -> Iterator[OidcProvider]:
    one = OidcProvider()
    yield one
    one.stop()


def test_without_passwords(launch: Launch, another: OidcProvider) -> None:
    """Password login off: the way in is the provider, and the login page is told so. The secret is sealed in the config."""
    provider = another
    first = launch(wait=False)
    first.kill()
    sealed = command(first.folder, "secret", "seal", stdin=SECRET.encode()).stdout.decode().strip()
    assert sealed.startswith("sealed:")
    nexus = launch(**provider.settings(client_secret=sealed), NEXUS_SECURITY_PASSWORD_LOGIN="off")
    provider.serve(nexus)
    options = nexus.get(f"{API}/auth/options", token="").json
    assert options["password"] is False
    assert options["providers"] == [{"id": "corp", "name": "Corporate login", "url": f"{API}/auth/oidc/corp/start"}]
    assert nexus.post(f"{API}/auth/login", {"username": "admin", "password": PASSWORD}, token="").status == 403
    browser = Browser()
    browser.log_in(nexus, "alice")
    assert browser.session(nexus)["authenticated"]
    shown = command(nexus.folder, "config", "show", **provider.settings(client_secret=sealed)).stdout.decode()
    assert SECRET not in shown and SECRET not in nexus.output()


def test_a_user_whom_the_directory_made_and_disabled(signed: NexusProcess) -> None:
    """SCIM makes a user, who logs in by the id that both know him by; deactivated, he is out at once and stays out."""
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "carol.from.hr",
        "externalId": USERS["carol"]["sub"],
    }
    made = signed.post("/scim/v2/Users", user).json
    browser = Browser()
    browser.log_in(signed, "carol")
    assert browser.session(signed)["username"] == "carol.from.hr"
    change = {"schemas": [], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    path = f"/scim/v2/Users/{made['id']}"
    off = signed.request("PATCH", path, json.dumps(change).encode(), {"Content-Type": "application/scim+json"})
    assert off.status == 200 and off.json["active"] is False
    assert not browser.session(signed)["authenticated"]
    page = browser.log_in(signed, "carol")
    assert page.status == 403 and "disabled" in page.text
    assert signed.request("DELETE", path).status == 204


def test_the_provider_is_away(launch: Launch) -> None:
    """503 and a page that says so; everything else works."""
    gone = OidcProvider()
    settings = gone.settings()
    gone.stop()
    nexus = launch(**settings)
    page = Browser().once(f"http://127.0.0.1:{nexus.port}{API}/auth/oidc/corp/start")
    assert page.status == 503 and "Retry-After" in page.headers
    assert nexus.get(f"{API}/auth/oidc/corp/start", token="").status == 503


def test_an_issuer_inside_that_nobody_allowed(launch: Launch, provider: OidcProvider) -> None:
    settings = provider.settings()
    del settings["NEXUS_OUTGOING_ALLOW"]
    nexus = launch(**settings)
    assert nexus.get(f"{API}/auth/oidc/corp/start", token="").status == 400


def audit(nexus: NexusProcess, action: str) -> list[dict]:
    entries = nexus.get(f"{API}/audit?limit=200&all_tenants=1").json["entries"]
    return [one for one in entries if one["action"] == action]
