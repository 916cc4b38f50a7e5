"""What tests of logging in share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases.postgres_server import PostgresServer
from tests.unit.security.people import People

from nexus.storage.metadata.postgres import PostgresMetadata

TEMPLATE = "people_template"


@pytest.fixture(scope="session")
def people_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server with an empty database of this version."""
    with PostgresServer() as server:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        PostgresMetadata(server.url(TEMPLATE)).close()
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def people(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[People]:
    """Alice, and everything that logging in takes, on each database."""
    database = ""
    if request.param == "postgresql":
        database = request.getfixturevalue("people_server").new_database(TEMPLATE)
    made = People(tmp_path, database=database)
    yield made
    made.metadata.close()
