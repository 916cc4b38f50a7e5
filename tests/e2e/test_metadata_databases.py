"""The same server on SQLite and on PostgreSQL: logins, keys, views, retention, deletion and audit; and a database that goes
away and comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.databases.postgres_server import PASSWORD as DATABASE_PASSWORD
from tests.databases.postgres_server import PostgresServer
from tests.e2e.nexus_process import API, PASSWORD, Answer, NexusProcess, command, lines, wait_for
from tests.e2e.test_access import log_in, make_key
from tests.e2e.test_retention_and_deletion import finished, put

pytestmark = pytest.mark.e2e
GUARD = {"X-Nexus-Request": "1", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def on(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """A Nexus on one of the databases; the tests of this module share it."""
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else ""
    settings = {"NEXUS_METADATA_URL": url}
    process = NexusProcess(tmp_path_factory.mktemp(request.param) / "data", **settings).start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output() and DATABASE_PASSWORD not in process.output(), process.output()
    assert (process.folder / "metadata.sqlite").exists() == (request.param == "sqlite")


def get_keys(nexus: NexusProcess, **options: Any) -> dict[str, Any]:
    return {key["id"]: key for key in nexus.get(f"{API}/keys", **options).json["keys"]}


def make(nexus: NexusProcess, document: dict[str, Any], **options: Any) -> Answer:
    answer: Answer = nexus.post(f"{API}/keys", {"name": "k", **document}, **options)
    return answer


def test_logging_in_and_out(on: NexusProcess) -> None:
    """A session lasts until it is ended; a wrong password begins none."""
    wrong = on.post(f"{API}/auth/login", {"username": "admin", "password": "wrong"}, token="")
    assert wrong.status == 401
    cookie, answer = log_in(on)
    assert answer.json["authenticated"] and answer.json["username"] == "admin"
    who = on.get(f"{API}/auth/session", token="", headers={"Cookie": cookie}).json
    assert who["authenticated"] and "admin" in who["permissions"]
    assert on.post(f"{API}/auth/logout", token="", headers={"Cookie": cookie, **GUARD}).status == 200
    assert on.get(f"{API}/keys", token="", headers={"Cookie": cookie}).status == 401


def test_the_life_of_a_key(on: NexusProcess) -> None:
    """Made, used, rotated, revoked: shown once, and useless in the moment in which it is revoked."""
    made = make(on, {"tenant": "life", "permissions": ["logs:write"], "signals": ["logs"], "expires_in": 3600}).json
    key, old = made["key"], made["secret"]
    assert {**key, "tenant": "life", "signals": ["logs"], "created_by": "bootstrap", "previous_until": ""} == key
    assert key["expires_at"] > key["created_at"] and old.startswith(key["prefix"])
    assert old.encode() not in on.get(f"{API}/keys").body
    assert on.ingest(lines({"_msg": "a"}), token=old).status == 200
    assert on.post(f"{API}/logs/count", {}, token=old).status == 403
    assert on.ingest(lines({"_msg": "a"}), token=old, tenant="other").status == 403

    rotated = on.post(f"{API}/keys/{key['id']}/rotate", {"overlap": 600}).json
    assert rotated["key"]["id"] == key["id"] and rotated["key"]["previous_until"] and rotated["secret"] != old
    for secret in (old, rotated["secret"]):
        assert on.ingest(lines({"_msg": "b"}), token=secret).status == 200
    again = on.post(f"{API}/keys/{key['id']}/rotate", {"overlap": 0}).json
    statuses = [on.ingest(lines({"_msg": "c"}), token=secret).status for secret in (old, rotated["secret"], again["secret"])]
    assert statuses == [401, 401, 200]
    assert on.request("DELETE", f"{API}/keys/{key['id']}").json == {"id": key["id"]}
    assert on.ingest(lines({"_msg": "d"}), token=again["secret"]).status == 401
    assert key["id"] not in get_keys(on) and on.count(tenant="life") == 4
    assert on.request("DELETE", f"{API}/keys/{key['id']}").status == 404


def test_keys_of_roles_and_of_service_accounts(on: NexusProcess) -> None:
    """They may do what these may, no more than who made them, and only as long as these may."""
    reader = make(on, {"tenant": "roles", "role": "viewer"}).json
    assert on.post(f"{API}/logs/count", {}, token=reader["secret"]).status == 200
    assert on.ingest(lines({"_msg": "x"}), token=reader["secret"]).status == 403
    roles = [{"role": "operator", "tenant": "roles"}]
    account = on.post(f"{API}/accounts", {"name": f"ci-{on.port}", "roles": roles}).json
    program = make(on, {"tenant": "roles", "account": account["id"]}).json
    assert program["key"]["account_name"] == account["name"]
    assert on.ingest(lines({"_msg": "x"}), token=program["secret"]).status == 200
    assert make(on, {"role": "admin"}, token=program["secret"]).status == 403
    assert make(on, {"permissions": ["logs:read"], "tenant": "other"}, token=program["secret"]).status == 403
    own = make(on, {"permissions": ["logs:read"]}, token=program["secret"])
    assert own.status == 200 and own.json["key"]["tenant"] == "roles"
    assert {key["tenant"] for key in get_keys(on, token=program["secret"]).values()} == {"roles"}
    assert on.request("DELETE", f"{API}/accounts/{account['id']}").status == 200
    assert on.ingest(lines({"_msg": "x"}), token=program["secret"]).status == 401


@pytest.mark.parametrize(
    "document",
    [
        {}, {"permissions": ["no"]}, {"permissions": ["logs:read"], "role": "viewer"}, {"role": "viewer", "signals": ["x"]},
        {"role": "viewer", "expires_in": -1}, {"role": "viewer", "limits": {"x": 1}}, {"role": "viewer", "name": ""},
        {"role": "viewer", "tenant": "a b"}, {"role": "viewer", "more": 1}, {"permissions": "logs:read"},
    ],
)  # fmt: skip
def test_keys_that_make_no_sense(on: NexusProcess, document: dict[str, Any]) -> None:
    assert make(on, document).status == 400


def test_views_and_links(on: NexusProcess) -> None:
    """Saved, changed, shared, removed; names are ordered alike."""
    made = []
    for name in ("b", "Ä", "a", "😀"):
        view = {"name": name, "description": "", "page": "logs", "state": "q=1", "shared": True}
        made.append(on.post(f"{API}/views", view, tenant="views").json["id"])
    assert [view["name"] for view in on.get(f"{API}/views", tenant="views").json["views"]] == ["a", "b", "Ä", "😀"]
    assert on.request("DELETE", f"{API}/views/{made[0]}", tenant="views").status == 200
    assert len(on.get(f"{API}/views", tenant="views").json["views"]) == 3
    first, second = (on.post(f"{API}/links", {"path": "/logs?q=é"}, tenant="views").json["id"] for _ in range(2))
    assert first == second and on.get(f"{API}/links/{first}", tenant="views").json["path"] == "/logs?q=é"


def test_retention_and_deletion(on: NexusProcess) -> None:
    """Written down, carried out, proved. The whole of a deletion on SQLite is `test_retention_and_deletion`."""
    on.ingest(lines({"_msg": "secret"}, {"_msg": "other"}), tenant="gone")
    policy = {"rules": [{"query": "level:debug", "days": 3}], "days": 90}
    answer = put(on, "retention", policy, tenant="gone")
    assert answer.status == 200 and {**answer.json, **policy} == answer.json
    if not on.settings:
        return
    started = on.post(f"{API}/logs/deletions", {"query": "secret", "reason": "why"}, tenant="gone").json
    done = finished(on, started["id"], "gone")
    assert (done["state"], done["records"], done["error"]) == ("done", 1, "") and on.count(tenant="gone") == 1
    actions = [entry["action"] for entry in on.get(f"{API}/audit", tenant="gone").json["entries"]]
    assert {"retention.changed", "deletion.started", "deletion.done"} <= set(actions)


def test_the_audit_log_is_whole(on: NexusProcess) -> None:
    """Numbered without a gap, chained, found again by what is looked for."""
    make_key(on, "audited", "logs:read")
    report = on.post(f"{API}/audit/verify").json
    assert report["sound"], report
    assert report["records"] == report["last"] - report["first"] + 1 > 0
    found = on.get(f"{API}/audit?action=key.created&text=AUDITED", tenant="audited").json["entries"]
    assert [(entry["action"], entry["kind"], entry["tenant"]) for entry in found] == [
        ("key.created", "bootstrap", "audited")
    ]


def test_everything_is_there_after_a_kill(on: NexusProcess) -> None:
    """What was answered was durable."""
    secret = make_key(on, "kept", "logs:read", "logs:write")
    view = {"name": "kept", "description": "", "page": "logs", "state": "q=1", "shared": True}
    assert on.post(f"{API}/views", view, tenant="kept").status == 200
    on.kill()
    on.start()
    assert on.ingest(lines({"_msg": "x"}), token=secret).status == 200
    assert [one["name"] for one in on.get(f"{API}/views", tenant="kept").json["views"]] == ["kept"]
    assert on.post(f"{API}/audit/verify").json["sound"]


def test_the_command_line_beside_a_running_server(on: NexusProcess) -> None:
    """A file has one owner; a database server lets the command in, and who it makes can log in."""
    done = command(on.folder, "admin", "create-user", "beside", **on.settings)
    if not on.settings["NEXUS_METADATA_URL"]:
        assert done.returncode == 2 and str(on.pid) in done.stderr.decode()
        return
    assert done.returncode == 0, done.stderr
    password = done.stdout.decode().split(" is ")[1].split()[0]
    assert on.post(f"{API}/auth/login", {"username": "beside", "password": password}, token="").status == 200


def test_nexus_doctor_looks_at_it(on: NexusProcess) -> None:
    """And says where it is, without its password."""
    done = command(on.folder, "doctor", "--json", **on.settings)
    (found,) = [one for one in json.loads(done.stdout) if one["check"] == "metadata"]
    assert found["level"] == "ok" and "current" in found["message"], found
    assert ("PostgreSQL" in found["message"]) == bool(
        on.settings["NEXUS_METADATA_URL"]
    ) and DATABASE_PASSWORD not in done.stdout.decode()
    shown = command(on.folder, "config", "show", **on.settings)
    assert DATABASE_PASSWORD not in shown.stdout.decode() + shown.stderr.decode()


# ------------------------------------------------------------------------------------------------------------- PostgreSQL


def test_a_database_that_goes_away(tmp_path: Path) -> None:
    """Questions of the metadata get 503 with a Retry-After meanwhile; senders whose keys are known go on, and nothing of what they
    send is lost; afterwards everything works without a restart."""
    with PostgresServer() as server:
        nexus = NexusProcess(tmp_path / "data", NEXUS_METADATA_URL=server.new_database()).start()
        try:
            secret = make_key(nexus, "t", "logs:write", "logs:read")
            assert nexus.ingest(lines({"_msg": "before"}), token=secret).status == 200
            server.stop()
            for answer in (
                nexus.get(f"{API}/keys"), nexus.get(f"{API}/views"), make(nexus, {"permissions": ["logs:read"]}),
                nexus.post(f"{API}/auth/login", {"username": "admin", "password": PASSWORD}, token=""),
                nexus.get(f"{API}/keys", token="nxs_unknown"), nexus.ingest(lines({"_msg": "x"}), tenant="new-tenant"),
            ):  # fmt: skip
                assert (answer.status, answer.json["error"]["code"]) == (503, "storage_error"), answer.body
                assert answer.headers["Retry-After"] and DATABASE_PASSWORD.encode() not in answer.body
            for _ in range(3):
                assert nexus.ingest(lines({"_msg": "meanwhile"}), token=secret).status == 200
            assert nexus.post(f"{API}/logs/count", {}, token=secret).json["count"] == 4
            server.start()
            wait_for("the database", lambda: nexus.get(f"{API}/keys").status == 200)
            assert make(nexus, {"permissions": ["logs:read"]}).status == 200
            assert nexus.post(f"{API}/audit/verify").json["sound"]
        finally:
            assert nexus.stop() == 0
        assert DATABASE_PASSWORD not in nexus.output() and "Traceback" not in nexus.output(), nexus.output()


def test_a_database_that_cannot_be_used(tmp_path: Path, postgres: PostgresServer) -> None:
    """The start and `nexus doctor` say so, and where; never with the password."""
    for url, reason in (
        (f"postgresql://nexus:{DATABASE_PASSWORD}@127.0.0.1:1/nexus", "127.0.0.1:1"),
        (postgres.url("nothing-there"), "nothing-there"),
        (f"mysql://nexus:{DATABASE_PASSWORD}@127.0.0.1/nexus", "not a PostgreSQL URL"),
    ):
        folder = tmp_path / "data"
        for words in (("up",), ("doctor",)) if reason == "nothing-there" else (("up",),):
            done = command(folder, *words, NEXUS_METADATA_URL=url)
            output = (done.stdout + done.stderr).decode()
            assert done.returncode != 0 and reason in output, output
            assert DATABASE_PASSWORD not in output and "Traceback" not in output


def test_one_server_at_a_time(tmp_path: Path, postgres: PostgresServer) -> None:
    """A second one on the same database is told, and the first one does not notice; after a kill the next one starts."""
    settings = {"NEXUS_METADATA_URL": postgres.new_database()}
    first = NexusProcess(tmp_path / "a" / "data", **settings).start()
    try:
        done = command(tmp_path / "b", "up", **settings)
        assert done.returncode != 0 and b"another Nexus serves with the metadata database" in done.stderr, done.stderr
        assert first.get(f"{API}/keys").status == 200
        first.kill()
        first.start()
    finally:
        first.kill()
