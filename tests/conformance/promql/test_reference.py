"""Answers of the embedded store and of Prometheus 3.x on the same data.

With `PROMETHEUS_BIN`, a real one is asked: random queries (`NEXUS_RANDOM_QUERIES`, `NEXUS_RANDOM_SEED`) and, with
`COMPLIANCE_SOURCE`, the list of prometheus/compliance. Recorded answers are compared always.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.promql import record, run
from tests.conformance.promql.agree import disagreement
from tests.conformance.promql.compliance import queries
from tests.conformance.promql.dataset import END, START, dataset
from tests.conformance.promql.generator import Generator
from tests.conformance.promql.reference import Prometheus
from tests.conformance.promql.stack import NativeStack
from tests.conformance.promql.wire import request

BINARY = os.environ.get("PROMETHEUS_BIN", "")
COMPLIANCE = os.environ.get("COMPLIANCE_SOURCE", "")
RANDOM_QUERIES = int(os.environ.get("NEXUS_RANDOM_QUERIES", "300"))
SEED = int(os.environ.get("NEXUS_RANDOM_SEED", "1"))
MAX_SAMPLES = 50_000_000

needs_prometheus = pytest.mark.skipif(
    not BINARY, reason="PROMETHEUS_BIN does not name a Prometheus 3.x: recorded answers are compared"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeStack]:
    """The embedded engine with the synthetic series."""
    stack = NativeStack(tmp_path_factory.mktemp("engine"))
    stack.load(dataset(), {})
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A real Prometheus with the same series."""
    server = Prometheus(BINARY, tmp_path_factory.mktemp("prometheus")).start()
    try:
        data = dataset()
        for start in range(0, len(data), record.PIECE):
            server.write(request(data[start : start + record.PIECE]))
        yield server
    finally:
        server.stop()


def test_recorded_answers(stack: NativeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries of the generator, and what a Prometheus answered when they were recorded."""
    monkeypatch.setattr(run, "MAX_SAMPLES", MAX_SAMPLES)
    version, answers = record.recorded()
    assert version.startswith("3.")
    assert len(answers) == record.QUERIES
    wrong = []
    for query, when, expected in answers:
        if difference := disagreement(expected, run.ask(stack, query, *when)):
            wrong.append(f"{query} {when}\n    {difference[:400]}")
    assert not wrong, f"{len(wrong)} of {len(answers)} differ from Prometheus {version}\n" + "\n".join(wrong[:20])


@needs_prometheus
def test_random_queries(stack: NativeStack, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    """No difference, warnings and infos included."""
    monkeypatch.setattr(run, "MAX_SAMPLES", MAX_SAMPLES)
    generator, wrong = Generator(SEED), []
    for number in range(RANDOM_QUERIES):
        query, when = generator.query(), record.times(number)
        if difference := disagreement(prometheus.ask(query, *when), run.ask(stack, query, *when)):
            wrong.append(f"{number}: {query} {when}\n    {difference[:400]}")
    assert not wrong, f"{len(wrong)} of {RANDOM_QUERIES} (seed {SEED}) differ\n" + "\n".join(wrong[:20])


@needs_prometheus
@pytest.mark.skipif(not COMPLIANCE, reason="COMPLIANCE_SOURCE does not name the source of prometheus/compliance")
def test_compliance(stack: NativeStack, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    """All range queries of the list: the same answers. What it says must fail, fails where it fails in this Prometheus."""
    monkeypatch.setattr(run, "MAX_SAMPLES", MAX_SAMPLES)
    listed = queries(Path(COMPLIANCE))
    assert len(listed) > 500
    when = (START + 1_800_000, END, 60_000)
    wrong = []
    for query, _ in listed:
        if difference := disagreement(prometheus.ask(query, *when), run.ask(stack, query, *when), notes=False):
            wrong.append(f"{query}\n    {difference[:400]}")
    assert not wrong, f"{len(wrong)} of {len(listed)} differ\n" + "\n".join(wrong[:20])
