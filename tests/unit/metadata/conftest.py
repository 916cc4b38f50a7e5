"""Every test of a metadata store runs on each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests.databases.postgres_server import PostgresServer

from nexus.storage.metadata.api import MetadataStore
from nexus.storage.metadata.postgres import PostgresMetadata
from nexus.storage.metadata.sqlite import SqliteMetadata

DATABASES = ("sqlite", "postgresql")
TEMPLATE = "nexus_template"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server; a database of it, `TEMPLATE`, has the tables of this version."""
    with PostgresServer() as server:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        PostgresMetadata(server.url(TEMPLATE)).close()
        yield server


@pytest.fixture(params=DATABASES)
def reopened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], MetadataStore]]:
    """Opens the same database again, as another process would."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database(TEMPLATE)
    with ExitStack() as opened:

        def start() -> MetadataStore:
            return opened.enter_context(closing(PostgresMetadata(url) if url else SqliteMetadata(tmp_path)))

        yield start


@pytest.fixture
def metadata(reopened: Callable[[], MetadataStore]) -> MetadataStore:
    """A new store."""
    return reopened()
