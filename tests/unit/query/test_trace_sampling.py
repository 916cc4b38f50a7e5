"""Policies of tail sampling: what may be written, and what is said about what may not."""

from __future__ import annotations

from typing import Any

import pytest

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.query.trace_plan import EVERY_SPAN, Binary, Constant, Place, SpanField
from nexus.query.traces.sampling import (
    MAX_RULES,
    WrittenPolicy,
    WrittenRule,
    dump_policy,
    load_policy,
    lower_policy,
)


def rule(name: str = "r", where: str = "{ status = error }", **more: Any) -> WrittenRule:
    """A rule that keeps all, unless told."""
    return WrittenRule(name, where, **(more if {"probability", "per_second"} & more.keys() else {**more, "probability": 1}))


def test_rules_become_conditions_on_spans() -> None:
    """In their order, with what they keep."""
    slow = WrittenRule("slow", slow=0.99, per_second=5)
    policy = lower_policy(WrittenPolicy((rule(), slow, rule("all", "{ }", probability=0.5)), 0.01))
    errors, slowest, every = policy.rules
    assert errors.where == Binary("=", SpanField(Place.INTRINSIC, "status"), Constant("status", "error"))
    assert (errors.probability, errors.per_second, errors.slow) == (1, None, None)
    assert (slowest.where, slowest.slow, slowest.per_second, slowest.probability) == (EVERY_SPAN, 0.99, 5, None)
    assert every.where == EVERY_SPAN and policy.otherwise == 0.01


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (rule(""), "rule 1: a name of 1 to 100 characters is needed."),
        (rule("x" * 101), "a name of 1 to 100 characters is needed."),
        (rule(where=""), "rule 1 (r): it says neither `where` nor `slow`, so it would match every trace."),
        (rule(slow=1.0), "rule 1 (r): `slow` is 1, it has to be a quantile from 0.5 to 0.9999."),
        (rule(slow=0.1), "`slow` is 0.1"),
        (WrittenRule("r", "{ }"), "rule 1 (r): one of `probability` and `perSecond` has to say what is kept."),
        (rule(probability=1, per_second=1), "one of `probability` and `perSecond`"),
        (rule(probability=1.5), "rule 1 (r): `probability` is 1.5, it has to be a probability from 0 to 1."),
        (rule(probability=float("nan")), "`probability` is nan"),
        (rule(per_second=0), "rule 1 (r): `perSecond` is 0, it has to be more than 0 and 1,000,000 at most."),
        (rule(per_second=float("inf")), "`perSecond` is inf"),
        (rule(where="{ .a = 1 } && { .b = 2 }"), "is about more than one span."),
        (rule(where="{ .a = 1 } | count() > 2"), "is about more than one span."),
        (rule(where="{ .a = 1 } >> { .b = 2 }"), "rule 1 (r): the condition '{ .a = 1 } >> { .b = 2 }' is about more than"),
    ],
)
def test_what_is_wrong_is_named(written: WrittenRule, said: str) -> None:
    """With the rule and the reason."""
    with pytest.raises(InvalidRequest) as error:
        lower_policy(WrittenPolicy((written,)))
    assert said in error.value.message


def test_wrong_traceql_has_its_place() -> None:
    """The rule, and where in its text."""
    with pytest.raises(QuerySyntaxError) as error:
        lower_policy(WrittenPolicy((rule(), rule("b", "{ status = }"))))
    assert error.value.message.startswith("rule 2 (b): ") and error.value.offset == 11
    with pytest.raises(QuerySyntaxError, match="rule 1"):
        lower_policy(WrittenPolicy((rule(where="{ } | rate()"),)))


def test_limits_of_policies() -> None:
    """Names once, not too many rules, a share for the rest."""
    with pytest.raises(InvalidRequest, match=r"rule 2 \(r\): another rule has this name, too."):
        lower_policy(WrittenPolicy((rule(), rule())))
    with pytest.raises(InvalidRequest, match="51 rules, 50 at most"):
        lower_policy(WrittenPolicy(tuple(rule(str(number)) for number in range(MAX_RULES + 1))))
    with pytest.raises(InvalidRequest, match="`otherwise` is -1"):
        lower_policy(WrittenPolicy((), -1))


def test_policies_are_stored_as_they_were_written() -> None:
    """And nothing is stored of one that says nothing."""
    policy = WrittenPolicy((rule(), WrittenRule("slow", slow=0.9, per_second=0.5)), 0.25)
    assert load_policy(dump_policy(policy)) == policy
    assert dump_policy(WrittenPolicy()) == "" and load_policy("") == load_policy(None) == WrittenPolicy()
    assert WrittenPolicy().keeps_all and WrittenPolicy((rule(),)).keeps_all
    assert not policy.keeps_all and not WrittenPolicy((rule(per_second=1),)).keeps_all
