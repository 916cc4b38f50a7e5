"""Migrations: order, dry run, what was applied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.errors import ConfigError
from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.migrate import (
    EMBEDDED,
    Migration,
    Rendering,
    applied_version,
    migrate,
    migrations,
    pending,
    plan,
    split,
)
from nexus.storage.clickhouse.options import StoreOptions

TABLE = "CREATE TABLE IF NOT EXISTS nexus.{0} {{on_cluster}} (a UInt8) ENGINE = {{engine}} ORDER BY a;\n"
FIRST = Migration(1, "first", TABLE.format("one"))
SECOND = Migration(2, "second", TABLE.format("two") + "-- a comment; with a semicolon;\nSELECT 1;")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty engine."""
    opened = Engine.open(StoreOptions(tmp_path / "data"))
    yield opened
    opened.close()


def test_statements_end_with_a_line() -> None:
    """A semicolon inside a line does not cut; comments and empty pieces go."""
    assert split("-- c;\nSELECT ';' AS a;\n\n;\nSELECT 2\n") == ["SELECT ';' AS a", "SELECT 2"]


def test_migrations_are_applied_once_and_in_order(engine: Engine) -> None:
    """Each is marked after the schema's copy was made."""
    connection = engine.connect()
    assert applied_version(connection) == 0
    copies: list[int] = []
    done = migrate(connection, EMBEDDED, lambda: copies.append(applied_version(connection)), [FIRST])
    assert done == [FIRST] and copies == [0] and applied_version(connection) == 1
    done = migrate(connection, EMBEDDED, lambda: copies.append(applied_version(connection)), [FIRST, SECOND])
    assert done == [SECOND] and copies == [0, 1]
    assert migrate(connection, EMBEDDED, lambda: None, [FIRST, SECOND]) == []
    tables = connection.rows("SELECT name FROM system.tables WHERE database = 'nexus' ORDER BY name")
    assert tables == [["migrations"], ["one"], ["two"]]


def test_a_dry_run_is_what_would_run(engine: Engine) -> None:
    """The same statements, run by hand, bring the store to the same version."""
    connection = engine.connect()
    for statement in plan(pending(connection, [FIRST, SECOND]), EMBEDDED):
        connection.execute(statement)
    assert applied_version(connection) == 2
    assert plan(pending(connection, [FIRST, SECOND]), EMBEDDED) == []


def test_an_interrupted_migration_is_repeated(engine: Engine) -> None:
    """Its statements are repeatable."""
    connection = engine.connect()
    for statement in plan([FIRST], EMBEDDED)[:-1]:
        connection.execute(statement)
    assert migrate(connection, EMBEDDED, lambda: None, [FIRST]) == [FIRST]


def test_a_store_of_a_newer_version_is_refused(engine: Engine) -> None:
    """Rather than written to."""
    connection = engine.connect()
    migrate(connection, EMBEDDED, lambda: None, [FIRST, SECOND])
    with pytest.raises(ConfigError, match="schema version 2"):
        pending(connection, [FIRST])


def test_numbers_have_no_gap(tmp_path: Path) -> None:
    """A missing or misnamed file is a mistake of the build."""
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "0003_b.sql").write_text("SELECT 1;")
    with pytest.raises(ConfigError, match="gap"):
        migrations(tmp_path)
    (tmp_path / "0003_b.sql").rename(tmp_path / "b.sql")
    with pytest.raises(ConfigError, match="named like"):
        migrations(tmp_path)


def test_every_statement_of_the_schema_is_repeatable() -> None:
    """The real migrations are, on their face."""
    for migration in migrations():
        for statement in migration.statements(Rendering()):
            assert "IF NOT EXISTS" in statement or "IF EXISTS" in statement, statement
