"""Logging in and the own account, against a real process."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, PASSWORD, NexusProcess, command, guess_until_refused
from tests.e2e.people import GOOD_PASSWORD, Browser, logged_in, make_user
from tests.oracles.mail_server import PASSWORD as MAIL_PASSWORD
from tests.oracles.mail_server import MailServer, text_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def somebody(nexus: NexusProcess) -> str:
    """The name of a user of one's own."""
    name = f"u-{uuid.uuid4().hex[:10]}"
    make_user(nexus, name, email=f"{name}@example.com")
    return name


def enrol(browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    """Add an authenticator app: it, and recovery codes. The code is of the step before, so that another one is left."""
    setup = browser.post("profile/totp/begin").json
    totp = pyotp.TOTP(setup["secret"])
    assert len(setup["qr"]) == len(setup["qr"][0]) >= 33
    answer = browser.post("profile/totp/confirm", {"code": totp.at(time.time() - 30)})
    assert answer.status == 200, answer.body
    return totp, answer.json["recovery_codes"]


def test_a_login_makes_a_new_session_and_never_takes_one_that_is_given(nexus: NexusProcess, somebody: str) -> None:
    planted = "A" * 43
    browser = Browser(nexus, {"nexus_session": planted})
    browser.login(somebody, GOOD_PASSWORD)
    assert browser.cookies["nexus_session"] != planted
    assert not Browser(nexus, {"nexus_session": planted}).get("auth/session").json["authenticated"]
    first = browser.cookies["nexus_session"]
    browser.login(somebody, GOOD_PASSWORD)
    assert browser.cookies["nexus_session"] != first
    assert not Browser(nexus, {"nexus_session": first}).get("auth/session").json["authenticated"]
    assert len(browser.get("profile").json["sessions"]) == 1


def test_one_answer_for_whoever_cannot_log_in(nexus: NexusProcess, somebody: str) -> None:
    disabled = f"{somebody}-off"
    make_user(nexus, disabled)
    nexus.request("PATCH", f"{API}/users/{disabled}", b'{"disabled": true}', {"Content-Type": "application/json"})
    answers = []
    for name, password in ((somebody, "wrong"), (f"nobody-{somebody}", "wrong"), (disabled, GOOD_PASSWORD)):
        answer = Browser(nexus).login(name, password)
        answers.append((answer.status, answer.body, answer.headers.get("Set-Cookie")))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 401


def test_second_factor(nexus: NexusProcess, somebody: str) -> None:
    browser = logged_in(nexus, somebody, GOOD_PASSWORD)
    before = browser.cookies["nexus_session"]
    totp, recovery = enrol(browser)
    # A change of rights brings another token; the old one counts no longer.
    assert browser.cookies["nexus_session"] != before
    assert not Browser(nexus, {"nexus_session": before}).get("auth/session").json["authenticated"]
    assert len(recovery) == 10

    waiting = Browser(nexus)
    answer = waiting.login(somebody, GOOD_PASSWORD)
    assert answer.json["authenticated"] is False
    assert answer.json["challenge"]["methods"] == ["totp", "recovery"]
    assert not waiting.cookies
    token = answer.json["challenge"]["token"]
    # The ticket alone, stolen, opens nothing.
    assert Browser(nexus, {"nexus_session": token}).get("profile").status == 401
    code = totp.now()
    assert waiting.post("auth/second-factor", {"token": token, "code": "000000"}).status == 401
    done = waiting.post("auth/second-factor", {"token": token, "code": code})
    assert done.json["authenticated"] is True, done.body
    assert waiting.post("auth/second-factor", {"token": token, "code": code}).status == 401

    again = Browser(nexus)
    token = again.login(somebody, GOOD_PASSWORD).json["challenge"]["token"]
    # A code counts once, within its time, too.
    assert again.post("auth/second-factor", {"token": token, "code": code}).status == 401
    typed = recovery[0].upper().replace("-", " ")
    assert again.post("auth/second-factor", {"token": token, "code": typed}).json["authenticated"] is True
    profile = again.get("profile").json
    assert (profile["totp"], profile["recovery_codes_left"]) == (True, 9)
    assert {one["method"] for one in profile["sessions"]} == {"password", "password+totp", "password+recovery"}

    third = Browser(nexus)
    token = third.login(somebody, GOOD_PASSWORD).json["challenge"]["token"]
    assert third.post("auth/second-factor", {"token": token, "code": recovery[0]}).status == 401
    assert again.post("profile/totp/remove", {"password": GOOD_PASSWORD}).status == 200
    assert again.get("profile").json["totp"] is False
    assert Browser(nexus).login(somebody, GOOD_PASSWORD).json["authenticated"] is True


def test_five_codes_a_ticket(nexus: NexusProcess, somebody: str) -> None:
    totp, _ = enrol(logged_in(nexus, somebody, GOOD_PASSWORD))
    waiting = Browser(nexus)
    token = waiting.login(somebody, GOOD_PASSWORD).json["challenge"]["token"]
    wrong = f"{(int(totp.now()) + 500_000) % 1_000_000:06}"
    statuses = [waiting.post("auth/second-factor", {"token": token, "code": wrong}).status for _ in range(7)]
    assert statuses[:5] == [401] * 5
    assert waiting.post("auth/second-factor", {"token": token, "code": totp.now()}).status in (401, 429)


def test_the_password_is_changed(nexus: NexusProcess, somebody: str) -> None:
    browser, other = logged_in(nexus, somebody, GOOD_PASSWORD), logged_in(nexus, somebody, GOOD_PASSWORD)
    old = browser.cookies["nexus_session"]
    assert browser.post("profile/password", {"current": "wrong", "new": "gravel mitten orbit 4"}).status == 401
    for weak in ("short", "P@ssw0rd2024!", f"{somebody}{somebody}", "qwertyuiopasdf", GOOD_PASSWORD):
        answer = browser.post("profile/password", {"current": GOOD_PASSWORD, "new": weak})
        assert answer.status == 400, weak
        assert weak not in answer.body.decode()
    answer = browser.post("profile/password", {"current": GOOD_PASSWORD, "new": "gravel mitten orbit 4"})
    assert answer.status == 200, answer.body
    assert browser.get("profile").status == 200
    assert other.get("profile").status == 401
    assert Browser(nexus, {"nexus_session": old}).get("profile").status == 401
    assert Browser(nexus).login(somebody, GOOD_PASSWORD).status == 401
    assert Browser(nexus).login(somebody, "gravel mitten orbit 4").json["authenticated"]


def test_sessions_are_listed_and_ended(nexus: NexusProcess, somebody: str) -> None:
    browser, other, third = (logged_in(nexus, somebody, GOOD_PASSWORD) for _ in range(3))
    sessions = browser.get("profile").json["sessions"]
    assert len(sessions) == 3
    assert [one["current"] for one in sessions].count(True) == 1
    mine = next(one["id"] for one in other.get("profile").json["sessions"] if one["current"])
    assert browser.ask("DELETE", f"profile/sessions/{mine}").json == {"ended": 1}
    assert other.get("profile").status == 401
    assert browser.ask("DELETE", f"profile/sessions/{mine}").status == 404
    assert browser.ask("DELETE", "profile/sessions").json == {"ended": 1}
    assert third.get("profile").status == 401
    assert browser.get("profile").status == 200
    # Nobody ends the sessions of others there.
    admin = logged_in(nexus)
    theirs = browser.get("profile").json["sessions"][0]["id"]
    assert admin.ask("DELETE", f"profile/sessions/{theirs}").status == 404
    assert browser.post("auth/logout").status == 200
    assert not browser.cookies


def test_what_was_done_is_in_the_audit_log(nexus: NexusProcess, somebody: str) -> None:
    browser = logged_in(nexus, somebody, GOOD_PASSWORD)
    enrol(browser)
    Browser(nexus).login(somebody, "wrong")
    browser.post("profile/password", {"current": GOOD_PASSWORD, "new": "gravel mitten orbit 4"})
    browser.ask("DELETE", "profile/sessions")
    browser.post("auth/logout")
    text = nexus.get(f"{API}/audit?limit=200&all_tenants=1").body.decode()
    for action in ("login.succeeded", "login.failed", "second_factor.added", "user.password_changed", "session.ended"):
        assert action in text
    for secret in (GOOD_PASSWORD, "gravel mitten", *browser.cookies.values()):
        assert secret not in text
        assert secret not in nexus.output()


def test_a_profile_is_a_users_own(nexus: NexusProcess, somebody: str) -> None:
    assert nexus.get(f"{API}/profile").status == 403
    browser = logged_in(nexus, somebody, GOOD_PASSWORD)
    assert browser.ask("PATCH", "profile", {"display_name": "Some Body"}).json["display_name"] == "Some Body"
    assert browser.get("auth/session").json["display_name"] == "Some Body"
    assert browser.ask("PATCH", "profile", {"email": "not an address"}).status == 400
    assert browser.ask("PATCH", "profile", {"email": f"{somebody}@example.org"}).json["email"] == f"{somebody}@example.org"
    forged = nexus.post(
        f"{API}/profile/password", {}, token="", headers={"Cookie": f"nexus_session={browser.cookies['nexus_session']}"}
    )
    assert (forged.status, forged.json["error"]["code"]) == (403, "csrf")
    admin = logged_in(nexus)
    assert admin.ask("PATCH", "profile", {"email": f"{somebody}@example.org"}).status == 409


def test_made_up_passwords_are_changed_first(nexus: NexusProcess, somebody: str) -> None:
    made_up = nexus.post(f"{API}/users/{somebody}/reset-password").json["password"]
    browser = Browser(nexus)
    answer = browser.login(somebody, made_up)
    assert answer.json["must"] == "change_password"
    assert browser.post("logs/count").status == 403
    assert browser.get("profile").status == 200
    assert browser.post("profile/password", {"current": made_up, "new": "gravel mitten orbit 4"}).status == 200
    assert browser.get("auth/session").json["must"] == ""
    assert browser.post("logs/count").status == 200


def test_the_cookie_over_tls(launch: Launch) -> None:
    process = launch(NEXUS_HTTP_TRUSTED_PROXIES="127.0.0.1")
    browser = Browser(process, forwarded={"X-Forwarded-Proto": "https"})
    answer = browser.login()
    flags = answer.headers["Set-Cookie"].lower()
    assert flags.startswith("__host-nexus_session=")
    for flag in ("httponly", "secure", "samesite=strict", "path=/"):
        assert flag in flags
    assert "domain" not in flags
    assert browser.get("profile").status == 200
    # Whoever is on the way can plant the cookie of plain HTTP; it does not count.
    planted = Browser(process, {"nexus_session": browser.cookies["__Host-nexus_session"]}, browser.forwarded)
    assert planted.get("profile").status == 401
    browser.cookies["nexus_session"] = "planted"
    assert browser.get("profile").status == 200


def test_strangers_cannot_lock_a_user_out(launch: Launch) -> None:
    process = launch(NEXUS_HTTP_TRUSTED_PROXIES="127.0.0.1")

    def at(address: str) -> Browser:
        return Browser(process, forwarded={"X-Forwarded-For": address})

    assert at("192.0.2.1").login().json["authenticated"]
    guess_until_refused(lambda: at("198.51.100.7").login(password="guess"))
    refused = at("198.51.100.7").login()
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    # Many addresses make everybody wait who was never here, but not who was.
    for number in range(60):
        at(f"203.0.113.{number}").login(password="guess")
    assert at("203.0.113.200").login().status == 429
    assert at("192.0.2.1").login().json["authenticated"]


def test_second_factors_can_be_required(launch: Launch) -> None:
    process = launch(NEXUS_SECURITY_SECOND_FACTOR="required_for_admins")
    make_user(process, "viewer-only")
    assert Browser(process).login("viewer-only", GOOD_PASSWORD).json["must"] == ""
    browser = Browser(process)
    assert browser.login().json["must"] == "add_second_factor"
    assert browser.post("logs/count").status == 403
    enrol(browser)
    assert browser.get("auth/session").json["must"] == ""
    assert browser.post("logs/count").status == 200


def test_without_passwords_the_link_of_the_command_line_lets_in(launch: Launch) -> None:
    process = launch(NEXUS_SECURITY_PASSWORD_LOGIN="off")
    browser = Browser(process)
    options = browser.get("auth/options").json
    assert options["password"] is False
    assert browser.login().status == 403
    assert browser.post("auth/reset/request", {"username": "admin"}).status == 403
    printed = link(process)
    token = printed.rpartition("/login#link=")[2].strip()
    assert printed.startswith("This link logs admin in once")
    assert str(process.port) in printed
    assert browser.post("auth/link", {"token": token}).json["authenticated"]
    assert browser.post("logs/count").status == 200
    assert Browser(process).post("auth/link", {"token": token}).status == 401


def link(process: NexusProcess) -> str:
    done: subprocess.CompletedProcess[bytes] = command(process.folder, "admin", "login-link", **process.settings)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_the_first_password_that_was_made_up_lets_in(launch: Launch) -> None:
    process = launch(NEXUS_BOOTSTRAP_ADMIN_PASSWORD="")
    password = process.output().partition("admin / ")[2].partition(" ")[0]
    answer = Browser(process).login(password=password).json
    assert answer["authenticated"] and answer["must"] == ""


def test_a_weak_first_password_is_told_to_the_log(launch: Launch) -> None:
    process = launch(NEXUS_BOOTSTRAP_ADMIN_PASSWORD="admin12345")
    assert Browser(process).login(password="admin12345").json["must"] == ""
    assert "bootstrap.admin_password is easily guessed" in process.output()
    assert "admin12345" not in process.output()


def test_a_forgotten_password(launch: Launch, tmp_path: Path) -> None:
    with MailServer(tmp_path / "mail", "starttls") as server:
        process = launch(NEXUS_HTTP_PUBLIC_URL="https://nexus.example", NEXUS_LOG_ACCESS="on", **server.settings("starttls"))
        make_user(process, "alice", email="alice@example.com")
        stranger, there = Browser(process), logged_in(process, "alice", GOOD_PASSWORD)
        assert stranger.get("auth/options").json["mail"] is True
        # Whoever sends the request cannot have the link lead elsewhere.
        assert stranger.post("auth/reset/request", {"username": "alice"}, Host="evil.example").status == 421
        answers = [stranger.post("auth/reset/request", {"username": name}) for name in ("alice", "nobody")]
        assert answers[0].status == 200, answers[0].body
        assert answers[0].body == answers[1].body
        text = text_of(server.wait(1))
        token = text.partition("https://nexus.example/login#reset=")[2].split()[0]
        weak = stranger.post("auth/reset/finish", {"token": token, "password": "alicealice2024"})
        assert weak.status == 400
        done = stranger.post("auth/reset/finish", {"token": token, "password": "gravel mitten orbit 4"})
        assert done.json == {"done": True, "redirect": ""}
        assert not stranger.cookies, "nobody is logged in by it"
        assert stranger.post("auth/reset/finish", {"token": token, "password": "another mitten orbit 4"}).status == 400
        assert there.get("profile").status == 401
        assert Browser(process).login("alice", "gravel mitten orbit 4").json["authenticated"]
        assert "was changed" in server.wait(2)["Subject"]
        assert server.encrypted == [True, True]
        process.stop()
        for secret in (token, "gravel mitten", MAIL_PASSWORD):
            assert secret not in process.output()


@pytest.fixture
def bad_bodies() -> Iterator[Any]:
    yield (None, [], "x", {"token": 1}, {"token": "x" * 5000, "code": "1" * 5000}, {"credential": {"id": []}})


def test_what_makes_no_sense_is_a_client_error(nexus: NexusProcess, somebody: str, bad_bodies: Any) -> None:
    browser = logged_in(nexus, somebody, GOOD_PASSWORD)
    doors = (
        "auth/login", "auth/second-factor", "auth/link", "auth/passkey/begin", "auth/passkey/finish", "auth/reset/request",
        "auth/reset/finish", "profile/password", "profile/totp/confirm", "profile/passkeys/finish",
        "profile/passkeys/x/remove",
    )  # fmt: skip
    for door in doors:
        for body in bad_bodies:
            assert 400 <= browser.ask("POST", door, body).status < 500, (door, body)
    long = {"username": "\u0000" * 200, "password": "\u0000" * 5000}
    assert Browser(nexus).post("auth/login", long).status == 401
    assert (
        Browser(nexus)
        .post("auth/login", {"username": "admin", "password": PASSWORD}, **{"Content-Type": "text/plain"})
        .status
        == 415
    )
