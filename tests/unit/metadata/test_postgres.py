"""What is PostgreSQL's own: a server that goes away and comes back, several processes, its limits."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from tests.databases.postgres_server import PASSWORD, PostgresServer
from tests.unit.metadata.conftest import TEMPLATE

from nexus.errors import ConfigError, InvalidRequest, StorageError
from nexus.storage.metadata.database import DatabaseState
from nexus.storage.metadata.migrate import migrations, statements
from nexus.storage.metadata.postgres import PostgresMetadata, PostgresOptions, inspect, shown

ROOT = Path(__file__).parents[3]
VERSION_2 = Path(__file__).parent / "version2.sql"


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that the test may stop."""
    with PostgresServer() as server:
        yield server


def test_a_server_that_goes_away_and_comes_back(own_server: PostgresServer) -> None:
    """Calls fail with `StorageError` meanwhile, and at once; afterwards they work, without a single failure."""
    url = own_server.new_database()
    with closing(PostgresMetadata(url, PostgresOptions(pause=0.2))) as metadata:
        metadata.put_setting("x", "1")
        own_server.stop()
        for call in (
            lambda: metadata.get_setting("x"),
            lambda: metadata.put_setting("x", "2"),
            lambda: metadata.delete_user("a"),
        ):
            began = time.monotonic()
            with pytest.raises(StorageError) as failed:
                call()
            assert time.monotonic() - began < 20 and PASSWORD not in str(failed.value)
        own_server.start()
        deadline = time.monotonic() + 60
        while True:
            try:
                assert metadata.get_setting("x") == "1"
                break
            except StorageError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        own_server.stop()
        own_server.start()
        assert metadata.get_setting("x") == "1", "a restart between two calls is not noticed"
        own_server.stop()
        own_server.start()
        metadata.put_setting("x", "3")
        assert metadata.get_setting("x") == "3"


def test_a_connection_that_dies_within_a_transaction(postgres: PostgresServer) -> None:
    """Nothing of it is there, and the next call works."""
    url = postgres.new_database(TEMPLATE)
    with closing(PostgresMetadata(url)) as metadata:
        with pytest.raises(StorageError), metadata._database.transaction() as database:
            database.write("INSERT INTO settings (name, value) VALUES ('x', '1')")
            (pid,) = database.rows("SELECT pg_backend_pid()")[0]
            postgres.execute(f"SELECT pg_terminate_backend({pid})")
            database.write("INSERT INTO settings (name, value) VALUES ('y', '1')")
        assert metadata.get_setting("x") is None
        metadata.put_setting("x", "2")


def test_connections_are_bounded(postgres: PostgresServer) -> None:
    """Who gets none within the time is told; those in use are kept for the next ones."""
    url = postgres.new_database(TEMPLATE)
    options = PostgresOptions(connections=2, wait=2.0)
    with closing(PostgresMetadata(url, options)) as metadata:
        with metadata._database.transaction(), metadata._database.transaction(), pytest.raises(StorageError, match="busy"):
            metadata.get_setting("x")
        for _ in range(20):
            metadata.get_setting("x")
        name = url.rpartition("/")[2]
        assert postgres.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'") == [(2,)]


def test_statements_are_bounded(postgres: PostgresServer) -> None:
    """A statement that takes too long, or waits too long for a lock, is given up; the connection is good for the next one."""
    url = postgres.new_database(TEMPLATE)
    options = PostgresOptions(statement_timeout=1.0)
    with closing(PostgresMetadata(url, options)) as metadata, closing(PostgresMetadata(url, options)) as other:
        with pytest.raises(StorageError, match="timeout"):
            metadata._database.rows("SELECT pg_sleep(30)")
        with (
            other._database.transaction("audit"),
            pytest.raises(StorageError, match="timeout"),
            metadata._database.transaction("audit"),
        ):
            raise AssertionError("both hold the lock")
        with other._database.transaction("audit"), metadata._database.transaction("views"):
            pass
        assert metadata.get_setting("x") is None


def test_values_that_do_not_fit_are_the_callers_fault(postgres: PostgresServer) -> None:
    """They would not fit at the next attempt."""
    chance = random.Random(7)
    name = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(9000))
    with (
        closing(PostgresMetadata(postgres.new_database(TEMPLATE))) as metadata,
        pytest.raises(InvalidRequest, match="does not take"),
    ):
        metadata.put_setting(name, "x")


def test_processes_may_start_at_once(postgres: PostgresServer) -> None:
    """One of them makes the tables, the others wait for it."""
    url = postgres.new_database()
    program = (
        "import sys; from nexus.storage.metadata.postgres import PostgresMetadata; "
        "metadata = PostgresMetadata(sys.argv[1]); metadata.ensure_tenant(sys.argv[2], 1); metadata.close()"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, url, f"t{number}"], env={"PYTHONPATH": str(ROOT / "src")}, stderr=subprocess.PIPE
        )
        for number in range(3)
    ]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    with closing(PostgresMetadata(url)) as metadata:
        assert [tenant.name for tenant in metadata.list_tenants()] == ["t0", "t1", "t2"]


def test_two_processes_make_one_chain(postgres: PostgresServer) -> None:
    """Numbers have no gap, links no fork."""
    url = postgres.new_database(TEMPLATE)
    program = (
        "import sys; from nexus.storage.metadata.postgres import PostgresMetadata; "
        "from nexus.storage.metadata.api import AuditRecord; metadata = PostgresMetadata(sys.argv[1])\n"
        "for number in range(40):\n"
        "    metadata.add_audit(AuditRecord(number, 't', sys.argv[2], 'a', 's'), lambda last, record: f'{record.number}<{last[:9]}')\n"
        "metadata.close()"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, url, f"p{number}"], env={"PYTHONPATH": str(ROOT / "src")}, stderr=subprocess.PIPE
        )
        for number in range(2)
    ]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    with closing(PostgresMetadata(url)) as metadata:
        records = metadata.walk_audit(0, 100)
    assert [record.number for record in records] == list(range(1, 81))
    assert len({record.hash for record in records}) == 80
    for before, record in zip([None, *records], records, strict=False):
        assert record.hash == f"{record.number}<{before.hash[:9] if before else ''}"


def test_a_database_of_version_2_becomes_one_of_now(postgres: PostgresServer) -> None:
    """With what was in it."""
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        for _, script in migrations()[:2]:
            for statement in statements(script, "postgresql"):
                connection.execute(statement)
        # Users first: sessions refer to them.
        for line in sorted(VERSION_2.read_text().splitlines(), key=lambda line: "users" not in line):
            if line.startswith("INSERT INTO") and "sqlite_sequence" not in line:
                connection.execute(line.replace("X'", "'\\x"))
        connection.execute("CREATE TABLE nexus_schema (version BIGINT NOT NULL)")
        connection.execute("INSERT INTO nexus_schema VALUES (2)")
    with closing(PostgresMetadata(url)) as metadata:
        assert [binding.subject for binding in metadata.list_bindings()] == ["admin"]
        assert [user.name for user in metadata.list_users()] == ["admin", "zoe"]
        assert metadata.get_session("t", 1) is None and metadata.find_key("hash1", 1) is not None
        head = metadata.audit_head()
        assert head is not None and head.number == 6


def test_a_migration_that_fails_leaves_the_database_as_it_was(postgres: PostgresServer) -> None:
    """All of it is one transaction."""
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE limits (in_the_way BIGINT)")
    with pytest.raises(ConfigError, match='relation "limits" already exists'):
        PostgresMetadata(url)
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("limits",)]


def test_a_newer_database_is_refused(postgres: PostgresServer) -> None:
    """The program that migrated it understands it."""
    url = postgres.new_database(TEMPLATE)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE nexus_schema SET version = version + 1")
    with pytest.raises(ConfigError, match="schema version"):
        PostgresMetadata(url)


@pytest.mark.parametrize(
    "url",
    ["postgresql://nexus:{password}@127.0.0.1:1/x", "postgresql://nexus:{password}@127.0.0.1:{port}/nothing-there",
     "postgresql://nexus:{password}-wrong@127.0.0.1:{port}/postgres", "postgresql://nexus:{password}@[x", "{password}"],
)  # fmt: skip
def test_what_cannot_be_reached_is_named_without_its_password(postgres: PostgresServer, url: str) -> None:
    """Neither in the error nor in what it was raised from."""
    with pytest.raises(ConfigError, match=r"metadata\.url|metadata database") as failed:
        PostgresMetadata(url.format(password=PASSWORD, port=postgres.port))
    chain: BaseException | None = failed.value
    while chain is not None:
        assert PASSWORD not in str(chain) and PASSWORD not in repr(chain.args)
        chain = None if chain.__suppress_context__ and chain.__cause__ is None else chain.__cause__ or chain.__context__


def test_a_database_is_looked_at_without_changing_it(postgres: PostgresServer) -> None:
    """As `nexus doctor` does."""
    url = postgres.new_database()
    found = inspect(url)
    assert found == DatabaseState(f"PostgreSQL 18 at {shown(url)}", 0, len(migrations()))
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    assert inspect(postgres.new_database(TEMPLATE)).version == found.current
    with pytest.raises(ConfigError, match="cannot use the metadata database"):
        inspect(postgres.url("nothing-there"))


def test_another_encoding_is_refused(postgres: PostgresServer) -> None:
    """It could not hold every text."""
    postgres.execute("CREATE DATABASE latin ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    with pytest.raises(ConfigError, match="SQL_ASCII"):
        PostgresMetadata(postgres.url("latin"))


def test_threads_share_few_connections(postgres: PostgresServer) -> None:
    """And none of them fails for it."""
    url = postgres.new_database(TEMPLATE)
    with closing(PostgresMetadata(url, PostgresOptions(connections=2))) as metadata:
        failed: list[Exception] = []

        def work() -> None:
            try:
                for step in range(30):
                    metadata.put_setting("x", str(step))
                    metadata.get_setting("x")
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []


def test_what_is_shown_of_a_url() -> None:
    """The place, not the secret."""
    assert shown("postgresql://u:secret@db.example:5433/nexus?sslpassword=secret") == "postgresql://db.example:5433/nexus"
    assert "secret" not in shown("postgresql://u:secret@[")
