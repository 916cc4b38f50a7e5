"""Pipelines of the native module against their slow twin: the same records in the same order, and every drop counted."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import pipelines as oracle

from nexus import _native
from nexus.pipeline.compiling import compiled
from nexus.pipeline.spec import PipelineSpec, StepSpec
from nexus.pipeline.trial import batch_of_stored

NOW = 1_780_315_200_000_000_000
WORDS = ["alpha", "beta", "gamma"]
NAMES = ["k", "l", "m"]

queries = st.sampled_from(["", *WORDS])
values = st.one_of(st.integers(-5, 5), st.booleans(), st.sampled_from(["x", "y z", "é"]), st.just(0.5))
bodies = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
records = st.fixed_dictionaries({"body": bodies}, optional=dict.fromkeys(NAMES, values))
names = st.sampled_from(NAMES)


def fields(content: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(names, content, min_size=1, max_size=2)


steps = st.one_of(
    st.builds(
        lambda given, overwrite: ("set", {"fields": given, "overwrite": overwrite}),
        fields(st.one_of(values, names.map(lambda name: f"${{{name}}}"))),
        st.booleans(),
    ),
    names.flatmap(
        lambda old: st.sampled_from([name for name in NAMES if name != old]).map(
            lambda new: ("rename", {"fields": {old: new}})
        )
    ),
    st.lists(names, min_size=1, max_size=2, unique=True).map(lambda given: ("drop", {"fields": given})),
    st.lists(names, min_size=1, max_size=2, unique=True).map(lambda given: ("keep", {"attributes": given})),
    st.sampled_from(WORDS).map(lambda word: ("drop", {"query": word})),
    st.sampled_from(WORDS).map(lambda word: ("keep", {"query": word})),
)
built = st.builds(lambda step, when: StepSpec(step[0], step[1], when), steps, queries)
pipelines = st.lists(st.tuples(queries, st.lists(built, max_size=4)), max_size=3)


@settings(max_examples=300, deadline=None)
@given(pipelines, st.lists(records, min_size=1, max_size=12))
def test_equal_to_the_slow_twin(given: list[tuple[str, list[StepSpec]]], sent: list[dict[str, Any]]) -> None:
    specs = [PipelineSpec(f"p{number}", steps, when) for number, (when, steps) in enumerate(given)]
    lines = b"\n".join(
        json.dumps({"_msg" if key == "body" else key: value for key, value in record.items()}).encode() for record in sent
    )
    # A record needs a field that says something.
    batch = _native.decode_json_lines(lines, now_ns=NOW).batch
    assert batch.num_rows == len(sent)
    processed = compiled(specs).run(batch, now_ns=NOW, seed=1, delivery=1)
    expected, dropped = oracle.run(specs, sent)
    found = [json.loads(record) for _, _, record in _native.render_batch(processed.batch, None, 100)]
    assert [{"body": record["body"], **record["attributes"]} for record in found] == expected
    assert [list(map(type, record["attributes"].values())) for record in found] == [
        [type(record[name]) for name in sorted(record) if name != "body"] for record in expected
    ]
    counts = processed.counts()
    assert sum(number for count in counts for _, number in count[7]) == dropped
    assert all(count[3] == count[4] + count[6] + sum(number for _, number in count[7]) for count in counts)
    assert sum(rows for _, rows, _ in processed.batch.services()) == len(expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(records, min_size=1, max_size=5))
def test_stored_records_are_read_back_as_they_were(sent: list[dict[str, Any]]) -> None:
    lines = b"\n".join(
        json.dumps(
            {**record, "service": "s", "level": "warn", "list": [1, {"a": "b", "n": None}, None], "trace_id": "ab" * 16}
        ).encode()
        for record in sent
    )
    batch = _native.decode_json_lines(lines, now_ns=NOW, stream_fields=["k"]).batch
    rendered = [json.loads(record) for _, _, record in _native.render_batch(batch, None, 100)]
    again = batch_of_stored([record for _, _, record in _native.render_batch(batch, None, 100)])
    assert [json.loads(record) for _, _, record in _native.render_batch(again, None, 100)] == rendered
