"""What roles add up to, and who may give them: never more than the giver has, whatever the roles."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.errors import PermissionDenied
from nexus.query.plan import And, Compare, CompareOp, Field, FieldKind, Not, Or, Predicate
from nexus.security.access import Access, Authority, Grant, Role, combine
from nexus.security.authority import BUILTIN, FULL_AUTHORITY
from nexus.security.giving import check_giving, implies, lacking
from nexus.security.permissions import EVERYTHING, SYSTEM, Permission

FIELDS = [Field(FieldKind.ATTRIBUTE, name) for name in "abc"]
RESOURCES = ["*", "pipeline:*", "pipeline:a*", "pipeline:ab", "pipeline:?b", "pipeline:a?", "key:*"]
NAMES = [("pipeline", name) for name in ("ab", "a", "bb", "a*", "ac", "abc")] + [("key", "ab")]
SEEN: list[dict[str, str]] = [{"a": a, "b": b, "c": c} for a in "01" for b in "01" for c in "01"]

atoms = st.sampled_from([Compare(field, CompareOp.EQ, value) for field in FIELDS for value in "01"])
predicates: st.SearchStrategy[Predicate] = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Or(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=6,
)
grants = st.builds(
    Grant,
    st.sampled_from([Permission.LOGS_READ, Permission.SQL_READ, Permission.PIPELINES_WRITE, Permission.USERS_WRITE]),
    st.sampled_from(RESOURCES),
) | st.just(Grant(Permission.ADMIN))
roles = st.builds(
    Role,
    st.sampled_from("rstu"),
    st.just(""),
    st.lists(grants, min_size=1, max_size=4).map(tuple),
    st.none() | predicates,
    st.frozensets(st.sampled_from(FIELDS), max_size=2),
)


def matches(predicate: Predicate | None, record: dict[str, str]) -> bool:
    match predicate:
        case None:
            return True
        case Compare(field, _, value):
            return record[field.name] == value
        case And(parts):
            return all(matches(part, record) for part in parts)
        case Or(parts):
            return any(matches(part, record) for part in parts)
        case Not(part):
            return not matches(part, record)
    raise AssertionError(predicate)


def sees(access: Access) -> set[tuple[int, str]]:
    """Values that are seen: (number of the record, field)."""
    if not access.permissions & {Permission.LOGS_READ, Permission.SQL_READ}:
        return set()
    masked = {field.name for field in access.masked}
    return {(at, f) for at, r in enumerate(SEEN) if matches(access.policy, r) for f in ["", *r] if f not in masked}


def does(access: Access) -> set[tuple[Permission, str, str]]:
    return {(p, kind, name) for p in Permission for kind, name in NAMES if access.may_on(p, kind, name)}


@given(predicates, predicates)
def test_implication_holds_for_every_record(inner: Predicate, outer: Predicate) -> None:
    if implies(inner, outer):
        assert all(matches(outer, record) for record in SEEN if matches(inner, record))


@given(st.lists(roles, min_size=1, max_size=3))
def test_a_sum_shows_what_some_role_shows_and_grants_what_some_role_grants(held: list[Role]) -> None:
    together = combine(held)
    assert sees(together) <= set().union(*(sees(combine([role])) for role in held))
    assert does(together) == set().union(*(does(combine([role])) for role in held))


@given(st.lists(roles, min_size=1, max_size=3), roles, st.sampled_from(["*", "team-a"]))
def test_whoever_gives_himself_a_role_has_no_more_than_before(held: list[Role], role: Role, tenant: str) -> None:
    before = Authority({"*": tuple(held)})
    if not lacking(before.access(tenant), role, tenant):
        after = Authority({"*": tuple(held), tenant: (*(held if tenant == "*" else ()), role)})
        for where in ("*", "team-a", "team-b"):
            assert does(after.access(where)) <= does(before.access(where))
            assert sees(after.access(where)) <= sees(before.access(where))


@given(st.sampled_from(RESOURCES), st.sampled_from(RESOURCES))
def test_a_wider_pattern_matches_whatever_the_other_one_does(held: str, wanted: str) -> None:
    giver = combine([Role("r", "", (Grant(Permission.PIPELINES_WRITE, held),))])
    if not lacking(giver, Role("s", "", (Grant(Permission.PIPELINES_WRITE, wanted),)), "team-a"):
        for kind, name in NAMES:
            text = f"{kind}:{name}"
            assert not fnmatchcase(text, wanted) or fnmatchcase(text, held)


def test_who_may_do_everything_gives_everything() -> None:
    check_giving(FULL_AUTHORITY, [(role, tenant) for role in BUILTIN.values() for tenant in ("*", "team-a")])


@pytest.mark.parametrize(
    ("held", "role", "tenant", "lacks"),
    [
        ("operator", "admin", "team-a", "the permission admin"),
        ("viewer", "editor", "team-a", "the permissions queries:cancel, views:write"),
        ("editor", "viewer", "team-a", ""),
        ("editor", "viewer", "*", ""),
    ],
)
def test_built_in_roles(held: str, role: str, tenant: str, lacks: str) -> None:
    assert lacking(Authority({"*": (BUILTIN[held],)}).access(tenant), BUILTIN[role], tenant) == lacks


def test_an_administrator_of_one_tenant() -> None:
    one = Authority({"team-a": (BUILTIN["admin"],)})
    assert one.access("team-a").permissions == EVERYTHING - SYSTEM
    assert not one.access("team-a").may_on(Permission.USERS_WRITE, "user", "x")
    assert not one.access("team-b").permissions
    check_giving(one, [(BUILTIN["admin"], "team-a")])
    for tenant in ("team-b", "*"):
        with pytest.raises(PermissionDenied, match="more than you have"):
            check_giving(one, [(BUILTIN["viewer"], tenant)])


def test_an_authority_in_one_tenant_only() -> None:
    everywhere = Authority({"*": (BUILTIN["admin"],), "team-b": (BUILTIN["viewer"],)})
    one = everywhere.only("team-a")
    assert one.access("team-a").permissions == EVERYTHING - SYSTEM
    assert (one.reaches("team-a"), one.reaches("team-b"), one.reaches("*"), one.everywhere) == (True, False, False, False)


def test_policies_and_masks_cannot_be_widened() -> None:
    a, b = (Compare(field, CompareOp.EQ, "1") for field in FIELDS[:2])
    read = (Grant(Permission.LOGS_READ),)
    giver = combine([Role("r", "", read, a, frozenset(FIELDS[:1]))])
    assert lacking(giver, Role("s", "", read, a, frozenset(FIELDS[:1])), "*") == ""
    assert lacking(giver, Role("s", "", read, And((a, b)), frozenset(FIELDS[:2])), "*") == ""
    assert "every record" in lacking(giver, Role("s", "", read, None, frozenset(FIELDS[:1])), "*")
    assert "every record" in lacking(giver, Role("s", "", read, Or((a, b)), frozenset(FIELDS[:1])), "*")
    assert "every field" in lacking(giver, Role("s", "", read, a), "*")
    assert lacking(giver, Role("s", "", (Grant(Permission.LOGS_READ), Grant(Permission.VIEWS_READ)), a), "*")


def test_what_a_role_does_not_show_its_other_permissions_do_not_reach_either() -> None:
    shop, bank = (Compare(FIELDS[0], CompareOp.EQ, value) for value in "01")
    cleaner = Role("cleaner", "", (Grant(Permission.LOGS_DELETE),), shop, policy_text="a:0")
    alone = combine([cleaner])
    assert (alone.policy, alone.unrestricted) == (shop, False)
    # A role that shows more deletes no more, and one that deletes shows no more.
    viewer = Role("viewer", "", (Grant(Permission.LOGS_READ),))
    both = combine([viewer, cleaner])
    assert (both.policy, both.erasing.policy, both.erasing.policy_text) == (None, And((shop,)), "(a:0)")
    other = combine([Role("bank", "", (Grant(Permission.LOGS_READ),), bank, policy_text="a:1"), cleaner])
    assert (other.policy, other.erasing.policy) == (bank, And((bank, shop)))
    assert other.erasing.policy_text == "(a:1) AND (a:0)"
    assert combine([viewer, Role("sweeper", "", (Grant(Permission.LOGS_DELETE),))]).erasing.unrestricted
    hiding = Role("hiding", "", (Grant(Permission.LOGS_DELETE),), masked=frozenset(FIELDS[:1]))
    assert combine([viewer, hiding]).erasing.masked == frozenset(FIELDS[:1])


@pytest.mark.parametrize(
    "permission",
    ["logs:delete", "retention:write", "pipelines:read", "pipelines:write", "queries:read", "tenants:read"],
)
def test_who_does_not_see_every_record_gives_nothing_that_reaches_every_record(permission: str) -> None:
    held = tuple(Grant(one) for one in sorted(EVERYTHING - {Permission.ADMIN}))
    shop = Compare(FIELDS[0], CompareOp.EQ, "0")
    wanted = (Grant(Permission(permission)),)
    for narrow in (Role("narrow", "", held, shop), Role("narrow", "", held, masked=frozenset(FIELDS[:1]))):
        giver = combine([narrow])
        assert "the sight of every" in lacking(giver, Role("a key", "", wanted), "team-a")
        assert not lacking(giver, Role("as narrow", "", wanted, narrow.policy, narrow.masked), "team-a")
        assert not lacking(giver, Role("a key", "", (Grant(Permission.LOGS_WRITE),)), "team-a")
    # Who sees everything by one role and deletes by a narrow one gives no wider one that deletes.
    giver = combine([Role("viewer", "", (Grant(Permission.LOGS_READ),)), Role("narrow", "", held, shop)])
    lacks = lacking(giver, Role("a key", "", (Grant(Permission.LOGS_DELETE),)), "team-a")
    assert lacks == "the sight of every record that it shows"
