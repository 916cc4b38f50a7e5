"""Masked fields: what belongs to each, what can be none, and which conditions ask for masked values."""

from __future__ import annotations

import pytest

from nexus.errors import InvalidRequest, MaskedField
from nexus.query.fields import name_of, resolve
from nexus.query.logs import lower, parse, terms
from nexus.query.masks import complete, hides
from nexus.query.plan import (
    Aggregate,
    Contains,
    Contrast,
    Count,
    Export,
    Field,
    FieldKind,
    Histogram,
    Level,
    LogScan,
    Matches,
    OfResources,
    Plan,
    Predicate,
    Profile,
    SqlStatement,
)
from nexus.query.policy import check_conditions, scope
from nexus.security.authority import masked_fields


def fields(*names: str) -> frozenset[Field]:
    return frozenset(map(resolve, names))


def where(query: str) -> Predicate:
    return lower(parse(query).root, now_ns=0)


def refused(plan: Plan, *masked: str) -> bool:
    try:
        scoped = scope(plan, tenant="t", masked=fields(*masked), query_id="q")
    except MaskedField:
        return True
    assert scoped.masked == complete(fields(*masked))
    return False


def test_what_tells_the_same_is_masked_with_a_field() -> None:
    assert complete(fields("pod")) == fields("attributes.pod", "resource.pod")
    assert complete(fields("body")) == fields("body", "template_id")
    assert complete(fields("template_id")) == fields("body", "template_id")
    service = {Field(FieldKind.COLUMN, "service"), Field(FieldKind.RESOURCE, "service.name")}
    assert complete(fields("service")) == complete(fields("resource.service.name")) == service
    assert complete(fields("user.email")) == fields("user.email")
    assert hides(complete(fields("resource.pod")), resolve("pod"))
    assert not hides(complete(fields("resource.pod")), resolve("attributes.pod"))


@pytest.mark.parametrize("name", ["timestamp", "observed_timestamp", "severity", "severity_number"])
def test_times_and_severity_cannot_be_masked(name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be masked"):
        complete(fields(name))


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ("email:bob", "email"),
        ("-email:bob", "email"),
        ("a OR (b email:(x OR y*))", "email"),
        ("email:>5", "email"),
        ('email:!="x"', "email"),
        ("email:/x/", "email"),
        ("pod:a", "resource.pod"),
        ("pod:a", "attributes.pod"),
        ("resource.pod:a", "pod"),
        ("word", "body"),
        ('"two words"', "body"),
        ("conn*", "body"),
        ("template_id:00000000000000ab", "body"),
        ("service:cart", "service.name"),
        ("resource.service.name:cart", "service"),
        ("trace_id:4bf92f3577b34da6a3ce929d0e0e4736", "trace_id"),
        ("trace_id:*", "trace_id"),
    ],
)
def test_conditions_on_masked_values_are_refused(query: str, masked: str) -> None:
    scan = LogScan(where=where(query))
    assert refused(Count(scan), masked)
    for plan in (
        Profile(LogScan(), scan),
        Contrast(scan, LogScan(), ()),
        Aggregate(LogScan(), (Level(Matches((where(query),))),)),
        Export(scan),
    ):
        assert refused(plan, masked)
    assert not refused(Count(scan), "other", "event_name")


def test_what_is_shown_may_be_asked_for() -> None:
    for query in ("email:*", '-email:"***"', "email:=***", "pod:a attributes.email:b", "*"):
        assert not refused(
            Count(LogScan(where=where(query))), "email" if "attributes.email" not in query else "resource.email"
        )
    assert not refused(Histogram(LogScan(), 1, resolve("email")), "email")
    assert not refused(Count(LogScan(where=OfResources((1,)))), "pod")
    assert not refused(SqlStatement("SELECT attributes['email'] FROM logs", 1), "email")
    assert refused(Count(LogScan(where=Contains(resolve("body"), "x"))), "body")


def test_the_place_of_a_masked_field_is_known() -> None:
    root = parse("level:error (user:a OR -email:(x OR y)) word").root
    places = []
    for (start, end), term in terms(root, now_ns=0):
        try:
            check_conditions((term,), fields("email"))
        except MaskedField as error:
            assert "email" in error.message
            places.append((start, end))
    assert [("level:error (user:a OR -email:(x OR y)) word")[start:end] for start, end in places] == ["x", "y"]


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("user.email", {"attributes.user.email", "resource.user.email"}),
        ("pod", {"attributes.pod", "resource.pod"}),
        ("attributes.user.email", {"attributes.user.email"}),
        ("resource.user.email", {"resource.user.email"}),
    ],
)
def test_a_bare_name_is_masked_wherever_a_sender_puts_it(name: str, hidden: set[str]) -> None:
    masked = masked_fields((name,))
    assert complete(masked) == fields(*hidden)
    assert {name_of(field) for field in masked} == {name.removeprefix("attributes.")}
