"""The chain of the audit log, and what is found when somebody has touched it. Pure.

The hash of a record is SHA-256 over the hash before it and all that the record says, as a JSON array of this version:

    [1, previous, number, at, tenant, kind, who, address, action, subject, outcome, [[name, value], ...], before, after]

It is stored as `<SHA-256>.<tag>`, and so linked to. Anybody can compute a SHA-256, but the tag takes a key that is not in
the database (`Vault.tag`): nobody else adds a record or alters one. Every now and then the newest hash is signed: a
checkpoint. With it nobody cuts off what comes before, and whoever has the public key can verify it. A checkpoint also names
the oldest record that retention has left. Checkpoints are in the metadata and in a file; `examine` holds the records against
both, in one pass and constant memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from nexus.model.time import format_time
from nexus.storage.metadata.api import AuditCheckpoint, AuditRecord

VERSION: Final = 1
MAX_PROBLEMS: Final = 1000

_encode: Final = msgspec.json.Encoder().encode
_sha256: Final = hashlib.sha256


def link(previous: str, record: AuditRecord) -> str:
    """SHA-256 of a record, as hex; `previous` is the stored hash of the record before it, empty for the first."""
    return _sha256(
        _encode(
            (
                VERSION,
                previous,
                record.number,
                record.at,
                record.tenant,
                record.kind,
                record.who,
                record.address,
                record.action,
                record.subject,
                record.outcome,
                sorted(record.details.items()),
                record.before,
                record.after,
            )
        )
    ).hexdigest()


def signed_text(checkpoint: AuditCheckpoint) -> bytes:
    """What the signature of a checkpoint is over."""
    return (
        f"nexus audit checkpoint {VERSION}\n{checkpoint.number}\n{checkpoint.at}\n{checkpoint.hash}\n{checkpoint.first}\n"
    ).encode()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, at which record."""

    number: int
    text: str


@dataclass(slots=True)
class Examined:
    """What was found. `old` are records from before there was a chain, which nothing protects; `unsigned` those after the
    newest checkpoint; `more` problems beyond the `MAX_PROBLEMS` that are listed."""

    records: int = 0
    first: int = 0
    last: int = 0
    old: int = 0
    unsigned: int = 0
    checkpoints: int = 0
    problems: list[Problem] = field(default_factory=list)
    more: int = 0

    @property
    def sound(self) -> bool:
        """Is every record there, unaltered and in its place?"""
        return not self.problems

    def found(self, number: int, text: str) -> None:
        """Note a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(number, text))
        else:
            self.more += 1


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record, or a line of the file, that cannot be read as one. `number` is the one it should have, 0 if unknown."""

    number: int
    text: str


@dataclass(slots=True)
class _State:
    seen: bool = False
    last: int = 0
    chained_from: int = 0
    previous: str | None = ""
    """Hash of the record before, None when it is not known."""
    first: int = 0
    """The oldest record that there should be, as signed."""
    signed: int = 0
    """The newest record that was signed, and is as it was then."""
    newest: AuditCheckpoint | None = None


def examine(
    records: Iterable[AuditRecord | Unreadable],
    stored: Iterable[AuditCheckpoint],
    filed: Iterable[AuditCheckpoint | Unreadable],
    genuine: Callable[[AuditCheckpoint], bool],
    tagged: Callable[[str, str], bool],
) -> Examined:
    """Hold records, by number, against the checkpoints in the metadata and in the file.

    `genuine` checks the signature of a checkpoint, `tagged` a hash and its tag.
    """
    report, state = Examined(), _State()
    checkpoints = _Ahead(_agreed(stored, filed, genuine, report))
    for record in records:
        number = record.number
        _before(record, checkpoints, state, report)
        report.records += 1
        report.first = report.first if state.seen else number
        report.last = number
        if isinstance(record, Unreadable):
            report.found(number, record.text)
            state.previous = None
        else:
            _examine_one(record, state, report, tagged)
        for checkpoint in checkpoints.until(number):
            _note(checkpoint, state, report)
            if isinstance(record, AuditRecord) and record.hash != checkpoint.hash:
                report.found(number, _differs(checkpoint, state.signed))
            else:
                state.signed = number
        state.seen, state.last = True, number
    _after(checkpoints, state, report)
    return report


def _before(record: AuditRecord | Unreadable, checkpoints: _Ahead, state: _State, report: Examined) -> None:
    """What stands between the record before and this one."""
    number = record.number
    for checkpoint in checkpoints.until(number - 1):
        _note(checkpoint, state, report)
        if not state.seen and (checkpoint.number == number - 1 or checkpoint.first == number):
            # The record that retention removed last: what the first one is linked to.
            state.previous = checkpoint.hash
            break
    else:
        if not state.seen and number > 1:
            old = isinstance(record, AuditRecord) and not record.hash
            state.previous = "" if old else None
            if not old:
                report.found(number, "nothing that is signed says what came before this record")
    old = isinstance(record, AuditRecord) and not record.hash and not state.chained_from
    if state.seen and number != state.last + 1 and not old:
        # Among those from before the chain there are gaps: older versions removed some.
        report.found(state.last + 1, f"{_range(state.last + 1, number - 1)} missing")
        state.previous = None


def _examine_one(record: AuditRecord, state: _State, report: Examined, tagged: Callable[[str, str], bool]) -> None:
    if not record.hash:
        if state.chained_from:
            report.found(record.number, f"this record has no hash, although the chain begins at {state.chained_from}")
            state.previous = None
        else:
            report.old += 1
        return
    state.chained_from = state.chained_from or record.number
    hash, _, tag = record.hash.partition(".")
    if state.previous is not None and link(state.previous, record) != hash:
        report.found(record.number, "this record, or its place in the chain, was altered")
    elif not tagged(hash, tag):
        report.found(
            record.number, "this record was not written by this Nexus: its hash has no tag of a key of the key file"
        )
    state.previous = record.hash


def _after(checkpoints: _Ahead, state: _State, report: Examined) -> None:
    """What the checkpoints say beyond the records."""
    for checkpoint in checkpoints.until(None):
        _note(checkpoint, state, report)
    newest = state.newest
    if newest is None:
        if state.chained_from:
            report.found(state.chained_from, "there is no checkpoint that is signed")
        return
    if newest.number > state.last:
        when = format_time(newest.at)
        report.found(
            state.last + 1, f"{_range(state.last + 1, newest.number)} missing at the end: a checkpoint of {when} covers them"
        )
    report.unsigned = max(0, state.last - newest.number)
    if state.seen and report.first > state.first:
        report.found(state.first, f"{_range(state.first, report.first - 1)} missing at the beginning")
    elif state.seen and report.first < state.first:
        report.found(report.first, f"this record lies before the first one that retention has left, which is {state.first}")


def _note(checkpoint: AuditCheckpoint, state: _State, report: Examined) -> None:
    report.checkpoints += 1
    state.first = max(state.first, checkpoint.first)
    state.newest = checkpoint


def _differs(checkpoint: AuditCheckpoint, good: int) -> str:
    since = f"after {good}" if good else "up to it"
    return (
        f"this is not what the checkpoint of {format_time(checkpoint.at)} signed: this record, or one {since}, was altered "
        "and the hashes computed anew"
    )


def _range(start: int, end: int) -> str:
    return f"record {start} is" if start >= end else f"records {start} to {end} are"


def _agreed(
    stored: Iterable[AuditCheckpoint],
    filed: Iterable[AuditCheckpoint | Unreadable],
    genuine: Callable[[AuditCheckpoint], bool],
    report: Examined,
) -> Iterator[AuditCheckpoint]:
    """The checkpoints of metadata and file that are genuine, by number; where the two differ is a problem."""
    left, right = _Ahead(iter(stored)), _Ahead(_in_order(filed, report))
    while left.next or right.next:
        here, there = left.next, right.next
        number = min(one.number for one in (here, there) if one is not None)
        ours = left.take() if here is not None and here.number == number else None
        theirs = right.take() if there is not None and there.number == number else None
        if ours is None:
            report.found(number, "the metadata lack the checkpoint of this record that is in the file")
        elif theirs is None:
            report.found(number, "the file lacks the checkpoint of this record that is in the metadata")
        elif ours != theirs:
            report.found(number, "the checkpoint of this record is another one in the metadata than in the file")
        for one in (ours,) if ours == theirs else (ours, theirs):
            if one is None:
                continue
            if genuine(one):
                yield one
            else:
                report.found(number, "the checkpoint of this record is not signed with a key of the key file")


def _in_order(filed: Iterable[AuditCheckpoint | Unreadable], report: Examined) -> Iterator[AuditCheckpoint]:
    last = -1
    for one in filed:
        if isinstance(one, Unreadable):
            report.found(one.number, one.text)
        elif one.number <= last:
            report.found(one.number, "the checkpoints in the file are not in their order")
        else:
            last = one.number
            yield one


class _Ahead:
    """Looks one checkpoint ahead."""

    def __init__(self, source: Iterator[AuditCheckpoint]) -> None:
        self._source = source
        self.next: AuditCheckpoint | None = next(source, None)

    def take(self) -> AuditCheckpoint:
        """The next one."""
        taken = self.next
        assert taken is not None
        self.next = next(self._source, None)
        return taken

    def until(self, number: int | None) -> Iterator[AuditCheckpoint]:
        """Those up to and with a number; None is all."""
        while self.next is not None and (number is None or self.next.number <= number):
            yield self.take()
