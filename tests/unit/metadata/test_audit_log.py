"""The audit log in the store: numbers without gaps, a chain that nobody forks, filters."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.errors import StorageError
from nexus.security.audit.checkpoint_file import CheckpointFile
from nexus.security.audit.ledger import Ledger
from nexus.security.vault import Vault
from nexus.storage.metadata.api import AuditCheckpoint, AuditFilter, AuditRecord, MetadataStore

RECORD = AuditRecord(5, "t", "zoe", "key.created", "k1", {"name": "Ship_per"}, "user", "192.0.2.1", "ok", "", '{"a": 1}')


def chain(previous: str, record: AuditRecord) -> str:
    assert record.hash == "" and record.number > 0
    return hashlib.sha256(f"{previous}|{replace(record, hash='')!r}".encode()).hexdigest()


def add(metadata: MetadataStore, **changes: object) -> AuditRecord:
    return metadata.add_audit(replace(RECORD, **changes), chain)  # type: ignore[arg-type]


def assert_chained(records: list[AuditRecord], first: int = 1) -> None:
    """Are the numbers whole and each record linked to the one before?"""
    assert [record.number for record in records] == list(range(first, first + len(records)))
    previous = "" if first == 1 else None
    for record in records:
        if previous is not None:
            assert record.hash == chain(previous, replace(record, hash=""))
        previous = record.hash


def test_records_are_numbered_and_linked(metadata: MetadataStore) -> None:
    """And read as they were written."""
    assert metadata.audit_head() is None
    first = add(metadata)
    assert first == replace(RECORD, number=1, hash=chain("", replace(RECORD, number=1)))
    second = add(metadata, who="max", before='{"a": "é"}', details={})
    assert metadata.walk_audit(0, 10) == [first, second] and metadata.walk_audit(1, 10) == [second]
    assert metadata.walk_audit(0, 1) == [first] and metadata.audit_head() == second
    assert_chained(metadata.walk_audit(0, 10))


def test_many_at_once_make_one_chain(metadata: MetadataStore, reopened: Callable[[], MetadataStore]) -> None:
    """From threads, and from another connection as of another process."""
    stores = [metadata, reopened()]
    with ThreadPoolExecutor(6) as pool:
        written = list(pool.map(lambda number: add(stores[number % 2], at=number), range(60)))
    records = metadata.walk_audit(0, 100)
    assert_chained(records)
    assert sorted(written, key=lambda record: record.number) == records
    assert {record.at for record in records} == set(range(60))


def test_what_was_hashed_is_what_is_read(metadata: MetadataStore) -> None:
    """Also where a text has characters that databases cannot keep."""
    add(metadata, who="a\0b", subject="\udcff", details={"n\0": "\ud800"}, address="\0")
    add(metadata)
    assert_chained(metadata.walk_audit(0, 10))


def test_a_record_that_cannot_be_hashed_is_not_there(metadata: MetadataStore) -> None:
    """And leaves no gap."""

    def fail(previous: str, record: AuditRecord) -> str:
        raise RuntimeError("no key")

    with pytest.raises(RuntimeError):
        metadata.add_audit(RECORD, fail)
    assert add(metadata).number == 1


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (AuditFilter(), [4, 3, 2, 1]),
        (AuditFilter(tenant="t"), [3, 2, 1]),
        (AuditFilter(who="max"), [2]),
        (AuditFilter(action="key.created"), [4, 2, 1]),
        (AuditFilter(subject="k1", outcome="ok"), [4, 2, 1]),
        (AuditFilter(outcome="unauthenticated"), [3]),
        (AuditFilter(start=6), [3, 2]),
        (AuditFilter(start=5, end=6), [4, 1]),
        (AuditFilter(text="SHIP_PER"), [4, 2, 1]),
        (AuditFilter(text="ship%per"), []),
        (AuditFilter(text="192.0.2.9"), [3]),
        (AuditFilter(text='"a": 1'), [4, 2, 1]),
        (AuditFilter(text="! \\ ' \" %_"), []),
        (AuditFilter(text="x" * 100_000), []),
        (AuditFilter(tenant="' OR 1 = 1 --"), []),
    ],
)  # fmt: skip
def test_filters(metadata: MetadataStore, wanted: AuditFilter, numbers: list[int]) -> None:
    """Each narrows, all together more."""
    add(metadata)
    add(metadata, at=6, who="max")
    add(
        metadata,
        at=7,
        action="login.failed",
        outcome="unauthenticated",
        subject="s",
        details={},
        after="",
        address="192.0.2.9",
    )
    add(metadata, tenant="u")
    assert [record.number for record in metadata.list_audit(wanted, limit=10)] == numbers


def test_pages(metadata: MetadataStore) -> None:
    """By number, newest first."""
    for number in range(5):
        add(metadata, at=number)
    assert [record.number for record in metadata.list_audit(AuditFilter(), limit=2)] == [5, 4]
    assert [record.number for record in metadata.list_audit(AuditFilter(), limit=2, before=4)] == [3, 2]
    assert metadata.list_audit(AuditFilter(), limit=2, before=1) == []


def test_removing_old_ones_keeps_the_numbers_going(metadata: MetadataStore) -> None:
    """Even when everything is to go: the newest stays."""
    for number in range(5):
        add(metadata, at=number)
    assert metadata.purge_audit(3) == 2
    assert metadata.purge_audit(100) == 2
    add(metadata)
    records = metadata.walk_audit(0, 10)
    assert [record.number for record in records] == [5, 6]
    assert_chained(records, first=5)


def test_checkpoints(metadata: MetadataStore) -> None:
    """Kept by number."""
    one, two = AuditCheckpoint(1, 10, "h1", 1, "s1"), AuditCheckpoint(9, 20, "h9", 3, "s9")
    metadata.put_checkpoint(two)
    metadata.put_checkpoint(one)
    metadata.put_checkpoint(replace(one, at=11))
    assert metadata.list_checkpoints() == [replace(one, at=11), two]
    metadata.delete_checkpoints(9)
    assert metadata.list_checkpoints() == [two]


def test_numbers_are_never_written_twice(metadata: MetadataStore) -> None:
    """The database itself refuses a second record of a number."""
    add(metadata)
    database = metadata._database  # type: ignore[attr-defined]
    with pytest.raises(StorageError):
        database.write(
            "INSERT INTO audit (number, at, tenant, who, action, subject, details) VALUES (1, 1, '', '', '', '', '{}')"
        )


def test_a_ledger_on_every_database(reopened: Callable[[], MetadataStore], tmp_path: Path) -> None:
    """Signed, examined, shortened, and added to by another process beside this one."""
    folder = tmp_path / "ledger"
    vault, file, now = Vault(folder / "nexus.key"), CheckpointFile(folder), [1_000 * 10**9]
    ledger = Ledger(reopened(), lambda: now[0], vault, file)
    ledger.start()
    for number in range(30):
        now[0] += 10**9
        ledger.append(
            AuditRecord(now[0], "t", "a", "view.changed", f"v{number} \u00e9\0", {"n": "\ud800"}, after='{"a": 1}')
        )
    beside = Ledger(reopened(), lambda: now[0], vault)
    beside.start()
    beside.append(AuditRecord(now[0], "t", "nexus admin", "user.changed", "alice"))
    ledger.append(AuditRecord(now[0], "t", "a", "view.changed", "last"))
    assert ledger.breaks == 0
    found = ledger.examine()
    assert found.problems == [] and found.records == 32 and found.unsigned == 0
    assert ledger.remove_before(now[0] - 10 * 10**9, 100) == 19
    again = Ledger(reopened(), lambda: now[0], vault, file)
    again.start()
    found = again.examine()
    assert found.problems == [] and (found.first, found.last, found.records) == (20, 32, 13)
