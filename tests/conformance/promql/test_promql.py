"""PromQL on the embedded store: our own scripts always, Prometheus' where `PROMETHEUS_SOURCE` names its source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conformance.promql.run import Outcome, run
from tests.conformance.promql.stack import NativeStack

HERE = Path(__file__).parent
OWN = sorted((HERE / "cases").glob("*.test"))
SOURCE = os.environ.get("PROMETHEUS_SOURCE", "")
THEIRS = sorted(Path(SOURCE, "promql/promqltest/testdata").glob("*.test")) if SOURCE else []


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[NativeStack]:
    """An engine without samples."""
    stack = NativeStack(tmp_path)
    yield stack
    stack.close()


def _report(outcomes: list[Outcome]) -> str:
    wrong = [one for one in outcomes if one.faults]
    lines = [f"{len(outcomes) - len(wrong)} of {len(outcomes)} as expected"]
    return "\n".join(lines + [f"{one.place} {one.query}\n    " + "\n    ".join(one.faults[:3]) for one in wrong])


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_own_scripts(path: Path, stack: NativeStack) -> None:
    """Every evaluation answers what it should."""
    outcomes = list(run(path, stack))
    assert outcomes
    assert not any(one.faults for one in outcomes), _report(outcomes)


@pytest.mark.skipif(not THEIRS, reason="PROMETHEUS_SOURCE does not name the source of Prometheus")
@pytest.mark.parametrize("path", THEIRS, ids=lambda path: path.stem)
def test_scripts_of_prometheus(path: Path, stack: NativeStack, record_property: Callable[[str, object], None]) -> None:
    """Every evaluation answers what it should."""
    outcomes = list(run(path, stack))
    record_property("evaluations", len(outcomes))
    wrong = sum(bool(one.faults) for one in outcomes)
    print(_report(outcomes))
    assert outcomes
    assert wrong == 0, _report(outcomes)
