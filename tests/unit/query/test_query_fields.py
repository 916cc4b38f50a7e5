"""Names of fields and what closes a plan over its tenant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.errors import InvalidRequest
from nexus.query.fields import name_of, resolve, severity_name
from nexus.query.plan import LOG_COLUMNS, All, Count, Field, FieldKind, Limits, LogScan, Word
from nexus.query.policy import scope

_KEYS = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["level", "Service", "attributes.x", "resource.x", "host.name", "attributes", "resource.", "pod", "message"]
)


@pytest.mark.parametrize("name", [name for name in LOG_COLUMNS if name not in ("attributes", "resource")])
def test_columns_go_by_their_name_in_any_case(name: str) -> None:
    assert resolve(name.upper()) == Field(FieldKind.COLUMN, name) == resolve(name)
    assert name_of(resolve(name)) == name


@given(_KEYS)
def test_the_name_of_an_attribute_means_that_attribute(key: str) -> None:
    field = Field(FieldKind.ATTRIBUTE, key)
    assert resolve(name_of(field)) == field


@given(_KEYS)
def test_the_name_of_a_resource_key_includes_it(key: str) -> None:
    found = resolve(name_of(Field(FieldKind.RESOURCE, key)))
    assert found.name == key
    assert found.kind in (FieldKind.RESOURCE, FieldKind.ANYWHERE)


@pytest.mark.parametrize("name", ["", "attributes", "Resource"])
def test_what_names_no_field_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        resolve(name)


def test_severities_have_aliases() -> None:
    assert severity_name("WARNING") == severity_name("warn") == "warn"
    assert severity_name("critical") == "fatal"
    assert severity_name("loud") is None


def test_scope_closes_a_plan() -> None:
    plan = Count(LogScan())
    scoped = scope(plan, tenant="acme", query_id="q1")
    assert (scoped.plan, scoped.tenant, scoped.policy, scoped.limits) == (plan, "acme", All(), Limits())
    limited = scope(plan, tenant="acme", policy=Word("x"), limits=Limits(seconds=1), query_id="q2")
    assert (limited.policy, limited.limits.seconds) == (Word("x"), 1)


@pytest.mark.parametrize(("tenant", "query_id"), [("", "q"), ("t", "")])
def test_an_empty_tenant_never_means_every_tenant(tenant: str, query_id: str) -> None:
    with pytest.raises(InvalidRequest):
        scope(Count(LogScan()), tenant=tenant, query_id=query_id)
