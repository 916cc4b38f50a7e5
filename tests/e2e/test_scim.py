"""SCIM against a real process: a real client's compliance checks, and what Okta and Entra ID send by their documentation."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from scim2_client.client import BaseSyncSCIMClient
from scim2_tester import Status, check_server
from tests.e2e.nexus_process import API, Answer, NexusProcess

pytestmark = pytest.mark.e2e

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Scim = Callable[..., Answer]


@pytest.fixture
def scim(nexus: NexusProcess) -> Scim:
    return client(nexus)


def client(nexus: NexusProcess, **options: Any) -> Scim:
    def send(method: str, path: str, document: Any = None, headers: dict[str, str] | None = None) -> Answer:
        body = json.dumps(document).encode() if document is not None else None
        return nexus.request(
            method, f"/scim/v2{path}", body, {"Content-Type": "application/scim+json", **(headers or {})}, **options
        )

    return send


def filtered(path: str, text: str, **more: str) -> str:
    return f"{path}?{urlencode({'filter': text, **more})}"


@pytest.fixture
def name() -> str:
    return f"u-{uuid.uuid4().hex[:10]}"


# -------------------------------------------------------------------------------------------------------- a real client


@dataclass
class Raw:
    status_code: int
    headers: Any
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class HttpClient(BaseSyncSCIMClient):
    """scim2-client over real sockets."""

    def __init__(self, nexus: NexusProcess) -> None:
        super().__init__()
        self._nexus = nexus

    def request(self, method: str, url: str, **given: Any) -> Raw:
        url = url.removeprefix(f"http://127.0.0.1:{self._nexus.port}/scim/v2")
        parameters = given.get("params") or {}
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        body = given.get("content", given.get("data"))
        if "json" in given and given["json"] is not None:
            body = json.dumps(given["json"])
        if isinstance(body, str):
            body = body.encode()
        answer = self._nexus.request(method, f"/scim/v2{url}{query}", body, dict(given.get("headers") or {}))
        return Raw(answer.status, answer.headers, answer.body.decode())


def test_the_compliance_checks_of_a_real_client(nexus: NexusProcess) -> None:
    results = check_server(HttpClient(nexus))
    bad = [f"{one.title}: {one.reason}" for one in results if one.status in (Status.ERROR, Status.CRITICAL)]
    done = [one for one in results if one.status is Status.SUCCESS]
    # That one always has a value: what removes it may not let in whom another change has locked out.
    bad = [one for one in bad if not one.endswith("did not remove attribute 'active'")]
    assert not bad, "\n".join(bad)
    assert len(done) > 30, [(one.title, one.status) for one in results]


# ----------------------------------------------------------------------------------------------------------- users


def test_what_okta_sends(scim: Scim, name: str) -> None:
    """Okta's life of a user: looked for, made, read, replaced, deactivated by a PATCH without a path, and back."""
    login = f"{name}@corp.example"
    found = scim("GET", filtered("/Users", f'userName eq "{login}"', startIndex="1", count="100"))
    assert found.status == 200 and found.json["totalResults"] == 0 and found.json["Resources"] == []
    made = scim("POST", "/Users", {
        "schemas": [USER], "userName": login, "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": True, "value": login, "type": "work"}], "displayName": "Test User", "locale": "en-US",
        "externalId": f"okta-{name}", "groups": [], "password": "1mz050nq", "active": True,
    })  # fmt: skip
    assert made.status == 201 and made.headers["Content-Type"] == "application/scim+json"
    user = made.json
    assert (
        made.headers["Location"].endswith(f"/scim/v2/Users/{user['id']}")
        and user["meta"]["location"] == made.headers["Location"]
    )
    assert (user["userName"], user["active"], user["externalId"]) == (login, True, f"okta-{name}")
    assert "password" not in made.body.decode() and "1mz050nq" not in made.body.decode()
    path = f"/Users/{user['id']}"
    assert scim("GET", path).json == user
    again = scim("POST", "/Users", {"schemas": [USER], "userName": login})
    assert again.status == 409 and again.json["scimType"] == "uniqueness" and again.json["status"] == "409"
    replaced = scim("PUT", path, {**user, "displayName": "Another Name"})
    assert replaced.status == 200 and replaced.json["displayName"] == "Another Name" and replaced.json["id"] == user["id"]
    off = scim("PATCH", path, {"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": False}}]})
    assert off.status == 200 and off.json["active"] is False and off.json["displayName"] == "Another Name"
    on = scim("PATCH", path, {"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": True}}]})
    assert on.json["active"] is True
    assert scim("DELETE", path).status == 204
    gone = scim("GET", path)
    assert gone.status == 404 and gone.json["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


def test_what_entra_id_sends(scim: Scim, name: str) -> None:
    """Entra ID's: capitalised operations, truth as text, paths with filters, the enterprise extension, a probe for nobody."""
    probe = scim("GET", filtered("/Users", f'userName eq "{uuid.uuid4()}"'))
    assert probe.status == 200 and probe.json["totalResults"] == 0
    made = scim("POST", "/Users", {
        "schemas": [USER, ENTERPRISE], "externalId": name, "userName": f"{name}@corp.example", "active": True,
        "displayName": "Anna", "emails": [{"primary": True, "type": "work", "value": f"{name}@corp.example"}],
        "meta": {"resourceType": "User"}, "name": {"formatted": "Anna B", "familyName": "B", "givenName": "Anna"},
        ENTERPRISE: {"department": "IT"}, "title": "Engineer",
    })  # fmt: skip
    assert made.status == 201
    path = f"/Users/{made.json['id']}"

    def patch(*operations: dict[str, Any]) -> Answer:
        return scim("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    changed = patch(
        {"op": "Replace", "path": "displayName", "value": "Anna C"},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": f"new-{name}@corp.example"},
        {"op": "Add", "path": "name.familyName", "value": "C"},
        {"op": "Add", "path": 'phoneNumbers[type eq "work"].value', "value": "1"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Sales"},
        {"op": "Replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:displayName", "value": "Anna D"},
    )
    assert changed.status == 200, changed.body
    assert changed.json["displayName"] == "Anna D" and changed.json["emails"][0]["value"] == f"new-{name}@corp.example"
    assert patch({"op": "Replace", "path": "active", "value": "False"}).json["active"] is False
    assert patch({"op": "Replace", "path": "active", "value": "True"}).json["active"] is True
    # A value that was removed can be added again by the same path.
    assert "emails" not in patch({"op": "Remove", "path": 'emails[type eq "work"]'}).json
    assert patch({"op": "Add", "path": 'emails[type eq "work"].value', "value": f"{name}@corp.example"}).json["emails"][0][
        "value"
    ]
    found = scim("GET", filtered("/Users", f'externalId eq "{name}"')).json
    assert [one["id"] for one in found["Resources"]] == [made.json["id"]]
    # A user that Entra ID deletes is disabled first.
    assert patch({"op": "Replace", "path": "active", "value": False}).status == 200
    assert scim("DELETE", path).status == 204


def test_administrators_of_this_server_are_not_there(nexus: NexusProcess, scim: Scim) -> None:
    """A directory cannot lock out whom Nexus was set up with, nor take him over."""
    everybody = scim("GET", "/Users?count=1000").json["Resources"]
    assert "admin" not in [one["userName"] for one in everybody]
    assert scim("POST", "/Users", {"schemas": [USER], "userName": "Admin"}).status == 409
    from nexus.server.api.scim.resources import user_id
    from nexus.storage.metadata.api import User

    (admin,) = [one for one in nexus.get(f"{API}/users").json["users"] if one["name"] == "admin"]
    assert admin["source"] == "local"
    guessed = user_id(User("admin", "", 0))
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = {"schemas": [USER], "userName": "admin", "Operations": [{"op": "replace", "value": {"active": False}}]}
        assert scim(method, f"/Users/{guessed}", None if method in ("GET", "DELETE") else body).status == 404


def test_an_id_is_not_given_again(scim: Scim, name: str) -> None:
    first = scim("POST", "/Users", {"schemas": [USER], "userName": name}).json["id"]
    assert scim("DELETE", f"/Users/{first}").status == 204
    second = scim("POST", "/Users", {"schemas": [USER], "userName": name}).json["id"]
    assert first != second and scim("GET", f"/Users/{first}").status == 404


def test_pages_filters_and_attributes(scim: Scim, name: str) -> None:
    for number in range(5):
        scim(
            "POST",
            "/Users",
            {"schemas": [USER], "userName": f"{name}-{number}", "displayName": f"N {number}", "active": number != 3},
        )
    of = f'userName sw "{name}"'
    everyone = scim("GET", filtered("/Users", of)).json
    assert everyone["totalResults"] == 5 and everyone["startIndex"] == 1 and everyone["itemsPerPage"] == 5
    page = scim("GET", filtered("/Users", of, startIndex="4", count="3")).json
    assert (
        page["totalResults"] == 5
        and page["itemsPerPage"] == 2
        and [one["userName"] for one in page["Resources"]] == [f"{name}-3", f"{name}-4"]
    )
    assert scim("GET", filtered("/Users", of, count="0")).json["Resources"] == []
    assert scim("GET", filtered("/Users", of, count="-5", startIndex="-3")).json["startIndex"] == 1
    assert scim("GET", filtered("/Users", of, startIndex="100000000000000000000000")).json["Resources"] == []
    for text, many in [
        (f"{of} and active eq false", 1), (f"{of} and not (active eq false)", 4), (f'{of.upper().replace("STARTS", "sw").lower()} or userName eq "x"', 5),
        (f'{of} and (displayName co "n 1" or displayName eq "N 2")', 2), (f'{of} and displayName ew "4"', 1), (f"{of} and emails pr", 0),
        (f"{of} and displayName pr", 5), (f'{of} and meta.created gt "2020-01-01T00:00:00Z"', 5), (f'{USER}:userName eq "{name}-0"', 1),
    ]:  # fmt: skip
        assert scim("GET", filtered("/Users", text)).json["totalResults"] == many, text
    little = scim("GET", filtered("/Users", of, attributes="userName,meta.version")).json["Resources"][0]
    assert set(little) == {"schemas", "id", "userName", "meta"} and set(little["meta"]) == {"version"}
    without = scim("GET", filtered("/Users", of, excludedAttributes="displayName,meta")).json["Resources"][0]
    assert "displayName" not in without and "meta" not in without and "userName" in without


def test_searches(scim: Scim, name: str) -> None:
    """What a filter would put into an address that logs keep can go in a body."""
    made = scim("POST", "/Users", {"schemas": [USER], "userName": name}).json
    group = scim("POST", "/Groups", {"schemas": [GROUP], "displayName": name}).json
    asked = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "attributes": ["id"],
        "startIndex": 1,
        "count": 10,
    }
    by_name = f'userName eq "{name}"'
    found = scim("POST", "/Users/.search", {**asked, "filter": by_name}).json
    assert found["totalResults"] == 1 and found["Resources"] == [{"schemas": [USER], "id": made["id"]}]
    both = scim("POST", "/.search", {**asked, "filter": f'{by_name} or displayName eq "{name}"'}).json
    assert {one["id"] for one in both["Resources"]} == {made["id"], group["id"]}
    assert scim("POST", "/Groups/.search", {**asked, "filter": by_name}).json["totalResults"] == 0
    assert scim("POST", "/Groups/.search", {"filter": {"a": 1}}).json["scimType"] == "invalidValue"


def test_versions(scim: Scim, name: str) -> None:
    made = scim("POST", "/Users", {"schemas": [USER], "userName": name})
    path, version = f"/Users/{made.json['id']}", made.headers["ETag"]
    assert scim("GET", path, headers={"If-None-Match": version}).status == 304
    changed = scim("PUT", path, {"schemas": [USER], "userName": name, "displayName": "x"}, {"If-Match": version})
    assert changed.status == 200 and changed.headers["ETag"] != version
    for method in ("PUT", "DELETE"):
        late = scim(method, path, {"schemas": [USER], "userName": name}, {"If-Match": version})
        assert late.status == 412 and late.json["status"] == "412"
    assert scim("DELETE", path, headers={"If-Match": changed.headers["ETag"]}).status == 204


# ----------------------------------------------------------------------------------------------------------- groups


@pytest.fixture
def members(scim: Scim, name: str) -> list[str]:
    return [scim("POST", "/Users", {"schemas": [USER], "userName": f"{name}-{one}"}).json["id"] for one in "abc"]


def test_groups_as_entra_id_changes_them(scim: Scim, name: str, members: list[str]) -> None:
    made = scim("POST", "/Groups", {"schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
                                    "externalId": name, "displayName": name, "meta": {"resourceType": "Group"}})  # fmt: skip
    assert made.status == 201
    path = f"/Groups/{made.json['id']}"

    def patch(*operations: dict[str, Any]) -> list[str]:
        answer = scim("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})
        assert answer.status == 200, answer.body
        return [one["value"] for one in answer.json.get("members", [])]

    assert patch({"op": "Add", "path": "members", "value": [{"$ref": None, "value": members[0]}]}) == [members[0]]
    assert patch({"op": "Add", "path": "members", "value": [{"value": one} for one in members]}) == members
    assert patch({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": members[1]}]}) == [
        members[0],
        members[2],
    ]
    assert patch({"op": "Remove", "path": f'members[value eq "{members[0]}"]'}) == [members[2]]
    assert patch({"op": "Replace", "path": "displayName", "value": f"{name} new"}) == [members[2]]
    found = scim("GET", filtered("/Groups", f'displayName eq "{name} new"', excludedAttributes="members")).json["Resources"]
    assert len(found) == 1 and "members" not in found[0] and found[0]["externalId"] == name
    assert scim("GET", f"/Users/{members[2]}").json["groups"][0]["display"] == f"{name} new"
    assert patch({"op": "Remove", "path": "members"}) == []
    assert scim("DELETE", path).status == 204 and scim("GET", path).status == 404


def test_groups_as_okta_changes_them(scim: Scim, name: str, members: list[str]) -> None:
    made = scim(
        "POST", "/Groups", {"schemas": [GROUP], "displayName": name, "members": [{"value": members[0], "display": "a"}]}
    )
    path = f"/Groups/{made.json['id']}"
    renamed = scim(
        "PATCH",
        path,
        {
            "schemas": [PATCH],
            "Operations": [{"op": "replace", "value": {"id": made.json["id"], "displayName": f"{name}-2"}}],
        },
    )
    assert renamed.status == 200 and renamed.json["displayName"] == f"{name}-2"
    replaced = scim("PATCH", path, {"schemas": [PATCH], "Operations": [
        {"op": "remove", "path": f'members[value eq "{members[0]}"]'},
        {"op": "add", "path": "members", "value": [{"value": members[1], "display": "b"}]},
        {"op": "add", "path": "members", "value": [{"value": members[2], "display": "c"}]},
    ]})  # fmt: skip
    assert [one["value"] for one in replaced.json["members"]] == members[1:]
    whole = scim("PUT", path, {"schemas": [GROUP], "displayName": name, "members": [{"value": members[0]}]})
    assert [one["value"] for one in whole.json["members"]] == members[:1]
    # A member who is removed is a member no more.
    assert scim("DELETE", f"/Users/{members[0]}").status == 204
    assert "members" not in scim("GET", path).json


def test_a_group_brings_roles(nexus: NexusProcess, scim: Scim, name: str, members: list[str]) -> None:
    """An ordinary binding of the team gives its members a role; the directory says who they are."""
    group = scim("POST", "/Groups", {"schemas": [GROUP], "displayName": name, "members": [{"value": members[0]}]}).json
    team = {"name": name, "members": [f"{name}-a"], "roles": [{"role": "viewer", "tenant": "default"}]}
    answer = nexus.request(
        "PUT", f"{API}/teams/{group['id']}", json.dumps(team).encode(), {"Content-Type": "application/json"}
    )
    assert answer.status == 200, answer.body
    # Who is a member is said by the directory only.
    other = {**team, "members": [f"{name}-a", f"{name}-b"]}
    assert (
        nexus.request(
            "PUT", f"{API}/teams/{group['id']}", json.dumps(other).encode(), {"Content-Type": "application/json"}
        ).status
        == 409
    )
    scim(
        "PATCH",
        f"/Groups/{group['id']}",
        {"schemas": [PATCH], "Operations": [{"op": "Add", "path": "members", "value": [{"value": members[1]}]}]},
    )
    (found,) = [one for one in nexus.get(f"{API}/teams").json["teams"] if one["id"] == group["id"]]
    assert found["source"] == "scim" and found["members"] == [f"{name}-a", f"{name}-b"] and found["roles"] == team["roles"]


# ------------------------------------------------------------------------------------------------------ who may, and not


def test_who_may(nexus: NexusProcess, name: str) -> None:
    def key(tenant: str, *permissions: str) -> str:
        return nexus.post(f"{API}/keys", {"name": name, "tenant": tenant, "permissions": list(permissions)}).json["secret"]

    assert client(nexus, token="")("GET", "/Users").status == 401
    assert client(nexus, token="wrong")("GET", "/Users").status == 401
    for secret in (key("*", "users:read", "logs:read"), key("default", "users:write")):
        refused = client(nexus, token=secret)("GET", "/Users")
        assert (
            refused.status == 403
            and refused.headers["Content-Type"] == "application/scim+json"
            and refused.json["status"] == "403"
        )
    assert client(nexus, token=key("*", "users:write"))("GET", "/Users").status == 200


def test_nobody_gets_more_by_a_directory_than_its_key_has(
    nexus: NexusProcess, scim: Scim, name: str, members: list[str]
) -> None:
    group = scim("POST", "/Groups", {"schemas": [GROUP], "displayName": name, "members": [{"value": members[0]}]}).json
    team = {"name": name, "members": [f"{name}-a"], "roles": [{"role": "admin", "tenant": "*"}]}
    assert (
        nexus.request(
            "PUT", f"{API}/teams/{group['id']}", json.dumps(team).encode(), {"Content-Type": "application/json"}
        ).status
        == 200
    )
    made = nexus.post(f"{API}/keys", {"name": name, "tenant": "*", "permissions": ["users:write"]}).json
    weak = client(nexus, token=made["secret"])
    add = {"schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": [{"value": members[1]}]}]}
    assert weak("PATCH", f"/Groups/{group['id']}", add).status == 403
    assert weak("DELETE", f"/Groups/{group['id']}").status == 403
    # Nor does it get hold of one of them.
    off = {"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"externalId": "mine"}}]}
    assert weak("PATCH", f"/Users/{members[0]}", off).status == 403
    assert weak("PATCH", f"/Users/{members[1]}", off).status == 200
    assert scim("PATCH", f"/Groups/{group['id']}", add).status == 200
    scim("DELETE", f"/Groups/{group['id']}")


@pytest.mark.parametrize(("method", "path", "body", "status", "kind"), [
    ("GET", "/Users?filter=userName", None, 400, "invalidFilter"),
    ("GET", "/Users?filter=" + quote('userName eq "a'), None, 400, "invalidFilter"),
    ("GET", "/Users?filter=" + quote("(" * 500), None, 400, "invalidFilter"),
    ("GET", "/Users?filter=" + quote('userName xx "a"'), None, 400, "invalidFilter"),
    ("GET", "/Users?count=many", None, 400, "invalidValue"),
    ("GET", "/Users/nobody", None, 404, None),
    ("GET", "/Nothing", None, 404, None),
    ("GET", "/Schemas?filter=" + quote('id eq "x"'), None, 403, None),
    ("POST", "/Users", {}, 400, "invalidValue"),
    ("POST", "/Users", [], 400, "invalidSyntax"),
    ("POST", "/Users", "text", 400, "invalidSyntax"),
    ("POST", "/Users", {"userName": 7}, 400, "invalidValue"),
    ("POST", "/Users", {"userName": "a b"}, 400, "invalidValue"),
    ("POST", "/Users", {"userName": "x", "active": "perhaps"}, 400, "invalidValue"),
    ("POST", "/Users", {"userName": "x", "emails": "x"}, 400, "invalidValue"),
    ("POST", "/Users", {"userName": "x", "emails": [{"value": "no address"}]}, 400, "invalidValue"),
    ("POST", "/Users", {"userName": "x", "externalId": "e" * 300}, 400, "invalidValue"),
    ("POST", "/Users", {"userName": "x", "schemas": "y"}, 400, "invalidSyntax"),
    ("POST", "/Groups", {"displayName": ""}, 400, "invalidValue"),
    ("POST", "/Groups", {"displayName": "g", "members": [{"value": "nobody"}]}, 400, "invalidValue"),
    ("POST", "/Groups", {"displayName": "g", "members": [{"value": "x", "type": "Group"}]}, 400, "invalidValue"),
    ("POST", "/Groups", {"displayName": "g", "members": {"value": "x"}}, 400, "invalidValue"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_the_words_of_the_protocol(
    scim: Scim, method: str, path: str, body: Any, status: int, kind: str | None
) -> None:
    answer = scim(method, path, body)
    assert answer.status == status and answer.headers["Content-Type"] == "application/scim+json", answer.body
    assert answer.json.get("scimType") == kind and answer.json["status"] == str(status) and answer.json["detail"]


@pytest.mark.parametrize(("operations", "kind"), [
    (None, "invalidSyntax"), ([], "invalidSyntax"), ({}, "invalidSyntax"), (["x"], "invalidSyntax"), ([{"op": "move"}], "invalidSyntax"),
    ([{"op": "remove"}], "noTarget"), ([{"op": "replace", "path": "id", "value": "x"}], "mutability"),
    ([{"op": "replace", "path": "userName", "value": "other"}], "mutability"), ([{"op": "add", "path": "nothing", "value": 1}], "invalidPath"),
    ([{"op": "add", "path": "emails[", "value": 1}], "invalidPath"), ([{"op": "add", "path": 7, "value": 1}], "invalidPath"),
    ([{"op": "replace", "path": 'emails[type eq "home"].value', "value": "x@y.example"}], "noTarget"),
    ([{"op": "replace", "value": "x"}], "invalidValue"), ([{"op": "add", "path": "displayName"}], "invalidValue"),
    ([{"op": "replace", "path": "displayName", "value": {"a": 1}}], "invalidValue"), ([{"op": "remove", "path": "userName"}], "invalidValue"),
    ([{"op": "replace", "path": "displayName", "value": "x"}] * 1001, "tooMany"),
])  # fmt: skip
def test_changes_that_are_wrong(scim: Scim, name: str, operations: Any, kind: str) -> None:
    made = scim("POST", "/Users", {"schemas": [USER], "userName": name, "displayName": "before"}).json
    answer = scim("PATCH", f"/Users/{made['id']}", {"schemas": [PATCH], "Operations": operations})
    assert answer.status == 400 and answer.json["scimType"] == kind, answer.body
    assert scim("GET", f"/Users/{made['id']}").json == made


def test_everything_is_audited(nexus: NexusProcess, scim: Scim, name: str) -> None:
    made = scim("POST", "/Users", {"schemas": [USER], "userName": name}).json
    scim(
        "PATCH", f"/Users/{made['id']}", {"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": False}}]}
    )
    group = scim("POST", "/Groups", {"schemas": [GROUP], "displayName": name}).json
    scim("PUT", f"/Groups/{group['id']}", {"schemas": [GROUP], "displayName": f"{name}-2"})
    scim("DELETE", f"/Groups/{group['id']}")
    scim("DELETE", f"/Users/{made['id']}")
    entries = nexus.get(f"{API}/audit?limit=50&all_tenants=1").json["entries"]
    done = [one["action"] for one in entries if one["subject"] in (name, group["id"])]
    assert done[::-1] == ["user.created", "user.changed", "team.created", "team.changed", "team.deleted", "user.deleted"]
