"""Who owns a data directory, and in which state it was left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nexus.errors import ConfigError
from nexus.storage.clickhouse.datadir import DataDirectory, owner_pid, write_synced


def test_a_directory_is_new_once_and_clean_when_closed(tmp_path: Path) -> None:
    """The marker goes with each start and comes with an orderly stop."""
    path = tmp_path / "data"
    first = DataDirectory.open(path)
    assert first.is_new and first.was_clean and owner_pid(path) == os.getpid()
    first.close(clean=True)
    second = DataDirectory.open(path)
    assert not second.is_new and second.was_clean
    second.close(clean=False)
    third = DataDirectory.open(path)
    assert not third.was_clean
    third.close(clean=True)


def test_a_failure_of_the_machine_is_remembered_until_checked(tmp_path: Path) -> None:
    """Over further starts and stops, orderly or not; a killed process is no failure of the machine."""
    path = tmp_path / "data"
    DataDirectory.open(path).close(clean=False)
    killed = DataDirectory.open(path)
    assert not killed.was_clean and not killed.machine_failed
    killed.close(clean=False)
    (path / "nexus.lock").write_text("1\nan-earlier-boot\n")
    for clean in (True, False):
        failed = DataDirectory.open(path)
        assert failed.machine_failed and owner_pid(path) == os.getpid()
        failed.close(clean=clean)
    last = DataDirectory.open(path)
    last.checked()
    last.close(clean=False)
    assert not DataDirectory.open(path).machine_failed


def test_a_second_process_is_told_the_pid(tmp_path: Path) -> None:
    """At once, and the owner is not disturbed."""
    code = (
        "import sys, time; from pathlib import Path; from nexus.storage.clickhouse.datadir import DataDirectory\n"
        f"d = DataDirectory.open(Path({str(tmp_path / 'data')!r})); print('open', flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert owner.stdout is not None and owner.stdout.readline() == b"open\n"
        with pytest.raises(ConfigError, match=f"in use by pid {owner.pid}"):
            DataDirectory.open(tmp_path / "data")
    finally:
        owner.kill()
        owner.wait()
    opened = DataDirectory.open(tmp_path / "data")
    assert not opened.was_clean, "its owner was killed"
    opened.close(clean=True)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """Rather than misread."""
    (tmp_path / "VERSION").write_text("999\n")
    with pytest.raises(ConfigError, match="format 999"):
        DataDirectory.open(tmp_path)
    (tmp_path / "VERSION").write_text("x")
    with pytest.raises(ConfigError, match="format number"):
        DataDirectory.open(tmp_path)


def test_foreign_directories_are_left_alone(tmp_path: Path) -> None:
    """Somebody's files are no data directory."""
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match=r"thesis\.tex"):
        DataDirectory.open(tmp_path)
    (tmp_path / "thesis.tex").unlink()
    (tmp_path / ".gitkeep").touch()
    DataDirectory.open(tmp_path).close(clean=True)


def test_paths_that_the_engine_cannot_open(tmp_path: Path) -> None:
    """Its address has signs of its own."""
    with pytest.raises(ConfigError, match="cannot open"):
        DataDirectory.open(tmp_path / "a?b")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot use"):
        DataDirectory.open(tmp_path / "file")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """And nothing is left beside it."""
    write_synced(tmp_path / "a", b"1")
    write_synced(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
