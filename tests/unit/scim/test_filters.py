"""Filters and paths of SCIM: what they mean, and that any text is read or refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.server.api.scim.errors import ScimError
from nexus.server.api.scim.filters import Both, Compare, Either, Filter, Not, Path, matches, parse_filter, parse_path

ANNA = {
    "id": "AbC", "userName": "anna", "displayName": "Anna B", "active": True, "externalId": "E-1", "number": 7,
    "emails": [{"value": "Anna@Corp.example", "type": "work"}, {"value": "a@home.example", "type": "home"}],
    "name": {"familyName": "B"}, "meta": {"created": "2026-01-02T03:04:05.123456789Z", "resourceType": "User"},
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [
    ('userName eq "anna"', True), ('USERNAME Eq "ANNA"', True), ('userName eq "ann"', False), ('userName ne "bob"', True),
    ('userName co "NN"', True), ('userName sw "an"', True), ('userName ew "na"', True), ('userName ew "an"', False),
    ('id eq "AbC"', True), ('id eq "abc"', False), ('externalId eq "e-1"', False), ("userName pr", True), ("title pr", False),
    ("active eq true", True), ("active eq True", True), ("active eq false", False), ('active eq "true"', False), ("active ne false", True),
    ('emails eq "a@home.example"', True), ('emails.value eq "a@home.example"', True), ('emails.type eq "other"', False),
    ('emails co "corp"', True), ('emails[type eq "work" and value co "home"]', False), ('emails[type eq "work" and value co "corp"]', True),
    ('emails[not (type eq "work")]', True), ('name.familyName eq "b"', True), ("name pr", False),
    ('userName eq "x" or userName eq "anna"', True), ('userName eq "x" and userName eq "y" or active eq true', True),
    ('userName eq "x" and (userName eq "y" or active eq true)', False), ('not (userName eq "x")', True), ("number gt 6", True),
    ("number le 6", False), ('meta.created gt "2026-01-01T00:00:00Z"', True), ('meta.created lt "2026-01-02T04:04:05+02:00"', False),
    ('meta.created ge "2025-12-31"', True), ('userName gt "alf"', True), ("userName eq null", False), ('title ne "x"', True),
    ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "anna"', True), (r'displayName eq "Anna \u0042"', True),
    (r'userName eq "an\"na"', False),
])  # fmt: skip
def test_what_a_filter_matches(text: str, expected: bool) -> None:
    assert matches(ANNA, parse_filter(text)) is expected


@pytest.mark.parametrize("text", [
    "", " ", "userName", "userName eq", 'eq "x"', 'userName xx "x"', "userName eq anna", 'userName eq "x', 'userName eq "x" and',
    'and userName eq "x"', '(userName eq "x"', 'userName eq "x")', "()", 'userName[type eq "x"', 'emails[]', 'not userName eq "x"',
    'userName co 1', "userName gt true", "userName gt null", 'userName eq "x" userName eq "y"', 'a.b.c eq "x"', '1a eq "x"',
    r'userName eq "\x"', "x" * 3000, "(" * 200 + 'userName pr' + ")" * 200, 'userName eq 01', "userName eq -", 'ü eq "x"',
])  # fmt: skip
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(ScimError) as error:
        parse_filter(text)
    assert error.value.kind == "invalidFilter" and error.value.http_status == 400


@given(st.text(max_size=80) | st.text(alphabet='()[]"\\ .andortue eq19-', max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse_filter, parse_path):
        try:
            read(text)
        except ScimError:
            pass


_LEAVES = st.tuples(st.sampled_from(["username", "active", "emails.value", "title"]), st.sampled_from(["eq", "ne", "co", "gt", "pr"]),
                    st.sampled_from(["anna", "corp", "z", ""])).map(lambda one: Compare(one[0], one[1], None if one[1] == "pr" else one[2]))  # fmt: skip
_TREES: Any = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Both(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Either(tuple(parts)))
        | inner.map(Not)
    ),
    max_leaves=8,
)


def written(tree: Filter) -> str:
    match tree:
        case Both(parts):
            return " and ".join(f"({written(part)})" for part in parts)
        case Either(parts):
            return " or ".join(f"({written(part)})" for part in parts)
        case Not(inner):
            return f"not ({written(inner)})"
        case Compare(attribute, operator, value):
            return f"{attribute} {operator}" + ("" if operator == "pr" else f' "{value}"')
    raise AssertionError(tree)


@given(_TREES)
def test_a_filter_that_is_written_and_read_again_is_the_same(tree: Filter) -> None:
    assert parse_filter(written(tree)) == tree
    assert matches(ANNA, Not(tree)) is not matches(ANNA, tree)


@pytest.mark.parametrize(("text", "path"), [
    ("displayName", Path("displayname")), ("name.familyName", Path("name", None, "familyname")),
    ('emails[type eq "work"]', Path("emails", Compare("type", "eq", "work"))),
    ('emails[type eq "work"].value', Path("emails", Compare("type", "eq", "work"), "value")),
    ("urn:ietf:params:scim:schemas:core:2.0:User:displayName", Path("displayname")),
    ("urn:ietf:params:scim:schemas:core:2.0:Group:members", Path("members")),
])  # fmt: skip
def test_paths(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "emails[",
        'emails[type eq "x"]x',
        'emails[type eq "x"].a.b',
        'emails.value[type eq "x"]',
        "a.b.c",
        "$.x[*]",
    ],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ScimError) as error:
        parse_path(text)
    assert error.value.kind == "invalidPath"
