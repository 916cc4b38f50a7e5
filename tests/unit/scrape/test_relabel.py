"""Relabelling against a slow twin, and what of a rule is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles.relabel import step

from nexus import _native
from nexus.pipeline.scrape.relabel import ACTIONS, RelabelRule, compiled

NAMES = st.sampled_from(["a", "b", "__meta_x", "__meta_y", "__address__", "job", "x_1"])
VALUES = st.text("ab1:.-_é\nZ", max_size=6)
REGEXES = st.sampled_from(
    ["(.*)", "a", "(a)(.*)", "a|b", "(?i:A.*)", "__meta_(.+)", "(.+):(.*)", "[^a]*", "", ".", "(?P<n>b+)?(.*)", "(a)|(b)"]
)
REPLACEMENTS = st.sampled_from(["$1", "${1}x", "$1x", "$2-$1", "$$", "", "plain", "${n}", "new_$1", "$n", "a$", "$9"])
TARGETS = st.sampled_from(["a", "c", "${1}", "x_$1", "job"])
RULES = st.tuples(
    st.lists(NAMES, max_size=3),
    st.sampled_from([";", "", ":"]),
    REGEXES,
    st.integers(1, 1000),
    TARGETS,
    REPLACEMENTS,
    st.sampled_from(ACTIONS),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(RULES, min_size=1, max_size=4), st.dictionaries(NAMES, VALUES, max_size=5))
def test_rules_do_what_the_twin_does(rules: list, labels: dict[str, str]) -> None:
    expected: dict[str, str] | None = labels
    steps = []
    for rule in rules:
        before = expected
        expected = step(rule, before)
        if expected is None:
            steps.append((sorted((name, value) for name, value in before.items() if value), False))
            break
        steps.append((sorted(expected.items()), True))
    native = _native.Relabel(rules)
    kept = native.apply(list(labels.items()))
    assert (None if kept is None else dict(kept)) == expected
    assert native.trace(list(labels.items())) == steps


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"action": "replce"}, "unknown relabel action"),
        ({}, "needs a `target_label`"),
        ({"action": "hashmod", "target_label": "a"}, "needs a `modulus`"),
        ({"action": "lowercase", "target_label": "a", "replacement": "b"}, "takes no `replacement`"),
        ({"action": "keepequal", "target_label": "a", "regex": "b"}, "takes `source_labels` and `target_label` only"),
        ({"action": "labeldrop", "regex": "a", "target_label": "b"}, "takes a `regex` only"),
        ({"action": "keep", "regex": "("}, "error parsing regexp"),
        ({"action": "labelmap", "replacement": ""}, "makes a label name"),
    ],
)
def test_what_is_refused(written: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RelabelRule(**written)


def test_names_of_the_classic_kind() -> None:
    """A target label that is none is left alone where only classic names are allowed."""
    rule = RelabelRule(source_labels=["a"], target_label="my.label")
    labels = [("a", "1")]
    assert compiled([rule], utf8_names=True).apply(labels) == [("a", "1"), ("my.label", "1")]
    assert compiled([rule], utf8_names=False).apply(labels) == labels
    with pytest.raises(ValueError, match="classic label name"):
        rule.check_classic()
