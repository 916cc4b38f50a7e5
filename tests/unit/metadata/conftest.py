"""Every test of a metadata store runs on each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from nexus.storage.metadata.api import MetadataStore
from nexus.storage.metadata.sqlite import SqliteMetadata


@pytest.fixture(params=["sqlite"])
def reopened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], MetadataStore]]:
    """Opens the same database again, as another process would."""
    with ExitStack() as opened:

        def start() -> MetadataStore:
            return opened.enter_context(closing(SqliteMetadata(tmp_path)))

        yield start


@pytest.fixture
def metadata(reopened: Callable[[], MetadataStore]) -> MetadataStore:
    """A new store."""
    return reopened()
