"""The audit log on disk: appending, signing, removing what is old, examining. Blocks; any thread may call.

The newest hash is signed when `SIGN_RECORDS` records are not, when `SIGN_SECONDS` have passed, at a stop and at a start.
What is signed is what this process remembers of its last record, not what the database says then: a record that is removed
or altered while Nexus runs is noticed with the next one. Each checkpoint goes to the file first, then to the metadata.

Retention removes from the old end. The order is such that it can be interrupted anywhere and is finished at the next start:
a checkpoint of the last record to be removed, which names the new first one, replaces its elders in the file; then it goes
to the metadata; then the records go; then the elder checkpoints.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nexus.errors import StorageError
from nexus.security.audit.chain import Examined, Unreadable, examine, link, signed_text
from nexus.security.audit.checkpoint_file import CheckpointFile
from nexus.security.vault import Vault
from nexus.storage.metadata.api import AuditCheckpoint, AuditRecord, MetadataStore

SIGN_RECORDS: Final = 500
SIGN_SECONDS: Final = 10.0
PAGE: Final = 2000
MAX_UNREADABLE: Final = 100
BEGINNING: Final = -(2**63)
"""Before every number that a database can hold: nobody hides a record among the negative ones."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Head:
    number: int
    hash: str


class Ledger:
    """See the module text. Without a vault and a file nothing is signed."""

    def __init__(
        self,
        metadata: MetadataStore,
        now_ns: Callable[[], int],
        vault: Vault | None = None,
        file: CheckpointFile | None = None,
    ) -> None:
        """Nothing is read before `start` or the first record."""
        self._metadata = metadata
        self._now_ns = now_ns
        self._vault = vault
        self._file = file
        self._lock = threading.Lock()
        self._removing = threading.Lock()
        self._head: _Head | None = None
        self._betrayed: _Head | None = None
        self._first = 1
        self._signed = 0
        self._filed: AuditCheckpoint | None = None
        """A checkpoint that is in the file and could not be put into the metadata yet."""
        self._waiting_since: int | None = None
        self.breaks = 0
        """How often the database did not hold what was written last."""

    @property
    def unsigned(self) -> int:
        """Records after the newest checkpoint."""
        return max(0, self._head.number - self._signed) if self._head else 0

    @property
    def newest(self) -> int:
        """Number of the newest record, 0 before the first."""
        return self._head.number if self._head else 0

    def start(self) -> None:
        """Finish what a stop interrupted, and sign what it left unsigned. Raises `StorageError`."""
        with self._lock:
            head = self._metadata.audit_head()
            self._head = _Head(head.number, head.hash) if head else None
            newest = self._reconciled()
            if newest is not None:
                self._signed = newest.number
            if head is None:
                if newest is not None:
                    log.error("the audit log is empty, but a checkpoint of its record %d is there", newest.number)
            elif newest is not None and newest.number > head.number:
                log.error(
                    "the audit log ends at %d, but was signed up to %d: records are missing", head.number, newest.number
                )
            elif head.hash and (newest is None or newest.number < head.number):
                log.warning("%d records of the audit log were not signed at the last stop", head.number - self._signed)
                self._sign(self._head)

    def append(self, record: AuditRecord) -> AuditRecord:
        """Add a record and return it as it is stored. Raises `StorageError`."""
        with self._lock:
            stored = self._metadata.add_audit(record, self._linked)
            lost, self._betrayed = self._betrayed, None
            if lost is not None and not self._continued(lost, stored):
                self.breaks += 1
                log.error(
                    "the audit log does not end with the record %d that was written last: somebody changed it", lost.number
                )
                if lost.number > self._signed:
                    self._sign(lost)
            self._head = _Head(stored.number, stored.hash)
            if self._waiting_since is None:
                self._waiting_since = self._now_ns()
            if self._signed == 0 or self.unsigned >= SIGN_RECORDS:
                self._sign(self._head)
            return stored

    def sign(self, *, at_once: bool = False) -> None:
        """Sign the newest record when that is due, or `at_once`. A disk that fails is told to the log, and tried again."""
        with self._lock:
            waited = self._waiting_since is not None and self._now_ns() - self._waiting_since >= SIGN_SECONDS * 1e9
            if self._head is not None and self.unsigned and (waited or at_once):
                self._sign(self._head)

    def _continued(self, head: _Head, stored: AuditRecord) -> bool:
        """Did another process of this installation (`nexus admin` beside a server) add what stands between?"""
        after, previous = head.number - 1, ""
        while page := self._metadata.walk_audit(after, PAGE):
            for record in page:
                hash, _, tag = record.hash.partition(".")
                if previous and (link(previous, record) != hash or self._vault is None or not self._vault.tagged(hash, tag)):
                    return False
                if not previous and record.hash != head.hash:
                    return False
                previous = record.hash
                if record.number >= stored.number:
                    return record.hash == stored.hash
            after = page[-1].number
        return False

    def _linked(self, previous: str, record: AuditRecord) -> str:
        head = self._head
        if head is not None and (record.number != head.number + 1 or previous != head.hash):
            self._betrayed = head
        hash = link(previous, record)
        return hash if self._vault is None else f"{hash}.{self._vault.tag(hash)}"

    def _sign(self, head: _Head | None) -> None:
        if self._vault is None or self._file is None or head is None or not head.hash:
            return
        try:
            if self._filed is not None:
                self._metadata.put_checkpoint(self._filed)
                self._signed, self._filed = max(self._signed, self._filed.number), None
            if head.number <= self._signed:
                return
            checkpoint = self._checkpoint(head.number, head.hash, self._first)
            self._file.append(checkpoint)
            self._filed = checkpoint
            self._metadata.put_checkpoint(checkpoint)
            self._filed = None
        except StorageError as error:
            log.error("the audit log was not signed: %s", error)
            return
        self._signed = max(self._signed, head.number)
        self._waiting_since = None

    def _checkpoint(self, number: int, hash: str, first: int) -> AuditCheckpoint:
        assert self._vault is not None
        checkpoint = AuditCheckpoint(number, self._now_ns(), hash, first, "")
        return replace(checkpoint, signature=self._vault.sign(signed_text(checkpoint)))

    def _genuine(self, checkpoint: AuditCheckpoint) -> bool:
        return self._vault is not None and self._vault.verify(signed_text(checkpoint), checkpoint.signature)

    def _reconciled(self) -> AuditCheckpoint | None:
        """The newest checkpoint of the file, after what a stop interrupted is finished. Only the ends of the file are
        looked at: a start must be quick."""
        if self._file is None:
            return None
        lowest, newest = (one if one and self._genuine(one) else None for one in self._file.ends())
        stored = next(iter(self._metadata.walk_checkpoints(BEGINNING, 1)), None)
        signed = [one.first for one in (lowest, newest, stored) if one is not None and self._genuine(one)]
        oldest = next(iter(self._metadata.walk_audit(0, 1)), None)
        # What was signed goes before what is there: nobody removes the beginning and has the rest signed as the whole.
        self._first = max(signed) if signed else oldest.number if oldest else 1
        if newest is not None and not self._metadata.walk_checkpoints(newest.number - 1, 1):
            # Written to the file, and then the process ended.
            self._metadata.put_checkpoint(newest)
        if lowest is not None and lowest.number < lowest.first:
            self._remove(lowest)
        return newest

    # ------------------------------------------------------------------------------------------------------ retention

    def remove_before(self, cutoff_ns: int, most: int, kept: int = 2**62) -> int:
        """Remove the oldest records, `most` at a time: those older than the cutoff, and beyond `kept`. The newest stays.

        Raises `StorageError`; and when the file of checkpoints was touched, so that no evidence goes.
        """
        if self._vault is None or self._file is None:
            return 0
        with self._removing:
            last, first = self._boundary(cutoff_ns, most, self.newest - kept)
            if last is None:
                return 0
            with self._lock:
                checkpoint = self._checkpoint(last.number, last.hash, first)
                self._file.replace(itertools.chain([checkpoint], self._younger(last.number)))
                self._first = checkpoint.first
                return self._remove(checkpoint)

    def _boundary(self, cutoff_ns: int, most: int, beyond: int) -> tuple[AuditRecord | None, int]:
        """The last record of those to be removed, None when there are none, and the number of the first that stays."""
        last, after, seen = None, BEGINNING, 0
        while page := self._metadata.walk_audit(after, PAGE):
            for record in page:
                young = record.at >= cutoff_ns and record.number > beyond
                if young or seen >= most or record.number >= self.newest:
                    return last, record.number
                last, seen = record, seen + 1
            after = page[-1].number
        return None, 0

    def _younger(self, number: int) -> Iterator[AuditCheckpoint]:
        assert self._file is not None
        for one in self._file.read():
            if isinstance(one, Unreadable):
                raise StorageError(
                    "old records of the audit log stay: its file of checkpoints was damaged.",
                    hint="Run `nexus audit verify`.",
                )
            if one.number > number:
                yield one

    def _remove(self, checkpoint: AuditCheckpoint) -> int:
        self._metadata.put_checkpoint(checkpoint)
        gone = self._metadata.purge_audit(checkpoint.first)
        self._metadata.delete_checkpoints(checkpoint.number)
        return gone

    # ------------------------------------------------------------------------------------------------------- examining

    def examine(self) -> Examined:
        """Hold every record there is now against the chain and its checkpoints. Raises `StorageError`.

        Appending goes on meanwhile; removing waits.
        """
        if self._vault is None or self._file is None:
            raise StorageError("the audit log is not signed here.")
        with self._removing:
            with self._lock:
                if self._head is not None and self.unsigned:
                    self._sign(self._head)
                head = self._metadata.audit_head()
                upto = head.number if head else BEGINNING
                beyond = self._metadata.walk_checkpoints(upto, PAGE)
                size = self._file.size()
            stored, filed = self._checkpoints(upto, beyond), self._file.read(size)
            return examine(self._records(upto), stored, filed, self._genuine, self._vault.tagged)

    def _records(self, upto: int) -> Iterator[AuditRecord | Unreadable]:
        after, broken = BEGINNING, 0
        page: Sequence[AuditRecord | Unreadable]
        while after < upto:
            try:
                page = self._metadata.walk_audit(after, PAGE)
            except StorageError:
                page, after, broken = self._salvaged(after, broken)
                if broken > MAX_UNREADABLE:
                    raise
                yield from page
                continue
            if not page:
                return
            for record in page:
                if record.number > upto:
                    return
                yield record
            after = page[-1].number

    def _salvaged(self, after: int, broken: int) -> tuple[Sequence[AuditRecord | Unreadable], int, int]:
        """One record after another, up to one that the database cannot give."""
        found: list[AuditRecord | Unreadable] = []
        while len(found) < PAGE:
            try:
                one = self._metadata.walk_audit(after, 1)
            except StorageError:
                number = max(after, self._first - 1) + 1
                return [*found, Unreadable(number, "this record cannot be read")], number, broken + 1
            if not one:
                break
            found += one
            after = one[0].number
        return found, after, broken

    def _checkpoints(self, upto: int, beyond: list[AuditCheckpoint]) -> Iterator[AuditCheckpoint]:
        after = BEGINNING
        while page := self._metadata.walk_checkpoints(after, PAGE):
            for checkpoint in page:
                if checkpoint.number > upto:
                    yield from beyond
                    return
                yield checkpoint
            after = page[-1].number
