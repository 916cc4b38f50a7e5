"""What is written down, what is braked, and what happens when nothing can be written."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from nexus.errors import Overloaded, StorageError
from nexus.security.actor import Actor
from nexus.security.audit import log as module
from nexus.security.audit.brake import MAX_KINDS, PERIOD, Brake, Kind
from nexus.security.audit.checkpoint_file import CheckpointFile
from nexus.security.audit.ledger import Ledger
from nexus.security.audit.log import ACTIONS, Audit
from nexus.security.vault import Vault
from nexus.storage.metadata.api import AuditFilter, AuditRecord
from nexus.storage.metadata.sqlite import SqliteMetadata
from nexus.telemetry import Registry

ALICE = Actor("user", "alice", "192.0.2.7")
STRANGER = Actor("anonymous", "", "198.51.100.9")


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def ns(self) -> int:
        return int(self.seconds * 1e9)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metadata(tmp_path: Path) -> Any:
    store = SqliteMetadata(tmp_path)
    yield store
    store.close()


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def audit(tmp_path: Path, metadata: SqliteMetadata, clock: Clock, registry: Registry) -> Audit:
    ledger = Ledger(metadata, clock.ns, Vault(tmp_path / "nexus.key"), CheckpointFile(tmp_path))
    ledger.start()
    return Audit(metadata, clock.ns, ledger, registry, lambda: 3600.0, clock)


async def entries(audit: Audit, **wanted: Any) -> list[AuditRecord]:
    return await audit.entries(AuditFilter(**wanted), 10_000)


async def test_a_record_says_who_did_what_from_where(audit: Audit) -> None:
    before, after = {"days": 30, "token": "a"}, {"days": 7, "token": "b"}
    await audit.record(ALICE, "shop", "retention.changed", "shop", before=before, after=after, reason="less", records=3)
    (record,) = await entries(audit)
    assert (record.tenant, record.who, record.kind, record.address) == ("shop", "alice", "user", "192.0.2.7")
    assert (record.action, record.subject, record.outcome, record.at) == ("retention.changed", "shop", "ok", 1000 * 10**9)
    assert record.details == {"reason": "less", "records": "3"}
    assert json.loads(record.before)["days"] == 30 and json.loads(record.after)["days"] == 7
    assert '"a"' not in record.before and '"b"' not in record.after
    assert (await audit.examine()).sound


async def test_no_secret_in_any_field(audit: Audit) -> None:
    key = "nxs_" + "aB3" * 14
    await audit.record(Actor("user", key), "t", "a.b", key, before=key, after=[key], note=f"see {key}", password="pw")
    (record,) = await entries(audit)
    assert key not in repr(record) and record.details["password"] == "********"


async def test_records_at_a_time_are_numbered_without_gaps(audit: Audit) -> None:
    await asyncio.gather(*(audit.record(ALICE, "t", "view.changed", str(number)) for number in range(50)))
    assert [record.number for record in (await entries(audit))] == list(range(50, 0, -1))
    assert (await audit.examine()).problems == []


async def test_failures_are_braked_and_told_as_a_number(audit: Audit, clock: Clock, registry: Registry) -> None:
    for number in range(500):
        await audit.record(STRANGER, "t", "login.failed", f"name{number}", outcome="unauthenticated")
    assert len(await entries(audit)) == module.FAILURES_A_MINUTE
    await audit._tick()
    assert len(await entries(audit)) == module.FAILURES_A_MINUTE
    clock.seconds += PERIOD
    await audit._tick()
    newest = (await entries(audit))[0]
    assert newest.action == "login.failed" and newest.details == {"more": "490", "within": "1 min"}
    assert newest.outcome == "unauthenticated" and newest.kind == "anonymous"
    await audit.record(STRANGER, "t", "login.failed", "again", outcome="unauthenticated")
    assert (await entries(audit))[0].subject == "again"
    assert b'nexus_audit_held_back_total{action="login.failed"} 490' in registry.render()
    # What a stranger calls himself makes no other kind, so that he cannot get round it.
    for number in range(50):
        await audit.record(Actor("anonymous", f"n{number}"), "t", "login.failed", "x", outcome="unauthenticated")
    assert len(await entries(audit)) == 2 * module.FAILURES_A_MINUTE + 1


async def test_changes_are_never_braked_and_reads_by_person(audit: Audit, clock: Clock) -> None:
    for _ in range(100):
        await audit.record(ALICE, "t", "view.changed", "v")
        await audit.observed(ALICE, "t", "sql.queried", "sql", {})
        await audit.observed(ALICE, "t", "audit.read", "audit", {})
    await audit.observed(Actor("user", "bob"), "t", "audit.read", "audit", {})
    assert len(await entries(audit, action="view.changed")) == 100
    assert len(await entries(audit, action="audit.read")) == module.LISTS_A_MINUTE + 1
    assert len(await entries(audit, action="sql.queried")) == module.READS_A_MINUTE
    await audit.close()
    assert (await entries(audit, action="sql.queried"))[0].details["more"] == "40"


async def test_when_it_cannot_be_written_changes_are_refused_until_it_can(
    audit: Audit, metadata: SqliteMetadata, clock: Clock, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    def full(*_: object) -> None:
        raise StorageError("the disk is full.")

    await audit.check()
    with monkeypatch.context() as patch:
        patch.setattr(metadata, "add_audit", full)
        for subject in ("first", "second"):
            with pytest.raises(StorageError, match="the audit log cannot be written"):
                await audit.record(ALICE, "t", "view.changed", subject)
        with pytest.raises(StorageError):
            await audit.check()
        clock.seconds += 2
        with pytest.raises(StorageError, match="disk is full"):
            await audit.check()
    assert b"nexus_audit_owed 2" in registry.render()
    # Not tried more often than once a second.
    with pytest.raises(StorageError):
        await audit.check()
    clock.seconds += 2
    await asyncio.gather(*(audit.check() for _ in range(5)))
    assert [record.subject for record in reversed(await entries(audit))] == ["first", "second"]
    await audit.record(ALICE, "t", "view.changed", "third")
    assert b"nexus_audit_owed 0" in registry.render()
    assert (await audit.examine()).sound


async def test_what_is_owed_is_written_at_the_stop(
    audit: Audit, metadata: SqliteMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("full")

    with monkeypatch.context() as patch:
        patch.setattr(metadata, "add_audit", full)
        with pytest.raises(StorageError):
            await audit.record(ALICE, "t", "view.changed", "v")
    await audit.close()
    assert [record.subject for record in (await entries(audit))] == ["v"]


async def test_old_records_go_and_that_is_recorded(audit: Audit, clock: Clock) -> None:
    for number in range(5):
        await audit.record(ALICE, "t", "view.changed", str(number))
        clock.seconds += 1000
    await audit._tick()
    assert [record.subject for record in (await entries(audit))] == ["audit", "4", "3", "2"]
    assert (await entries(audit))[0].details == {"records": "2"} and (await entries(audit))[0].kind == "system"
    report = await audit.examine()
    assert report.sound and report.first == 3


async def test_one_verification_at_a_time(audit: Audit) -> None:
    results = await asyncio.gather(audit.examine(), audit.examine(), return_exceptions=True)
    assert [type(result) for result in results][1] is Overloaded


def test_the_brake_is_bounded() -> None:
    brake = Brake()
    for number in range(MAX_KINDS * 2):
        brake.admit(Kind("t", "user", str(number), "a", "ok"), 1, 0.0)
    assert len(brake._windows) == MAX_KINDS + 1
    ((kind, held),) = brake.due(PERIOD)
    assert kind.action == "audit.held_back" and held == MAX_KINDS - 1
    assert brake.due(PERIOD) == []


def test_the_list_of_actions_is_whole() -> None:
    """What the source records is on the list that the page offers to filter by."""
    named: set[str] = set()
    for file in (Path(module.__file__).parents[2]).rglob("*.py"):
        source = file.read_text()
        named |= set(re.findall(r'audited="([^"]+)"', source))
        for call in re.findall(r"(?:\.record|_note|_noted)\((.{0,160}?)\)", source, re.DOTALL):
            named |= set(re.findall(r'"([a-z_]+\.[a-z_]+)"', call))
    assert len(named) > 30
    assert named <= set(ACTIONS), sorted(named - set(ACTIONS))
