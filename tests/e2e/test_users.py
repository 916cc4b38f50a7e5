"""Users, teams, roles and service accounts through a running server, and `nexus admin` beside a stopped one."""

from __future__ import annotations

import http.cookies
import json
import uuid
from typing import Any

import pytest
from tests.databases.metadata_of import ON_POSTGRES
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, TOKEN, Answer, NexusProcess, command, lines, wait_for

pytestmark = pytest.mark.e2e

PASSWORD = "Prevail-9-Orchard-Lantern"
OTHER_PASSWORD = "Grumble-7-Lighthouse-Basil"


class Browser:
    """Somebody who is logged in."""

    def __init__(self, nexus: NexusProcess, name: str, password: str = PASSWORD) -> None:
        self.nexus = nexus
        answer = nexus.post(f"{API}/auth/login", {"username": name, "password": password}, token="")
        assert answer.status == 200, answer.body
        self.session = answer.json
        morsel = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])["nexus_session"]
        self.headers = {"Cookie": f"nexus_session={morsel.value}", "X-Nexus-Request": "1"}

    def ask(self, method: str, path: str, document: Any = None, tenant: str = "") -> Answer:
        headers = {"Content-Type": "application/json", **self.headers}
        body = None if document is None else json.dumps(document).encode()
        return self.nexus.request(method, f"{API}/{path}", body, headers, token="", tenant=tenant)

    def count(self, tenant: str) -> int:
        answer = self.ask("POST", "logs/count", {}, tenant)
        assert answer.status == 200, answer.body
        return int(answer.json["count"])


def done(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    return answer.json


def put(nexus: NexusProcess, path: str, document: Any, method: str = "PUT", tenant: str = "") -> Answer:
    headers = {"Content-Type": "application/json"}
    return nexus.request(method, f"{API}/{path}", json.dumps(document).encode(), headers, tenant=tenant)


def somebody(nexus: NexusProcess, *roles: tuple[str, str]) -> str:
    name = f"u-{uuid.uuid4().hex[:8]}"
    held = [{"role": role, "tenant": tenant} for role, tenant in roles]
    done(nexus.post(f"{API}/users", {"name": name, "password": PASSWORD, "roles": held}))
    return name


@pytest.fixture(scope="module")
def tenant(nexus: NexusProcess) -> str:
    """A tenant with records of two services."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    records = [{"_msg": f"visible {n}", "service": "shop", "user.email": "ann@example.com"} for n in range(3)]
    nexus.ingest(lines(*records, {"_msg": "hidden", "service": "bank", "user.email": "bob@example.com"}), tenant=name)
    narrow = {"grants": [{"permission": one} for one in NARROW], "policy": "service:shop", "masked": ["user.email"]}
    done(put(nexus, "roles/narrow", narrow))
    return name


NARROW = ["logs:read", "logs:delete", "roles:read", "retention:write", "pipelines:write", "pipelines:read"]


def test_the_life_of_a_user(nexus: NexusProcess, tenant: str) -> None:
    made = done(nexus.post(f"{API}/users", {"name": "Ann", "email": "ann@example.com", "display_name": "Ann A."}))
    assert (made["user"]["name"], made["user"]["roles"]) == ("ann", [])
    first = Browser(nexus, "ann", made["password"])
    assert first.session["must"] == "change_password"
    team = done(nexus.post(f"{API}/teams", {
        "name": f"team of {tenant}", "members": ["ann"], "roles": [{"role": "viewer", "tenant": tenant}],
    }))  # fmt: skip
    refused = first.ask("POST", "logs/count", {}, tenant)
    assert (refused.status, "password has to be changed" in refused.json["error"]["message"]) == (403, True)
    done(first.ask("POST", "profile/password", {"current": made["password"], "new": PASSWORD}))
    ann = Browser(nexus, "ann")
    assert ann.count(tenant) == 4
    assert ann.ask("POST", "logs/count", {}, "default").status == 403
    [shown] = [user for user in done(nexus.get(f"{API}/users"))["users"] if user["name"] == "ann"]
    assert (shown["teams"], shown["has_password"], shown["second_factor"]) == ([f"team of {tenant}"], True, False)
    assert shown["last_login"]
    sessions = done(nexus.get(f"{API}/users/ann/sessions"))["sessions"]
    assert sessions[0]["address"] == "127.0.0.1"
    assert done(nexus.request("DELETE", f"{API}/users/ann/sessions"))["ended"] == len(sessions)
    assert ann.ask("POST", "logs/count", {}, tenant).status == 401
    ann = Browser(nexus, "ann")
    done(nexus.request("DELETE", f"{API}/teams/{team['id']}"))
    assert ann.ask("POST", "logs/count", {}, tenant).status == 403
    done(put(nexus, "users/ann", {"disabled": True}, "PATCH"))
    assert ann.ask("GET", "profile").status == 401
    assert nexus.post(f"{API}/auth/login", {"username": "ann", "password": PASSWORD}, token="").status == 401
    done(nexus.request("DELETE", f"{API}/users/ann"))
    assert nexus.request("DELETE", f"{API}/users/ann").status == 404
    entries = done(nexus.get(f"{API}/audit?subject=ann&all_tenants=1"))["entries"]
    actions = [entry["action"] for entry in reversed(entries)]
    for action in ("user.created", "user.sessions_ended", "user.changed", "user.deleted"):
        assert action in actions
    assert made["password"] not in json.dumps(entries)
    assert PASSWORD not in json.dumps(entries)


def test_what_can_this_person_see(nexus: NexusProcess, tenant: str) -> None:
    name = somebody(nexus)
    done(nexus.post(f"{API}/teams", {
        "name": f"narrow in {tenant}", "members": [name], "roles": [{"role": "narrow", "tenant": tenant}],
    }))  # fmt: skip
    seen = done(nexus.post(f"{API}/roles/preview", {"user": name}, tenant=tenant))
    assert (seen["records"], seen["total"], seen["policy"], seen["masked"]) == (3, 4, "service:shop", ["user.email"])
    assert seen["because"] == [f"narrow in {tenant} by the team narrow in {tenant}"]
    assert {record["service"] for record in seen["samples"]} == {"shop"}
    assert {record["attributes"]["user.email"] for record in seen["samples"]} == {"***"}
    assert Browser(nexus, name).count(tenant) == 3
    nothing = done(nexus.post(f"{API}/roles/preview", {"user": name}))
    assert (nothing["records"], nothing["because"]) == (0, ["no role in default"])
    assert done(nexus.post(f"{API}/roles/preview", {"role": "viewer"}, tenant=tenant))["records"] == 4
    for wanted in ({}, {"user": name, "role": "viewer"}):
        assert nexus.post(f"{API}/roles/preview", wanted).status == 400


def test_a_preview_shows_no_more_than_the_asker_sees(nexus: NexusProcess, tenant: str) -> None:
    asker = Browser(nexus, somebody(nexus, ("narrow", "*")))
    seen = done(asker.ask("POST", "roles/preview", {"role": "viewer"}, tenant))
    assert (seen["records"], seen["total"]) == (3, 3)
    assert "@example.com" not in json.dumps(seen["samples"])
    # By asking for it bit by bit he would learn what is masked.
    draft = {"grants": [{"permission": "logs:read"}], "policy": "user.email:ann*"}
    refused = asker.ask("POST", "roles/preview", {"draft": draft}, tenant)
    assert refused.status in (400, 403), refused.body
    assert "masked" in refused.json["error"]["message"]


def test_what_concerns_every_record_is_for_those_who_see_them(nexus: NexusProcess, tenant: str) -> None:
    asker = Browser(nexus, somebody(nexus, ("narrow", tenant)))
    refused = asker.ask("PUT", "retention", {"rules": [], "days": 1}, tenant)
    assert (refused.status, "concerns every record" in refused.json["error"]["message"]) == (403, True)
    assert asker.ask("PUT", "pipelines", {"pipelines": [], "version": ""}, tenant).status == 403
    refused = asker.ask("POST", "logs/deletions", {"query": "visible"}, tenant)
    assert (refused.status, "not see all of their fields" in refused.json["error"]["message"]) == (403, True)


def test_a_deletion_deletes_what_its_asker_sees(nexus: NexusProcess) -> None:
    tenant = f"t-{uuid.uuid4().hex[:12]}"
    nexus.ingest(lines({"_msg": "one", "service": "shop"}, {"_msg": "two", "service": "bank"}), tenant=tenant)
    grants = [{"permission": one} for one in ("logs:read", "logs:delete")]
    done(put(nexus, "roles/cleaner", {"grants": grants, "policy": "service:shop"}))
    asker = Browser(nexus, somebody(nexus, ("cleaner", tenant)))
    deletion = done(asker.ask("POST", "logs/deletions", {"query": "*"}, tenant))
    assert deletion["records"] == 1
    wait_for(
        "the deletion",
        lambda: done(asker.ask("GET", f"logs/deletions/{deletion['id']}", tenant=tenant))["state"] != "running",
    )
    assert nexus.count(tenant=tenant) == 1
    assert nexus.count("service:bank", tenant=tenant) == 1


def test_some_pipelines_only(nexus: NexusProcess) -> None:
    tenant = f"t-{uuid.uuid4().hex[:12]}"
    grants = [{"permission": "pipelines:read"}, {"permission": "pipelines:write", "resource": "pipeline:web-*"}]
    done(put(nexus, "roles/web", {"grants": grants}))

    def pipeline(name: str, value: str = "x") -> dict[str, Any]:
        return {"name": name, "steps": [{"type": "set", "options": {"fields": {"a": value}}}]}

    def version() -> str:
        return str(done(nexus.get(f"{API}/pipelines", tenant=tenant))["version"])

    first = {"pipelines": [pipeline("core"), pipeline("web-a")], "version": version()}
    done(put(nexus, "pipelines", first, tenant=tenant))
    asker = Browser(nexus, somebody(nexus, ("web", tenant)))
    for wanted, allowed in (
        ([pipeline("core"), pipeline("web-a", "y")], True),
        ([pipeline("core"), pipeline("web-a", "y"), pipeline("web-b")], True),
        ([pipeline("core", "y"), pipeline("web-a", "y"), pipeline("web-b")], False),
        ([pipeline("web-a", "y"), pipeline("core"), pipeline("web-b")], False),
        ([pipeline("web-a", "y"), pipeline("web-b")], False),
        ([pipeline("core"), pipeline("other")], False),
        ([pipeline("core")], True),
    ):
        answer = asker.ask("PUT", "pipelines", {"pipelines": wanted, "version": version()}, tenant)
        assert answer.status == (200 if allowed else 403), (wanted, answer.body)


def test_a_service_account(nexus: NexusProcess, tenant: str) -> None:
    account = done(nexus.post(f"{API}/accounts", {
        "name": f"robot {tenant}", "roles": [{"role": "narrow", "tenant": tenant}],
    }))  # fmt: skip
    key = done(nexus.post(f"{API}/keys", {"name": "of the robot", "tenant": tenant, "account": account["id"]}))
    assert done(nexus.post(f"{API}/logs/count", token=key["secret"]))["count"] == 3
    assert done(nexus.get(f"{API}/accounts"))["accounts"][0]["keys"] >= 1
    wanted = {"name": f"robot {tenant}", "roles": [{"role": "viewer", "tenant": tenant}]}
    done(put(nexus, f"accounts/{account['id']}", wanted))
    assert done(nexus.post(f"{API}/logs/count", token=key["secret"]))["count"] == 4
    done(put(nexus, f"accounts/{account['id']}", {**wanted, "disabled": True}))
    assert nexus.post(f"{API}/logs/count", token=key["secret"]).status == 401
    done(put(nexus, f"accounts/{account['id']}", wanted))
    assert nexus.post(f"{API}/logs/count", token=key["secret"]).status == 200
    done(nexus.request("DELETE", f"{API}/accounts/{account['id']}"))
    assert nexus.post(f"{API}/logs/count", token=key["secret"]).status == 401


def test_the_last_administrator_and_oneself(nexus: NexusProcess) -> None:
    admin = Browser(nexus, somebody(nexus, ("admin", "*")))
    name = admin.session["username"]
    assert admin.ask("DELETE", f"users/{name}").status == 409
    assert admin.ask("PATCH", f"users/{name}", {"disabled": True}).status == 409
    done(nexus.request("DELETE", f"{API}/users/{name}"))
    others = [
        user["name"]
        for user in done(nexus.get(f"{API}/users"))["users"]
        if {"role": "admin", "tenant": "*"} in user["roles"] and not user["disabled"]
    ]
    assert others == ["admin"]
    refused = nexus.request("DELETE", f"{API}/users/admin")
    assert (refused.status, "nobody would be left" in refused.json["error"]["message"]) == (409, True)


def test_users_from_the_command_line(launch: Launch) -> None:
    process = launch()
    beside = () if ON_POSTGRES else (("create-user", "bob"), ("grant", "admin", "viewer@x"), ("reset-password",))
    for words in beside:
        refused = command(process.folder, "admin", *words)
        assert refused.returncode == 2
        assert f"pid {process.pid}".encode() in refused.stderr
    process.stop()
    made = command(process.folder, "admin", "create-user", "Bob", "--role", "viewer@team-a")
    assert made.returncode == 0, made.stderr
    password = made.stdout.decode().split(" is ")[1].split()[0]
    assert command(process.folder, "admin", "create-user", "bob").returncode == 1
    assert command(process.folder, "admin", "grant", "bob", "nothing@*").returncode == 2
    assert b"now has the role editor in every tenant" in command(process.folder, "admin", "grant", "bob", "editor@*").stdout
    assert b"already had" in command(process.folder, "admin", "grant", "bob", "editor@*").stdout
    listed = command(process.folder, "admin", "list-users").stdout.decode()
    assert "admin@*" in listed
    assert "editor@* viewer@team-a" in listed
    again = launch()
    bob = Browser(again, "bob", password)
    assert bob.session["must"] == "change_password"
    log = again.get(f"{API}/audit?subject=bob&all_tenants=1", token=TOKEN).json["entries"]
    assert [entry["action"] for entry in log if entry["kind"] == "system"] == ["user.changed", "user.created"]
