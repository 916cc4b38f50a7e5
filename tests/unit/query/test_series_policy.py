"""Row policies for series: both forms say the same as a slow reading of the policy, and what a series cannot tell lets none
through."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.errors import MaskedField, PermissionDenied
from nexus.query import policy as scoping
from nexus.query.plan import (
    All,
    And,
    Compare,
    CompareOp,
    Contains,
    Exists,
    Field,
    FieldKind,
    LabelMatcher,
    ListSeries,
    Not,
    Or,
    Phrase,
    Predicate,
    Regex,
    SeriesScan,
    Wildcard,
    Word,
)
from nexus.query.promql import parse, parse_selector
from nexus.query.promql.lower import lower
from nexus.query.series_policy import extra_filters, labels_of, sight

SERVICE = Field(FieldKind.COLUMN, "service")
EMAIL = Field(FieldKind.ATTRIBUTE, "user.email")
STATUS = Field(FieldKind.ATTRIBUTE, "status")
FIELDS = st.sampled_from(
    [SERVICE, EMAIL, STATUS, Field(FieldKind.RESOURCE, "service.name"), Field(FieldKind.ANYWHERE, "pod")]
)
VALUES = st.sampled_from(["a", "pay", "hr/pay", "5", "50", "a.b", ""])
leaves = st.one_of(
    st.builds(Compare, FIELDS, st.sampled_from([CompareOp.EQ, CompareOp.NE]), VALUES | st.just(5)),
    st.builds(Compare, FIELDS, st.sampled_from([CompareOp.LT, CompareOp.GE]), st.sampled_from([5, 7.5])),
    st.builds(Exists, FIELDS),
    st.builds(Wildcard, FIELDS, st.sampled_from([("p", ""), ("", "y"), ("", ""), ("P", "Y")])),
    st.builds(Regex, FIELDS, st.sampled_from(["p.y", "^a$", "pay|5"])),
    st.builds(Contains, FIELDS, st.sampled_from(["a", "a.b"])),
    st.builds(Word, st.just("secret")),
    st.builds(Compare, FIELDS, st.just(CompareOp.LT), st.just("text")),
    st.just(All()),
)
policies = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, max_size=2).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=2).map(tuple)),
    ),
    max_leaves=4,
)
series = st.dictionaries(
    st.sampled_from(["service_name", "service", "job", "user.email", "user_email", "status", "pod"]),
    VALUES.filter(bool),
    max_size=4,
)


def told(predicate: Predicate, labels: dict[str, str]) -> bool | None:
    """What a policy says of a series; None when a series cannot tell."""
    match predicate:
        case All():
            return True
        case And(parts) | Or(parts):
            found = [told(part, labels) for part in parts]
            decides = isinstance(predicate, Or)
            if decides in found:
                return decides
            return None if None in found else not decides
        case Not(part):
            inner = told(part, labels)
            return None if inner is None else not inner
        case Word():
            return None
    name = next((one for one in labels_of(predicate.field) if one in labels), None)  # type: ignore[union-attr]
    value = labels.get(name, "") if name else ""
    values = [value] if name else []
    if name == "job" and "/" in value:
        # A namespace is not empty.
        values += [value[at + 1 :] for at in range(1, len(value)) if value[at] == "/"]
    fold = re.I if predicate.field is SERVICE or predicate.field.kind is FieldKind.COLUMN else re.NOFLAG  # type: ignore[union-attr]
    match predicate:
        case Exists():
            return bool(values)
        case Compare(_, CompareOp.EQ, other):
            return str(other) in values
        case Compare(_, CompareOp.NE, other):
            return bool(values) and str(other) not in values
        case Compare(_, op, other):
            if isinstance(other, str):
                return None
            number = float(value) if value.isdigit() else None
            return number is not None and (number < other if op is CompareOp.LT else number >= other)
        case Wildcard(_, pieces):
            return any(re.fullmatch(".*".join(map(re.escape, pieces)), one, fold) for one in values)
        case Regex(_, pattern):
            return any(re.search(pattern, one) for one in values)
        case Contains(_, text):
            return any(text in one for one in values)
    raise AssertionError(predicate)


def sees(condition: Any, labels: dict[str, str]) -> bool:
    """The native store's reading of a sight."""
    [(kind, body)] = condition.items()
    if kind == "constant":
        return bool(body)
    if kind in ("and", "or"):
        found = [sees(one, labels) for one in body]
        return all(found) if kind == "and" else any(found)
    if kind == "not":
        return not sees(body, labels)
    first = next((labels[name] for name in body["names"] if name in labels), None)
    if kind == "exists":
        return first is not None
    if kind == "number":
        ops = {"<": float.__lt__, ">=": float.__ge__}
        return first is not None and first.isdigit() and ops[body["op"]](float(first), body["value"])
    return matches(LabelMatcher("", body["matcher"]["op"], body["matcher"]["value"]), first or "")


def matches(one: LabelMatcher, value: str) -> bool:
    """A matcher, as PromQL has it."""
    if one.op in ("=", "!="):
        return (one.value == value) == (one.op == "=")
    return (re.fullmatch(one.value, value, re.S) is not None) == (one.op == "=~")


@given(policies, series)
@settings(max_examples=500, deadline=None)
def test_a_sight_is_what_the_policy_says(policy: Predicate, labels: dict[str, str]) -> None:
    """What cannot be told is not seen."""
    written = json.loads(sight(policy, frozenset()))
    assert ("policy" in written) is (policy != All())
    if "policy" in written:
        assert sees(written["policy"], labels) is (told(policy, labels) is True)


@given(policies, series)
@settings(max_examples=500, deadline=None)
def test_selectors_say_the_same(policy: Predicate, labels: dict[str, str]) -> None:
    """One of them matches exactly the series that are seen; otherwise they are refused."""
    try:
        filters = extra_filters(policy)
    except PermissionDenied as error:
        assert "cannot apply" in error.message
        return
    written = json.loads(sight(policy, frozenset()))
    seen = sees(written["policy"], labels) if "policy" in written else True
    found = not filters or any(
        all(matches(LabelMatcher(one.name, one.op, one.value), labels.get(one.name, "")) for one in parse_selector(text))  # type: ignore[arg-type]
        for text in filters
    )
    if not filters:
        assert seen
    assert found is seen, filters


def test_labels_of_fields() -> None:
    """The name, with underscores, as OpenTelemetry's rules translate it."""
    assert labels_of(EMAIL) == ("user.email", "user_email")
    assert labels_of(Field(FieldKind.RESOURCE, "k8s.pod-name")) == ("k8s.pod-name", "k8s_pod-name", "k8s_pod_name")
    assert labels_of(Field(FieldKind.ATTRIBUTE, "0x")) == ("0x", "key_0x")
    assert labels_of(Field(FieldKind.RESOURCE, "service.name")) == labels_of(SERVICE) == ("service_name", "service", "job")
    assert labels_of(Field(FieldKind.COLUMN, "body")) == ()


def test_masks_are_labels() -> None:
    """All that may hold the value."""
    written = json.loads(sight(All(), frozenset({EMAIL, Field(FieldKind.COLUMN, "trace_id")})))
    assert written == {"masked": ["traceID", "trace_id", "user.email", "user_email"], "mask": "***"}
    with pytest.raises(PermissionDenied, match="masked fields"):
        extra_filters(All(), frozenset({EMAIL}))


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ('x{user_email="a"}', True),
        ('x{"user.email"=~".+"}', True),
        ('sum(x) / count(y offset 1m) by (a) + max_over_time(z{user_email!="b"}[5m:])', True),
        ('info(x, {user_email=~"a.*"})', True),
        ('x{user_email!=""}', False),
        ('sum by (user_email) (x{email="a"})', False),
    ],
)
def test_masked_values_cannot_be_asked_for(text: str, refused: bool) -> None:
    """In any selector; grouping sees the mask."""
    plan = lower(parse(text), text, start=0, end=0)
    arguments: dict[str, Any] = {"tenant": "t", "query_id": "q", "masked": frozenset({EMAIL})}
    if not refused:
        assert scoping.scope(plan, **arguments).masked
        return
    with pytest.raises(MaskedField, match=r"the label user.email is masked"):
        scoping.scope(plan, **arguments)
    scan = SeriesScan(((LabelMatcher("a", "=", "b"),), (LabelMatcher("user_email", "=", "x"),)), 0, 1)
    with pytest.raises(MaskedField):
        scoping.scope(ListSeries(scan), **arguments)


def test_what_selectors_cannot_say_is_refused() -> None:
    """Numbers; more alternatives than fit."""
    with pytest.raises(PermissionDenied, match="comparisons of numbers"):
        extra_filters(Compare(STATUS, CompareOp.LT, 5))
    wide = And(
        tuple(Or(tuple(Compare(Field(FieldKind.ATTRIBUTE, f"f{i}{j}"), CompareOp.EQ, "x") for j in "abc")) for i in range(5))
    )
    with pytest.raises(PermissionDenied, match="64 alternatives"):
        extra_filters(wide)
    assert extra_filters(Phrase("secret")) == ('{__name__="",__name__!=""}',)
    assert extra_filters(Compare(STATUS, CompareOp.EQ, "5")) == ('{status="5",status!=""}',)
