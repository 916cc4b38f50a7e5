"""Pipelines as people write them: what is refused and how, tests that they carry, the catalogue, files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nexus.errors import ConfigError
from nexus.pipeline import specfile
from nexus.pipeline.compiling import BadPipeline, compiled, native_spec
from nexus.pipeline.processors.catalog import PROCESSORS
from nexus.pipeline.spec import PipelineSpec, PipelineTest, StepSpec
from nexus.pipeline.trial import failed_tests, run_tests

ROOT = Path(__file__).resolve().parents[3]
CORE = ROOT / "crates" / "nexus-core" / "src" / "process"


def one(kind: str, **options: Any) -> PipelineSpec:
    return PipelineSpec("p", [StepSpec(kind, options)])


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: processor.type)
def test_every_example_compiles(processor: Any) -> None:
    step = msgspec.convert(processor.example, StepSpec)
    assert step.type == processor.type
    compiled([PipelineSpec("p", [step])])


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: processor.type)
def test_the_catalogue_has_the_options_that_there_are(processor: Any) -> None:
    # An option that nobody knows is refused with the names of those that there are.
    step = msgspec.convert(processor.example, StepSpec)
    step.options["no_such_option"] = 1
    with pytest.raises(BadPipeline) as caught:
        compiled([PipelineSpec("p", [step])])
    known = set(caught.value.message.partition("there are ")[2].rstrip(".").split(", "))
    listed = {option.name for option in processor.options}
    # Some are asked for only when others are given.
    assert known <= listed
    assert listed - known <= {"buckets"} if processor.type != "derive_metrics" else listed == known


def test_every_processor_has_a_file_of_its_own() -> None:
    assert all((CORE / f"{processor.type}.rs").is_file() for processor in PROCESSORS)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (one("redcat"), "step 1: there is no processor 'redcat'"),
        (one("sample"), "step 1: `ratio` is missing"),
        (one("sample", ratio="x"), "`ratio` must be a number"),
        (one("dedupe", window="soon"), "`window`: 'soon' is not a duration"),
        (one("keep", query="a:("), "step 1: `query`: "),
        (one("drop"), "would drop every record"),
        (one("route", tenant="other"), "may not be routed to the tenant 'other'"),
        (one("set", fields={"template_id": "x"}), "cannot be written"),
        (one("multiline"), "`start` or `continue` is needed"),
        (PipelineSpec("p", when="severity:nope"), "'nope' is not a severity"),
        (PipelineSpec("p", [StepSpec("redact", when="a:(")]), "step 1: `when`"),
    ],
)
def test_mistakes_are_named(spec: PipelineSpec, message: str) -> None:
    with pytest.raises(BadPipeline, match=re.escape(message)) as caught:
        compiled([spec], ("audit",))
    assert "pipeline" in caught.value.message
    assert caught.value.pipeline == 0


def test_names_are_unique_and_routes_allowed() -> None:
    with pytest.raises(BadPipeline, match="two pipelines are called 'p'"):
        native_spec([PipelineSpec("p"), PipelineSpec("p")], ())
    compiled([one("route", tenant="audit")], ("audit",))


def test_tests_say_what_differs() -> None:
    steps = [StepSpec("parse_json", {"remove_source": True}), StepSpec("drop", {"query": "gone:true"})]
    good = PipelineTest("good", [{"_msg": '{"n":1,"t":"x"}'}, {"_msg": '{"gone":true}'}], [{"n": 1, "t": "x", "body": None}])
    bad = PipelineTest("bad", [{"_msg": '{"n":1}', "service": "a"}], [{"n": 2, "m": 1, "service": "a"}, {}])
    typed = PipelineTest("typed", [{"_msg": '{"n":1}'}], [{"n": True}])
    broken = PipelineTest("broken", [{}], [])
    spec = PipelineSpec("p", steps, tests=[good, bad, typed, broken], enabled=False)
    results = {result.test: result.differences for result in run_tests([spec])}
    assert results["good"] == ()
    assert results["bad"] == (
        "1 records came out, 2 are expected",
        "record 1: `n` is 1, but should be 2",
        "record 1: `m` is not there, but should be 1",
    )
    assert results["typed"] == ("record 1: `n` is 1, but should be true",)
    assert "the object has no fields" in results["broken"][0]
    assert len(failed_tests([spec])) == 3


def test_tests_remember_nothing_of_one_another_and_see_routes() -> None:
    throttled = PipelineTest("t", [{"_msg": "a"}, {"_msg": "b"}], [{"body": "a"}])
    spec = PipelineSpec("p", [StepSpec("throttle", {"rate": 1})], tests=[throttled, throttled])
    assert failed_tests([spec]) == []
    routed = PipelineTest("r", [{"_msg": "a"}, {"_msg": "b", "x": 1}], [{"body": "a", "tenant": ""}, {"tenant": "audit"}])
    assert failed_tests([PipelineSpec("p", [StepSpec("route", {"tenant": "audit"}, when="x:1")], tests=[routed])]) == []


def test_the_guide_is_right() -> None:
    text = (ROOT / "docs" / "guides" / "pipelines.md").read_text("utf-8")
    example = next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.S) if block.startswith("# pipelines.yaml"))
    specs = specfile.parse(example, "guide")
    results = run_tests(specs)
    assert [result.differences for result in results] == [()] * 4
    for result in results:
        assert f"ok   pipelines.yaml: {result.pipeline}: {result.test}" in text


# -------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- name: p\n  steps:\n    - type: set\n      optoins: {}\n", "f, line 3: object contains unknown field `optoins`"),
        ("- name: p\n- name: 5\n", "f, line 2: expected `str`"),
        ("pipelines:\n  - name: p\n    steps: x\n", "f, line 3: expected `array`"),
        ("- name: [", "f is not YAML"),
        ("5", "f, line 1: expected `array`"),
    ],
)
def test_files_say_the_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        specfile.parse(text, "f")


def test_mistakes_within_a_file_have_the_line_of_their_step() -> None:
    text = "pipelines:\n- name: p\n  steps:\n  - type: redact\n\n  - type: sample\n    options: {ratio: 7}\n"
    with pytest.raises(BadPipeline) as caught:
        compiled(specfile.parse(text, "f"))
    error = specfile.located(caught.value, text, "f")
    assert error.message.startswith("f, line 6: pipeline `p`, step 2: `ratio` must lie between 0 and 1")


def test_an_empty_file_has_no_pipelines(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("# nothing\n")
    assert specfile.read(tmp_path / "p.yaml")[0] == []
    with pytest.raises(ConfigError, match="cannot read"):
        specfile.read(tmp_path / "none.yaml")
