"""Changes of SCIM: every operation on every kind of attribute, and the habits of providers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.server.api.scim.errors import ScimError
from nexus.server.api.scim.patch import apply
from nexus.server.api.scim.resources import projected, wanted_group, wanted_user
from nexus.server.api.scim.schemas import GROUP_SHAPE, USER_SHAPE

USER = {"userName": "anna", "displayName": "Anna", "active": True, "emails": [{"value": "a@x.example", "type": "work"}]}
GROUP = {"displayName": "g", "members": [{"value": "1"}, {"value": "2"}]}


def changed(op: str, path: str | None = None, value: Any = ..., resource: Any = USER) -> dict[str, Any]:
    operation = {"op": op, **({} if path is None else {"path": path}), **({} if value is ... else {"value": value})}
    before = copy.deepcopy(resource)
    after = apply(resource, [operation], USER_SHAPE if resource is USER else GROUP_SHAPE)
    assert resource == before
    return after


def test_single_values() -> None:
    assert changed("Replace", "displayName", "B")["displayName"] == "B"
    assert changed("add", "DISPLAYNAME", "B")["displayName"] == "B"
    assert "displayName" not in changed("remove", "displayName")
    assert changed("replace", None, {"displayName": "B", "active": False, "id": "x", "meta": {}})["active"] is False
    assert changed("Add", "name.givenName", "A")["name"] == {"givenname": "A"}
    assert (
        wanted_user(
            changed("replace", None, {"name.givenName": "A", "name.familyName": "B", "displayName": None})
        ).display_name
        == "A B"
    )


def test_several_values() -> None:
    def members(op: str, path: str, value: Any = ...) -> list[str]:
        return [one["value"] for one in changed(op, path, value, GROUP)["members"]]

    assert members("add", "members", [{"value": "3"}]) == ["1", "2", "3"]
    assert members("add", "members", {"value": "3"}) == ["1", "2", "3"]
    assert members("add", "members", [{"value": "2"}, {"value": "2"}]) == ["1", "2"]
    assert members("replace", "members", [{"value": "3"}]) == ["3"]
    assert members("remove", "members") == []
    assert members("remove", "members", [{"value": "1"}]) == ["2"]
    assert members("remove", "members", [{"value": "9"}]) == ["1", "2"]
    assert members("Remove", 'members[value eq "2"]') == ["1"]
    assert members("Remove", 'members[value eq "9"]') == ["1", "2"]
    # Ids are told apart by case, addresses are not.
    ids = {"displayName": "g", "members": [{"value": "Ab"}, {"value": "aB"}]}
    assert changed("remove", 'members[value eq "aB"]', ..., ids)["members"] == [{"value": "Ab"}]
    assert changed("remove", "members", [{"value": "aB"}], ids)["members"] == [{"value": "Ab"}]
    assert changed("remove", 'emails[value eq "A@X.example"]')["emails"] == []


def test_values_that_a_filter_chooses() -> None:
    assert changed("Replace", 'emails[type eq "work"].value', "b@x.example")["emails"] == [
        {"value": "b@x.example", "type": "work"}
    ]
    assert changed("Add", 'emails[type eq "home"].value', "h@x.example")["emails"][1] == {
        "type": "home",
        "value": "h@x.example",
    }
    assert changed("remove", 'emails[type eq "work"].value')["emails"] == [{"type": "work"}]
    with pytest.raises(ScimError, match="no value"):
        changed("replace", 'emails[type eq "home"].value', "x")
    with pytest.raises(ScimError, match="no value"):
        changed("add", 'emails[type ne "work"].value', "x")


def test_what_is_not_kept_is_ignored_and_what_is_unknown_refused() -> None:
    assert changed("add", "title", "x") == USER
    assert changed("add", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "x") == USER
    assert (
        changed("replace", None, {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "x"}}) == USER
    )
    with pytest.raises(ScimError) as error:
        changed("add", "nothing", "x")
    assert error.value.kind == "invalidPath"


@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "replace", "Add", "x"]), st.sampled_from([None, "members", "displayName", 'members[value eq "1"]', 'members[value eq "1"].value', "members.value", "id", "x"]),
                          st.recursive(st.none() | st.booleans() | st.text(max_size=3) | st.just({"value": "3"}), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["value", "members", "displayName", "id"]), inner, max_size=2), max_leaves=5)), max_size=4))  # fmt: skip
def test_any_change_is_made_or_refused(operations: list[tuple[str, str | None, Any]]) -> None:
    """Nothing that a client writes is a defect of ours: what comes out is a group, or an error that says why."""
    written = [{"op": op, "path": path, "value": value} for op, path, value in operations]
    try:
        wanted_group(apply(GROUP, written, GROUP_SHAPE))
    except ScimError:
        pass


def test_attributes_that_are_wanted() -> None:
    resource = {"schemas": ["s"], "id": "1", **USER}
    assert projected(resource, ["userName"], []) == {"schemas": ["s"], "id": "1", "userName": "anna"}
    assert projected(resource, ["emails.value"], [])["emails"] == [{"value": "a@x.example"}]
    assert projected(resource, [], ["emails", "id"]) == {name: value for name, value in resource.items() if name != "emails"}
    assert projected(resource, [], ["emails.type"])["emails"] == [{"value": "a@x.example"}]


def test_the_address_that_is_kept() -> None:
    def kept(*emails: Any) -> str:
        return wanted_user({"userName": "x", "emails": list(emails)}).email

    assert kept({"value": "a"}, {"value": "b", "primary": True}, {"value": "c", "type": "work"}) == "b"
    assert kept({"value": "a"}, {"value": "c", "type": "work"}) == "c"
    assert kept({"value": "a"}, {"value": "b", "primary": "False"}) == "a"
    assert kept({"type": "work"}) == kept() == ""
