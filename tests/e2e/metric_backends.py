"""One test, two stores of metrics: the fixtures `nexus` and `tenant` of the modules that import them give each test a Nexus with
the embedded store, and one whose tenants are each in a real VictoriaMetrics (single node) of their own.

Where VictoriaMetrics cannot answer as the embedded store does, a test says so: `@not_in_victoriametrics(reason)` leaves it out,
`on_victoriametrics(nexus)` lets it expect something else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.nexus_process import Answer, NexusProcess
from tests.e2e.victoria import VictoriaMetrics

POOL = 24
"""Tenants in VictoriaMetrics that a module may use; each runs from its first use to the end of the test or module."""

not_in_victoriametrics = pytest.mark.not_in_victoriametrics


class OnVictoriaMetrics(NexusProcess):
    """A Nexus whose tenants `vm-0`, `vm-1`, ... are in VictoriaMetrics. What was acknowledged becomes visible there within some
    seconds: here at once, before every other request."""

    def __init__(self, folder: Path, tenants: int, **settings: str) -> None:
        self.victorias = [VictoriaMetrics(folder.parent / f"victoria-{number}") for number in range(tenants)]
        self._running: dict[str, VictoriaMetrics] = {}
        self._next = 0
        entries = [{"tenant": f"vm-{number}", **one.entry} for number, one in enumerate(self.victorias)]
        super().__init__(folder, NEXUS_METRICS_VICTORIAMETRICS=json.dumps(entries), **settings)

    def take_tenant(self) -> str:
        """A tenant that was not used yet; its VictoriaMetrics runs."""
        name = f"vm-{self._next}"
        self._running[name] = self.victorias[self._next].start()
        self._next += 1
        return name

    def give_back(self, tenant: str) -> None:
        """Stop its VictoriaMetrics."""
        self._running.pop(tenant).stop()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        """See `NexusProcess`."""
        if method == "GET" or "/query" in path or "/series" in path or "/metrics/" in path:
            self.show()
        return super().request(method, path, body, headers, **options)

    def show(self) -> None:
        """Make what was written visible."""
        for victoria in self._running.values():
            victoria.show()

    def stop(self) -> int:
        """Stop all."""
        code = super().stop()
        for tenant in list(self._running):
            self.give_back(tenant)
        return code


def on_victoriametrics(nexus: NexusProcess) -> bool:
    """Are the tenants of the test in VictoriaMetrics?"""
    return isinstance(nexus, OnVictoriaMetrics)


Start = Callable[..., OnVictoriaMetrics]


@pytest.fixture(scope="module")
def victorious(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a Nexus with tenants in VictoriaMetrics, with settings of the module's own."""
    started: list[OnVictoriaMetrics] = []

    def start(folder: Path | None = None, **settings: str) -> OnVictoriaMetrics:
        folder = folder or tmp_path_factory.mktemp("victorious")
        process = OnVictoriaMetrics(folder / "data", POOL, **settings)
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        assert process.stop() == 0
        assert "Traceback" not in process.output(), process.output()


@pytest.fixture(scope="module", params=["embedded", "victoriametrics"])
def nexus(request: pytest.FixtureRequest, nexus: NexusProcess) -> NexusProcess:
    """The shared Nexus, and one with VictoriaMetrics."""
    if request.param == "embedded":
        return nexus
    started: NexusProcess = request.getfixturevalue("victorious")()
    return started


@pytest.fixture
def tenant(nexus: NexusProcess, tenant: str) -> Iterator[str]:
    """A tenant of its own: any new one in the embedded store, one of the configured ones in VictoriaMetrics."""
    yield from a_tenant(nexus, tenant)


def a_tenant(nexus: NexusProcess, fresh: str) -> Iterator[str]:
    """See `tenant`."""
    if not isinstance(nexus, OnVictoriaMetrics):
        yield fresh
        return
    name = nexus.take_tenant()
    yield name
    nexus.give_back(name)


@pytest.fixture(autouse=True)
def left_out(request: pytest.FixtureRequest) -> None:
    """Skips what VictoriaMetrics cannot do, saying why."""
    marker = request.node.get_closest_marker("not_in_victoriametrics")
    name = next((name for name in ("nexus", "pushed") if name in request.fixturenames), "")
    if marker is not None and name and on_victoriametrics(request.getfixturevalue(name)):
        pytest.skip(f"not in VictoriaMetrics: {marker.args[0]}")
