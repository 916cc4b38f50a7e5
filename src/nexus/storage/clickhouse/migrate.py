"""Ordered, forward-only migrations: `schema/NNNN_name.sql`, rendered for the embedded engine or for a cluster.

A file holds statements that end in `;` at the end of a line. Each must be repeatable (`IF NOT EXISTS`): a migration
that was interrupted is run again from its first statement. `{engine}`, `{engine:Aggregating}`, `{engine:Replacing(column)}`
and `{on_cluster}` are filled in. What was applied is kept in the table `nexus.migrations`, so that cluster and embedded
store know it the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from nexus.errors import ConfigError
from nexus.storage.clickhouse.connection import quote

SCHEMA: Final = Path(__file__).parent / "schema"
_NAME: Final = re.compile(r"(\d{4})_(\w+)\.sql")
_ENGINE: Final = re.compile(r"\{engine(?::(?P<kind>[A-Z]\w+)(?:\((?P<argument>\w+)\))?)?\}")

_BOOTSTRAP: Final = (
    "CREATE DATABASE IF NOT EXISTS nexus {on_cluster} ENGINE = Atomic;\n"
    "CREATE TABLE IF NOT EXISTS nexus.migrations {on_cluster} "
    "(version UInt32, name String, applied_at DateTime('UTC') DEFAULT now()) ENGINE = {engine} ORDER BY version;\n"
)


class Executor(Protocol):
    """What migrations run on: a connection."""

    def execute(self, sql: str) -> None: ...
    def rows(self, sql: str) -> list[list[Any]]: ...


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the templates become. `cluster` is the ClickHouse cluster's name, None for the embedded engine."""

    cluster: str | None = None

    def render(self, sql: str) -> str:
        """Fill in the engines and `{on_cluster}`."""
        on_cluster = "" if self.cluster is None else f"ON CLUSTER {quote(self.cluster)}"
        without_spaces = re.sub(r" +$", "", sql.replace("{on_cluster}", on_cluster), flags=re.M)
        return _ENGINE.sub(lambda match: self._engine(match["kind"] or "", match["argument"]), without_spaces)

    def _engine(self, kind: str, argument: str | None) -> str:
        if self.cluster is None:
            return f"{kind}MergeTree" + (f"({argument})" if argument else "")
        arguments = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'" + (f", {argument}" if argument else "")
        return f"Replicated{kind}MergeTree({arguments})"


EMBEDDED: Final = Rendering()
"""For the engine in this process."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: int
    name: str
    text: str

    def statements(self, rendering: Rendering) -> list[str]:
        """Its statements, without comments and without the closing semicolon."""
        return split(rendering.render(self.text))


def split(text: str) -> list[str]:
    """Cut a file into statements at each `;` that ends a line; comment lines are dropped."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    pieces = re.split(r";[ \t]*(?:\n|\Z)", "\n".join(lines) + "\n")
    return [piece.strip() for piece in pieces if piece.strip()]


def migrations(folder: Path = SCHEMA) -> list[Migration]:
    """Every migration in order. Raises `ConfigError` when numbers repeat or leave a gap."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ConfigError(f"{path.name} is not named like 0001_name.sql.")
        found.append(Migration(int(match[1]), match[2], path.read_text()))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ConfigError("the numbers of the schema migrations are not 1, 2, 3, ... without a gap.")
    return found


def applied_version(executor: Executor) -> int:
    """The last migration that was applied; 0 before the first."""
    known = executor.rows("SELECT 1 FROM system.tables WHERE database = 'nexus' AND name = 'migrations'")
    return int(executor.rows("SELECT max(version) FROM nexus.migrations")[0][0]) if known else 0


def pending(executor: Executor, every: Sequence[Migration] | None = None) -> list[Migration]:
    """Migrations not applied yet. Raises `ConfigError` when the store is newer than this program."""
    every = migrations() if every is None else every
    version = applied_version(executor)
    newest = every[-1].version if every else 0
    if version > newest:
        raise ConfigError(
            f"the store has schema version {version}, this program knows up to {newest}.",
            hint="Start the newer version of Nexus that migrated it.",
        )
    return [migration for migration in every if migration.version > version]


def plan(todo: Sequence[Migration], rendering: Rendering) -> list[str]:
    """The SQL that `migrate` would run for these, in order: the dry run."""
    if not todo:
        return []
    statements = split(rendering.render(_BOOTSTRAP)) if todo[0].version == 1 else []
    for migration in todo:
        statements += migration.statements(rendering)
        statements.append(
            f"INSERT INTO nexus.migrations (version, name) VALUES ({migration.version}, {quote(migration.name)})"
        )
    return statements


def migrate(
    executor: Executor, rendering: Rendering, changed: Callable[[], None], every: Sequence[Migration] | None = None
) -> list[Migration]:
    """Apply what is pending and return it; `changed` is called after each, before it counts as applied."""
    todo = pending(executor, every)
    for migration in todo:
        statements = plan([migration], rendering)
        for statement in statements[:-1]:
            executor.execute(statement)
        changed()
        executor.execute(statements[-1])
    return todo
