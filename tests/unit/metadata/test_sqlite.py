"""What is SQLite's own: the file, and the way of older files to this version."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from nexus.errors import ConfigError, StorageError
from nexus.storage.metadata.api import (
    ApiKey,
    AuditFilter,
    AuditRecord,
    Binding,
    Link,
    StoredDeletion,
    StoredRetention,
    Tenant,
    User,
    View,
)
from nexus.storage.metadata.database import DatabaseState
from nexus.storage.metadata.migrate import migrations, statements
from nexus.storage.metadata.sqlite import FILE, SqliteMetadata, inspect

VERSION_2 = Path(__file__).parent / "version2.sql"
"""The dump of a database that the version before wrote."""


def test_a_database_of_version_2_becomes_one_of_now(tmp_path: Path) -> None:
    """Everything stays but sessions; administrators get the role."""
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(VERSION_2.read_text())
        connection.execute("PRAGMA user_version = 2")
    with closing(SqliteMetadata(tmp_path)) as metadata:
        admin = User("admin", "$argon2id$v=19$admin", 1)
        assert metadata.list_users() == [admin, User("zoe", "$argon2id$v=19$zoe", 2, disabled=True)]
        assert metadata.list_bindings() == [Binding("first-admin", "user", "admin", "admin", "*", 1)]
        assert metadata.get_session("t", 1) is None
        assert metadata.list_keys() == [ApiKey("k1", "hash1", "shipper", "nxs_abc", "shop", ("logs:write",), 5, 7)]
        assert metadata.find_key("hash2", 1) is None, "revoked before"
        assert metadata.list_tenants() == [Tenant("shop", 3, {"a": [1]})]
        assert metadata.get_setting("pipelines:shop") == "[]"
        assert metadata.list_views("shop", "") == [
            View("v1", "shop", "Errors", "d", "logs", "q=1", True, "user:admin", "admin", 1, 2)
        ]
        assert metadata.get_link("l1") == Link("l1", "shop", "/logs?q=é", 1)
        assert metadata.put_link(Link("l2", "shop", "/logs?q=é", 2), max_links=9, max_bytes=99) == Link(
            "l1", "shop", "/logs?q=é", 1
        )
        assert metadata.list_retention() == [StoredRetention("shop", (("level:debug", 3),), None)]
        assert metadata.open_deletions() == [
            StoredDeletion("d1", "shop", "service:web", None, 2**62, "why", "admin", "running", 5, 2, 1, 10)
        ]
        old = metadata.list_audit(AuditFilter(), limit=10)
        assert [record.number for record in old] == [6, 5, 4, 3, 1] and {record.hash for record in old} == {""}
        assert old[-1] == AuditRecord(0, "shop", "admin", "login", "session", {"address": "192.0.2.1"}, number=1)
        new = metadata.add_audit(
            AuditRecord(9, "shop", "admin", "login", "session"), lambda previous, record: f"<{previous}>"
        )
        assert (new.number, new.hash) == (7, "<>")


def test_a_database_of_version_1_becomes_one_of_now(tmp_path: Path) -> None:
    """As a new one does."""
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(migrations()[0][1])
        connection.execute("INSERT INTO users VALUES ('admin', 'x', '[\"admin\"]', 1, 0)")
        connection.execute("INSERT INTO sessions VALUES ('t', 'admin', 1, 1, 99)")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    with closing(SqliteMetadata(tmp_path)) as metadata:
        assert [binding.role for binding in metadata.list_bindings()] == ["admin"]
    fresh = tmp_path / "fresh"
    SqliteMetadata(fresh).close()
    assert schema(tmp_path / FILE) == schema(fresh / FILE)


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    """Also where several statements of it had run."""
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(VERSION_2.read_text())
        connection.execute("CREATE TABLE limits (in_the_way INTEGER)")
        connection.execute("PRAGMA user_version = 2")
    before = schema(tmp_path / FILE)
    with pytest.raises(ConfigError, match="limits already exists"):
        SqliteMetadata(tmp_path)
    assert schema(tmp_path / FILE) == before


def test_several_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """One of them migrates it."""
    barrier = threading.Barrier(4)
    failed: list[Exception] = []

    def start() -> None:
        barrier.wait()
        try:
            SqliteMetadata(tmp_path).close()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_new_file_waits_for_who_writes_it(tmp_path: Path) -> None:
    """Another process that made it and is not done: SQLite does not wait by itself with the change to its log."""
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        released = threading.Timer(0.2, lambda: other.execute("COMMIT"))
        released.start()
        SqliteMetadata(tmp_path).close()
        released.join()


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    """It holds hashes of passwords."""
    SqliteMetadata(tmp_path).close()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """And a damaged one is named."""
    SqliteMetadata(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    with pytest.raises(ConfigError, match="schema version"):
        SqliteMetadata(tmp_path)
    (tmp_path / FILE).write_bytes(b"no database at all " * 100)
    with pytest.raises(ConfigError, match="cannot use the metadata database"):
        SqliteMetadata(tmp_path)


def test_a_file_is_looked_at_without_changing_it(tmp_path: Path) -> None:
    """As `nexus doctor` does: none, an older one, one of now, a damaged one."""
    current = len(migrations())
    path = tmp_path / FILE
    assert inspect(tmp_path) == DatabaseState(f"SQLite in {path}", 0, current) and not path.exists()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_2.read_text())
        connection.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    assert inspect(tmp_path).version == 2 and path.read_bytes() == before
    SqliteMetadata(tmp_path).close()
    assert inspect(tmp_path).version == current
    path.write_bytes(before[:4096] + b"\xff" * (len(before) - 4096))
    with pytest.raises(ConfigError, match="cannot use the metadata database"):
        inspect(tmp_path)


def test_what_went_with_a_tenant_is_not_in_the_files(tmp_path: Path) -> None:
    """Neither in free pages nor in the write-ahead log."""
    with closing(SqliteMetadata(tmp_path)) as metadata:
        for tenant, needle in (("t", "the-needle"), ("u", "the-other")):
            metadata.ensure_tenant(tenant, 1)
            for number in range(30):
                metadata.put_view(
                    View(f"{tenant}{number}", tenant, f"{needle}-{number}", "", "logs", needle * 50, True, "o", "o", 1, 1),
                    99,
                )
            metadata.put_setting(f"pipelines:{tenant}", needle * 500)
            metadata.put_setting(f"pipelines:{tenant}", needle)
        metadata.delete_tenant("t")
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"the-needle" not in held and b"the-other" in held


def test_a_lookup_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    """It sees what was there before the change that goes on."""
    with closing(SqliteMetadata(tmp_path)) as metadata, metadata._database.transaction() as database:
        database.write("INSERT INTO settings (name, value) VALUES ('x', '1')")
        seen: list[str | None] = []
        thread = threading.Thread(target=lambda: seen.append(metadata.get_setting("x")))
        thread.start()
        thread.join(60)
        assert seen == [None]


def test_a_full_disk_is_no_crash(tmp_path: Path) -> None:
    """It is a `StorageError`, and the next call is fine when there is room again."""
    with closing(SqliteMetadata(tmp_path)) as metadata:
        pages = metadata._database.rows("PRAGMA page_count")[0][0]
        writer = metadata._database._writer  # type: ignore[attr-defined]
        writer.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError, match="full"):
            metadata.put_setting("x", "y" * 1_000_000)
        writer.execute("PRAGMA max_page_count = 1000000")
        metadata.put_setting("x", "y")
        assert metadata.get_setting("x") == "y"


def test_scripts_are_cut_into_statements() -> None:
    """Comments go, and with them their semicolons; PostgreSQL gets its own types."""
    script = (
        "-- one; two\nCREATE TABLE a (\n    n INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT, b BLOB\n) STRICT;\nDROP TABLE a;\n"
    )
    assert statements(script, "sqlite")[1] == "DROP TABLE a" and len(statements(script, "sqlite")) == 2
    assert statements(script, "postgresql")[0] == (
        'CREATE TABLE a (\n    n BIGINT PRIMARY KEY, t TEXT COLLATE "C", b BYTEA\n)'
    )


def schema(path: Path) -> list[str]:
    """Columns and indexes of a database."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        columns = [
            f"{table}: {column[1:]}" for table in tables for column in connection.execute(f"PRAGMA table_info({table})")
        ]
        return columns + [
            str(row) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name")
        ]
