"""The chain and its checkpoints: whatever is done to the files of a log, it is found."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.errors import StorageError
from nexus.security.audit import ledger as module
from nexus.security.audit.chain import Examined, link
from nexus.security.audit.checkpoint_file import FILE, CheckpointFile
from nexus.security.audit.ledger import Ledger
from nexus.security.vault import Vault
from nexus.storage.metadata.api import AuditRecord
from nexus.storage.metadata.sqlite import FILE as DATABASE
from nexus.storage.metadata.sqlite import SqliteMetadata

RECORDS = 40
SECOND = 10**9
COLUMNS = (
    "at",
    "tenant",
    "kind",
    "who",
    "address",
    "action",
    "subject",
    "outcome",
    "details",
    "before_change",
    "after_change",
)


class Log:
    """A log in a folder, and its clock."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_700_000_000 * SECOND
        self.metadata = SqliteMetadata(folder)
        self.ledger = Ledger(self.metadata, lambda: self.now, Vault(folder / "nexus.key"), CheckpointFile(folder))
        self.ledger.start()

    def add(self, number: int) -> None:
        self.now += SECOND
        details = {"n": str(number), "query": "level:error"} if number % 3 else {}
        state = json.dumps({"days": number}) if number % 2 else ""
        self.ledger.append(
            AuditRecord(self.now, f"t{number % 2}", f"user{number % 5}", "view.changed", f"v{number}", details, "user",
                        "192.0.2.7", "ok", state, state)
        )  # fmt: skip
        self.ledger.sign()

    def close(self) -> None:
        self.ledger.sign(at_once=True)
        self.metadata.close()


def old_records(folder: Path, count: int) -> None:
    """As an older version wrote them: without a hash, and with a gap."""
    SqliteMetadata(folder).close()
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as database, database:
        for number in range(1, count + 1):
            database.execute(
                "INSERT INTO audit (number, at, tenant, who, action, subject, details) VALUES (?, ?, 't0', 'a', 'login', 's', '{}')",
                (number + (number > 2), number),
            )


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A log, one that continues that of an older version, one whose beginning retention has removed."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SIGN_RECORDS", 7)
        patch.setattr(module, "SIGN_SECONDS", 5)
        for name, old in (("new", 0), ("continued", 4), ("purged", 0), ("restarted", 0)):
            folder = found[name] = tmp_path_factory.mktemp(name)
            if old:
                old_records(folder, old)
            log = Log(folder)
            for number in range(RECORDS):
                if name == "restarted" and number in (1, 20):
                    # Killed: the last records are signed by the next start.
                    log.metadata.close()
                    log = Log(folder)
                log.add(number)
            if name == "purged":
                assert log.ledger.remove_before(log.now - 25 * SECOND, 1000) == RECORDS - 26
                for number in range(6):
                    log.add(number)
            log.close()
    return found


def examined(folder: Path) -> Examined:
    """As `nexus audit verify` does."""
    with contextlib.closing(SqliteMetadata(folder)) as metadata:
        return Ledger(metadata, lambda: 0, Vault(folder / "nexus.key"), CheckpointFile(folder)).examine()


@contextlib.contextmanager
def tampering(source: Path, tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """A copy of a log, and its database open for whoever wants to change it."""
    folder = tmp_path / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as database:
        with database:
            yield folder, database


@pytest.mark.parametrize("name", ["new", "continued", "purged", "restarted"])
def test_untouched_logs_are_sound(logs: dict[str, Path], name: str) -> None:
    report = examined(logs[name])
    assert report.problems == [] and report.sound
    assert report.records == {"continued": RECORDS + 4, "purged": 32}.get(name, RECORDS)
    assert report.old == (4 if name == "continued" else 0)
    assert report.first == (15 if name == "purged" else 1)
    assert report.unsigned == 0 and report.checkpoints >= 3


def other(value: Any, data: st.DataObject) -> Any:
    """Another value of the kind."""
    if isinstance(value, int):
        return value + data.draw(st.integers(1, 100))
    if value.startswith("{") or value == "":
        return json.dumps({**json.loads(value or "{}"), "x": "y"})
    place = data.draw(st.integers(0, len(value) - 1))
    return value[:place] + ("0" if value[place] != "0" else "1") + value[place + 1 :]


def rehashed(database: sqlite3.Connection, folder: Path, start: int) -> None:
    """Compute every hash anew from there on, as anybody can who may write to the database; the tags are those of others."""
    database.commit()
    with contextlib.closing(SqliteMetadata(folder)) as metadata:
        before = [one for one in metadata.walk_audit(0, 1000) if one.number < start]
        previous = before[-1].hash if before else ""
        tag = previous.partition(".")[2]
        for one in metadata.walk_audit(start - 1, 1000):
            previous = f"{link(previous, replace(one, hash=''))}.{one.hash.partition('.')[2] or tag}"
            database.execute("UPDATE audit SET hash = ? WHERE number = ?", (previous, one.number))


def numbers(database: sqlite3.Connection, chained: bool = True) -> list[int]:
    condition = "WHERE hash <> ''" if chained else ""
    return [row[0] for row in database.execute(f"SELECT number FROM audit {condition} ORDER BY number")]


def edit(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> int:
    number = data.draw(st.sampled_from(numbers(database)))
    column = data.draw(st.sampled_from((*COLUMNS, "hash")))
    (value,) = database.execute(f"SELECT {column} FROM audit WHERE number = ?", (number,)).fetchone()
    database.execute(f"UPDATE audit SET {column} = ? WHERE number = ?", (other(value, data), number))
    return number


def edit_and_rehash(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(numbers(database)))
    database.execute("UPDATE audit SET who = 'somebody else' WHERE number = ?", (number,))
    rehashed(database, folder, number)


def delete(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> int:
    number = data.draw(st.sampled_from(numbers(database)))
    database.execute("DELETE FROM audit WHERE number = ?", (number,))
    return number


def delete_and_close_ranks(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> None:
    number = delete(database, folder, data)
    for later in [one for one in numbers(database) if one > number]:
        database.execute("UPDATE audit SET number = ? WHERE number = ?", (later - 1, later))
    if data.draw(st.booleans()):
        rehashed(database, folder, number)


def truncate(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> None:
    every = numbers(database, chained=False)
    number = data.draw(st.sampled_from(every))
    database.execute(f"DELETE FROM audit WHERE number {data.draw(st.sampled_from(('>=', '<=')))} ?", (number,))
    if data.draw(st.booleans()) and (left := numbers(database)):
        rehashed(database, folder, left[0])


def swap(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> int:
    every = numbers(database)
    left, right = data.draw(st.lists(st.sampled_from(every), min_size=2, max_size=2, unique=True))
    for source, target in ((left, -1), (right, left), (-1, right)):
        database.execute("UPDATE audit SET number = ? WHERE number = ?", (target, source))
    return min(left, right)


def insert(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> None:
    every = numbers(database)
    place = data.draw(st.sampled_from([*every, every[-1] + 1, every[-1] + 5, 0, -3, every[0] - 1, -(2**62)]))
    if place in every:
        for later in reversed([one for one in every if one >= place]):
            database.execute("UPDATE audit SET number = ? WHERE number = ?", (later + 1, later))
    database.execute("DELETE FROM audit WHERE number = ?", (place,))
    # Nothing protects what is from before the chain: there, a record without a hash would be one more of those.
    before = numbers(database, chained=False)[0] < every[0] and 0 < place < every[0]
    hash = "0" * 64 if before else data.draw(st.sampled_from(["", "0" * 64]))
    database.execute(
        "INSERT INTO audit (number, at, tenant, who, action, subject, details, hash) VALUES (?, 1, 't', 'a', 'b', 'c', '{}', ?)",
        (place, hash),
    )
    if place > 0 and data.draw(st.booleans()):
        rehashed(database, folder, place)


def make_old(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> None:
    """Pretend that records were from before the chain."""
    every = numbers(database)
    number = data.draw(st.sampled_from(every))
    only = data.draw(st.booleans())
    database.execute(f"UPDATE audit SET hash = '' WHERE number {'=' if only else '<='} ?", (number,))
    if data.draw(st.booleans()) and number != every[-1]:
        rehashed(database, folder, number + 1)


def make_new(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> None:
    """Pretend that a record from before the chain was in it."""
    old = [one for one in numbers(database, chained=False) if one not in numbers(database)]
    if not old:
        edit(database, folder, data)
        return
    rehashed(database, folder, data.draw(st.sampled_from(old)))


def touch_checkpoints(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> None:
    every = [row[0] for row in database.execute("SELECT number FROM audit_checkpoints")]
    number = data.draw(st.sampled_from(every))
    what = data.draw(st.sampled_from(("delete", "all", "number", "at", "hash", "first", "signature", "forge")))
    match what:
        case "delete":
            database.execute("DELETE FROM audit_checkpoints WHERE number = ?", (number,))
        case "all":
            database.execute("DELETE FROM audit_checkpoints")
        case "forge":
            database.execute("INSERT OR REPLACE INTO audit_checkpoints VALUES (?, 1, 'a', 1, 'b:c')", (number + 1,))
        case column:
            (value,) = database.execute(f"SELECT {column} FROM audit_checkpoints WHERE number = ?", (number,)).fetchone()
            taken = other(value, data)
            while column == "number" and taken in every:
                taken += 1
            database.execute(f"UPDATE audit_checkpoints SET {column} = ? WHERE number = ?", (taken, number))


def touch_file(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> None:
    file = folder / FILE
    content = file.read_bytes()
    lines = content.splitlines(keepends=True)
    number = data.draw(st.integers(0, len(lines) - 1))
    match data.draw(st.sampled_from(("remove", "cut", "drop", "swap", "repeat", "edit"))):
        case "remove":
            file.unlink()
        case "cut":
            file.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        case "drop":
            file.write_bytes(b"".join([*lines[:number], *lines[number + 1 :]]))
        case "swap":
            file.write_bytes(b"".join([*lines[1:], lines[0]]))
        case "repeat":
            file.write_bytes(b"".join([*lines, lines[number]]))
        case "edit":
            place = data.draw(st.integers(0, len(content) - 1))
            changed = content[:place] + (b"0" if content[place : place + 1] != b"0" else b"1") + content[place + 1 :]
            file.write_bytes(changed)


def cut_both(database: sqlite3.Connection, folder: Path, data: st.DataObject) -> None:
    """Cut the records, and one of the two places of checkpoints with them."""
    every = [row[0] for row in database.execute("SELECT number FROM audit_checkpoints ORDER BY number")]
    number = data.draw(st.sampled_from(every[:-1]))
    database.execute("DELETE FROM audit WHERE number > ?", (number,))
    if data.draw(st.booleans()):
        database.execute("DELETE FROM audit_checkpoints WHERE number > ?", (number,))
    else:
        lines = (folder / FILE).read_text().splitlines(keepends=True)
        (folder / FILE).write_text("".join(line for line in lines if json.loads(line)["number"] <= number))


ATTACKS: list[Callable[[sqlite3.Connection, Path, st.DataObject], object]] = [
    edit, edit_and_rehash, delete, delete_and_close_ranks, truncate, swap, insert, make_old, make_new, touch_checkpoints,
    touch_file, cut_both,
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_tampering_is_always_found(
    logs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, attack: Callable[..., object], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(logs)))
    with tampering(logs[name], tmp_path_factory.getbasetemp() / "tampering") as (folder, database):
        where = attack(database, folder, data)
    report = examined(folder)
    assert not report.sound
    if isinstance(where, int):
        # Where it was done is said.
        assert where in {problem.number for problem in report.problems}


@pytest.mark.parametrize(
    "what", ["at = 'x' || at", "details = '{'", "details = '[]'", "before_change = CAST(x'ff' AS TEXT)"]
)
def test_damaged_values_are_found(logs: dict[str, Path], tmp_path: Path, what: str) -> None:
    with tampering(logs["new"], tmp_path) as (folder, database):
        with contextlib.suppress(sqlite3.IntegrityError):
            database.execute(f"UPDATE audit SET {what} WHERE number = 9")
        if what.startswith("at"):
            # The table is strict: the text was refused.
            return
    assert 9 in {problem.number for problem in examined(folder).problems}


def test_a_lost_key_is_not_a_sound_log(logs: dict[str, Path], tmp_path: Path) -> None:
    with tampering(logs["new"], tmp_path) as (folder, _):
        (folder / "nexus.key").unlink()
        Vault(folder / "nexus.key")
    assert any("not signed with a key" in problem.text for problem in examined(folder).problems)


def test_what_happens_while_nexus_runs_is_found_even_with_every_hash_computed_anew(tmp_path: Path) -> None:
    log = Log(tmp_path)
    for number in range(5):
        log.add(number)
    assert log.ledger.unsigned == 4
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        database.execute("UPDATE audit SET who = 'nobody' WHERE number = 3")
        rehashed(database, tmp_path, 3)
    assert [problem.number for problem in log.ledger.examine().problems] == [3, 4, 5, 5]
    log.add(5)
    assert log.ledger.breaks == 1
    log.close()
    assert not examined(tmp_path).sound


def test_the_end_cut_off_while_nexus_runs_is_found(tmp_path: Path) -> None:
    log = Log(tmp_path)
    for number in range(5):
        log.add(number)
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        database.execute("DELETE FROM audit WHERE number > 3")
    for number in range(5):
        log.add(number)
    assert log.ledger.breaks == 1
    assert not log.ledger.examine().sound
    log.close()
    assert not examined(tmp_path).sound


def test_a_start_does_not_sign_away_what_is_missing(logs: dict[str, Path], tmp_path: Path) -> None:
    for attack in ("number <= 5", "number > 30", "number = 12"):
        with tampering(logs["new"], tmp_path) as (folder, database):
            database.execute(f"DELETE FROM audit WHERE {attack}")
        for _ in range(2):
            log = Log(folder)
            log.add(1)
            log.close()
        assert not examined(folder).sound


def test_the_end_of_the_signed_comes_back_from_the_file(logs: dict[str, Path], tmp_path: Path) -> None:
    # A stop between the two places: what is in the file is put into the metadata.
    with tampering(logs["new"], tmp_path) as (folder, database):
        database.execute("DELETE FROM audit_checkpoints WHERE number = (SELECT max(number) FROM audit_checkpoints)")
    assert not examined(folder).sound
    Log(folder).close()
    assert examined(folder).sound


@pytest.mark.parametrize("step", ["put_checkpoint", "purge_audit", "delete_checkpoints"])
def test_an_interrupted_removal_is_finished_at_the_next_start(
    logs: dict[str, Path], tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tampering(logs["new"], tmp_path) as (folder, _):
        pass
    log = Log(folder)

    def fails(*_: object) -> None:
        raise StorageError("interrupted")

    with monkeypatch.context() as patch:
        patch.setattr(log.metadata, step, fails)
        with pytest.raises(StorageError, match="interrupted"):
            log.ledger.remove_before(log.now + 20 * SECOND, 1000)
    log.metadata.close()
    log = Log(folder)
    log.add(0)
    log.close()
    report = examined(folder)
    assert report.problems == [] and report.first == 20 and report.last == RECORDS + 1


def test_removal_is_bounded_keeps_the_newest_and_can_go_on(logs: dict[str, Path], tmp_path: Path) -> None:
    with tampering(logs["continued"], tmp_path) as (folder, _):
        pass
    log = Log(folder)
    far = log.now + 10**6 * SECOND
    assert log.ledger.remove_before(far, 2) == 2
    assert log.ledger.examine().problems == []
    assert log.ledger.remove_before(0, 2) == 0
    assert log.ledger.remove_before(far, 2) == 2
    report = log.ledger.examine()
    assert report.problems == [] and report.first == 6 and report.old == 0
    assert log.ledger.remove_before(far, 1000) == RECORDS - 1
    assert log.ledger.remove_before(far, 1000) == 0
    report = log.ledger.examine()
    assert report.problems == [] and report.records == 1
    log.add(0)
    log.close()
    assert examined(folder).sound
    assert len((folder / FILE).read_text().splitlines()) == 3


def test_there_is_a_most_of_records(logs: dict[str, Path], tmp_path: Path) -> None:
    with tampering(logs["new"], tmp_path) as (folder, _):
        pass
    log = Log(folder)
    assert log.ledger.remove_before(0, 1000, RECORDS - 3) == 3
    assert log.ledger.remove_before(0, 1000, RECORDS - 3) == 0
    assert log.ledger.examine().first == 4
    log.close()


def test_nothing_is_removed_while_the_file_is_damaged(logs: dict[str, Path], tmp_path: Path) -> None:
    with tampering(logs["new"], tmp_path) as (folder, _):
        content = (folder / FILE).read_bytes()
        (folder / FILE).write_bytes(content.replace(b"number", b"nvmber", 1))
    log = Log(folder)
    with pytest.raises(StorageError, match="was damaged"):
        log.ledger.remove_before(log.now + 10**6 * SECOND, 1000)
    log.close()
    assert examined(folder).records == RECORDS


def test_a_checkpoint_that_the_metadata_refuse_is_put_there_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path)
    log.add(0)
    log.add(1)

    def fails(*_: object) -> None:
        raise StorageError("full")

    with monkeypatch.context() as patch:
        patch.setattr(log.metadata, "put_checkpoint", fails)
        log.ledger.sign(at_once=True)
    assert log.ledger.unsigned == 1
    log.add(2)
    log.close()
    assert examined(tmp_path).problems == []


def test_an_unfinished_line_never_counted(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.add(0)
    log.close()
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"number":2,"at":')
    assert examined(tmp_path).sound
    log = Log(tmp_path)
    log.add(1)
    log.close()
    assert examined(tmp_path).problems == []
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_the_ends_of_the_file(logs: dict[str, Path], tmp_path: Path) -> None:
    for name in ("new", "purged"):
        file = CheckpointFile(logs[name])
        every = list(file.read())
        assert file.ends() == (every[0], every[-1])
    file = CheckpointFile(tmp_path)
    assert file.ends() == (None, None)
    content = (logs["new"] / FILE).read_bytes()
    (first, *_, last) = content.splitlines(keepends=True)
    for text, ends in (
        (b"", (None, None)),
        (first, (1, 1)),
        (first * 1000 + last, (1, RECORDS)),
        (content + b'{"number":', (1, RECORDS)),
        (b"x\n" + last, (None, RECORDS)),
        (first + b"x\n", (1, None)),
    ):
        file.path.write_bytes(text)
        lowest, newest = file.ends()
        assert (lowest and lowest.number, newest and newest.number) == ends
