"""One Nexus for the tests that leave it whole, and a way to start others."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.nexus_process import NexusProcess

Launch = Callable[..., NexusProcess]


@pytest.fixture(scope="session")
def nexus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """A running Nexus that tests share; each uses a tenant of its own."""
    process = NexusProcess(tmp_path_factory.mktemp("shared") / "data", NEXUS_INGEST_MAX_BODY_BYTES="4MiB").start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


@pytest.fixture
def tenant() -> str:
    """The name of a tenant that nobody else uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Starts further ones on folders of this test; they are killed at its end."""
    started: list[NexusProcess] = []

    def start(folder: str = "data", *, wait: bool = True, **settings: str) -> NexusProcess:
        process = NexusProcess(tmp_path / folder, **settings)
        started.append(process)
        return process.start() if wait else process.launch()

    yield start
    for process in started:
        if process.process is not None and process.process.poll() is None:
            process.kill()
